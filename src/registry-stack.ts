/** Puts the registry side together: policy, transport, accounts, gates, lookups. */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Config, SharedConfig } from './config.ts';
import { ImageLookup } from './controllers/image-lookup.ts';
import { RegistryAccesses } from './controllers/registry-access.ts';
import { type RegistryPolicy, rateBudget } from './domain/registry-policy.ts';
import type { KubeClient } from './kube/client.ts';
import { Authenticator } from './registry/authenticator.ts';
import { RegistryClient, type RegistryDocument } from './registry/client.ts';
import { HostGates } from './registry/host-gate.ts';
import { PolicyFile } from './registry/policy-file.ts';
import type { ProxySettings } from './registry/proxy.ts';
import { SharedProbes } from './registry/shared-probes.ts';
import { RegistryTransport } from './registry/transport.ts';
import { parseCaBundle } from './registry/trust-roots.ts';
import type { Clock } from './runtime/clock.ts';

/** Who counts what is asked. */
interface StackMetrics {
  /** What it returns is called when there is an answer, or none. */
  readonly asked: (document: RegistryDocument | 'token') => () => void;
  readonly sharedProbe: () => void;
  observeGates(gates: Pick<HostGates, 'closures' | 'waiting'>): void;
}

/** What the stack is made of. */
export interface RegistryStackParts {
  readonly config: SharedConfig & Partial<Pick<Config, 'schedulePeriod'>>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly proxies: ProxySettings;
  readonly client: KubeClient;
  /** What people call the program, where it lacks a right. */
  readonly reader: string;
  readonly metrics: StackMetrics;
}

/** The registry side of a program. */
export interface RegistryStack {
  readonly lookup: ImageLookup;
  readonly accesses: RegistryAccesses;
  /** The policy that is in force now. */
  readonly policy: () => RegistryPolicy;
  /** Follows the policy file until the signal is aborted. */
  watchPolicy(signal: AbortSignal): void;
  close(): Promise<void>;
}

/** An answer serves all who ask the same within this time, but never for the next period's check. */
const maxFreshProbeMs = 30_000;

/** Reads the files that the settings name and builds the stack. Throws a sentence for people when a file is unusable. */
export async function createRegistryStack(parts: RegistryStackParts): Promise<RegistryStack> {
  const { config, log, clock, userAgent, proxies, client, reader, metrics } = parts;
  const policy = new PolicyFile({ path: config.registryPolicy, clock, log });
  await policy.load();
  const ca = config.registryCa === undefined ? undefined : await readBundle(config.registryCa);
  const { allowLinkLocal, allowPrivateRegistries: allowPrivate } = config;
  const transport = new RegistryTransport({
    userAgent,
    ca,
    proxies,
    addresses: { allowLinkLocal, allowPrivate },
  });
  const authenticator = new Authenticator({
    transport,
    clock,
    trustedRealms: new Set(config.trustedRealms),
    onToken: () => metrics.asked('token'),
  });
  const gates = new HostGates({ clock, budget: (host) => rateBudget(policy.current, host) });
  metrics.observeGates(gates);
  const registry = new RegistryClient({ authenticator, gates, onRequest: metrics.asked });
  const { schedulePeriod = Number.POSITIVE_INFINITY } = config;
  const freshMs = Math.min(maxFreshProbeMs, schedulePeriod / 2);
  const probes = new SharedProbes({ clock, freshMs, onShared: metrics.sharedProbe });
  const lookup = new ImageLookup({ registry, probes, policy: () => policy.current, clock });
  return {
    lookup,
    accesses: new RegistryAccesses({ client, clock, reader }),
    policy: () => policy.current,
    watchPolicy: (signal) => policy.start(signal),
    close: () => transport.close(),
  };
}

async function readBundle(path: string): Promise<string> {
  const unusable = (error: unknown): never => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The file ${path} (--registry-ca) cannot be used: ${reason}`);
  };
  const pem = await readFile(path, 'utf8').catch(unusable);
  try {
    parseCaBundle(pem);
  } catch (error) {
    unusable(error);
  }
  return pem;
}
