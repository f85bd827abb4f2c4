import { expect, it } from 'vitest';
import { backoffMs, spread } from './backoff.ts';

const policy = { baseMs: 100, maxMs: 1_000 };

it.each([
  { failures: 1, plain: 100 },
  { failures: 2, plain: 200 },
  { failures: 4, plain: 800 },
  { failures: 5, plain: 1_000 },
  { failures: 1_000_000, plain: 1_000 },
])('waits $plain ms and up to a quarter more after $failures failures', ({ failures, plain }) => {
  for (const key of ['a', 'b', 'apps/web']) {
    expect(backoffMs(policy, failures, key)).toBeGreaterThanOrEqual(plain);
    expect(backoffMs(policy, failures, key)).toBeLessThanOrEqual(plain * 1.25);
  }
});

it('spreads keys evenly, and each key always the same way', () => {
  const quarters = [0, 0, 0, 0];
  for (let i = 0; i < 4_000; i++) {
    const quarter = Math.floor(spread(`ns-${i}/stream`) * 4);
    quarters[quarter] = (quarters[quarter] ?? 0) + 1;
  }
  for (const count of quarters) expect(count).toBeGreaterThan(800);
  expect(spread('apps/web')).toBe(spread('apps/web'));
});
