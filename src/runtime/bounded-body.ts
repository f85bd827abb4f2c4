/** Reading answers without trusting their length. */

import type { Places } from './places.ts';

/** Answers up to this length need no leave, in bytes. */
export const smallBodyBytes = 256 * 1024;

/** Thrown when a body has more bytes than allowed; the rest of it is not read. */
export class BodyTooLargeError extends Error {
  readonly limit: number;

  constructor(limit: number) {
    super(`the answer is longer than ${limit} bytes`);
    this.name = 'BodyTooLargeError';
    this.limit = limit;
  }
}

/** Where a long body gets its place, and until when it may wait for one. */
export interface LargeBodyLeave {
  readonly places: Places;
  readonly signal: AbortSignal;
}

/** A body as undici gives it: bytes, and a way to drop the connection. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  destroy(): unknown;
}

/**
 * All bytes of a body of at most `limit` bytes. Throws {@link BodyTooLargeError} and drops the connection beyond that. With
 * a `leave` a long body waits for a place, with its connection, before more of it is read.
 */
export async function readBounded(body: ByteStream, limit: number, leave?: LargeBodyLeave): Promise<Buffer> {
  const { bytes, complete } = await readUpTo(body, limit, leave);
  if (!complete) throw new BodyTooLargeError(limit);
  return bytes;
}

/** The first `limit` bytes of a body; the connection is dropped when there are more. For texts that are only shown. */
export async function readPrefix(body: ByteStream, limit: number): Promise<Buffer> {
  const { bytes } = await readUpTo(body, limit);
  return bytes;
}

/**
 * One buffer that grows, and no list of chunks: a body in chunks of one byte would need a hundred times its size.
 */
async function readUpTo(
  body: ByteStream,
  limit: number,
  leave?: LargeBodyLeave,
): Promise<{ bytes: Buffer; complete: boolean }> {
  let giveBack: (() => void) | undefined;
  const makeRoom = async (length: number): Promise<void> => {
    if (length > smallBodyBytes) giveBack ??= await leave?.places.take(leave.signal);
  };
  try {
    return await readWithin(body, limit, makeRoom);
  } finally {
    giveBack?.();
  }
}

async function readWithin(
  body: ByteStream,
  limit: number,
  makeRoom: (length: number) => Promise<void>,
): Promise<{ bytes: Buffer; complete: boolean }> {
  let bytes = Buffer.alloc(0);
  let length = 0;
  for await (const chunk of body) {
    const fitting = chunk.subarray(0, limit - length);
    const wanted = length + fitting.length;
    if (wanted > bytes.length) {
      await makeRoom(wanted);
      const larger = Buffer.allocUnsafe(Math.min(limit, Math.max(2 * bytes.length, wanted)));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(fitting, length);
    length = wanted;
    if (fitting.length < chunk.length) {
      body.destroy();
      return { bytes, complete: false };
    }
  }
  return { bytes: bytes.subarray(0, length), complete: true };
}
