/** All metrics of the API face. Labels come from closed sets: what callers make up is `other`. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ApiMetrics } from './api-metrics.ts';
import { RegistryMetrics } from './registry-metrics.ts';

/** What a request was about, as far as that is one of a known set. */
export interface RequestLabels {
  readonly verb: string;
  /** With its subresource. */
  readonly resource: string;
}

/** How many requests there are now. */
export interface ObservedRequests {
  /** Those that are worked on; watches not. */
  readonly running: number;
  /** Those that wait for their turn. */
  readonly waiting: number;
  readonly watches: number;
}

/** The metrics of the API face. */
export class FaceMetrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];

  readonly #requests = new Counter({
    name: 'imagestream_face_request_total',
    help: 'Requests by verb, resource and class of the status; other is discovery, and what there is not.',
    labelNames: ['verb', 'resource', 'code'] as const,
    registers: this.#registers,
  });

  readonly #seconds = new Histogram({
    name: 'imagestream_face_request_duration_seconds',
    help: 'Time to the end of the answer by verb and resource; watches are not timed.',
    labelNames: ['verb', 'resource'] as const,
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: this.#registers,
  });

  readonly #running = new Gauge({
    name: 'imagestream_face_request_running',
    help: 'Requests that are worked on or wait; watches are not counted.',
    registers: this.#registers,
    collect: () => {
      this.#running.set(this.#observed.running);
    },
  });

  readonly #waiting = new Gauge({
    name: 'imagestream_face_request_waiting',
    help: 'Those of them that wait for their turn, of all, of their user or for their namespace.',
    registers: this.#registers,
    collect: () => {
      this.#waiting.set(this.#observed.waiting);
    },
  });

  readonly #watches = new Gauge({
    name: 'imagestream_face_watch_open',
    help: 'Watches that are open.',
    registers: this.#registers,
    collect: () => {
      this.#watches.set(this.#observed.watches);
    },
  });

  readonly #access = new Counter({
    name: 'imagestream_face_access_review_total',
    help: 'Questions whether a caller may do something: asked of the API server, or remembered.',
    labelNames: ['result'] as const,
    registers: this.#registers,
  });

  readonly api = new ApiMetrics(this.registry);
  readonly registries = new RegistryMetrics(this.registry);

  #observed: ObservedRequests = { running: 0, waiting: 0, watches: 0 };

  constructor() {
    for (const result of ['asked', 'remembered']) this.#access.inc({ result }, 0);
  }

  /** Counts an answer; `status` is undefined when the client had gone. `seconds` is undefined for what is not timed. */
  answered(labels: RequestLabels, status: number | undefined, seconds: number | undefined): void {
    this.#requests.inc({ ...labels, code: classOf(status) });
    if (seconds !== undefined) this.#seconds.observe({ ...labels }, seconds);
  }

  /** Counts a question about rights. */
  readonly reviewed = (result: 'asked' | 'remembered'): void => this.#access.inc({ result });

  /** Reads these numbers whenever the metrics are asked for. */
  observeRequests(requests: ObservedRequests): void {
    this.#observed = requests;
  }
}

/** Too many requests are told apart: they are no fault of the caller. */
function classOf(status: number | undefined): string {
  if (status === undefined) return 'gone';
  return status === 429 ? '429' : `${Math.floor(status / 100)}xx`;
}
