/** Deep equality and merge patches of JSON values: what decides whether anything has to be written. */

/** True when two JSON values are the same; an absent key and a key that is undefined are the same. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, i) => jsonEqual(item, b[i]))
    );
  }
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const key of keys) if (!jsonEqual(left[key], right[key])) return false;
  return true;
}

/**
 * The JSON merge patch (RFC 7396) of one level that turns `before` into `after`: changed keys with
 * their whole new value, vanished keys as null. Undefined when there is nothing to change.
 */
export function mergePatchOf(before: object, after: object): Record<string, unknown> | undefined {
  const left = before as Readonly<Record<string, unknown>>;
  const right = after as Readonly<Record<string, unknown>>;
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    if (!jsonEqual(left[key], right[key])) patch[key] = right[key] ?? null;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}
