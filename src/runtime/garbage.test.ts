import { expect, it } from 'vitest';
import { collectGarbage } from './garbage.ts';

it('frees what nothing holds any more', () => {
  const held = new WeakRef({ name: 'held by nothing' });
  const kept = { name: 'kept' };
  const heldToo = new WeakRef(kept);
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    collectGarbage();
    expect(held.deref()).toBeUndefined();
    expect(heldToo.deref()).toBe(kept);
  });
});
