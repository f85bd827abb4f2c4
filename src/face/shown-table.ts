/** Lists of the API server as rows, item by item: a list may be longer than what anybody wants to hold. */
import { parseJsonObject, valueAt } from '../api/json.ts';
import { type Show, ShownList } from './shown-list.ts';
import { type IncludeObject, type TableShape, tableOf } from './tables.ts';
import { toServed } from './versions.ts';

/** How the rows are shown; `now` in epoch milliseconds. */
export interface ShownRows {
  readonly include: IncludeObject;
  readonly now: number;
}

/** Makes a Table of a list. */
export class ShownTable extends ShownList {
  readonly #shape: TableShape;
  readonly #rows: ShownRows;
  /** What stood before the first item. */
  #head: string | undefined;

  /** `view` is what the table shows of an object. */
  constructor(shape: TableShape, rows: ShownRows, view: Show = (object) => object) {
    super((object) => {
      const [row] = tableOf(shape, toServed(view(object)), rows)['rows'] as readonly unknown[];
      return row;
    });
    this.#shape = shape;
    this.#rows = rows;
  }

  /** The rows come before the metadata, which stands behind the items. */
  protected override around(text: string, isLast: boolean): string {
    const isFirst = this.#head === undefined;
    this.#head ??= text;
    if (!isFirst && !isLast) return text;
    const list = parseJsonObject(isFirst ? text : this.#head + text);
    const metadata = valueAt(list, ['metadata']);
    const table = tableOf(this.#shape, { metadata, items: [] }, this.#rows);
    const { rows: _none, metadata: shown, ...head } = table;
    const begin = isFirst ? `${JSON.stringify(head).slice(0, -1)},"rows":[` : '';
    return isLast ? `${begin}],"metadata":${JSON.stringify(shown)}}` : begin;
  }
}
