/**
 * HTTP to registries: bounded in time and bytes, redirects followed by hand, `insecure` as the reference means it
 * (unverified TLS, and plain HTTP when no TLS connection comes about).
 */
import { Agent, type Dispatcher, request } from 'undici';
import { BodyTooLargeError, readBounded } from '../runtime/bounded-body.ts';
import { fromTransportFailure, RegistryError } from './errors.ts';

/** A request to a registry. */
export interface RegistryRequest {
  /** Host and optional port. */
  readonly host: string;
  /** Path with query, encoded, starting with a slash. */
  readonly path: string;
  readonly insecure: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Most bytes of an answer that are read. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
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
  readonly connectMs: number;
  /** From sending a request to its answer's headers. */
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

const maxRedirects = 5;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Hosts whose plain HTTP is remembered. */
const maxRememberedHosts = 1_000;

/** Sends GET requests to any registry. */
export class RegistryTransport {
  readonly #timeouts: RegistryTimeouts;
  readonly #userAgent: string;
  readonly #verified: Agent;
  readonly #unverified: Agent;
  /** Insecure hosts that answered plain HTTP: they are asked that way first. */
  readonly #plainHosts = new Set<string>();

  constructor(options: { userAgent: string; timeouts?: RegistryTimeouts }) {
    this.#timeouts = options.timeouts ?? defaultRegistryTimeouts;
    this.#userAgent = options.userAgent;
    const { connectMs, headersMs } = this.#timeouts;
    const shared = { allowH2: false, connections: 16, headersTimeout: headersMs, bodyTimeout: headersMs };
    this.#verified = new Agent({ ...shared, connect: { timeout: connectMs } });
    this.#unverified = new Agent({ ...shared, connect: { timeout: connectMs, rejectUnauthorized: false } });
  }

  /** Sends a GET and reads the answer. Throws {@link RegistryError} when no whole answer comes. */
  async get(options: RegistryRequest): Promise<RegistryResponse> {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(this.#timeouts.totalMs)]);
    const bounded = { ...options, signal };
    if (!options.insecure) return this.#follow(bounded, 'https:');
    if (this.#plainHosts.has(options.host)) {
      try {
        return await this.#follow(bounded, 'http:');
      } catch (error) {
        if (!isTransportFailure(error)) throw error;
        this.#plainHosts.delete(options.host);
      }
    }
    return this.#getInsecure(bounded);
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all([this.#verified.destroy(), this.#unverified.destroy()]);
  }

  async #getInsecure(options: RegistryRequest): Promise<RegistryResponse> {
    try {
      return await this.#follow(options, 'https:');
    } catch (error) {
      if (!isTransportFailure(error)) throw error;
      const response = await this.#follow(options, 'http:');
      if (this.#plainHosts.size < maxRememberedHosts) this.#plainHosts.add(options.host);
      return response;
    }
  }

  async #follow(options: RegistryRequest, scheme: 'https:' | 'http:'): Promise<RegistryResponse> {
    let url = new URL(`${scheme}//${options.host}${options.path}`);
    let headers = options.headers;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#once(url, headers, options);
      const location = response.headers['location'];
      if (!redirectStatuses.has(response.status) || location === undefined) return response;
      if (redirects === maxRedirects)
        throw new RegistryError('registry-error', `more than ${maxRedirects} redirects`);
      const target = redirectTarget(url, location, options.insecure);
      // Credentials and tokens stay with the origin that they are for.
      if (target.origin !== url.origin) headers = withoutAuthorization(headers);
      url = target;
    }
  }

  async #once(
    url: URL,
    headers: Readonly<Record<string, string>>,
    { insecure, maxBytes, signal }: RegistryRequest,
  ): Promise<RegistryResponse> {
    let response: Dispatcher.ResponseData;
    try {
      response = await request(url, {
        method: 'GET',
        dispatcher: insecure ? this.#unverified : this.#verified,
        signal,
        // An answer that unpacks to more than it sends is not asked for and not read.
        headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': this.#userAgent },
      });
      const flat = flattenHeaders(response.headers);
      const encoding = flat['content-encoding'] ?? 'identity';
      if (encoding !== 'identity') {
        // A body that is dropped unread reports that as an error, which nobody else would hear.
        response.body.on('error', () => undefined).destroy();
        throw new RegistryError(
          'registry-error',
          `the registry sent a compressed answer (${encoding}) that was not asked for`,
        );
      }
      return {
        status: response.statusCode,
        headers: flat,
        body: await readBounded(response.body, maxBytes),
        url,
      };
    } catch (error) {
      if (error instanceof BodyTooLargeError)
        throw new RegistryError('too-large', error.message, { cause: error });
      throw fromTransportFailure(error);
    }
  }
}

/** Failures that leave room for another try over plain HTTP: no HTTP answer came at all. */
function isTransportFailure(error: unknown): boolean {
  return error instanceof RegistryError && ['unreachable', 'plain-http', 'certificate'].includes(error.code);
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
  return target;
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
  );
}

function flattenHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
