/**
 * When scheduled tags are looked at. Time is cut into periods that begin at a place of their own for each source:
 * checks are spread evenly, streams that follow the same source look at the same time (and so share one question), and
 * a restart neither storms nor loses the rhythm, though nothing is stored.
 */

/** The start (epoch milliseconds) of the period that `now` lies in. `phase` is in [0, 1). */
export function slotStart(now: number, periodMs: number, phase: number): number {
  const offset = phase * periodMs;
  return Math.floor((now - offset) / periodMs) * periodMs + offset;
}

/** The start of the period after the one that `now` lies in. */
export function nextSlot(now: number, periodMs: number, phase: number): number {
  return slotStart(now, periodMs, phase) + periodMs;
}
