import { describe, expect, it } from 'vitest';
import { Places } from './places.ts';

const here = new AbortController().signal;

/** Asks for a place, and notes when it is there. */
function asking(places: Places, taken: string[], name: string, signal = here): Promise<() => void> {
  return places.take(signal).then((giveBack) => {
    taken.push(name);
    return giveBack;
  });
}

describe('Places', () => {
  it('lets others wait, in their order', async () => {
    const places = new Places(1);
    const taken: string[] = [];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => asking(places, taken, name));
    const giveBack = await a;
    expect([taken, places.waiting]).toEqual([['a'], 2]);
    giveBack?.();
    (await b)?.();
    (await c)?.();
    expect([taken, places.waiting]).toEqual([['a', 'b', 'c'], 0]);
  });

  it('passes over who is gone', async () => {
    const places = new Places(1);
    const taken: string[] = [];
    const gone = new AbortController();
    const a = asking(places, taken, 'a');
    const b = asking(places, taken, 'b', gone.signal);
    const c = asking(places, taken, 'c');
    const giveBack = await a;
    gone.abort(new Error('gone'));
    await expect(b).rejects.toThrow('gone');
    giveBack();
    await c;
    expect(taken).toEqual(['a', 'c']);
  });
});
