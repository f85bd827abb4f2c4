/** Lists of the API server as rows, item by item: a list may be longer than what anybody wants to hold. */
import type { JsonObject } from '../api/json.ts';
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
  #isBegun = false;

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
    const begin = this.#isBegun ? '' : this.#begin();
    if (isLast) return `${begin}],"metadata":${JSON.stringify(this.#empty(this.metadata)['metadata'])}}`;
    return begin === '' ? text : begin;
  }

  /** What stands before the first row. */
  #begin(): string {
    this.#isBegun = true;
    const { rows: _none, metadata: _later, ...head } = this.#empty({});
    return `${JSON.stringify(head).slice(0, -1)},"rows":[`;
  }

  /** The table of no rows. */
  #empty(metadata: JsonObject): JsonObject {
    return tableOf(this.#shape, { metadata, items: [] }, this.#rows);
  }
}
