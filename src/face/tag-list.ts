/** Lists of what is in streams, made of a list of these as it goes by: of a cluster there may be more than fits into memory. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { parseJsonObject } from '../api/json.ts';
import type { KubeObject } from '../api/resources.ts';
import type { Exchange } from './exchange.ts';
import { ListItems, textWithoutFields } from './list-items.ts';
import { pushLength } from './shown-list.ts';
import { includeObjectOf, type TableShape, tableOf } from './tables.ts';
import { served, toServed } from './versions.ts';
import { metadataOf } from './view-answer.ts';

/** A list of a kind of which every stream has some. */
export interface TagListKind {
  /** Of the list. */
  readonly kind: string;
  readonly table: TableShape;
  /** Streams as they count, of those that have come together. */
  readonly prepare: (streams: readonly ImageStream[]) => Promise<readonly ImageStream[]>;
  /** What one of these has. */
  readonly of: (stream: ImageStream) => readonly KubeObject[];
}

/** Makes the text of the list in the form that the client wants, of that of the list of streams; `now` in epoch milliseconds. */
export function tagList(
  exchange: Exchange,
  kind: TagListKind,
  now: number,
): (streams: AsyncIterable<Buffer>) => AsyncGenerator<string, void> {
  const shown = (items: readonly KubeObject[], metadata: object): ShownPart =>
    shownPart(exchange, { kind: kind.kind, metadata, items }, { table: kind.table, now });
  return async function* (source) {
    const found: ImageStream[] = [];
    const list = new ListItems((part) => {
      const stream = part.place === 'item' ? parseJsonObject(textWithoutFields(part)) : undefined;
      if (stream !== undefined) found.push(withoutFields(stream as unknown as ImageStream));
    });
    const { head, member } = shown([], {});
    const { metadata: _later, ...first } = head;
    const pieces = new Pieces(`${JSON.stringify(first).slice(0, -1)},${JSON.stringify(member)}:[`);
    for await (const chunk of source) {
      list.push(chunk);
      if (found.length === 0) continue;
      for (const stream of await kind.prepare(found.splice(0)))
        yield* pieces.with(shown(kind.of(stream), {}).entries);
    }
    list.end();
    const { resourceVersion } = list.metadata;
    yield pieces.end(`],"metadata":${JSON.stringify(shown([], { resourceVersion }).head['metadata'])}}`);
  };
}

/** The text of a list in pieces that are worth a write each; none is much longer than an entry. */
class Pieces {
  #text: string;
  #separator = '';

  constructor(begin: string) {
    this.#text = begin;
  }

  /** Each entry has what its stream has: the thousand tags of one may be a thousand times as long as that. */
  *with(entries: readonly unknown[]): Generator<string, void> {
    for (const entry of entries) {
      this.#text += this.#separator + JSON.stringify(entry);
      this.#separator = ',';
      if (this.#text.length < pushLength) continue;
      yield this.#text;
      this.#text = '';
    }
  }

  end(text: string): string {
    return this.#text + text;
  }
}

/** Of the managed fields that were not left out: it depends on where the pieces of the list end. */
function withoutFields({
  metadata: { managedFields: _fields, ...metadata },
  ...stream
}: ImageStream): ImageStream {
  return { ...stream, metadata };
}

/** A part of a list in the form that the client wants. */
interface ShownPart {
  /** All but the entries. */
  readonly head: Readonly<Record<string, unknown>>;
  readonly member: 'items' | 'rows';
  readonly entries: readonly unknown[];
}

function shownPart(
  { form, url }: Exchange,
  {
    items,
    ...list
  }: { readonly kind: string; readonly metadata: object; readonly items: readonly KubeObject[] },
  { table, now }: { readonly table: TableShape; readonly now: number },
): ShownPart {
  const whole = toServed({ ...list, apiVersion: served, items }) as { readonly items: readonly unknown[] };
  if (form === 'table') {
    const { rows, ...head } = tableOf(table, whole, { include: includeObjectOf(url), now });
    return { head, member: 'rows', entries: rows as readonly unknown[] };
  }
  const { items: entries, ...head } = form === 'metadata' ? metadataOf(whole) : whole;
  return { head, member: 'items', entries: entries as readonly unknown[] };
}
