/**
 * Holds a Lease, or waits until it can be had (ADR 0025). A Lease is held until a deadline by this process's own steady clock,
 * counted from before the request that renewed it: whoever waits for it counts a longer time, from later. Clocks of two
 * machines are never compared; a waiting process counts from when it has seen the record change.
 */
import type { Logger } from 'pino';
import { type Lease, leases } from '../api/resources.ts';
import { formatMicroTime } from '../api/time.ts';
import { spread } from '../domain/backoff.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import { isConflict, isForbidden, isNotFound, undefinedIfNotFound } from './errors.ts';
import { NotLeadingError } from './write-fence.ts';

/** Times of an election in milliseconds: the first is longer than the second, that longer than the third. */
export interface LeaseTimings {
  /** For how long the others leave a Lease alone that is not renewed. */
  readonly durationMs: number;
  /** For how long its holder relies on it after the last renewal. */
  readonly renewMs: number;
  /** Between two attempts to have or to renew it. */
  readonly retryMs: number;
}

/** Options of {@link LeaseElection}. */
export interface LeaseElectionOptions {
  /** One that is not fenced, and whose connections are not used up by others. */
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Another one for each process that ever was. */
  readonly identity: string;
  readonly timings: LeaseTimings;
  /** What the Lease says of its holder beside the name; asked before each write. */
  readonly annotations?: () => Readonly<Record<string, string>>;
  /** Asked before the Lease is taken: undefined when it is not wanted, else what to call when it was not to be had. */
  readonly claim?: () => (() => void) | undefined;
  /** Hears of each holder that is new, this process among them. */
  readonly onHolder?: (holder: string) => void;
  readonly clock: Clock;
  /** Milliseconds by a clock that is never corrected, such as `steadyNow`. */
  readonly elapsed: () => number;
  readonly log: Logger;
}

/** The record of somebody else as it was seen. */
interface Observation {
  readonly record: string;
  readonly holder: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** By the steady clock: when it may be taken if it is the same then. */
  readonly expiresAt: number;
}

const nothing: Observation = {
  record: '',
  holder: '',
  annotations: {},
  expiresAt: Number.NEGATIVE_INFINITY,
};

/** One Lease. It is had once and lost once: who has lost it does not come back, but ends. */
export class LeaseElection {
  readonly #options: LeaseElectionOptions;
  readonly #lost = new AbortController();
  readonly #acquired = Promise.withResolvers<void>();
  #observed = nothing;
  /** The Lease as it was last written by this process; undefined before it is held. */
  #own: Lease | undefined;
  /** By the steady clock. */
  #heldUntil = Number.NEGATIVE_INFINITY;
  #cancelDeadline: () => void = () => undefined;

  constructor(options: LeaseElectionOptions) {
    this.#options = options;
  }

  /** True while the Lease is held: looked up at this very moment, whatever timers were late. */
  get isHeld(): boolean {
    return !this.#lost.signal.aborted && this.#options.elapsed() < this.#heldUntil;
  }

  /**
   * Throws {@link NotLeadingError} when the Lease is not held at this very moment. Who finds that it was not renewed in
   * time loses it here and now: a process that was stopped gets to a write before it gets to its timers.
   */
  ensureHeld(): void {
    if (this.isHeld) return;
    if (this.#heldUntil !== Number.NEGATIVE_INFINITY) this.#fall(tooLate);
    throw new NotLeadingError();
  }

  /** True from the moment in which the Lease was had, also when it is lost. */
  get wasAcquired(): boolean {
    return this.#own !== undefined;
  }

  /** What the Lease says of another holder; undefined when there is none, or it is this process. */
  get otherHolder(): Readonly<Record<string, string>> | undefined {
    return this.wasAcquired || !this.#isTaken() ? undefined : this.#observed.annotations;
  }

  /** Resolves when the Lease is had. */
  get acquired(): Promise<void> {
    return this.#acquired.promise;
  }

  /** Aborted, with a {@link NotLeadingError}, when the Lease was had and is lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Waits for the Lease and renews it, until it is lost or the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, elapsed, log, name } = this.#options;
    const ends = AbortSignal.any([signal, this.#lost.signal]);
    for (let round = 1; !ends.aborted; round++) {
      const begun = elapsed();
      // A process that was stopped may get here before the timer of the deadline does.
      if (this.wasAcquired && !this.isHeld) return this.#fall(tooLate);
      try {
        await this.#inTime((until) => this.#attempt(until), ends);
      } catch (error) {
        if (ends.aborted) return;
        const hint = isForbidden(error) ? 'apply the rights of this version' : undefined;
        log.warn({ lease: name, err: error, hint }, 'lease not read or written, it is tried again');
      }
      // Counted from the beginning: one that took long is followed by the next one at once.
      await sleep(clock, Math.max(0, begun + this.#period(round) - elapsed()), ends);
    }
  }

  /** Gives the Lease back, so that nobody has to wait for its end. After {@link run} has ended and nothing is written any more. */
  async release(): Promise<void> {
    const { log, name } = this.#options;
    if (!this.isHeld) return;
    this.#cancelDeadline();
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    try {
      await this.#inTime((until) => this.#giveBack(until), new AbortController().signal);
      log.info({ lease: name }, 'lease given back');
    } catch (error) {
      log.warn({ lease: name, err: error }, 'lease not given back: the others wait for its end');
    }
  }

  /** A request that hangs must leave time for another one before the deadline. */
  async #inTime(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, timings } = this.#options;
    const late = new AbortController();
    const cancel = clock.setTimer(timings.renewMs / 2, () =>
      late.abort(new Error('the API server does not answer in time')),
    );
    try {
      await work(AbortSignal.any([signal, late.signal]));
    } finally {
      cancel();
    }
  }

  /** Milliseconds from one attempt to the next; who waits is there when the Lease ends. */
  #period(round: number): number {
    const { timings, identity, elapsed } = this.#options;
    const plain = timings.retryMs * (1 + spread(`${identity} ${round}`) / 4);
    const restMs = this.#observed.expiresAt - elapsed();
    return restMs > 0 ? Math.min(plain, restMs) : plain;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, identity, claim = alwaysWanted } = this.#options;
    if (this.#own !== undefined && (await this.#write(this.#own, signal))) return;
    const present = await client.get(leases, { namespace, name }, signal).catch(undefinedIfNotFound);
    const holder = present?.spec?.holderIdentity ?? '';
    if (this.#own !== undefined) {
      // A Lease that somebody deleted is made anew: nobody who has seen it takes it before its end.
      if (present === undefined || holder === identity) await this.#write(present, signal);
      else this.#fall(`it is ${holder || 'nobody'}'s now`);
      return;
    }
    this.#observe(present);
    if (this.#isTaken()) return;
    const giveUp = claim();
    if (giveUp === undefined) return;
    try {
      await this.#write(present, signal);
    } finally {
      if (!this.wasAcquired) giveUp();
    }
  }

  /** Notes what others have written. A Lease that is gone ends no sooner than it would have. */
  #observe(present: Lease | undefined): void {
    const { elapsed, onHolder, identity, name, log } = this.#options;
    if (present === undefined) return;
    const { spec = {} } = present;
    const record = JSON.stringify([present.metadata.uid, ...fieldsOf(present)]);
    if (record === this.#observed.record) return;
    const { holderIdentity: holder = '', leaseDurationSeconds: seconds = 0 } = spec;
    const before = this.#observed.holder;
    const { annotations = {} } = present.metadata;
    this.#observed = { record, holder, annotations, expiresAt: elapsed() + seconds * 1_000 };
    if (holder === before || holder === '' || holder === identity) return;
    onHolder?.(holder);
    log.info({ lease: name, holder }, 'following');
  }

  #isTaken(): boolean {
    const { holder, expiresAt } = this.#observed;
    return holder !== '' && holder !== this.#options.identity && this.#options.elapsed() < expiresAt;
  }

  /** Writes that the Lease is this process's, or still is; false when somebody was faster. */
  async #write(present: Lease | undefined, signal: AbortSignal): Promise<boolean> {
    const { identity, timings, elapsed, clock } = this.#options;
    const now = formatMicroTime(clock.now());
    const { holderIdentity, acquireTime = now, leaseTransitions = -1 } = present?.spec ?? {};
    const isSame = holderIdentity === identity;
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(timings.durationMs / 1_000),
      acquireTime: isSame ? acquireTime : now,
      renewTime: now,
      leaseTransitions: isSame ? leaseTransitions : leaseTransitions + 1,
    };
    const begun = elapsed();
    const written = await this.#send(present, spec, signal);
    if (written === undefined) return false;
    this.#hold(written, begun + timings.renewMs, holderIdentity);
    return true;
  }

  /** The Lease as it is then; undefined when somebody else has written, created or deleted it meanwhile. */
  async #send(
    present: Lease | undefined,
    spec: NonNullable<Lease['spec']>,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#options;
    const annotations = this.#options.annotations?.() ?? {};
    try {
      if (present === undefined) {
        const type = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
        const metadata = { namespace, name, annotations };
        return await client.create(leases, { ...type, metadata, spec }, signal);
      }
      const { uid, resourceVersion } = present.metadata;
      const document = { metadata: { uid, resourceVersion, annotations }, spec };
      return await client.patch(leases, { namespace, name }, { type: 'merge', document }, signal);
    } catch (error) {
      // Where it cannot be created because of a 404, there is no such namespace.
      if (isConflict(error) || (present !== undefined && isNotFound(error))) return undefined;
      throw error;
    }
  }

  /** The Lease is held until a time by the steady clock. */
  #hold(written: Lease, until: number, previous: string | undefined): void {
    const { name, identity, log, onHolder } = this.#options;
    if (this.#lost.signal.aborted) return;
    const isNew = this.#own === undefined;
    this.#heldUntil = until;
    // The answer may come too late for that: then it is had with the next one.
    if (isNew && !this.isHeld) return;
    this.#own = written;
    this.#watchDeadline();
    if (!isNew) return;
    log.info({ lease: name, identity, previous: previous || undefined }, 'leading');
    onHolder?.(identity);
    this.#acquired.resolve();
  }

  #watchDeadline(): void {
    const { clock, elapsed } = this.#options;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.setTimer(Math.max(0, this.#heldUntil - elapsed()), () => {
      if (this.isHeld) this.#watchDeadline();
      else this.#fall(tooLate);
    });
  }

  #fall(why: string): void {
    const { name, identity, log } = this.#options;
    if (this.#lost.signal.aborted) return;
    this.#cancelDeadline();
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    log.error({ lease: name, identity, why }, 'lease lost: nothing is written any more');
    this.#lost.abort(new NotLeadingError());
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, identity, clock } = this.#options;
    // The last renewal may have been cut off, and done all the same: so the version is read.
    const { metadata, spec } = await client.get(leases, { namespace, name }, signal);
    if (spec?.holderIdentity !== identity) return;
    const { uid, resourceVersion } = metadata;
    const renewTime = formatMicroTime(clock.now());
    const free = { holderIdentity: '', leaseDurationSeconds: 1, renewTime };
    const document = { metadata: { uid, resourceVersion }, spec: free };
    await client.patch(leases, { namespace, name }, { type: 'merge', document }, signal);
  }
}

function fieldsOf({ spec = {} }: Lease): readonly unknown[] {
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions } = spec;
  return [holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions];
}

const tooLate = 'it could not be renewed in time';

const alwaysWanted = (): (() => void) => () => undefined;
