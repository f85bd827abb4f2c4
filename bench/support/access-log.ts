/** Counts what the registry was asked, by its own access log: so nothing stands between operator and registry. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** A place in the log. */
export type LogMark = number;

/** Requests of one client by kind: `HEAD manifests`, or `HEAD manifests 401` when it had to show a token first. */
export type RequestCounts = ReadonlyMap<string, number>;

/** The end of the log as it is now. */
export async function markLog(path: string): Promise<LogMark> {
  return (await stat(path)).size;
}

/** Counts the requests since a mark whose User-Agent starts with `userAgent`. */
export async function countRequests(
  path: string,
  { since, userAgent }: { readonly since: LogMark; readonly userAgent: string },
): Promise<RequestCounts> {
  const counts = new Map<string, number>();
  const lines = createInterface({ input: createReadStream(path, { start: since }) });
  // Combined log format: address - - [time] "METHOD path protocol" status size "referer" "user agent"
  const pattern = /^\S+ - \S+ \[[^\]]*\] "(\S+) (\S+) [^"]*" (\d+) \S+ "[^"]*" "([^"]*)"$/;
  for await (const line of lines) {
    const [, method, requested = '', status, agent = ''] = pattern.exec(line) ?? [];
    if (method === undefined || !agent.startsWith(userAgent)) continue;
    const kind = `${method} ${endpointOf(requested)}${status === '401' ? ' 401' : ''}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** All requests together. */
export function totalOf(counts: RequestCounts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function endpointOf(path: string): string {
  return /\/(manifests|blobs|tags)\/[^/]+$/.exec(path)?.[1] ?? 'other';
}
