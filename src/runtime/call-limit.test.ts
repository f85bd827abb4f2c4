import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { CallLimit } from './call-limit.ts';

const timeMs = 1_000;

it('ends a call when its time is over, and not before', async () => {
  const clock = new FakeClock();
  using limit = new CallLimit({ clock, timeMs });
  await clock.advance(timeMs - 1);
  expect(limit.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(limit.signal.reason).toMatchObject({ name: 'TimeoutError' });
  expect(limit.isLate).toBe(true);
});

it('says in its own words that the time is over', async () => {
  const clock = new FakeClock();
  using limit = new CallLimit({ clock, timeMs, late: () => new Error('the registry is slow') });
  await clock.advance(timeMs);
  expect(limit.signal.reason).toEqual(new Error('the registry is slow'));
});

it('ends a call for a reason of its own, which the time does not change', async () => {
  const clock = new FakeClock();
  using limit = new CallLimit({ clock, timeMs });
  limit.end(new Error('too much'));
  await clock.advance(timeMs);
  expect(limit.signal.reason).toEqual(new Error('too much'));
  expect(limit.isLate).toBe(false);
});

it.each(['before it', 'within it'])('ends a call that is given up %s, for that reason', (when) => {
  const caller = new AbortController();
  if (when === 'before it') caller.abort(new Error('enough'));
  const signals = [new AbortController().signal, caller.signal];
  using limit = new CallLimit({ clock: new FakeClock(), timeMs, signals });
  if (when === 'within it') caller.abort(new Error('enough'));
  expect(limit.signal.reason).toEqual(new Error('enough'));
});

it('leaves nothing behind', async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const limit = new CallLimit({ clock, timeMs, signals: [signal] });
  limit[Symbol.dispose]();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  await clock.advance(timeMs);
  expect(limit.signal.aborted).toBe(false);
});
