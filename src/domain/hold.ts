/** The annotation `imagestream-operator/hold`: while it is there, no image moves. */
import { parseTime } from '../api/time.ts';

/** A hold that is in force. */
export interface Hold {
  /** Its end in epoch milliseconds; undefined for one that lasts until somebody takes it away. */
  readonly until: number | undefined;
}

/**
 * What the annotation's text means at a time: undefined for no hold. A time (RFC 3339) is its end; `false` is none; any other
 * text, and a time that cannot be read, holds until it is gone, for whoever writes it wants calm.
 */
export function holdAt(text: string | undefined, now: number): Hold | undefined {
  if (text === undefined || text.trim().toLowerCase() === 'false') return undefined;
  const until = isTime(text) ? parseTime(text.trim()) : undefined;
  return until !== undefined && until <= now ? undefined : { until };
}

/** `Date.parse` reads a great many things, and a lone number as a year. */
function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text.trim());
}
