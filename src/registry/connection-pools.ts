/**
 * Connections to registries, kept open between requests. Requests under different rules (whom to trust, which addresses
 * are allowed, which proxy) never share one: a connection that was made under one rule proves nothing under another.
 */
import type { SecureContext } from 'node:tls';
import { Agent, type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { AddressPolicy } from './address-guard.ts';
import { connectionOptions, guardedConnector, type LookupAll, sharedLookup } from './connector.ts';
import { RegistryError } from './errors.ts';
import type { ProxyServer } from './proxy.ts';
import { parseCaBundle, trustingContext } from './trust-roots.ts';

/** The rules for a connection. */
export interface ConnectionRules {
  /** False connects to whoever answers. */
  readonly verify: boolean;
  /** PEM bundle that is trusted beside the system's roots and the operator's bundle. */
  readonly ca: string | undefined;
  readonly policy: AddressPolicy;
  readonly proxy: ProxyServer | undefined;
}

/** Options of {@link ConnectionPools}. */
export interface ConnectionPoolsOptions {
  readonly lookup: LookupAll;
  readonly connectMs: number;
  /** The operator's PEM bundle. */
  readonly ca: string | undefined;
}

/** CA bundles whose connections are kept; a context takes a MB, and every namespace may have its own. */
const maxBundles = 32;

const shared = {
  allowH2: false,
  /** To one origin at the same time. */
  connections: 16,
  /** Idle connections are kept as long as the registry says, but not longer than this (milliseconds). */
  keepAliveMaxTimeout: 30_000,
  maxHeaderSize: 16 * 1024,
} as const;

/** The pools of one CA bundle by the rest of their rules. */
interface BundlePools {
  readonly secureContext: SecureContext | undefined;
  readonly byRules: Map<string, Dispatcher>;
}

/** Gives the pool for a set of rules, and closes those that were not used for long. */
export class ConnectionPools {
  readonly #options: ConnectionPoolsOptions;
  readonly #lookup: LookupAll;
  /** By bundle, the one used last at the end; the unverified ones under undefined. */
  readonly #bundles = new Map<string | undefined, BundlePools>();
  readonly #closing = new Set<Dispatcher>();
  #proxyContext: SecureContext | undefined;

  /** Throws an Error when the operator's bundle cannot be read. */
  constructor(options: ConnectionPoolsOptions) {
    if (options.ca !== undefined) parseCaBundle(options.ca);
    this.#options = options;
    this.#lookup = sharedLookup(options.lookup);
  }

  /** Bundles whose connections are kept. */
  get size(): number {
    return this.#bundles.size;
  }

  /** The pool for the rules. Throws {@link RegistryError} (`certificate`) when the bundle cannot be read. */
  get(rules: ConnectionRules): Dispatcher {
    const { byRules, secureContext } = this.#bundle(rules.verify ? (rules.ca ?? '') : undefined);
    const { policy, proxy } = rules;
    const key = JSON.stringify([policy.allowLinkLocal, policy.allowPrivate, proxy]);
    const known = byRules.get(key);
    if (known !== undefined) return known;
    const made =
      proxy === undefined ? this.#direct(rules, secureContext) : this.#proxied(rules, proxy, secureContext);
    byRules.set(key, made);
    return made;
  }

  /** Closes all connections, also those in use. */
  async close(): Promise<void> {
    const pools = [...this.#bundles.values()].flatMap(({ byRules }) => [...byRules.values()]);
    this.#bundles.clear();
    await Promise.all([...pools, ...this.#closing].map((pool) => pool.destroy()));
  }

  #bundle(ca: string | undefined): BundlePools {
    const bundle = this.#bundles.get(ca) ?? { secureContext: this.#contextFor(ca), byRules: new Map() };
    this.#bundles.delete(ca);
    this.#bundles.set(ca, bundle);
    if (this.#bundles.size > maxBundles) this.#closeOldest();
    return bundle;
  }

  #contextFor(ca: string | undefined): SecureContext | undefined {
    if (ca === undefined) return undefined;
    try {
      return trustingContext([this.#options.ca, ca === '' ? undefined : ca]);
    } catch (error) {
      throw new RegistryError('certificate', (error as Error).message, { cause: error });
    }
  }

  /** Requests that are under way on these connections still get their answers. */
  #closeOldest(): void {
    const [oldest] = this.#bundles;
    if (oldest === undefined) return;
    const [ca, { byRules }] = oldest;
    this.#bundles.delete(ca);
    for (const pool of byRules.values()) {
      this.#closing.add(pool);
      const closed = (): void => {
        this.#closing.delete(pool);
      };
      pool.close().then(closed, closed);
    }
  }

  #direct({ verify, policy }: ConnectionRules, secureContext: SecureContext | undefined): Dispatcher {
    const connect = guardedConnector({
      policy,
      lookup: this.#lookup,
      timeoutMs: this.#options.connectMs,
      secureContext,
      verify,
    });
    return new Agent({ ...shared, connect });
  }

  #proxied(
    { verify }: ConnectionRules,
    { origin, authorization }: ProxyServer,
    secureContext: SecureContext | undefined,
  ): Dispatcher {
    const timeoutMs = this.#options.connectMs;
    this.#proxyContext ??= trustingContext([this.#options.ca]);
    return new ProxyAgent({
      ...shared,
      uri: origin,
      ...(authorization === undefined ? {} : { token: authorization }),
      requestTls: connectionOptions({ timeoutMs, secureContext, verify }),
      proxyTls: connectionOptions({ timeoutMs, secureContext: this.#proxyContext, verify: true }),
      // A proxy answers a CONNECT only when the registry answered it.
      clientFactory: (address, options) => new Pool(address, { ...options, headersTimeout: timeoutMs }),
    });
  }
}
