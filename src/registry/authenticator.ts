/**
 * The 401 dance of the distribution token specification, for readers without an account:
 * 1. ask with the token that is held for this repository, or with none;
 * 2. on 401 read the challenge; only `Bearer` can be answered without credentials;
 * 3. get a token from the realm (once for all who wait) and ask once more.
 */
import { parseJsonObject, textOf } from '../api/json.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { RegistryError } from './errors.ts';
import { type FetchedToken, TokenStore } from './token-store.ts';
import type { RegistryRequest, RegistryResponse, RegistryTransport } from './transport.ts';

/** A request that is about one repository. */
export interface RepositoryRequest extends RegistryRequest {
  readonly repository: string;
}

const maxTokenBytes = 64 * 1024;
/** Lifetime of a token whose server does not say; the specification's minimum. */
const minLifetimeSeconds = 60;
const maxLifetimeSeconds = 24 * 60 * 60;

/** Sends requests and answers challenges. */
export class Authenticator {
  readonly #transport: RegistryTransport;
  readonly #tokens: TokenStore;

  constructor(options: { transport: RegistryTransport; clock: Clock }) {
    this.#transport = options.transport;
    this.#tokens = new TokenStore(options.clock);
  }

  /** Sends a GET; the answer may still be a 401 when there is no way to answer its challenge. */
  async get(options: RepositoryRequest): Promise<RegistryResponse> {
    const key = JSON.stringify([options.host, options.repository, options.insecure]);
    const held = this.#tokens.get(key);
    const first = await this.#send(options, held);
    if (first.status !== 401) return first;
    if (held !== undefined) this.#tokens.forget(key, held);
    const challenge = parseChallenges(first.headers['www-authenticate'] ?? '').find(
      ({ scheme }) => scheme === 'bearer',
    );
    if (challenge === undefined) return first;
    const token = await this.#tokens.fetch(key, () => this.#fetchToken(challenge, options));
    return this.#send(options, token);
  }

  #send(options: RepositoryRequest, token: string | undefined): Promise<RegistryResponse> {
    if (token === undefined) return this.#transport.get(options);
    return this.#transport.get({
      ...options,
      headers: { ...options.headers, authorization: `Bearer ${token}` },
    });
  }

  async #fetchToken({ parameters }: Challenge, options: RepositoryRequest): Promise<FetchedToken> {
    const realm = parameters['realm'] ?? '';
    if (!URL.canParse(realm))
      throw new RegistryError('registry-error', 'the registry names no valid token server');
    const url = new URL(realm);
    if (url.protocol !== 'https:' && !(options.insecure && url.protocol === 'http:')) {
      throw new RegistryError('registry-error', `the registry's token server ${url.host} does not use HTTPS`);
    }
    if (parameters['service'] !== undefined) url.searchParams.set('service', parameters['service']);
    url.searchParams.set('scope', `repository:${options.repository}:pull`);
    const response = await this.#transport.get({
      host: url.host,
      path: `${url.pathname}${url.search}`,
      insecure: options.insecure,
      headers: { accept: 'application/json' },
      maxBytes: maxTokenBytes,
      signal: options.signal,
    });
    if (response.status === 401 || response.status === 403) {
      throw new RegistryError('unauthorized', `the token server ${url.host} answered ${response.status}`);
    }
    if (response.status !== 200) {
      throw new RegistryError('registry-error', `the token server ${url.host} answered ${response.status}`);
    }
    return parseToken(response.body.toString(), url.host);
  }
}

function parseToken(text: string, host: string): FetchedToken {
  const { token, access_token, expires_in } = parseJsonObject(text) ?? {};
  const value = textOf(token) || textOf(access_token);
  // A header value of printable characters only: a token server must not be able to add headers.
  if (value === undefined || !/^[\x21-\x7e]+$/.test(value)) {
    throw new RegistryError('registry-error', `the token server ${host} sent no token`);
  }
  const seconds =
    typeof expires_in === 'number' && Number.isFinite(expires_in) ? expires_in : minLifetimeSeconds;
  return {
    token: value,
    lifetimeMs: Math.min(Math.max(seconds, minLifetimeSeconds), maxLifetimeSeconds) * 1000,
  };
}
