/** Lists of the API server as they go by, with other items in the place of theirs. */
import { Transform, type TransformCallback } from 'node:stream';
import { type JsonObject, parseJsonObject } from '../api/json.ts';
import { ListItems, type ListPart, leftOut, textWithoutFields } from './list-items.ts';
import { queuedBytes } from './passed-answer.ts';
import { withServedNames } from './versions.ts';

/** What becomes of an object. */
export type Show = (object: JsonObject) => unknown;

/** Characters that are handed on together: each push is a write to a client. */
export const pushLength = 32 * 1024;

/**
 * Makes the items of a list anew. Of the rest, which is the list's own kind and metadata, only the version is renamed, and so it
 * is with the `managedFields` of the items: they take as long to parse as all else, and are mostly not shown to {@link Show}.
 */
export class ShownList extends Transform {
  readonly #show: Show;
  readonly #items: ListItems;
  /** What has been made and not been handed on. */
  #ready = '';

  constructor(show: Show) {
    super({ highWaterMark: queuedBytes });
    this.#show = show;
    this.#items = new ListItems((part) => {
      this.#ready +=
        part.place === 'item' ? this.#shown(part) : this.around(part.bytes.toString(), part.place === 'end');
    });
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#handOn(() => this.#items.push(chunk), pushLength, done);
  }

  override _flush(done: TransformCallback): void {
    this.#handOn(() => this.#items.end(), 0, done);
  }

  /** That of the list that goes by, when its end has come. */
  protected get metadata(): JsonObject {
    return this.#items.metadata;
  }

  /** What becomes of the text around the items: before the first, between two, and behind the last. */
  protected around(text: string, _isLast: boolean): string {
    return withServedNames(text);
  }

  #handOn(take: () => void, atLeast: number, done: TransformCallback): void {
    try {
      take();
    } catch (error) {
      done(error as Error);
      return;
    }
    if (this.#ready.length >= atLeast) {
      this.push(this.#ready);
      this.#ready = '';
    }
    done();
  }

  #shown(part: ListPart): string {
    const text = shownText(textWithoutFields(part), this.#show);
    if (part.managedFields === undefined) return text;
    const fields = withServedNames(part.bytes.toString('utf8', ...part.managedFields));
    return text.replace(leftOut, () => fields);
  }
}

function shownText(text: string, show: Show): string {
  const object = parseJsonObject(text);
  return object === undefined ? text : JSON.stringify(show(object));
}
