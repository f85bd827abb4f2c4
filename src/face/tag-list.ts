/** Lists of what is in streams, made of a list of these as it goes by: of a cluster there may be more than fits into memory. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { parseJsonObject } from '../api/json.ts';
import type { KubeObject } from '../api/resources.ts';
import type { Exchange } from './exchange.ts';
import { ListItems, listMetadataOf, textWithoutFields } from './list-items.ts';
import { pushLength } from './shown-list.ts';
import { includeObjectOf, type TableShape, tableOf } from './tables.ts';
import { served, toServed } from './versions.ts';
import { metadataOf } from './view-answer.ts';

/** A list of a kind of which every stream has some. */
export interface TagListKind {
  /** Of the list. */
  readonly kind: string;
  readonly table: TableShape;
  /** What some streams have, in their order. */
  readonly of: (streams: readonly ImageStream[]) => Promise<readonly KubeObject[]>;
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
    let around = '';
    const list = new ListItems((part) => {
      if (part.place === 'item') {
        const stream = parseJsonObject(textWithoutFields(part));
        if (stream !== undefined) found.push(stream as unknown as ImageStream);
      } else if (around === '' || part.place === 'end') {
        // What stands between two items is none of the list's own.
        around += part.bytes.toString();
      }
    });
    const { head, member } = shown([], {});
    const { metadata: _later, ...first } = head;
    let text = `${JSON.stringify(first).slice(0, -1)},${JSON.stringify(member)}:[`;
    let separator = '';
    for await (const chunk of source) {
      list.push(chunk);
      if (found.length === 0) continue;
      for (const entry of shown(await kind.of(found.splice(0)), {}).entries) {
        text += separator + JSON.stringify(entry);
        separator = ',';
      }
      if (text.length < pushLength) continue;
      yield text;
      text = '';
    }
    list.end();
    const { resourceVersion } = listMetadataOf(around);
    yield `${text}],"metadata":${JSON.stringify(shown([], { resourceVersion }).head['metadata'])}}`;
  };
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
