/** Time as a dependency, so that waiting is tested without waiting. */

/** The current time, and waiting for a later one. All times are in milliseconds. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs `callback` once after `delayMs` (0 or more) unless the returned function was called before. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** Longest delay that Node's timers take; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(delayMs, maxTimerMs));
    return () => clearTimeout(timer);
  },
};

/**
 * Milliseconds since some moment in the past, which no correction of the machine's time changes; it goes on while the process
 * is stopped, and on Linux not while the whole machine sleeps.
 */
export function steadyNow(): number {
  return performance.now();
}

/** Resolves when what was begun before had its turn: requests are on their way, answers are read. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Resolves after `delayMs`, or at once (without an error) when the signal is aborted. */
export async function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const cancel = clock.setTimer(delayMs, wake);
  signal.addEventListener('abort', wake, { once: true });
  await promise;
  cancel();
  signal.removeEventListener('abort', wake);
}
