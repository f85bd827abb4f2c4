/** Reading answers without trusting their length. */

/** Thrown when a body has more bytes than allowed; the rest of it is not read. */
export class BodyTooLargeError extends Error {
  readonly limit: number;

  constructor(limit: number) {
    super(`the answer is longer than ${limit} bytes`);
    this.name = 'BodyTooLargeError';
    this.limit = limit;
  }
}

/** A body as undici gives it: bytes, and a way to drop the connection. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  destroy(): unknown;
}

/** All bytes of a body of at most `limit` bytes. Throws {@link BodyTooLargeError} and drops the connection beyond that. */
export async function readBounded(body: ByteStream, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limit) {
      body.destroy();
      throw new BodyTooLargeError(limit);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
