/** The time that a request has for its work. */
import { CallLimit } from '../runtime/call-limit.ts';
import type { Clock } from '../runtime/clock.ts';

/** Options of {@link Deadline}. */
export interface DeadlineOptions {
  readonly clock: Clock;
  readonly timeMs: number;
  /** Aborted when the client is gone. */
  readonly client: AbortSignal;
}

/** Ends work when its time is over, when the client is gone, or when it is disposed. */
export class Deadline extends CallLimit {
  readonly timeMs: number;
  readonly client: AbortSignal;

  constructor({ clock, timeMs, client }: DeadlineOptions) {
    super({ clock, timeMs, signals: [client], late: () => new Error('the time for the request is over') });
    this.timeMs = timeMs;
    this.client = client;
  }

  /** Ends what is still under way. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.end(new Error('the request is answered'));
  }
}
