import { describe, expect, it } from 'vitest';
import { BodyTooLargeError, type ByteStream, readBounded, readPrefix } from './bounded-body.ts';

/** A body of these chunks that tells how many were taken and whether the rest was dropped. */
function bodyOf(chunks: Iterable<string>): ByteStream & { taken: number; dropped: boolean } {
  return {
    taken: 0,
    dropped: false,
    destroy() {
      this.dropped = true;
    },
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) {
        this.taken++;
        yield Buffer.from(chunk);
      }
    },
  };
}

describe('a bounded body', () => {
  it.each([
    { name: 'nothing', chunks: [], want: '' },
    { name: 'one chunk', chunks: ['abc'], want: 'abc' },
    { name: 'several chunks, to the last byte allowed', chunks: ['ab', '', 'cd', 'e'], want: 'abcde' },
  ])('is read whole: $name', async ({ chunks, want }) => {
    const body = bodyOf(chunks);
    expect((await readBounded(body, 5)).toString()).toBe(want);
    expect(body.dropped).toBe(false);
  });

  it('is dropped at the first byte too many', async () => {
    const body = bodyOf(['abc', 'def', 'ghi']);
    await expect(readBounded(body, 5)).rejects.toThrow(new BodyTooLargeError(5));
    expect(body).toMatchObject({ taken: 2, dropped: true });
  });

  it('gives its beginning where that is enough', async () => {
    const body = bodyOf(['abc', 'def', 'ghi']);
    expect((await readPrefix(body, 5)).toString()).toBe('abcde');
    expect(body).toMatchObject({ taken: 2, dropped: true });
  });

  it('is held in one piece, however small its chunks are', async () => {
    const size = 1024 ** 2;
    let heapAtEnd = 0;
    function* drip(): Generator<string> {
      for (let sent = 0; sent < size; sent++) yield 'x';
      heapAtEnd = process.memoryUsage().heapUsed;
    }
    const heapBefore = process.memoryUsage().heapUsed;
    expect(await readBounded(bodyOf(drip()), size)).toHaveLength(size);
    // A list of a million chunks takes more than 100 MB.
    expect(heapAtEnd - heapBefore).toBeLessThan(64 * size);
  });
});
