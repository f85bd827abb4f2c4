/** Rows for people: the Table form of objects (meta.k8s.io/v1). */
import { isJsonObject, type JsonObject, valueAt } from '../api/json.ts';
import type { TableColumn } from '../domain/reference-tables.ts';

/** How the objects of a kind are shown as rows. */
export interface TableShape {
  readonly columns: readonly TableColumn[];
  row(object: unknown, now: number): readonly unknown[];
}

/** What of an object goes along with its row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Reads the parameter `includeObject`. */
export function includeObjectOf(url: URL): IncludeObject {
  const text = url.searchParams.get('includeObject');
  return text === 'None' || text === 'Object' ? text : 'Metadata';
}

/** A Table of one object or of a list. */
export function tableOf(
  shape: TableShape,
  document: unknown,
  { include, now }: { readonly include: IncludeObject; readonly now: number },
): JsonObject {
  const items = valueAt(document, ['items']);
  const objects: readonly unknown[] = Array.isArray(items) ? items : [document];
  const metadata = valueAt(document, ['metadata']);
  const { resourceVersion, continue: next, remainingItemCount } = isJsonObject(metadata) ? metadata : {};
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion, continue: next, remainingItemCount },
    columnDefinitions: shape.columns,
    rows: objects.map((object) => ({ cells: shape.row(object, now), ...objectOf(object, include) })),
  };
}

function objectOf(object: unknown, include: IncludeObject): { object?: unknown } {
  if (include === 'None') return {};
  if (include === 'Object') return { object };
  const metadata = valueAt(object, ['metadata']) ?? {};
  return { object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } };
}
