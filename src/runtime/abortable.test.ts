import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { abortable } from './abortable.ts';

it('is what the work comes to, and leaves nothing behind', async () => {
  const { signal } = new AbortController();
  expect(await abortable(Promise.resolve(7), signal)).toBe(7);
  await expect(abortable(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('ends with the reason when nobody waits any more', async () => {
  const abort = new AbortController();
  const never = new Promise<number>(() => undefined);
  const waiting = abortable(never, abort.signal);
  abort.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(abortable(never, abort.signal)).rejects.toThrow('enough');
});
