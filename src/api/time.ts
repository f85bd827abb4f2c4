/**
 * The one place below `kube/` that touches `Date`: the API speaks RFC 3339 strings, the domain epoch milliseconds.
 */

/** Epoch milliseconds as the API server writes times: RFC 3339, UTC, whole seconds. */
export function formatTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** The same with microseconds, as the API server wants it in a Lease. */
export function formatMicroTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}

/** Epoch milliseconds of an RFC 3339 time, or undefined when there is none or it does not parse. */
export function parseTime(text: string | undefined | null): number | undefined {
  if (text === undefined || text === null) return undefined;
  const epochMs = Date.parse(text);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}
