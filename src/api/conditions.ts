/** Conditions in the form that `kubectl wait` and kstatus read (meta/v1 Condition). */
import { formatTime } from './time.ts';

/** A meta/v1 Condition; times are RFC 3339 strings. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** What a condition should say now; the transition time is worked out. */
export type WantedCondition = Omit<Condition, 'lastTransitionTime'>;

/** Longest message that is written, in UTF-16 units: a status is read by people and held in memory by every watcher. */
export const maxMessageLength = 2048;

/**
 * Puts a condition into a list, one per type, keeping the order of the others. The transition time
 * moves only when `status` changes, as the API conventions ask. `now` is in epoch milliseconds.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  wanted: WantedCondition,
  now: number,
): Condition[] {
  const current = conditions?.find((condition) => condition.type === wanted.type);
  const lastTransitionTime =
    current !== undefined && current.status === wanted.status ? current.lastTransitionTime : formatTime(now);
  const next: Condition = {
    ...wanted,
    message: truncate(wanted.message, maxMessageLength),
    lastTransitionTime,
  };
  if (current === undefined) return [...(conditions ?? []), next];
  return (conditions ?? []).map((condition) => (condition === current ? next : condition));
}

/** The conditions without the one of a type. */
export function removeCondition(conditions: readonly Condition[], type: string): Condition[] {
  return conditions.filter((condition) => condition.type !== type);
}

/** The text cut to `limit` UTF-16 units, with an ellipsis when something was cut; never inside a surrogate pair. */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
