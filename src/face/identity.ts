/** Who asks, as the front proxy says it in headers (Kubernetes: authenticating proxy). */

/** A person or program behind a request. */
export interface Caller {
  readonly user: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Names of the headers, in any case; the first one that is there counts. */
export interface RequestHeaderNames {
  readonly user: readonly string[];
  readonly uid: readonly string[];
  readonly group: readonly string[];
  readonly extraPrefix: readonly string[];
}

/**
 * Reads the caller from the headers as they came: name, value, name, value. Node's own map joins repeated headers with commas, and
 * a group with a comma in its name would be two. Undefined when there is no user.
 */
export function callerOf(rawHeaders: readonly string[], names: RequestHeaderNames): Caller | undefined {
  const headers = pairsOf(rawHeaders);
  const valuesOf = (wanted: readonly string[]): readonly string[] => {
    for (const name of wanted.map(lower)) {
      const values = headers.flatMap(([header, value]) => (header === name && value !== '' ? [value] : []));
      if (values.length > 0) return values;
    }
    return [];
  };
  const [user] = valuesOf(names.user);
  if (user === undefined) return undefined;
  const [uid] = valuesOf(names.uid);
  const groups = names.group
    .map(lower)
    .flatMap((name) =>
      headers.flatMap(([header, value]) => (header === name && value !== '' ? [value] : [])),
    );
  return { user, uid, groups, extra: extraOf(headers, names.extraPrefix.map(lower)) };
}

function extraOf(
  headers: readonly (readonly [name: string, value: string])[],
  prefixes: readonly string[],
): Record<string, readonly string[]> {
  const extra = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const prefix = prefixes.find((candidate) => candidate !== '' && name.startsWith(candidate));
    if (prefix === undefined) continue;
    const key = unescaped(name.slice(prefix.length));
    extra.set(key, [...(extra.get(key) ?? []), value]);
  }
  return Object.fromEntries(extra);
}

function pairsOf(rawHeaders: readonly string[]): readonly (readonly [string, string])[] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    pairs.push([lower(rawHeaders[i] ?? ''), utf8(rawHeaders[i + 1] ?? '')]);
  return pairs;
}

/** Node reads headers as Latin-1, and the API server writes UTF-8. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

function lower(text: string): string {
  return text.toLowerCase();
}

/** The API server escapes what a header's name cannot hold; a name that is no escape is taken as it is. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
