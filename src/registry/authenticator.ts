/**
 * The 401 dance of the distribution token specification:
 * 1. ask with the header that is held for this repository and account; else with one that answers what the registry wanted for a
 *    neighbour of the repository; else with none;
 * 2. on 401 read the challenge: `Bearer` (a token from the realm) before `Basic`;
 * 3. get a token, once for all who wait, and ask once more.
 */
import { createHash } from 'node:crypto';
import { parseJsonObject, textOf } from '../api/json.ts';
import type { Credential, PullCredential } from '../domain/pull-credentials.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { RegistryError } from './errors.ts';
import { mayReceiveCredentials, parseRealm } from './realm-rules.ts';
import { retryAfterMs } from './retry-after.ts';
import { type FetchedToken, TokenStore } from './token-store.ts';
import type { RegistryRequest, RegistryResponse, RegistryTransport } from './transport.ts';

/** A request that is about one repository. */
export interface RepositoryRequest extends Omit<RegistryRequest, 'namedHost'> {
  readonly repository: string;
  /** The account to ask as; undefined asks anonymously. */
  readonly credential: PullCredential | undefined;
}

/** Options of {@link Authenticator}. */
export interface AuthenticatorOptions {
  readonly transport: RegistryTransport;
  readonly clock: Clock;
  /** Hosts of token servers that may get credentials of any registry. */
  readonly trustedRealms?: ReadonlySet<string>;
  /** Hears of each token that is fetched, for the metrics; what it returns is called when that has ended. */
  readonly onToken?: () => () => void;
}

const maxTokenBytes = 64 * 1024;
/** Lifetime of a token whose server does not say; the specification's minimum. */
const minLifetimeSeconds = 60;
const maxLifetimeSeconds = 24 * 60 * 60;
/** A registry that wanted Basic once is sent it at once for this long. */
const basicLifetimeMs = 60 * 60 * 1000;
/** What a registry wanted once is thought to be wanted for this long. */
const wantedLifetimeMs = 60 * 60 * 1000;
const maxWanted = 1_000;

/** A header that was sent before it was asked for. */
interface Ahead {
  /** What it answers, as {@link demandOf}. */
  readonly demand: string;
  /** Undefined when there was none to be got. */
  readonly header?: string;
  /** Why. */
  readonly failure?: RegistryError;
}

/** Sends requests and answers challenges. */
export class Authenticator {
  readonly #transport: RegistryTransport;
  readonly #trustedRealms: ReadonlySet<string>;
  readonly #onToken: () => () => void;
  /** Whole `Authorization` headers, by registry, repository and account. */
  readonly #headers: TokenStore;
  readonly #clock: Clock;
  /** Challenges that an answer helped with, by registry, first part of the repository, and account. */
  readonly #wanted = new BoundedMap<
    string,
    { readonly challenges: readonly Challenge[]; readonly at: number }
  >(maxWanted);
  /** Never aborted. */
  readonly #untilTheEnd = new AbortController().signal;

  constructor(options: AuthenticatorOptions) {
    this.#transport = options.transport;
    this.#trustedRealms = options.trustedRealms ?? new Set();
    this.#onToken = options.onToken ?? (() => () => undefined);
    this.#headers = new TokenStore(options.clock);
    this.#clock = options.clock;
  }

  /** Sends a request; the answer may still be a 401 when there is no way to answer its challenge. */
  async send(options: RepositoryRequest): Promise<RegistryResponse> {
    const key = headerKey(options);
    const held = this.#headers.get(key);
    const ahead = held === undefined ? await this.#headerAhead(key, options) : undefined;
    const sent = held ?? ahead?.header;
    const first = await this.#send(options, sent);
    if (first.status !== 401) return first;
    if (sent !== undefined) this.#headers.forget(key, sent);
    const challenges = parseChallenges(first.headers['www-authenticate'] ?? '');
    const isAnswered = ahead?.demand === demandOf(challenges);
    if (isAnswered && ahead.failure !== undefined) throw ahead.failure;
    const second = isAnswered ? first : await this.#sendAnswer(key, challenges, options);
    if (second === undefined) return first;
    if (second.status !== 401) this.#wanted.set(neighbourKey(options), { challenges, at: this.#clock.now() });
    const withheld = second.status === 401 ? this.#withheldFrom(challenges, options) : undefined;
    if (withheld !== undefined) throw withheldError(withheld);
    return second;
  }

  /** What the registry wanted for a neighbour of the repository, it probably wants for this one too. */
  async #headerAhead(key: string, options: RepositoryRequest): Promise<Ahead | undefined> {
    const known = this.#wanted.get(neighbourKey(options));
    if (known === undefined || this.#clock.now() - known.at > wantedLifetimeMs) return undefined;
    const { challenges } = known;
    const demand = demandOf(challenges);
    try {
      const answer = this.#answerTo(challenges, options);
      return { demand, ...(answer && { header: await this.#headers.fetch(key, answer) }) };
    } catch (error) {
      // The registry may want something else by now, or nothing for this repository.
      if (!(error instanceof RegistryError)) throw error;
      return { demand, failure: error };
    }
  }

  /** Asks once more, with an answer to a challenge; undefined when none can be answered. */
  async #sendAnswer(
    key: string,
    challenges: readonly Challenge[],
    options: RepositoryRequest,
  ): Promise<RegistryResponse | undefined> {
    const answer = this.#answerTo(challenges, options);
    if (answer === undefined) return undefined;
    // Somebody else's question may have got a header meanwhile.
    return this.#send(options, this.#headers.get(key) ?? (await this.#headers.fetch(key, answer)));
  }

  #send(options: RepositoryRequest, authorization: string | undefined): Promise<RegistryResponse> {
    const { repository: _, credential: __, ...request } = options;
    const headers = authorization === undefined ? request.headers : { ...request.headers, authorization };
    return this.#transport.send({ ...request, headers, namedHost: options.host });
  }

  /** How to get a header that answers one of the challenges; undefined when none can be answered. */
  #answerTo(
    challenges: readonly Challenge[],
    options: RepositoryRequest,
  ): (() => Promise<FetchedToken>) | undefined {
    const credential = options.credential?.credential;
    if (credential?.kind === 'registry-token') {
      return async () => ({ token: `Bearer ${credential.token}`, lifetimeMs: basicLifetimeMs });
    }
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return () => this.#fetchToken(bearer, options);
    const basic = challenges.some(({ scheme }) => scheme === 'basic');
    if (!basic || credential?.kind !== 'password') return undefined;
    return async () => ({ token: basicHeader(credential), lifetimeMs: basicLifetimeMs });
  }

  /** The token server that did not get the credentials there are; undefined when it got them, or there are none. */
  #withheldFrom(
    challenges: readonly Challenge[],
    { credential, host, insecure }: RepositoryRequest,
  ): string | undefined {
    const realm = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters['realm'];
    if (credential === undefined || credential.credential.kind === 'registry-token' || realm === undefined)
      return undefined;
    const url = parseRealm(realm, insecure);
    return mayReceiveCredentials(url, host, this.#trustedRealms) ? undefined : url.host;
  }

  async #fetchToken({ parameters }: Challenge, options: RepositoryRequest): Promise<FetchedToken> {
    const realm = parseRealm(parameters['realm'] ?? '', options.insecure);
    const scope = `repository:${options.repository}:pull`;
    const query = new URLSearchParams(realm.search);
    if (parameters['service'] !== undefined) query.set('service', parameters['service']);
    query.set('scope', scope);
    const credential = mayReceiveCredentials(realm, options.host, this.#trustedRealms)
      ? options.credential?.credential
      : undefined;
    const ended = this.#onToken();
    const asked = this.#transport.send({
      ...tokenRequest(realm, query, credential),
      host: realm.host,
      insecure: options.insecure,
      ca: options.ca,
      maxBytes: maxTokenBytes,
      // Not the signal of one caller: others may wait for the same token, which the transport ends in time.
      signal: this.#untilTheEnd,
      namedHost: options.host,
    });
    const response = await asked.finally(ended);
    if (response.status === 200) return parseToken(response.body.toString(), realm.host);
    throw tokenError(response, realm.host, {
      sent: credential !== undefined,
      had: options.credential !== undefined,
    });
  }
}

/** Two accounts never share a header, nor two registries, nor a verified and an unverified connection. */
function headerKey({ host, repository, insecure, ca, credential }: RepositoryRequest): string {
  return JSON.stringify([host, repository, insecure, ca ?? '', credentialIdentity(credential)]);
}

/**
 * Repositories that begin alike are one customer's, or are of one kind where a registry gathers several behind one name and sends
 * each kind to a token server of its own.
 */
function neighbourKey({ repository, ...options }: RepositoryRequest): string {
  return headerKey({ ...options, repository: repository.split('/')[0] ?? '' });
}

/** Who is to be asked for what kind of header. A challenge also names the repository, and why a header did not do. */
function demandOf(challenges: readonly Challenge[]): string {
  return JSON.stringify(
    challenges.map(({ scheme, parameters: { realm, service } }) => [scheme, realm, service]),
  );
}

/** A text that is the same for the same account only; it tells nothing about it. */
export function credentialIdentity(credential: PullCredential | undefined): string {
  if (credential === undefined) return '';
  return createHash('sha256').update(JSON.stringify(credential.credential)).digest('base64');
}

function basicHeader({ username, password }: Extract<Credential, { kind: 'password' }>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** GET with Basic credentials or none; a refresh token is exchanged by OAuth2 POST. */
function tokenRequest(
  realm: URL,
  query: URLSearchParams,
  credential: Credential | undefined,
): Pick<RegistryRequest, 'method' | 'path' | 'headers' | 'body'> {
  const accept = 'application/json';
  if (credential?.kind === 'identity-token') {
    const form = new URLSearchParams(query);
    form.set('grant_type', 'refresh_token');
    form.set('refresh_token', credential.token);
    form.set('client_id', 'imagestream-operator');
    const headers = { accept, 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', path: realm.pathname, headers, body: form.toString() };
  }
  if (credential?.kind !== 'password')
    return { path: `${realm.pathname}?${query.toString()}`, headers: { accept } };
  query.set('account', credential.username);
  return {
    path: `${realm.pathname}?${query.toString()}`,
    headers: { accept, authorization: basicHeader(credential) },
  };
}

function tokenError(
  response: RegistryResponse,
  host: string,
  credentials: { sent: boolean; had: boolean },
): RegistryError {
  const { status, headers } = response;
  const wait = { retryAfterMs: retryAfterMs(headers) };
  if (status === 429)
    return new RegistryError('too-many-requests', `the token server ${host} answered 429`, wait);
  if (status !== 401 && status !== 403 && status !== 400) {
    return new RegistryError('registry-error', `the token server ${host} answered ${status}`, wait);
  }
  if (credentials.sent)
    return new RegistryError('unauthorized', `the token server ${host} refused the credentials (${status})`);
  if (!credentials.had)
    return new RegistryError('unauthorized', `the token server ${host} answered ${status}`);
  return withheldError(host);
}

function withheldError(host: string): RegistryError {
  return new RegistryError(
    'unauthorized',
    `the credentials were not sent to the token server ${host}, which is not of the registry's domain`,
  );
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
  const lifetimeMs = Math.min(Math.max(seconds, minLifetimeSeconds), maxLifetimeSeconds) * 1000;
  return { token: `Bearer ${value}`, lifetimeMs };
}
