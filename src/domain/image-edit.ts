/** Edits of Images: what describes an image cannot change, for its digest does not. Labels and annotations are everybody's. */
import { canonicalJson, isJsonObject, type JsonObject, valueAt } from '../api/json.ts';
import { type FieldFault, forbiddenFault } from './field-fault.ts';
import { mergePatchOf } from './json-difference.ts';
import type { ViewedImage } from './reference-views.ts';

/** What of an edit is to be written as a merge patch of the metadata (undefined: nothing), or why it is refused. */
export type ImageEdit =
  | { readonly kind: 'edit'; readonly metadata: JsonObject | undefined }
  | { readonly kind: 'refused'; readonly fault: FieldFault };

/** Labels and annotations by which the operator knows what to keep. */
const ownPrefix = 'imagestream-operator/';

const immutable = 'may not update fields other than metadata.annotations and metadata.labels';

/**
 * Judges what an edit makes of an Image. Whatever is left out stays, but for labels and annotations. Finalizers may change too:
 * the garbage collector has to take its own away.
 */
export function imageEdit(before: ViewedImage, after: JsonObject): ImageEdit {
  const present: JsonObject = { ...before };
  for (const [field, value] of Object.entries(after)) {
    if (['apiVersion', 'kind', 'metadata'].includes(field) || isSame(present[field], value)) continue;
    return { kind: 'refused', fault: forbiddenFault(field, immutable) };
  }
  const owners = valueAt(after, ['metadata', 'ownerReferences']);
  if (!isSame(valueAt(before, ['metadata', 'ownerReferences']), owners))
    return { kind: 'refused', fault: forbiddenFault('metadata.ownerReferences', immutable) };
  const changes: Record<string, unknown> = {};
  for (const field of ['labels', 'annotations'] as const) {
    const edited = editedMap(valueAt(before, ['metadata', field]), valueAt(after, ['metadata', field]));
    if ('own' in edited)
      return {
        kind: 'refused',
        fault: forbiddenFault(`metadata.${field}[${edited.own}]`, 'only the operator may change it'),
      };
    if (edited.patch !== undefined) changes[field] = edited.patch;
  }
  const finalizers = [before, after].map((image) => valueAt(image, ['metadata', 'finalizers']) ?? []);
  if (canonicalJson(finalizers[0]) !== canonicalJson(finalizers[1])) changes['finalizers'] = finalizers[1];
  return { kind: 'edit', metadata: Object.keys(changes).length === 0 ? undefined : changes };
}

function isSame(before: unknown, after: unknown): boolean {
  return after === undefined || after === null || canonicalJson(before) === canonicalJson(after);
}

/** What to change of a map, in which the operator's own entries stay; or the own entry that has another value. */
function editedMap(before: unknown, after: unknown): { readonly patch: unknown } | { readonly own: string } {
  // What is no map is the API server's to refuse.
  if (after !== undefined && after !== null && !isJsonObject(after)) return { patch: after };
  const present = isJsonObject(before) ? before : {};
  const wanted = isJsonObject(after) ? after : {};
  const own = Object.keys(wanted).find((key) => isOwn(key) && wanted[key] !== present[key]);
  if (own !== undefined) return { own: own.slice(0, 128) };
  const kept = Object.fromEntries(Object.entries(present).filter(([key]) => isOwn(key)));
  return { patch: mergePatchOf(present, { ...wanted, ...kept }) };
}

function isOwn(key: string): boolean {
  return key.startsWith(ownPrefix);
}
