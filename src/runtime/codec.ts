/** Objects as texts, for what is held in great numbers. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** A way to hold objects: what is decoded equals what was encoded. */
export interface Codec<T> {
  encode(object: T): string;
  decode(text: string): T;
}

/** As JSON. For objects that are small, or looked at often. */
export function jsonCodec<T>(): Codec<T> {
  return { encode: JSON.stringify, decode: (text) => JSON.parse(text) as T };
}

/** Of zlib: a small window and small tables, for there is a new one for each object. */
const settings = { level: 3, windowBits: 12, memLevel: 3 };

/**
 * As compressed JSON. Costs tens of microseconds a time and leaves a fifth to a tenth: for objects that are many, large and
 * repeat themselves. What is likely to be in each of them is better still in the `sample`.
 */
export function compressedCodec<T>(sample: string): Codec<T> {
  const options = { ...settings, dictionary: Buffer.from(sample) };
  return {
    // One byte a character: that is what V8 takes for such a text.
    encode: (object) => deflateRawSync(JSON.stringify(object), options).toString('latin1'),
    decode: (text) => JSON.parse(inflateRawSync(Buffer.from(text, 'latin1'), options).toString()) as T,
  };
}
