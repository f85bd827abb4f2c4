import { expect, it } from 'vitest';
import { parseInvocation } from '../src/config.ts';

const run = (...args: readonly string[]): readonly string[] => {
  const invocation = parseInvocation(args, {});
  return invocation.kind === 'invalid' ? invocation.faults : [];
};

it.each([
  { name: 'as they are', args: [], want: [] },
  {
    name: 'all short',
    args: ['--lease-duration=3s', '--lease-renew-deadline=2s', '--lease-retry-period=1s'],
    want: [],
  },
  {
    name: 'with a deadline that is no shorter than the duration',
    args: ['--lease-duration=10s'],
    want: ['--lease-renew-deadline: must be shorter than --lease-duration'],
  },
  {
    name: 'with a period that leaves no second attempt before the deadline',
    args: ['--lease-renew-deadline=3s'],
    want: ['--lease-retry-period: must be at most half of --lease-renew-deadline'],
  },
])('the times of the Lease are checked together: $name', ({ args, want }) => {
  expect(run(...args)).toEqual(want);
});

it('serves all namespaces, or one that is named', () => {
  const served = (...args: readonly string[]): string | undefined => {
    const invocation = parseInvocation(args, {});
    return invocation.kind === 'run' ? invocation.config.namespace : 'invalid';
  };
  expect(served()).toBeUndefined();
  expect(served('--namespace=team-a')).toBe('team-a');
  expect(served('--namespace=team-a,team-b')).toBe('invalid');
  expect(served('--namespace=')).toBe('invalid');
});

it.each(['', 'Upper', 'a.b', 'a/b', '-a', 'a'.repeat(64)])('%j is no name of a Lease', (name) => {
  expect(run(`--lease-name=${name}`)).toEqual([expect.stringContaining('--lease-name: must be a name of')]);
});
