import { describe, expect, it } from 'vitest';
import { spread } from './backoff.ts';
import { nextSlot, slotStart } from './schedule.ts';

const minute = 60_000;

it.each([
  { now: 0, period: 15, phase: 0, start: 0 },
  { now: 14.9, period: 15, phase: 0, start: 0 },
  { now: 15, period: 15, phase: 0, start: 15 },
  { now: 15, period: 15, phase: 0.5, start: 7.5 },
  { now: 22.5, period: 15, phase: 0.5, start: 22.5 },
  { now: 1, period: 15, phase: 0.5, start: -7.5 },
])('minute $now of periods of $period with phase $phase began at $start', ({ now, period, phase, start }) => {
  expect(slotStart(now * minute, period * minute, phase)).toBe(start * minute);
  expect(nextSlot(now * minute, period * minute, phase)).toBe((start + period) * minute);
});

describe('5,000 sources', () => {
  it('are spread evenly over the period', () => {
    const period = 15 * minute;
    const now = Date.parse('2026-01-01T12:00:00Z');
    const perMinute = Array.from({ length: 15 }, () => 0);
    for (let i = 0; i < 5_000; i++) {
      const at = nextSlot(now, period, spread(`registry.example.com/team-${i}/app:latest`)) - now;
      const bucket = Math.min(Math.floor(at / minute), 14);
      perMinute[bucket] = (perMinute[bucket] ?? 0) + 1;
    }
    for (const checks of perMinute) {
      expect(checks).toBeGreaterThan(250);
      expect(checks).toBeLessThan(420);
    }
  });
});
