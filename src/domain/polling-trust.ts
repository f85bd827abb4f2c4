/**
 * How far the polling of a repository may be stretched because its push notifications are seen to work. Polling never
 * stops: every registry has changes of which it sends no event (Harbor, for one, when a digest gets a second tag).
 */

/** What is known about the notifications of one repository. Immutable; keep one for each repository, bounded. */
export interface PollingTrust {
  /** Changes in a row that an event announced, since the last that none did. */
  readonly announced: number;
  /** Changes that a poll found and no event had announced, in all. */
  readonly missed: number;
  /** Epoch milliseconds of the last of these changes; the oldest state is the first to be forgotten. */
  readonly changedAt: number | undefined;
}

/** The outcome of a poll, that is of a probe that no event asked for. */
export interface PollResult {
  /** The tag stood for something else than before. */
  readonly changed: boolean;
  /** An event had named this change and was not probed yet: the poll was only faster. */
  readonly announcedBefore: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Largest factor by which a polling period grows. */
export const maxStretch = 4;

/** Nothing seen yet: polling at its plain period. */
export const noPollingTrust: PollingTrust = { announced: 0, missed: 0, changedAt: undefined };

/**
 * A probe that an event asked for has found a change. Not to be called when it found none: an event for an unchanged
 * tag proves nothing, and whoever can send events could otherwise slow the polling down.
 * @param at Epoch milliseconds.
 */
export function announced(trust: PollingTrust, at: number): PollingTrust {
  return { ...trust, announced: trust.announced + 1, changedAt: at };
}

/** A poll has ended. A change that no event announced takes all trust away; no change leaves everything as it is. */
export function foundByPoll(trust: PollingTrust, { changed, announcedBefore, at }: PollResult): PollingTrust {
  if (!changed) return trust;
  if (announcedBefore) return announced(trust, at);
  return { announced: 0, missed: trust.missed + 1, changedAt: at };
}

/** The factor for the polling period: 1, 2 after one announced change in a row, 4 after more. */
export function stretch(trust: PollingTrust): 1 | 2 | 4 {
  if (trust.announced === 0) return 1;
  return trust.announced === 1 ? 2 : maxStretch;
}
