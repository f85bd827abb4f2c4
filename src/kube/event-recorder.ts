/** Events on objects: what `kubectl describe` shows. Recording never fails and never delays a reconcile. */
import type { Logger } from 'pino';
import { fieldManager } from '../api/annotations.ts';
import { truncate } from '../api/conditions.ts';
import { events, type KubeEvent } from '../api/resources.ts';
import { formatTime } from '../api/time.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { stableHash } from '../runtime/stable-hash.ts';
import type { KubeClient } from './client.ts';
import { isConflict, isNotFound } from './errors.ts';

/** The object that an event is about. */
export interface EventTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What happened. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, for machines. */
  readonly reason: string;
  readonly message: string;
  /** True for what is found anew by each process: the same event that is there already is left as it is. */
  readonly once?: boolean;
}

/** Events that wait to be sent; what comes beyond is dropped and logged, the log line has it all the same. */
const maxPending = 10_000;
/** Events that are sent at once, and then so many a second: what moves images comes before what tells of it. */
const burst = 100;
const perSecond = 50;
const maxMessage = 1_024;

/** Sends events in the background, one after the other and not too many at a time, each under a name made of its text. */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stop: AbortSignal;
  readonly #hurry = new AbortController();
  #pending = 0;
  #allowance = burst;
  #allowedAt: number;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: { client: KubeClient; clock: Clock; log: Logger; signal: AbortSignal }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#stop = options.signal;
    this.#allowedAt = options.clock.now();
  }

  /** Records an event; the same text on the same object counts up the event that is there. */
  record(target: EventTarget, text: EventText): void {
    if (this.#pending >= maxPending) {
      this.#log.warn({ object: nameOf(target), reason: text.reason }, 'event dropped');
      return;
    }
    this.#pending++;
    this.#tail = this.#tail
      .then(() => this.#turn())
      .then(() => this.#send(target, text))
      .catch((error: unknown) =>
        this.#log.warn({ object: nameOf(target), reason: text.reason, err: error }, 'event not recorded'),
      )
      .finally(() => {
        this.#pending--;
      });
  }

  /** At the end: resolves when what was recorded until now has been sent, without further pauses, or after `atMostMs`. */
  async flush(atMostMs: number): Promise<void> {
    this.#hurry.abort();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.setTimer(atMostMs, resolve);
    await Promise.race([this.#tail, promise]);
    cancel();
  }

  /** Waits until another event may be sent. */
  async #turn(): Promise<void> {
    const now = this.#clock.now();
    this.#allowance = Math.min(burst, this.#allowance + ((now - this.#allowedAt) * perSecond) / 1_000);
    this.#allowedAt = now;
    this.#allowance--;
    if (this.#allowance < 0)
      await sleep(this.#clock, -this.#allowance * (1_000 / perSecond), this.#hurry.signal);
  }

  async #send(target: EventTarget, text: EventText): Promise<void> {
    const event = this.#eventFor(target, text);
    const { namespace, name } = { namespace: target.namespace, name: event.metadata.name };
    try {
      await this.#client.create(events, event, this.#stop);
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (text.once === true) return;
      await this.#countUp(namespace, name ?? '');
    }
  }

  async #countUp(namespace: string, name: string): Promise<void> {
    try {
      const present = await this.#client.get(events, { namespace, name }, this.#stop);
      const document = { count: (present.count ?? 1) + 1, lastTimestamp: formatTime(this.#clock.now()) };
      await this.#client.patch(events, { namespace, name }, { type: 'merge', document }, this.#stop);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #eventFor(target: EventTarget, text: EventText): KubeEvent & Readonly<Record<string, unknown>> {
    const time = formatTime(this.#clock.now());
    const message = truncate(text.message, maxMessage);
    const hash = stableHash([target.uid, text.type, text.reason, message]);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: target.namespace, name: `${target.name.slice(0, 230)}.${hash}` },
      involvedObject: {
        apiVersion: target.apiVersion,
        kind: target.kind,
        namespace: target.namespace,
        name: target.name,
        uid: target.uid,
      },
      type: text.type,
      reason: text.reason,
      message,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component: fieldManager },
      reportingComponent: fieldManager,
    };
  }
}

function nameOf({ namespace, name }: EventTarget): string {
  return `${namespace}/${name}`;
}
