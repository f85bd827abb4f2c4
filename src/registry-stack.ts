/** Puts the registry side together: policy, transport, accounts, gates, lookups. */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import type { ImageKeeper } from './controllers/image-keeper.ts';
import { ImageLookup } from './controllers/image-lookup.ts';
import { Importer } from './controllers/importer.ts';
import { RegistryAccesses } from './controllers/registry-access.ts';
import { rateBudget } from './domain/registry-policy.ts';
import type { KubeClient } from './kube/client.ts';
import type { Metrics } from './observability/metrics.ts';
import { Authenticator } from './registry/authenticator.ts';
import { RegistryClient } from './registry/client.ts';
import { HostGates } from './registry/host-gate.ts';
import { PolicyFile } from './registry/policy-file.ts';
import type { ProxySettings } from './registry/proxy.ts';
import { SharedProbes } from './registry/shared-probes.ts';
import { RegistryTransport } from './registry/transport.ts';
import { parseCaBundle } from './registry/trust-roots.ts';
import type { Clock } from './runtime/clock.ts';

/** What the stack is made of. */
export interface RegistryStackParts {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly proxies: ProxySettings;
  readonly client: KubeClient;
  readonly keeper: ImageKeeper;
}

/** The registry side of the operator. */
export interface RegistryStack {
  readonly importer: Importer;
  /** Follows the policy file until the signal is aborted. */
  watchPolicy(signal: AbortSignal): void;
  close(): Promise<void>;
}

/** An answer serves all who ask the same within this time, but never for the next period's check. */
const maxFreshProbeMs = 30_000;

/** Reads the files that the settings name and builds the stack. Throws a sentence for people when a file is unusable. */
export async function createRegistryStack(parts: RegistryStackParts): Promise<RegistryStack> {
  const { config, log, metrics, clock, userAgent, proxies, client } = parts;
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
    onToken: () => metrics.registryRequests.inc({ document: 'token' }),
  });
  const gates = new HostGates({ clock, budget: (host) => rateBudget(policy.current, host) });
  const registry = new RegistryClient({
    authenticator,
    gates,
    onRequest: (document) => metrics.registryRequests.inc({ document }),
  });
  const probes = new SharedProbes({ clock, freshMs: Math.min(maxFreshProbeMs, config.schedulePeriod / 2) });
  const lookup = new ImageLookup({ registry, probes, policy: () => policy.current, clock });
  const accesses = new RegistryAccesses({ client, clock });
  const { repositoryTagLimit } = config;
  return {
    importer: new Importer({ lookup, accesses, keeper: parts.keeper, repositoryTagLimit, clock }),
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
