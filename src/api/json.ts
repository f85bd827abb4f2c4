/** Reading JSON that came from outside: every access says what happens when the shape is another one. */

/** A JSON object of unknown members. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for an object that is no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object that a text holds; undefined when it is no JSON or something else. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The value if it is a text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value if it is an array, else an empty one. */
export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value behind a row of member names; undefined where the row breaks off. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (!isJsonObject(current)) return undefined;
    current = current[name];
  }
  return current;
}

/** Deeper than anything that is compared; what lies below counts as the same. */
const maxDepth = 100;

/**
 * JSON with the keys in order, so that equal values have equal texts; members that are undefined or null are left out. Never
 * throws, however deep the value is: of what is deeper than a hundred levels nothing is shown.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > maxDepth) return 'null';
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'null';
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member === undefined || member === null) continue;
    members.push(`${JSON.stringify(key)}:${canonicalJson(member, depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}
