/** How long a server wants to be left alone. */

/** A longer wait is not believed, in milliseconds. */
export const maxRetryAfterMs = 3_600_000;

/** `Retry-After` in seconds or as a date, as milliseconds from now (RFC 9110, 10.2.3); undefined when it is absent or nonsense. */
export function retryAfterMs(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), maxRetryAfterMs) : undefined;
}
