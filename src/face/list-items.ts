/** Lists of the API server as they come, taken apart into their items, so that none is ever held as a whole. */
import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, parseJsonObject, valueAt } from '../api/json.ts';
import { maxObjectBytes } from './stream-requests.ts';

/** An item of a list, or the text around the items: before the first, between two, or behind the last. */
export interface ListPart {
  readonly bytes: Buffer;
  readonly place: 'item' | 'around' | 'end';
  /** Where `metadata.managedFields` of an item begin and end; undefined when there are none, or not in one piece with their key. */
  readonly managedFields: readonly [from: number, to: number] | undefined;
}

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
/** In the place of managed fields that were left out: a text that nobody can have put into an object. */
export const leftOut = `["${randomUUID()}"]`;

/** Takes one list apart. */
export class ListItems {
  readonly #onPart: (part: ListPart) => void;
  /** The list without its items, and without what stands between two. */
  #frame = '';
  /** Of the item, or of what is between two, as far as it has come. */
  #parts: Buffer[] = [];
  #length = 0;
  /** Where the item's managed fields begin and end; -1: they have not come yet, or not in one piece with their key. */
  #fieldsFrom = -1;
  #fieldsTo = -1;
  #depth = 0;
  #isInItem = false;
  #isInArray = false;
  #isInText = false;
  #isEscaped = false;

  /** `onPart` hears of each part in its order: around, item, around, item, ..., end. */
  constructor(onPart: (part: ListPart) => void) {
    this.#onPart = onPart;
  }

  /** Takes what comes next. Throws when an item is longer than any object can be. */
  push(chunk: Buffer): void {
    let from = 0;
    let at = this.#isInText ? this.#endOfText(chunk, this.#isEscaped ? 1 : 0) + 1 : 0;
    for (; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === quote) at = this.#endOfText(chunk, at + 1);
      else if (byte === openBrace || byte === openBracket) from = this.#open(chunk, at, from);
      else if (byte === closeBrace || byte === closeBracket) from = this.#close(chunk, at, from);
    }
    this.#keep(chunk.subarray(from));
    if (this.#length > maxObjectBytes) throw new Error('an item of the list is too long');
  }

  /** Nothing comes any more. Throws when the list is not whole. */
  end(): void {
    if (this.#depth !== 0 || this.#isInText) throw new Error('the list has no end');
    this.#pass(Buffer.alloc(0), 'end');
  }

  /** The list's own, when it has ended. */
  get metadata(): JsonObject {
    const metadata = valueAt(parseJsonObject(this.#frame), ['metadata']);
    return isJsonObject(metadata) ? metadata : {};
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
      this.#pass(chunk.subarray(from, at), 'around');
      this.#isInItem = true;
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
      this.#pass(chunk.subarray(from, at + 1), 'item');
      this.#isInItem = false;
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

  /** Hands on what has come, with these bytes behind it. */
  #pass(last: Buffer, place: ListPart['place']): void {
    this.#keep(last);
    const managedFields = this.#fieldsTo < 0 ? undefined : ([this.#fieldsFrom, this.#fieldsTo] as const);
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    this.#fieldsFrom = -1;
    this.#fieldsTo = -1;
    if (place === 'end' || (place === 'around' && this.#frame === '')) this.#frame += bytes.toString();
    this.#onPart({ bytes, place, managedFields });
  }
}

/** True when an array that begins here is the value of the key. */
function isFields(chunk: Buffer, at: number): boolean {
  const from = at - fieldsKey.length;
  return (
    chunk[at] === openBracket && from >= 0 && chunk.compare(fieldsKey, 0, fieldsKey.length, from, at) === 0
  );
}

/** The text of an item with {@link leftOut} for its managed fields, which take as long to parse as all else. */
export function textWithoutFields({ bytes, managedFields }: ListPart): string {
  if (managedFields === undefined) return bytes.toString();
  const [from, to] = managedFields;
  return bytes.toString('utf8', 0, from) + leftOut + bytes.toString('utf8', to);
}
