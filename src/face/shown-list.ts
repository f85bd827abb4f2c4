/** Lists of the API server as they go by, item by item, so that none is ever held as a whole. */
import { Transform, type TransformCallback } from 'node:stream';
import { type JsonObject, parseJsonObject } from '../api/json.ts';
import { queuedBytes } from './passed-answer.ts';
import { maxObjectBytes } from './stream-requests.ts';
import { withServedNames } from './versions.ts';

/** What becomes of an object. */
export type Show = (object: JsonObject) => unknown;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
/** Of an item: within the list's object, and its array of items. */
const itemDepth = 3;
/** Of `metadata.managedFields` of an item. */
const fieldsDepth = itemDepth + 2;
/** As the API server writes it. Within a text the quotes are escaped. */
const fieldsKey = Buffer.from('"managedFields":');
const noFields = '[]';
/** Characters that are handed on together: each push is a write to a client. */
const pushLength = 32 * 1024;

/**
 * Makes the items of a list anew. Of the rest, which is the list's own kind and metadata, only the version is renamed, and so it
 * is with the `managedFields` of the items: they take as long to parse as all else, and are mostly not shown to {@link Show}.
 */
export class ShownList extends Transform {
  readonly #show: Show;
  /** What has been made and not been handed on. */
  #ready = '';
  /** Of the item, or of what is between two, as far as it has come. */
  #parts: Buffer[] = [];
  #length = 0;
  /** Where the item's managed fields begin and end; -1: they have not come yet, or not in one piece with their key. */
  #fieldsFrom = -1;
  #fieldsTo = -1;
  #depth = 0;
  #isInItem = false;
  #isLast = false;
  #isInArray = false;
  #isInText = false;
  #isEscaped = false;

  constructor(show: Show) {
    super({ highWaterMark: queuedBytes });
    this.#show = show;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let from = 0;
    let at = this.#isInText ? this.#endOfText(chunk, this.#isEscaped ? 1 : 0) + 1 : 0;
    for (; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === quote) at = this.#endOfText(chunk, at + 1);
      else if (byte === openBrace || byte === openBracket) from = this.#open(chunk, at, from);
      else if (byte === closeBrace || byte === closeBracket) from = this.#close(chunk, at, from);
    }
    this.#keep(chunk.subarray(from));
    if (this.#ready.length >= pushLength) this.#push();
    done(this.#length > maxObjectBytes ? new Error('an item of the list is too long') : null);
  }

  override _flush(done: TransformCallback): void {
    this.#isLast = true;
    this.#pass(Buffer.alloc(0));
    this.#push();
    done();
  }

  /** What becomes of the text around the items: before the first, between two, and behind the last. */
  protected around(text: string, _isLast: boolean): string {
    return withServedNames(text);
  }

  #push(): void {
    this.push(this.#ready);
    this.#ready = '';
  }

  /** Where the text ends in which we are from there on; the end of the chunk when it goes on in the next. */
  #endOfText(chunk: Buffer, from: number): number {
    let at = from;
    for (; at < chunk.length && chunk[at] !== quote; at++) if (chunk[at] === backslash) at++;
    this.#isInText = at >= chunk.length;
    this.#isEscaped = at > chunk.length;
    return at;
  }

  /** Where what has come and has not been handed on begins now. */
  #open(chunk: Buffer, at: number, from: number): number {
    this.#depth++;
    const byte = chunk[at];
    if (this.#depth === itemDepth - 1) this.#isInArray = byte === openBracket;
    if (this.#depth === itemDepth && this.#isInArray && byte === openBrace) {
      this.#pass(chunk.subarray(from, at));
      return at;
    }
    if (this.#depth === fieldsDepth && this.#fieldsFrom < 0 && isFields(chunk, at))
      this.#fieldsFrom = this.#length + at - from;
    return from;
  }

  /** The same. */
  #close(chunk: Buffer, at: number, from: number): number {
    this.#depth--;
    if (this.#isInItem && this.#depth === itemDepth - 1) {
      this.#pass(chunk.subarray(from, at + 1));
      return at + 1;
    }
    if (this.#depth === fieldsDepth - 1 && this.#fieldsFrom >= 0 && this.#fieldsTo < 0)
      this.#fieldsTo = this.#length + at + 1 - from;
    return from;
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** Hands on what has come, with these bytes behind it; what comes next is of the other kind. */
  #pass(last: Buffer): void {
    this.#keep(last);
    const bytes = Buffer.concat(this.#parts);
    this.#ready += this.#isInItem ? this.#shown(bytes) : this.around(bytes.toString(), this.#isLast);
    this.#parts = [];
    this.#length = 0;
    this.#fieldsFrom = -1;
    this.#fieldsTo = -1;
    this.#isInItem = !this.#isInItem;
  }

  #shown(item: Buffer): string {
    const [from, to] = [this.#fieldsFrom, this.#fieldsTo];
    if (to < 0) return shownText(item.toString(), this.#show);
    const rest = item.toString('utf8', 0, from) + noFields + item.toString('utf8', to);
    const fields = withServedNames(item.toString('utf8', from, to));
    // The first is theirs: what stands before is the API server's own, or a text.
    return shownText(rest, this.#show).replace(
      `${fieldsKey.toString()}${noFields}`,
      () => `${fieldsKey.toString()}${fields}`,
    );
  }
}

/** True when an array that begins here is the value of the key. */
function isFields(chunk: Buffer, at: number): boolean {
  const from = at - fieldsKey.length;
  return (
    chunk[at] === openBracket && from >= 0 && chunk.compare(fieldsKey, 0, fieldsKey.length, from, at) === 0
  );
}

function shownText(text: string, show: Show): string {
  const object = parseJsonObject(text);
  return object === undefined ? text : JSON.stringify(show(object));
}
