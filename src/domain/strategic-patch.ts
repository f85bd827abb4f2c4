/**
 * Strategic merge patches of ImageStreams: a custom resource knows none, and `oc` and `kubectl` send them for kinds that they
 * know. Lists with a key are merged by it, with the directives `$patch`, `$deleteFromPrimitiveList` and `$setElementOrder`.
 */
import { isJsonObject, type JsonObject } from '../api/json.ts';

/** The keys of the lists that are merged, by the path of the list; all other lists are replaced. */
export const mergeKeys: Readonly<Record<string, string>> = {
  'metadata.ownerReferences': 'uid',
  'spec.tags': 'name',
  'status.tags': 'tag',
};
/** Lists of texts that are sets, by the path of the list. */
export const sets: readonly string[] = ['metadata.finalizers'];

/** A stream has a thousand tags at most. */
const maxEntries = 2_000;

const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/** What a patch makes of an object; the object stays as it is. Throws a sentence for a patch that is none. */
export function strategicallyPatched(object: JsonObject, patch: JsonObject): JsonObject {
  return patchedObject(object, patch, '');
}

function patchedObject(object: JsonObject, patch: JsonObject, path: string): JsonObject {
  if (patch['$patch'] === 'replace') return withoutDirectives(patch);
  if (patch['$patch'] === 'delete') return {};
  const result: Record<string, unknown> = { ...object };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) removeTexts(result, key.slice(deletePrefix.length), value);
    if (key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else result[key] = patchedValue(result[key], value, path === '' ? key : `${path}.${key}`);
  }
  for (const [key, order] of Object.entries(patch)) {
    if (key.startsWith(orderPrefix)) sortList(result, key.slice(orderPrefix.length), { order, path });
  }
  return result;
}

function patchedValue(present: unknown, value: unknown, path: string): unknown {
  if (isJsonObject(value)) return patchedObject(isJsonObject(present) ? present : {}, value, path);
  if (!Array.isArray(value)) return value;
  const before: readonly unknown[] = Array.isArray(present) ? present : [];
  if (sets.includes(path)) return [...new Set([...before, ...(value as readonly unknown[])])];
  const key = mergeKeys[path];
  return key === undefined ? value : patchedList(before, value, { key, path });
}

function patchedList(
  before: readonly unknown[],
  patches: readonly unknown[],
  { key, path }: { readonly key: string; readonly path: string },
): readonly unknown[] {
  if (patches.length > maxEntries) throw new Error(`${path}: more than ${maxEntries} entries`);
  if (patches.some((patch) => isJsonObject(patch) && patch['$patch'] === 'replace'))
    return patches.filter((patch) => isJsonObject(patch) && patch['$patch'] === undefined);
  const entries = new Map(before.map((entry) => [isJsonObject(entry) ? entry[key] : entry, entry]));
  for (const patch of patches) {
    const name = isJsonObject(patch) ? patch[key] : undefined;
    if (!isJsonObject(patch) || name === undefined)
      throw new Error(
        `map: ${JSON.stringify(patch).slice(0, 128)} does not contain declared merge key: ${key}`,
      );
    const present = entries.get(name);
    if (patch['$patch'] === 'delete') entries.delete(name);
    else entries.set(name, patchedObject(isJsonObject(present) ? present : {}, patch, `${path}[]`));
  }
  return [...entries.values()];
}

function removeTexts(result: Record<string, unknown>, member: string, value: unknown): void {
  const list = result[member];
  if (!Array.isArray(list) || !Array.isArray(value)) return;
  const gone = new Set<unknown>(value);
  result[member] = list.filter((entry) => !gone.has(entry));
}

/** Those that the order does not name stay behind those that it does. */
function sortList(
  result: Record<string, unknown>,
  member: string,
  { order, path }: { readonly order: unknown; readonly path: string },
): void {
  const list = result[member];
  const key = mergeKeys[path === '' ? member : `${path}.${member}`];
  if (!Array.isArray(list) || !Array.isArray(order) || key === undefined) return;
  const ranks = new Map(
    order
      .slice(0, maxEntries)
      .map((entry: unknown, rank) => [isJsonObject(entry) ? entry[key] : entry, rank]),
  );
  const rank = (entry: unknown): number => ranks.get(isJsonObject(entry) ? entry[key] : entry) ?? ranks.size;
  result[member] = list.toSorted((a, b) => rank(a) - rank(b));
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}
