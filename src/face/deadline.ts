/** The time that a request has for its work. */
import type { Clock } from '../runtime/clock.ts';

/** Options of {@link Deadline}. */
export interface DeadlineOptions {
  readonly clock: Clock;
  readonly timeMs: number;
  /** Aborted when the client is gone. */
  readonly client: AbortSignal;
}

/** Ends work when its time is over, when the client is gone, or when it is disposed. */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly timeMs: number;
  readonly client: AbortSignal;
  readonly #end = new AbortController();
  readonly #cancel: () => void;
  #isOver = false;

  constructor({ clock, timeMs, client }: DeadlineOptions) {
    this.timeMs = timeMs;
    this.client = client;
    this.signal = AbortSignal.any([client, this.#end.signal]);
    this.#cancel = clock.setTimer(timeMs, () => {
      this.#isOver = true;
      this.#end.abort(new Error('the time for the request is over'));
    });
  }

  /** True when the time is over, and that is why the signal is aborted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends what is still under way. */
  [Symbol.dispose](): void {
    this.#cancel();
    this.#end.abort(new Error('the request is answered'));
  }
}
