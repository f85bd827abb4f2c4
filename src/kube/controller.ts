/** A queue of keys with a reconcile at its end: the one place that counts, times and logs reconciles. */
import type { Logger } from 'pino';
import type { BackoffPolicy } from '../domain/backoff.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Clock } from '../runtime/clock.ts';
import { isConflict } from './errors.ts';
import { WorkQueue, type WorkResult } from './work-queue.ts';

/** Brings the world in line with one object. Reads everything anew; throws to be tried again later. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<WorkResult>;

/** Options of {@link Controller}. */
export interface ControllerOptions {
  readonly name: 'imagestream' | 'imagestreamtag' | 'trigger';
  readonly concurrency: number;
  /** The group of a key: groups are served by turns. */
  readonly groupOf?: (key: string) => string;
  /** False for keys that somebody else works on, or nobody for now: they are left out. All are taken when not given. */
  readonly takes?: (key: string) => boolean;
  readonly reconcile: Reconcile;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A conflict solves itself when the watch brings the newer object: the first wait is short. */
const backoff: BackoffPolicy = { baseMs: 50, maxMs: 60_000 };

/** Runs reconciles until it is stopped. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  readonly #abort = new AbortController();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      concurrency: options.concurrency,
      groupOf: options.groupOf,
      work: (key) => this.#work(key),
      onFailure: (key, error, failures) => this.#onFailure(key, error, failures),
      backoff,
      clock: options.clock,
    });
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#queue.depth;
  }

  /** Which controller this is. */
  get name(): string {
    return this.#options.name;
  }

  /** Asks for a reconcile of a key, if it is one that is taken. */
  enqueue(key: string): void {
    if (this.#options.takes?.(key) !== false) this.#queue.add(key);
  }

  /** Starts the workers. */
  start(): void {
    this.#queue.start();
  }

  /** Lets the reconciles under way end for at most `graceMs`, then aborts them. */
  async stop(graceMs: number): Promise<void> {
    const cancel = this.#options.clock.setTimer(graceMs, () =>
      this.#abort.abort(new Error('the operator stops')),
    );
    await this.#queue.drain();
    cancel();
  }

  async #work(key: string): Promise<WorkResult> {
    const { name, metrics, reconcile } = this.#options;
    const stopTimer = metrics.reconcileSeconds.startTimer({ controller: name });
    try {
      const result = await reconcile(key, this.#abort.signal);
      metrics.reconciles.inc({ controller: name, result: 'success' });
      return result;
    } finally {
      stopTimer();
    }
  }

  #onFailure(key: string, error: unknown, failures: number): void {
    const { name, metrics, log } = this.#options;
    metrics.reconciles.inc({ controller: name, result: 'failure' });
    if (isConflict(error) && failures === 1)
      log.debug({ controller: name, object: key }, 'object changed meanwhile');
    else
      log.warn(
        { controller: name, object: key, failures, err: error },
        'reconcile failed, it is tried again',
      );
  }
}
