/** Lists of the API server as they go by, item by item, so that none is ever held as a whole. */
import { Transform, type TransformCallback } from 'node:stream';
import { type JsonObject, parseJsonObject } from '../api/json.ts';
import { withServedNames } from './versions.ts';

/** What becomes of an object. */
export type Show = (object: JsonObject) => unknown;

/** Larger than any object that etcd takes. */
const maxObjectBytes = 16 * 1024 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
/** Of an item: within the list's object, and its array of items. */
const itemDepth = 3;

/** Makes the items of a list anew. Of the rest, which is the list's own kind and metadata, only the version is renamed. */
export class ShownList extends Transform {
  readonly #show: Show;
  /** Of the item, or of what is between two, as far as it has come. */
  #parts: Buffer[] = [];
  #length = 0;
  #depth = 0;
  #isInItem = false;
  #isInArray = false;
  #isInText = false;
  #isEscaped = false;

  constructor(show: Show) {
    super();
    this.#show = show;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#isInText) {
        this.#readText(byte);
      } else if (byte === quote) {
        this.#isInText = true;
      } else if (byte === openBrace || byte === openBracket) {
        if (!this.#opens(byte)) continue;
        this.#pass(chunk.subarray(from, at));
        from = at;
      } else if ((byte === closeBrace || byte === closeBracket) && this.#closes()) {
        this.#pass(chunk.subarray(from, at + 1));
        from = at + 1;
      }
    }
    this.#keep(chunk.subarray(from));
    done(this.#length > maxObjectBytes ? new Error('an item of the list is too long') : null);
  }

  override _flush(done: TransformCallback): void {
    this.#pass(Buffer.alloc(0));
    done();
  }

  #readText(byte: number | undefined): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === backslash) this.#isEscaped = true;
    else if (byte === quote) this.#isInText = false;
  }

  /** True when an item begins. */
  #opens(byte: number): boolean {
    this.#depth++;
    if (this.#depth === itemDepth - 1) this.#isInArray = byte === openBracket;
    return this.#depth === itemDepth && this.#isInArray && byte === openBrace;
  }

  /** True when an item ends. */
  #closes(): boolean {
    this.#depth--;
    return this.#isInItem && this.#depth === itemDepth - 1;
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** Hands on what has come, with these bytes behind it; what comes next is of the other kind. */
  #pass(bytes: Buffer): void {
    this.#keep(bytes);
    const text = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#length = 0;
    if (this.#isInItem) this.push(shownText(text, this.#show));
    else if (text !== '') this.push(withServedNames(text));
    this.#isInItem = !this.#isInItem;
  }
}

function shownText(text: string, show: Show): string {
  const object = parseJsonObject(text);
  return object === undefined ? text : JSON.stringify(show(object));
}
