import { expect, it } from 'vitest';
import { shardOf } from './shard.ts';

it.each([
  { namespace: 'default', want: 4 },
  { namespace: 'kube-system', want: 3 },
  { namespace: 'team-a', want: 0 },
  { namespace: 'team-b', want: 1 },
  { namespace: 'shop', want: 1 },
])('puts $namespace into the same shard in every version', ({ namespace, want }) => {
  expect(shardOf(namespace, 8)).toBe(want);
});

it('has one shard for all namespaces unless there are more', () => {
  expect(['default', 'shop', ''].map((namespace) => shardOf(namespace, 1))).toEqual([0, 0, 0]);
});

it.each([2, 3, 8, 64])('spreads names that differ in their ends only over %i shards', (shards) => {
  const counts = Array.from({ length: shards }, () => 0);
  for (let i = 0; i < shards * 200; i++) {
    const shard = shardOf(`team-${i}`, shards);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(140);
  expect(Math.max(...counts)).toBeLessThan(260);
});
