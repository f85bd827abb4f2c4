/** Answers with views: as objects, as rows, or as metadata alone. */
import { type JsonObject, valueAt } from '../api/json.ts';
import { type Exchange, sendJson } from './exchange.ts';
import type { Form } from './negotiation.ts';
import { includeObjectOf, type TableShape, tableOf } from './tables.ts';

/** Sends a view or a list of views in the form that the client wants; `now` in epoch milliseconds. */
export function sendView(
  { response, form, url }: Exchange,
  document: unknown,
  { table, now }: { readonly table: TableShape; readonly now: number },
): void {
  const shown = { include: includeObjectOf(url), now };
  const answers: Readonly<Record<Form, () => unknown>> = {
    object: () => document,
    metadata: () => metadataOf(document),
    table: () => tableOf(table, document, shown),
  };
  sendJson(response, 200, answers[form]());
}

/** Nothing but the metadata of an object, or of the objects of a list. */
export function metadataOf(document: unknown): JsonObject {
  const apiVersion = 'meta.k8s.io/v1';
  const metadata = valueAt(document, ['metadata']);
  const items = valueAt(document, ['items']);
  if (!Array.isArray(items)) return { kind: 'PartialObjectMetadata', apiVersion, metadata };
  const each = items.map((item) => ({
    kind: 'PartialObjectMetadata',
    apiVersion,
    metadata: valueAt(item, ['metadata']),
  }));
  return { kind: 'PartialObjectMetadataList', apiVersion, metadata, items: each };
}
