/**
 * Keys to work on, in the manner of client-go's workqueue (no package on npm does this: ADR 0003): a key waits
 * at most once, is never worked on twice at the same time, waits longer after each failure, and the number of
 * workers is bounded. Groups of keys take turns: a thousand keys of one do not keep the one key of another waiting.
 */
import { type BackoffPolicy, backoffMs } from '../domain/backoff.ts';
import type { Clock } from '../runtime/clock.ts';

/** When to look at a key again although nothing happens to it; undefined: not by itself. */
export interface WorkResult {
  readonly requeueAfterMs?: number | undefined;
}

/** Options of {@link WorkQueue}. */
export interface WorkQueueOptions {
  /** Keys worked on at the same time. */
  readonly concurrency: number;
  /** Does the work for a key. A rejection puts the key back after a wait that grows with each failure in a row. */
  readonly work: (key: string) => Promise<WorkResult>;
  /** Hears of each failure. */
  readonly onFailure: (key: string, error: unknown, failures: number) => void;
  readonly backoff: BackoffPolicy;
  readonly clock: Clock;
  /** The group of a key; all are of one when not given. */
  readonly groupOf?: ((key: string) => string) | undefined;
}

/** A set of keys that wants to be empty. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** By group, which take turns in this order; the keys of one in the order in which they came. */
  readonly #ready = new Map<string, Set<string>>();
  readonly #running = new Set<string>();
  /** Keys that came while they were being worked on. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { dueAt: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  #state: 'paused' | 'running' | 'draining' = 'paused';
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait for a worker now; delayed ones do not count. */
  get depth(): number {
    return [...this.#ready.values()].reduce((sum, keys) => sum + keys.size, 0);
  }

  /** Keys that are being worked on. */
  get active(): number {
    return this.#running.size;
  }

  /** Starts the workers; keys added before wait until then. */
  start(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#dispatch();
  }

  /** Puts a key in, now. */
  add(key: string): void {
    if (this.#state === 'draining') return;
    this.#cancelTimer(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#enter(key);
    this.#dispatch();
  }

  /** Puts a key in after a delay in milliseconds; of several delays for a key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#state === 'draining') return;
    const dueAt = this.#options.clock.now() + delayMs;
    const pending = this.#timers.get(key);
    if (pending !== undefined && pending.dueAt <= dueAt) return;
    pending?.cancel();
    const cancel = this.#options.clock.setTimer(delayMs, () => this.add(key));
    this.#timers.set(key, { dueAt, cancel });
  }

  /** Takes no more keys and resolves when those under work are done; waiting ones are dropped. */
  drain(): Promise<void> {
    this.#state = 'draining';
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#ready.clear();
    this.#again.clear();
    if (this.#running.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  #dispatch(): void {
    if (this.#state !== 'running') return;
    while (this.#running.size < this.#options.concurrency) {
      const key = this.#next();
      if (key === undefined) return;
      this.#running.add(key);
      void this.#run(key);
    }
  }

  #enter(key: string): void {
    const group = this.#options.groupOf?.(key) ?? '';
    const keys = this.#ready.get(group);
    if (keys === undefined) this.#ready.set(group, new Set([key]));
    else keys.add(key);
  }

  /** The first key of the group whose turn it is; that group then comes last. */
  #next(): string | undefined {
    const [turn] = this.#ready;
    if (turn === undefined) return undefined;
    const [group, keys] = turn;
    const [key] = keys;
    this.#ready.delete(group);
    if (key !== undefined) keys.delete(key);
    if (keys.size > 0) this.#ready.set(group, keys);
    return key;
  }

  async #run(key: string): Promise<void> {
    try {
      const { requeueAfterMs } = await this.#options.work(key);
      this.#failures.delete(key);
      if (requeueAfterMs !== undefined) this.addAfter(key, requeueAfterMs);
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      this.#options.onFailure(key, error, failures);
      this.addAfter(key, backoffMs(this.#options.backoff, failures, key));
    } finally {
      this.#finish(key);
    }
  }

  #finish(key: string): void {
    this.#running.delete(key);
    if (this.#again.delete(key)) this.add(key);
    this.#dispatch();
    if (this.#running.size === 0) this.#idle?.resolve();
  }

  #cancelTimer(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }
}
