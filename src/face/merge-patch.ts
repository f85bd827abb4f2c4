/** JSON Merge Patch (RFC 7386). */
import { isJsonObject } from '../api/json.ts';

/** What a patch makes of a document; the document stays as it is. */
export function mergePatched(document: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, unknown> = isJsonObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatched(result[key], value);
  }
  return result;
}
