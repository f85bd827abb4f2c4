/** An end for a call: when its caller gives up, or when its time is over. */
import { type Clock, systemClock } from './clock.ts';

/** Options of {@link CallLimit}. */
export interface CallLimitOptions {
  /** The machine's when absent, as that of the sockets. */
  readonly clock?: Clock;
  readonly timeMs: number;
  /** Any of them ends the call, for its own reason. */
  readonly signals?: readonly AbortSignal[];
}

/**
 * Until it is disposed. `AbortSignal.any` and `AbortSignal.timeout` do the same and leave for each call a timer that runs to its end,
 * and an error then.
 */
export class CallLimit implements Disposable {
  readonly #end = new AbortController();
  readonly #release: readonly (() => void)[];

  constructor({ clock = systemClock, timeMs, signals = [] }: CallLimitOptions) {
    const end = this.#end;
    this.#release = [
      clock.setTimer(timeMs, () =>
        end.abort(new DOMException(`no answer within ${timeMs} ms`, 'TimeoutError')),
      ),
      ...signals.map((signal) => {
        const giveUp = (): void => end.abort(signal.reason);
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

  /** The call has ended: nothing is waited for any more. */
  [Symbol.dispose](): void {
    for (const release of this.#release) release();
  }
}
