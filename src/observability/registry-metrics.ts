/** What is asked of registries and how they take it, for the operator and for the API face alike. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { HostLabels, otherHosts } from './host-labels.ts';

/** Documents of registries. */
const documents = ['manifest', 'config', 'probe', 'tags', 'token'] as const;
type Document = (typeof documents)[number];

/** Why no request goes to a host: it asked for fewer, or it does not answer. */
const closedReasons = ['busy', 'dead'] as const;

/** Where the state of the gates is read. */
export interface ObservedGates {
  /** The hosts to which nothing is sent now, and why. */
  readonly closures: readonly {
    readonly host: string;
    readonly because: (typeof closedReasons)[number];
  }[];
  /** Requests that wait for their turn, of all hosts. */
  readonly waiting: number;
}

/** Hosts whose gates are shown by name, and for how long after they opened again: 20 names an hour at most. */
const maxHosts = 20;
const keepMs = 60 * 60 * 1_000;

/** Metrics of registries, on somebody's registry of metrics. */
export class RegistryMetrics {
  readonly #requests: Counter<'document'>;
  readonly #seconds: Histogram<'document'>;
  readonly #sharedProbes: Counter;
  readonly #hosts: HostLabels;
  #gates: ObservedGates = { closures: [], waiting: 0 };

  /** `now` in milliseconds since the epoch. */
  constructor(registry: Registry, now: () => number = Date.now) {
    const registers = [registry];
    this.#hosts = new HostLabels({ max: maxHosts, keepMs, now });
    this.#requests = new Counter({
      name: 'imagestream_registry_request_total',
      help: 'What was asked of registries: manifest, config, probe (HEAD), tags, token.',
      labelNames: ['document'] as const,
      registers,
    });
    this.#seconds = new Histogram({
      name: 'imagestream_registry_request_duration_seconds',
      help: 'Time from such a request to its answer or failure; with the token, where one had to be fetched first.',
      labelNames: ['document'] as const,
      buckets: [0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
      registers,
    });
    this.#sharedProbes = new Counter({
      name: 'imagestream_registry_probe_shared_total',
      help: 'Scheduled looks that were answered by the probe of another one of the same source.',
      registers,
    });
    this.#createGateMetrics(registers);
    for (const document of documents) this.#requests.inc({ document }, 0);
  }

  #createGateMetrics(registers: Registry[]): void {
    const closed = new Gauge({
      name: 'imagestream_registry_gate_closed',
      help: 'Registry hosts to which nothing is sent now, because they asked for that (busy) or do not answer (dead); of all but 20 hosts the number, as other.',
      labelNames: ['host', 'reason'] as const,
      registers,
      collect: () => {
        closed.reset();
        this.#hosts.expire();
        const closures = this.#gates.closures.map(({ host, because }) => ({
          host: this.#hosts.labelOf(host),
          reason: because,
        }));
        for (const host of [otherHosts, ...this.#hosts.named])
          for (const reason of closedReasons) closed.set({ host, reason }, 0);
        for (const closure of closures) closed.inc(closure);
      },
    });
    const waiting = new Gauge({
      name: 'imagestream_registry_request_waiting',
      help: 'Requests that wait for their turn at their registry host, of all hosts.',
      registers,
      collect: () => {
        waiting.set(this.#gates.waiting);
      },
    });
  }

  /** Counts a request that goes out; what it returns is called when it has ended. */
  readonly asked = (document: Document): (() => void) => {
    this.#requests.inc({ document });
    return this.#seconds.startTimer({ document });
  };

  /** Counts a look that was answered by the probe of another one. */
  readonly sharedProbe = (): void => this.#sharedProbes.inc();

  /** Reads the state of these gates whenever the metrics are asked for. */
  observeGates(gates: ObservedGates): void {
    this.#gates = gates;
  }
}
