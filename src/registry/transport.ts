/**
 * HTTP to registries, which are not trusted: bounded in time and bytes, redirects followed by hand, private addresses
 * only where the stream named them, `insecure` as the reference means it (unverified TLS, and plain HTTP when no TLS
 * connection comes about).
 *
 * Through a proxy the addresses that are connected to are the proxy's to judge: only hosts that are given by address
 * are checked here.
 */
import { lookup as systemLookup } from 'node:dns';
import { type Dispatcher, request as sendRequest } from 'undici';
import { readBounded, readPrefix } from '../runtime/bounded-body.ts';
import { CallLimit } from '../runtime/call-limit.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { Places } from '../runtime/places.ts';
import type { AddressPolicy } from './address-guard.ts';
import { ConnectionPools } from './connection-pools.ts';
import { type LookupAll, refusalOfLiteral } from './connector.ts';
import { fromTransportFailure, RegistryError, timeoutError } from './errors.ts';
import { PlainHosts } from './plain-hosts.ts';
import { type ProxySettings, proxyFor } from './proxy.ts';

/** A request to a registry or to a token server. */
export interface RegistryRequest {
  /** GET unless given. A POST is not redirected. */
  readonly method?: 'GET' | 'HEAD' | 'POST';
  /** Host and optional port. */
  readonly host: string;
  /** Path with query, encoded, starting with a slash. */
  readonly path: string;
  /** For POST, which may be sent twice; its `content-type` is one of the headers. */
  readonly body?: string;
  /** Unverified TLS, or plain HTTP where no TLS connection comes about. */
  readonly insecure: boolean;
  /** PEM bundle that is trusted beside the system's roots and the operator's bundle. */
  readonly ca?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Most bytes of an answer that are read. Of refusals and redirects no more than 8 KiB are, and the rest is cut off. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /**
   * The host that the stream itself names, with or without a port. Private and loopback addresses are reached through
   * this one only; a token server or a redirect to another host must be public.
   */
  readonly namedHost: string;
}

/** An answer, read to its end. */
export interface RegistryResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The address that answered. */
  readonly url: URL;
}

/** Bounds of the transport, in milliseconds. */
export interface RegistryTimeouts {
  /** For finding the address, connecting and the TLS handshake. */
  readonly connectMs: number;
  /** From sending a request to its answer's headers, and between two pieces of its body. */
  readonly headersMs: number;
  /** For one request in all, with its redirects and its body. */
  readonly totalMs: number;
}

/** What is enough for a manifest over a slow line, and short enough for a person to wait. */
export const defaultRegistryTimeouts: RegistryTimeouts = {
  connectMs: 10_000,
  headersMs: 15_000,
  totalMs: 30_000,
};

/** Options of {@link RegistryTransport}. */
export interface RegistryTransportOptions {
  readonly userAgent: string;
  readonly timeouts?: RegistryTimeouts;
  /** PEM bundle that is trusted for all registries, beside the system's roots. */
  readonly ca?: string | undefined;
  /** Without it: private addresses where a stream names them, link-local ones never. */
  readonly addresses?: AddressPolicy;
  readonly proxies?: ProxySettings;
  /** For tests: how names are looked up instead of by the system. */
  readonly lookup?: LookupAll;
  readonly clock?: Clock;
}

/** A request with what does not change from one redirect to the next. */
interface Exchange extends RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Ends the whole exchange; follows the caller's signal and the deadline. */
  readonly limit: CallLimit;
  /** True from the first answer on, whatever it said. */
  answered: boolean;
}

const maxRedirects = 5;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const maxRefusalBytes = 8 * 1024;
/** Answers with a status of 1xx that may come before the real one. */
const maxEarlyAnswers = 8;

/** Long answers that are held at the same time; with 8 MiB each they make the most that registries can take. */
const largeBodyPlaces = 8;

/** Sends requests to any registry. */
export class RegistryTransport {
  readonly #timeouts: RegistryTimeouts;
  readonly #userAgent: string;
  readonly #addresses: AddressPolicy;
  readonly #proxies: ProxySettings | undefined;
  readonly #clock: Clock;
  readonly #pools: ConnectionPools;
  readonly #plainHosts: PlainHosts;
  readonly #largeBodies = new Places(largeBodyPlaces);

  /** Throws an Error when the operator's CA bundle cannot be read. */
  constructor(options: RegistryTransportOptions) {
    this.#timeouts = options.timeouts ?? defaultRegistryTimeouts;
    this.#userAgent = options.userAgent;
    this.#addresses = options.addresses ?? { allowLinkLocal: false, allowPrivate: true };
    this.#proxies = options.proxies;
    this.#clock = options.clock ?? systemClock;
    this.#plainHosts = new PlainHosts(this.#clock);
    this.#pools = new ConnectionPools({
      lookup: options.lookup ?? systemLookup,
      connectMs: this.#timeouts.connectMs,
      ca: options.ca,
    });
  }

  /** Sends a request and reads the answer. Throws {@link RegistryError} when no whole answer comes. */
  async send(options: RegistryRequest): Promise<RegistryResponse> {
    const { totalMs: timeMs } = this.#timeouts;
    const signals = [options.signal];
    using limit = new CallLimit({ clock: this.#clock, timeMs, signals, late: timeoutError });
    try {
      return await this.#sendWithin({ method: 'GET', ...options, limit, answered: false });
    } catch (error) {
      throw fromTransportFailure(error);
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#pools.close();
  }

  async #sendWithin(exchange: Exchange): Promise<RegistryResponse> {
    if (!exchange.insecure) return this.#follow(exchange, 'https:');
    const { host } = exchange;
    if (this.#plainHosts.has(host)) {
      const response = await this.#tryScheme(exchange, 'http:');
      // 400 is what a server says to plain HTTP on a port that speaks TLS by now.
      if (response !== undefined && response.status !== 400) return response;
      this.#plainHosts.delete(host);
    }
    const verified = await this.#tryScheme(exchange, 'https:');
    if (verified !== undefined) return verified;
    const response = await this.#follow(exchange, 'http:');
    this.#plainHosts.add(host);
    return response;
  }

  /** The answer, or undefined when no HTTP connection came about and another scheme may be tried. */
  async #tryScheme(exchange: Exchange, scheme: 'https:' | 'http:'): Promise<RegistryResponse | undefined> {
    const attempt = { ...exchange, answered: false };
    try {
      return await this.#follow(attempt, scheme);
    } catch (error) {
      if (attempt.answered || exchange.limit.signal.aborted || !isConnectionFailure(error)) throw error;
      return undefined;
    }
  }

  async #follow(exchange: Exchange, scheme: 'https:' | 'http:'): Promise<RegistryResponse> {
    let url = firstUrl(scheme, exchange);
    let headers = exchange.headers;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#once(url, headers, exchange);
      const location = response.headers['location'];
      if (!redirectStatuses.has(response.status) || location === undefined) return response;
      if (exchange.method === 'POST')
        throw new RegistryError('registry-error', `${url.host} redirects a POST, which is not followed`);
      if (redirects === maxRedirects)
        throw new RegistryError('registry-error', `more than ${maxRedirects} redirects`);
      const target = redirectTarget(url, location, exchange.insecure);
      // Credentials and tokens stay with the origin that they are for.
      if (target.origin !== url.origin) headers = withoutCredentials(headers);
      url = target;
    }
  }

  async #once(
    url: URL,
    headers: Readonly<Record<string, string>>,
    exchange: Exchange,
  ): Promise<RegistryResponse> {
    let response: Dispatcher.ResponseData;
    try {
      response = await this.#dispatch(url, headers, exchange);
    } catch (error) {
      // The registry may close an idle connection just when it is used again. Asking twice does no harm: all that is
      // posted asks for a token.
      if (exchange.limit.signal.aborted || !isBrokenConnection(error)) throw error;
      response = await this.#dispatch(url, headers, exchange);
    }
    exchange.answered = true;
    return readResponse(url, response, exchange, this.#largeBodies);
  }

  #dispatch(
    url: URL,
    headers: Readonly<Record<string, string>>,
    { method, body, insecure, ca, limit, namedHost }: Exchange,
  ): Promise<Dispatcher.ResponseData> {
    limit.signal.throwIfAborted();
    const policy = this.#policyFor(url, namedHost);
    const refusal = refusalOfLiteral(url.hostname, policy);
    if (refusal !== undefined) throw refusal;
    const proxy = proxyFor(url, this.#proxies);
    let early = 0;
    const response = sendRequest(url, {
      method,
      dispatcher: this.#pools.get({ verify: !insecure, ca, policy, proxy }),
      signal: limit.signal,
      onInfo: () => {
        if (++early > maxEarlyAnswers) limit.end(tooManyEarlyAnswers());
      },
      headersTimeout: this.#timeouts.headersMs,
      bodyTimeout: this.#timeouts.headersMs,
      // undici closes the connection after a HEAD unless told not to.
      reset: false,
      ...(body === undefined ? {} : { body }),
      // An answer that unpacks to more than it sends is not asked for and not read.
      headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': this.#userAgent },
    });
    return orAborted(response, limit.signal);
  }

  #policyFor(url: URL, namedHost: string): AddressPolicy {
    const isNamed = url.hostname === hostnameOf(namedHost);
    return { ...this.#addresses, allowPrivate: this.#addresses.allowPrivate && isNamed };
  }
}

/** undici leaves a request that waits for its connection alone until it has one, whatever the signal says. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function tooManyEarlyAnswers(): RegistryError {
  return new RegistryError('not-a-registry', 'the host sends one provisional answer after the other');
}

/** Failures that leave room for another try over plain HTTP: not a silent host, and no host that is forbidden. */
function isConnectionFailure(error: unknown): boolean {
  const { code, cause } = fromTransportFailure(error);
  if (code === 'timeout') return codeOf(cause) === 'UND_ERR_CONNECT_TIMEOUT';
  return ['unreachable', 'plain-http', 'certificate', 'not-a-registry'].includes(code);
}

/** A connection that was there and was closed by the other side; not one that did not come about. */
function isBrokenConnection(error: unknown): boolean {
  const syscall = error instanceof Error && 'syscall' in error ? error.syscall : undefined;
  return codeOf(error) === 'UND_ERR_SOCKET' || syscall === 'read' || syscall === 'write';
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function hostnameOf(host: string): string | undefined {
  return URL.canParse(`https://${host}`) ? new URL(`https://${host}`).hostname : undefined;
}

function firstUrl(scheme: 'https:' | 'http:', { host, path }: RegistryRequest): URL {
  const text = `${scheme}//${host}${path}`;
  // Nothing in the host may end it early, or come before it.
  if (!/^[^/?#@\\]+$/.test(host) || !path.startsWith('/') || !URL.canParse(text)) {
    throw new RegistryError('registry-error', `${JSON.stringify(host)} is not a host to send requests to`);
  }
  return new URL(text);
}

function redirectTarget(from: URL, location: string, insecure: boolean): URL {
  if (!URL.canParse(location, from.href))
    throw new RegistryError('registry-error', 'the registry sent an invalid redirect');
  const target = new URL(location, from);
  if (target.protocol !== 'https:' && !(insecure && target.protocol === 'http:')) {
    throw new RegistryError(
      'registry-error',
      `the registry redirects to ${target.protocol}//${target.host}, which is not HTTPS`,
    );
  }
  target.username = '';
  target.password = '';
  target.hash = '';
  return target;
}

function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(?:proxy-)?authorization$|^cookie$/i.test(name)),
  );
}

async function readResponse(
  url: URL,
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  { method, maxBytes, limit: { signal } }: Exchange,
  places: Places,
): Promise<RegistryResponse> {
  const flat = flattenHeaders(headers);
  const encoding = flat['content-encoding'] ?? 'identity';
  const refuse = (error: RegistryError): never => {
    // A body that is dropped unread reports that as an error, which nobody else would hear.
    body.on('error', () => undefined).destroy();
    throw error;
  };
  if (encoding !== 'identity') {
    return refuse(
      new RegistryError(
        'registry-error',
        `the registry sent a compressed answer (${encoding}) that was not asked for`,
      ),
    );
  }
  const answer = { status, headers: flat, url };
  if (status >= 300) return { ...answer, body: await readPrefix(body, Math.min(maxBytes, maxRefusalBytes)) };
  if (method !== 'HEAD' && Number(flat['content-length'] ?? 0) > maxBytes) {
    return refuse(new RegistryError('too-large', `the answer is longer than ${maxBytes} bytes`));
  }
  return { ...answer, body: await readBounded(body, maxBytes, { places, signal }) };
}

function flattenHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
