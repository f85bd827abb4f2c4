import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { settle } from '../../test/support/fake-clock.ts';
import { BodyTooLargeError, readBounded, readPrefix, smallBodyBytes } from './bounded-body.ts';
import { Places } from './places.ts';

function body(...chunks: readonly string[]): Readable {
  return Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
}

describe('a bounded body', () => {
  it.each([
    { name: 'empty', chunks: [], limit: 3, want: '' },
    { name: 'shorter than its limit', chunks: ['a', 'b'], limit: 3, want: 'ab' },
    { name: 'as long as its limit', chunks: ['a', 'bc'], limit: 3, want: 'abc' },
  ])('that is $name is read', async ({ chunks, limit, want }) => {
    expect((await readBounded(body(...chunks), limit)).toString()).toBe(want);
  });

  it('that is longer is dropped', async () => {
    const stream = body('ab', 'cd');
    await expect(readBounded(stream, 3)).rejects.toThrow(BodyTooLargeError);
    expect(stream.destroyed).toBe(true);
  });

  it('may be cut instead', async () => {
    expect((await readPrefix(body('ab', 'cd'), 3)).toString()).toBe('abc');
  });
});

describe('long bodies', () => {
  const { signal } = new AbortController();
  const chunk = Buffer.alloc(smallBodyBytes / 2 + 1);

  it('wait for a place before more of them is read, short ones do not', async () => {
    const places = new Places(1);
    const giveBack = await places.take(signal);
    const long = new Readable({ read: () => undefined });
    let done = false;
    const reading = readBounded(long, 10 * smallBodyBytes, { places, signal }).then((bytes) => {
      done = true;
      return bytes;
    });
    for (let i = 0; i < 4; i++) long.push(chunk);
    long.push(null);
    await settle();
    expect(done).toBe(false);
    expect((await readBounded(body('short'), 10, { places, signal })).toString()).toBe('short');
    giveBack();
    expect((await reading).length).toBe(4 * chunk.length);
    // The place came back.
    (await places.take(signal))();
  });

  it('give their place back when they fail', async () => {
    const places = new Places(1);
    const broken = new Readable({ read: () => undefined });
    const reading = readBounded(broken, 10 * smallBodyBytes, { places, signal });
    for (let i = 0; i < 3; i++) broken.push(chunk);
    await settle();
    broken.destroy(new Error('cut off'));
    await expect(reading).rejects.toThrow('cut off');
    (await places.take(signal))();
  });

  it('wait no longer than their request', async () => {
    const places = new Places(1);
    const giveBack = await places.take(signal);
    const abort = new AbortController();
    const waiting = places.take(abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    giveBack();
    (await places.take(signal))();
  });
});
