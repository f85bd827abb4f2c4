/**
 * Requests to the API server over three long-lived connection pools.
 *
 * `@kubernetes/client-node` loads the kubeconfig and makes the credentials; its own calls open a new
 * connection each (measured), so the sending is ours: ADR 0002.
 */
import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, request } from 'undici';

/** One request; `path` starts with a slash and is encoded. */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly contentType?: string;
  /** `application/json` unless told. */
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** A watch gets a connection of its own and no limit on the time between two events. */
  readonly watch?: boolean;
  /** It gets a connection of its own as well: whoever its body is for may read slowly, and nobody else is to wait for that. */
  readonly ownConnection?: boolean;
  /** Called in the very moment in which the request goes out; it does not when this throws, and `send` rejects with that. */
  readonly beforeSend?: (() => void) | undefined;
}

/** Settings of {@link KubeTransport.load}. */
export interface KubeTransportOptions {
  /** Path of a kubeconfig file; undefined means KUBECONFIG, ~/.kube/config, or the pod's service account. */
  readonly kubeconfig?: string | undefined;
  /** Value of the User-Agent header. */
  readonly userAgent: string;
  /** Of a body that comes faster than it is read, in bytes; what is above waits at the API server. 64 KiB when absent. */
  readonly queuedBytes?: number;
}

/** Credentials and certificates are read again after this time: they rotate on disk. */
const refreshMs = 10_000;
const connectMs = 10_000;
const headersMs = 30_000;
/**
 * Idle connections stay for this time: a new one costs more than most requests. An API server ends them after 90 seconds, and a
 * load balancer before it often after 60.
 */
const idleMs = 45_000;

interface Pools {
  readonly identity: string;
  readonly calls: Agent;
  readonly own: Agent;
  readonly watches: Agent;
}

/** Sends requests with fresh credentials; reconnects with new certificates when they change. */
export class KubeTransport {
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #userAgent: string;
  readonly #queuedBytes: number;
  #pools: Pools | undefined;
  #headers: Record<string, string> = {};
  #refreshed: { at: number; done: Promise<Pools> } | undefined;

  private constructor(
    config: KubeConfig,
    server: string,
    { userAgent, queuedBytes = 64 * 1024 }: KubeTransportOptions,
  ) {
    this.#config = config;
    this.#server = server;
    this.#userAgent = userAgent;
    this.#queuedBytes = queuedBytes;
  }

  /** Loads the kubeconfig. Throws when there is none or it names no cluster. */
  static load(options: KubeTransportOptions): KubeTransport {
    const config = new KubeConfig();
    if (options.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) {
      throw new Error(
        'The kubeconfig has no current context with a cluster: choose one with kubectl config use-context.',
      );
    }
    return new KubeTransport(config, server.replace(/\/+$/, ''), options);
  }

  /** The API server's address, for messages. */
  get server(): string {
    return this.#server;
  }

  /** The namespace of the kubeconfig's context, in a pod that of the pod; undefined when there is none. */
  get namespace(): string | undefined {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace;
  }

  /** Sends one request. The caller must read or destroy the body. Rejects on transport failures only. */
  async send(options: KubeRequest): Promise<Dispatcher.ResponseData> {
    const pools = await this.#currentPools();
    const url = new URL(this.#server + options.path);
    for (const [key, value] of Object.entries(options.query ?? {})) url.searchParams.set(key, value);
    const own = options.ownConnection === true ? pools.own : pools.calls;
    const pool = options.watch === true ? pools.watches : own;
    return request(url, {
      method: options.method,
      dispatcher: options.beforeSend === undefined ? pool : pool.compose(askFirst(options.beforeSend)),
      signal: options.signal,
      highWaterMark: this.#queuedBytes,
      headers: {
        ...this.#headers,
        accept: options.accept ?? 'application/json',
        'user-agent': this.#userAgent,
        ...(options.body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
      },
      body: options.body ?? null,
    });
  }

  /** Drops all connections; requests under way fail. */
  async close(): Promise<void> {
    await Promise.all(agentsOf(this.#pools).map((agent) => agent.destroy()));
  }

  /** Credentials are made by at most one call at a time, and only every {@link refreshMs}. */
  #currentPools(): Promise<Pools> {
    const now = Date.now();
    if (this.#refreshed === undefined || now - this.#refreshed.at > refreshMs) {
      const done = this.#refresh();
      this.#refreshed = { at: now, done };
      done.catch(() => {
        this.#refreshed = undefined;
      });
    }
    return this.#refreshed.done;
  }

  async #refresh(): Promise<Pools> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    this.#headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([key, value]) => [key, String(value)]),
    );
    if (typeof options.auth === 'string') {
      this.#headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const certificates = present<SecureContextOptions>({ ca, cert, key });
    const checks = present({ servername, rejectUnauthorized });
    const tls = JSON.stringify({ certificates, checks });
    const identity = createHash('sha256').update(tls).digest('base64');
    if (this.#pools?.identity === identity) return this.#pools;
    const old = this.#pools;
    const shared = {
      allowH2: false,
      headersTimeout: headersMs,
      keepAliveTimeout: idleMs,
      // Made anew for each connection, what the certificates were read into would take a quarter of its memory.
      connect: { ...checks, secureContext: createSecureContext(certificates), timeout: connectMs },
    };
    this.#pools = {
      identity,
      calls: new Agent({ ...shared, connections: 32, bodyTimeout: headersMs }),
      own: new Agent({ ...shared, bodyTimeout: headersMs }),
      watches: new Agent({ ...shared, bodyTimeout: 0 }),
    };
    // Requests under way on the old certificates may end; nothing waits for them here.
    for (const agent of agentsOf(old)) agent.close().catch(() => undefined);
    return this.#pools;
  }
}

function agentsOf(pools: Pools | undefined): readonly Agent[] {
  return pools === undefined ? [] : [pools.calls, pools.own, pools.watches];
}

/** Without the members that are undefined: to TLS these are not the same as absent ones. */
function present<T extends object>(members: T): Partial<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** A request may wait for credentials and for a connection: it is asked about when it has one, not when it comes. */
function askFirst(beforeSend: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context) => {
        beforeSend();
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
      onResponseStart: (...args) => handler.onResponseStart?.(...args),
      onResponseData: (...args) => handler.onResponseData?.(...args),
      onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
      onResponseError: (...args) => handler.onResponseError?.(...args),
    });
}
