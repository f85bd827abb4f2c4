/** An end for a call: when its caller gives up, or when its time is over. */
import { type Clock, systemClock } from './clock.ts';

/** Options of {@link CallLimit}. */
export interface CallLimitOptions {
  /** The machine's when absent, as that of the sockets. */
  readonly clock?: Clock;
  readonly timeMs: number;
  /** Makes the reason when the time is over: a `TimeoutError` when absent. */
  readonly late?: () => Error;
  /** Any of them ends the call, for its own reason. */
  readonly signals?: readonly AbortSignal[];
}

/**
 * Until it is disposed. `AbortSignal.any` and `AbortSignal.timeout` do the same and leave for each call a timer that runs to its end,
 * and an error then.
 */
export class CallLimit implements Disposable {
  readonly #end = new AbortController();
  #isLate = false;
  readonly #release: readonly (() => void)[];

  constructor({ clock = systemClock, timeMs, late, signals = [] }: CallLimitOptions) {
    this.#release = [
      clock.setTimer(timeMs, () => {
        this.#isLate = !this.signal.aborted;
        this.end(late?.() ?? new DOMException(`no answer within ${timeMs} ms`, 'TimeoutError'));
      }),
      ...signals.map((signal) => {
        const giveUp = (): void => this.end(signal.reason);
        if (signal.aborted) giveUp();
        signal.addEventListener('abort', giveUp, { once: true });
        return () => signal.removeEventListener('abort', giveUp);
      }),
    ];
  }

  /** Aborted when the call is to end. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** True when the time is over, and that is why the signal is aborted. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Ends the call for a reason of its own. */
  end(reason: unknown): void {
    this.#end.abort(reason);
  }

  /** The call has ended: nothing is waited for any more. */
  [Symbol.dispose](): void {
    for (const release of this.#release) release();
  }
}
