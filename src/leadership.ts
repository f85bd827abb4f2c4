/** Puts together what decides whether this process does the work: a Lease for each shard, and the fence that all writes pass. */
import type { Logger } from 'pino';
import { notificationsAnnotation } from './api/annotations.ts';
import type { Config } from './config.ts';
import { shardOf } from './domain/shard.ts';
import { KubeClient } from './kube/client.ts';
import { LeaseElection } from './kube/lease-election.ts';
import { KubeTransport } from './kube/transport.ts';
import { NotLeadingError, type WriteFence } from './kube/write-fence.ts';
import type { Metrics } from './observability/metrics.ts';
import { type Clock, steadyNow } from './runtime/clock.ts';

/** A part of the cluster's namespaces; there is but one unless the settings say otherwise. */
export interface Shard {
  /** From 0. */
  readonly number: number;
  /** Whether a namespace is in it. */
  readonly has: (namespace: string) => boolean;
}

/** Which part of the work is this process's. */
export interface Leadership {
  /** What the writes of the work have to pass; undefined where nobody is elected. */
  readonly fence: WriteFence | undefined;
  /** True when this process looks after the objects of a namespace. */
  owns(namespace: string): boolean;
  /** True when any of the work is this process's. */
  readonly isWorking: boolean;
  /** Where the others that work were announced; undefined when somebody should work of whom that is not known. */
  readonly peers: readonly string[] | undefined;
  /** Says before {@link run} where the others reach this process: `http://host:port`. */
  announce(address: string): void;
  /** Waits for Leases and holds them, until one is lost or the signal is aborted. `begin` hears of each shard that is had. */
  run(begin: (shard: Shard) => void, signal: AbortSignal): Promise<void>;
  /** Aborted when a Lease is lost: nothing is written any more, and the process has to end. */
  readonly lost: AbortSignal;
  /** Takes no more Leases than are held: the process is about to end. */
  decline(): void;
  /** Gives the Leases back: when {@link run} has ended, and nothing is written any more. */
  close(): Promise<void>;
}

/** What is needed of the process. */
export interface LeadershipParts {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly userAgent: string;
  /** Tells this process from every other one. */
  readonly identity: string;
}

/** The leadership that the settings ask for. */
export function createLeadership(parts: LeadershipParts): Leadership {
  return parts.config.leaderElect ? new ElectedLeadership(parts) : soleLeadership(parts.metrics);
}

/** Of a process that is alone because somebody says so. */
function soleLeadership(metrics: Metrics): Leadership {
  return {
    fence: undefined,
    owns: () => true,
    isWorking: true,
    peers: [],
    announce: () => undefined,
    run: async (begin) => {
      metrics.leader.set({ shard: '0' }, 1);
      begin({ number: 0, has: () => true });
    },
    lost: new AbortController().signal,
    decline: () => undefined,
    close: async () => undefined,
  };
}

class ElectedLeadership implements Leadership, WriteFence {
  readonly lost: AbortSignal;
  /** By shard. */
  readonly #elections: readonly LeaseElection[];
  readonly #transport: KubeTransport;
  /** Leases that are held, or about to be. */
  #claims = 0;
  #declines = false;
  /** On the Leases that are held. */
  #annotations: Readonly<Record<string, string>> = { [notificationsAnnotation]: '' };

  constructor(parts: LeadershipParts) {
    const { config, userAgent } = parts;
    // Its own connections: a queue of writes must not keep the Lease from being renewed.
    this.#transport = KubeTransport.load({ kubeconfig: config.kubeconfig, userAgent });
    const names = leaseNames(config);
    this.#elections = names.map((name, shard) => this.#election(parts, { name, shard: String(shard) }));
    this.lost = AbortSignal.any(this.#elections.map(({ lost }) => lost));
  }

  get fence(): WriteFence {
    return this;
  }

  get signal(): AbortSignal {
    return this.lost;
  }

  check(): void {
    const acquired = this.#elections.filter(({ wasAcquired }) => wasAcquired);
    if (acquired.length === 0) throw new NotLeadingError();
    for (const election of acquired) election.ensureHeld();
  }

  owns(namespace: string): boolean {
    return this.#elections[shardOf(namespace, this.#elections.length)]?.wasAcquired === true;
  }

  get isWorking(): boolean {
    return this.#elections.some(({ wasAcquired }) => wasAcquired);
  }

  get peers(): readonly string[] | undefined {
    const others = this.#elections.filter(({ wasAcquired }) => !wasAcquired);
    const addresses = others.map(({ otherHolder }) => addressIn(otherHolder));
    const known = addresses.filter((address) => address !== undefined);
    return known.length < addresses.length ? undefined : [...new Set(known)];
  }

  announce(address: string): void {
    this.#annotations = { [notificationsAnnotation]: address };
  }

  async run(begin: (shard: Shard) => void, signal: AbortSignal): Promise<void> {
    const ends = AbortSignal.any([signal, this.lost]);
    const { length: shards } = this.#elections;
    for (const [number, election] of this.#elections.entries()) {
      const has = (namespace: string): boolean => shardOf(namespace, shards) === number;
      void election.acquired.then(() =>
        this.#declines || ends.aborted ? undefined : begin({ number, has }),
      );
    }
    await Promise.all(this.#elections.map((election) => election.run(ends)));
  }

  decline(): void {
    this.#declines = true;
  }

  async close(): Promise<void> {
    await Promise.all(this.#elections.map((election) => election.release()));
    await this.#transport.close();
  }

  #election(
    { config, log, metrics, clock, identity }: LeadershipParts,
    { name, shard }: { name: string; shard: string },
  ): LeaseElection {
    metrics.leader.set({ shard }, 0);
    metrics.leaderChanges.inc({ shard }, 0);
    return new LeaseElection({
      client: new KubeClient({ transport: this.#transport, clock }),
      namespace: config.leaseNamespace ?? this.#transport.namespace ?? 'default',
      name,
      identity,
      timings: {
        durationMs: config.leaseDuration,
        renewMs: config.leaseRenewDeadline,
        retryMs: config.leaseRetryPeriod,
      },
      annotations: () => this.#annotations,
      claim: () => this.#claim(config.shardLeases),
      onHolder: (holder) => {
        metrics.leader.set({ shard }, holder === identity ? 1 : 0);
        metrics.leaderChanges.inc({ shard });
      },
      clock,
      elapsed: steadyNow,
      log,
    });
  }

  #claim(limit: number): (() => void) | undefined {
    if (this.#declines || this.#claims >= limit) return undefined;
    this.#claims++;
    return () => {
      this.#claims--;
    };
  }
}

/** Where the holder of a Lease takes notifications; undefined when it does not say, or something else. */
function addressIn(annotations: Readonly<Record<string, string>> = {}): string | undefined {
  const address = annotations[notificationsAnnotation] ?? '';
  return /^http:\/\/(?:[\d.]+|\[[\da-f:]+\]):\d{1,5}$/i.test(address) ? address : undefined;
}

/** One name as it is set; of several shards each has its number behind it. */
function leaseNames({ leaseName, shards }: Config): readonly string[] {
  return shards === 1 ? [leaseName] : Array.from({ length: shards }, (_, shard) => `${leaseName}-${shard}`);
}
