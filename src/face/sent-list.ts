/** Lists that are read page by page and handed on as they come: of a cluster there may be more than fits into memory. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { JsonObject } from '../api/json.ts';
import { type Exchange, giveUp, unreadMs } from './exchange.ts';
import type { RequestTurns } from './request-turns.ts';
import { includeObjectOf, type TableShape, tableOf } from './tables.ts';
import { metadataOf } from './view-answer.ts';

/** Characters, and bytes, that are handed on together. */
const pieceLength = 32 * 1024;

/** A part of a list in the form that the client wants. */
export interface ShownPage {
  /** All but the entries; of the first page it is that of the list. */
  readonly head: JsonObject;
  readonly member: 'items' | 'rows';
  readonly entries: readonly unknown[];
}

/** A list of objects, or some of them, in the form that the client wants; `now` in epoch milliseconds. */
export function shownPage(
  { form, url }: Exchange,
  list: JsonObject & { readonly items: readonly unknown[] },
  { table, now }: { readonly table: TableShape; readonly now: number },
): ShownPage {
  if (form === 'table') {
    const { rows, ...head } = tableOf(table, list, { include: includeObjectOf(url), now });
    return { head, member: 'rows', entries: rows as readonly unknown[] };
  }
  const { items, ...head } = form === 'metadata' ? metadataOf(list) : list;
  return { head, member: 'items', entries: items as readonly unknown[] };
}

/**
 * Answers with a list, of which there is one page at least. Each page is read in a turn, and no turn is held while the client reads.
 * Rejects with what the first page rejects with, unanswered; with what a later one does, or when the client goes, in mid-answer.
 */
export async function sendPages(
  exchange: Exchange,
  pages: AsyncGenerator<ShownPage, void>,
  turns: RequestTurns,
): Promise<void> {
  const { request, response, signal } = exchange;
  const read = async (): Promise<ShownPage | undefined> => (await pages.next()).value ?? undefined;
  const first = await turns.run(exchange, read);
  if (first === undefined) throw new Error('a list without a page');
  response.writeHead(200, { 'content-type': 'application/json' });
  if (request.method !== 'HEAD') {
    // Who has had a page is not sent away for the next one.
    const next = () => turns.run(exchange, read, { waits: true });
    for await (const piece of textOf(first, next)) await write(response, Buffer.from(piece), signal);
  }
  response.end();
}

/**
 * Resolves when there is room for more. A pipeline would not do: over HTTP/2 an answer whose client has gone counts as finished, and
 * takes nothing any more without a word.
 */
async function write(response: ServerResponse, bytes: Buffer, signal: AbortSignal): Promise<void> {
  // A piece at a time, so that a client that reads slowly is seen to read.
  for (let from = 0; from < bytes.length; from += pieceLength) {
    signal.throwIfAborted();
    if (response.write(bytes.subarray(from, from + pieceLength))) continue;
    const late = setTimeout(() => giveUp(response), unreadMs);
    try {
      await once(response, 'drain', { signal });
    } finally {
      clearTimeout(late);
    }
  }
}

async function* textOf(first: ShownPage, next: () => Promise<ShownPage | undefined>): AsyncGenerator<string> {
  let text = `${JSON.stringify(first.head).slice(0, -1)},${JSON.stringify(first.member)}:[`;
  let separator = '';
  for (let page: ShownPage | undefined = first; page !== undefined; page = await next()) {
    for (const entry of page.entries) {
      text += separator + JSON.stringify(entry);
      separator = ',';
      if (text.length < pieceLength) continue;
      yield text;
      text = '';
    }
  }
  yield `${text}]}`;
}
