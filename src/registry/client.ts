/** Manifests, configurations and tag lists from any registry that speaks the OCI distribution API (or Docker's v2). */
import { createHash } from 'node:crypto';
import { arrayOf, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import { type ImageReference, isTagName, registryHost, repositoryPath } from '../domain/image-reference.ts';
import { type Descriptor, manifestMediaTypes } from '../domain/manifest.ts';
import type { PullCredential } from '../domain/pull-credentials.ts';
import type { Authenticator } from './authenticator.ts';
import { RegistryError } from './errors.ts';
import type { GateAnswer, HostGates } from './host-gate.ts';
import { maxRetryAfterMs, retryAfterMs } from './retry-after.ts';
import type { RegistryResponse } from './transport.ts';

/** A manifest as it came: its digest is computed from these bytes. */
export interface FetchedManifest {
  readonly digest: string;
  readonly contentType: string;
  readonly text: string;
}

/** A repository to read from, and as whom. */
export interface RepositoryAccess {
  readonly reference: ImageReference;
  /** Unverified TLS, or plain HTTP where no TLS connection comes about. */
  readonly insecure: boolean;
  /** PEM bundle of the namespace. */
  readonly ca: string | undefined;
  readonly credential: PullCredential | undefined;
  readonly signal: AbortSignal;
}

/** What is asked of registries, for the metrics. */
export type RegistryDocument = 'manifest' | 'config' | 'probe' | 'tags';

/** Options of {@link RegistryClient}. */
export interface RegistryClientOptions {
  readonly authenticator: Authenticator;
  readonly gates: HostGates;
  /** Hears of each document that is asked for; what it returns is called when there is an answer, or none. */
  readonly onRequest?: (document: RegistryDocument) => () => void;
}

const maxManifestBytes = 4 * 1024 * 1024;
const maxConfigBytes = 8 * 1024 * 1024;
const maxTagPageBytes = 8 * 1024 * 1024;
const maxErrorBytes = 8 * 1024;
/** Tags asked for on one page; registries may send fewer. */
const tagPageSize = 1_000;
/** A list that does not end after this many pages is not read further. */
const maxTagPages = 200;
/** Hosts that refuse HEAD are asked by GET from then on. */
const maxRememberedHosts = 1_000;
const accept = manifestMediaTypes.join(', ');

interface Question {
  readonly path: string;
  readonly accept: string;
  readonly maxBytes: number;
  readonly method?: 'HEAD';
}

/** What a 404 without a code of its own means. */
type NotFoundCode = 'manifest-unknown' | 'repository-unknown' | 'registry-error';

/** Reads from registries. Every method throws {@link RegistryError}, and the signal's reason when that is aborted. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #headless = new Set<string>();

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /** The manifest under a tag or digest. A digest is held against the bytes. */
  async getManifest(access: RepositoryAccess, identifier: string): Promise<FetchedManifest> {
    const question = { path: `manifests/${identifier}`, accept, maxBytes: maxManifestBytes };
    const response = await this.#ask('manifest', access, question);
    if (response.status !== 200) throw this.#refusal(access, response, 'manifest-unknown');
    const promised = identifier.includes(':') ? identifier : undefined;
    const digest = verifiedDigest(response.body, promised, response.headers['docker-content-digest']);
    return { digest, contentType: response.headers['content-type'] ?? '', text: response.body.toString() };
  }

  /** The digest that a tag stands for now: one HEAD, or a GET where the registry refuses HEAD or names no digest. */
  async probe(access: RepositoryAccess, identifier: string): Promise<string> {
    const host = registryHost(access.reference);
    if (!this.#headless.has(host)) {
      const question = {
        method: 'HEAD',
        path: `manifests/${identifier}`,
        accept,
        maxBytes: maxErrorBytes,
      } as const;
      const response = await this.#ask('probe', access, question);
      const digest = response.headers['docker-content-digest'] ?? '';
      if (response.status === 200 && /^sha(256|384|512):[0-9a-f]{64,128}$/.test(digest)) return digest;
      const refused = response.status === 200 || [400, 405, 501].includes(response.status);
      if (!refused) throw this.#refusal(access, response, 'manifest-unknown');
      if (this.#headless.size < maxRememberedHosts) this.#headless.add(host);
    }
    return (await this.getManifest(access, identifier)).digest;
  }

  /** An image's configuration, held against its digest. */
  async getConfig(access: RepositoryAccess, config: Descriptor): Promise<string> {
    const question = { path: `blobs/${config.digest}`, accept: '*/*', maxBytes: maxConfigBytes };
    const response = await this.#ask('config', access, question);
    if (response.status !== 200) throw this.#refusal(access, response, 'registry-error');
    verifiedDigest(response.body, config.digest, undefined);
    return response.body.toString();
  }

  /** All tags of a repository, in the registry's order; names that are no tags are left out. At most 200 pages are read. */
  async listTags(access: RepositoryAccess): Promise<readonly string[]> {
    const tags = new Set<string>();
    let path: string | undefined = `tags/list?n=${tagPageSize}`;
    for (let page = 0; path !== undefined && page < maxTagPages; page++) {
      const question: Question = { path, accept: 'application/json', maxBytes: maxTagPageBytes };
      const response = await this.#ask('tags', access, question);
      if (response.status !== 200) throw this.#refusal(access, response, 'repository-unknown');
      for (const tag of parseTagPage(response)) tags.add(tag);
      path = nextPage(response, `/v2/${repositoryPath(access.reference)}/`);
    }
    return [...tags];
  }

  /** A refusal without a time to wait gets the one for which the gate closed, so that the next try does not find it closed. */
  #refusal(access: RepositoryAccess, response: RegistryResponse, notFound: NotFoundCode): RegistryError {
    const error = answerError(response, notFound);
    if (error.code !== 'too-many-requests' || error.retryAfterMs !== undefined) return error;
    const wait = this.#options.gates.closedForMs(registryHost(access.reference));
    return new RegistryError(error.code, error.message, { retryAfterMs: wait });
  }

  #ask(document: RegistryDocument, access: RepositoryAccess, question: Question): Promise<RegistryResponse> {
    const { reference, insecure, ca, credential, signal } = access;
    const repository = repositoryPath(reference);
    const host = registryHost(reference);
    const { path, method, maxBytes } = question;
    const send = async (): Promise<RegistryResponse> => {
      const ended = this.#options.onRequest?.(document);
      const request = {
        host,
        repository,
        path: `/v2/${repository}/${path}`,
        ...(method === undefined ? {} : { method }),
        insecure,
        ca,
        credential,
        headers: { accept: question.accept },
        maxBytes,
        signal,
      };
      try {
        return await this.#options.authenticator.send(request);
      } catch (error) {
        // Who gives up says nothing about the host: its gate must not count that.
        signal.throwIfAborted();
        throw error;
      } finally {
        ended?.();
      }
    };
    return this.#options.gates.run(host, send, limitsOf);
  }
}

/** What an answer says about the registry's limits: refused for now, or the last request of the present window. */
function limitsOf({ status, headers }: RegistryResponse): GateAnswer | undefined {
  const wait = retryAfterMs(headers);
  if (status === 429 || (status === 503 && wait !== undefined)) return { retryAfterMs: wait };
  // Docker Hub: "0;w=21600"; the draft standard: "0" beside ratelimit-reset in seconds.
  const remaining = /^\s*(\d+)/.exec(headers['ratelimit-remaining'] ?? '')?.[1];
  const reset = /^\s*(\d{1,6})/.exec(headers['ratelimit-reset'] ?? '')?.[1];
  if (remaining !== undefined && Number(remaining) === 0 && reset !== undefined) {
    return { retryAfterMs: Math.min(Number(reset) * 1000, maxRetryAfterMs) };
  }
  return undefined;
}

/**
 * The digest of the bytes. `promised` is what was asked for, `announced` what the registry's header
 * says; either must agree when it is there.
 */
function verifiedDigest(body: Buffer, promised: string | undefined, announced: string | undefined): string {
  const known = announced !== undefined && /^sha(256|384|512):/.test(announced) ? announced : undefined;
  const expected = promised ?? known;
  const algorithm = expected?.slice(0, expected.indexOf(':')) ?? 'sha256';
  const digest = `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`;
  if (expected !== undefined && expected !== digest) {
    throw new RegistryError(
      'digest-mismatch',
      `content integrity error: the content with digest ${expected} does not match the digest calculated from it, ${digest}`,
    );
  }
  return digest;
}

/** The refusal in an answer: HTTP status, and the registry's own error codes where it sends them. */
function answerError(response: RegistryResponse, notFound: NotFoundCode): RegistryError {
  const { status, headers } = response;
  const { code, message } = firstDiagnostic(response.body);
  const text = message === '' ? `the registry answered ${status}` : `${code.toLowerCase()}: ${message}`;
  if (status === 401) return new RegistryError('unauthorized', text);
  if (status === 403) return new RegistryError('denied', text);
  if (status === 429)
    return new RegistryError('too-many-requests', text, { retryAfterMs: retryAfterMs(headers) });
  if (status !== 404)
    return new RegistryError('registry-error', text, { retryAfterMs: retryAfterMs(headers) });
  if (code === 'NAME_UNKNOWN') return new RegistryError('repository-unknown', text);
  if (code === '' && (headers['content-type'] ?? '').includes('text/html')) {
    return new RegistryError('not-a-registry', 'the host answered with a web page, not as a registry');
  }
  return new RegistryError(notFound, text);
}

function firstDiagnostic(body: Buffer): { code: string; message: string } {
  const document = parseJsonObject(body.subarray(0, maxErrorBytes).toString());
  const [first] = arrayOf(document?.['errors']);
  return { code: textOf(valueAt(first, ['code'])) ?? '', message: textOf(valueAt(first, ['message'])) ?? '' };
}

function parseTagPage({ body }: RegistryResponse): readonly string[] {
  const document = parseJsonObject(body.toString());
  if (document === undefined) throw new RegistryError('not-a-registry', 'the tag list is not a JSON object');
  return arrayOf(document['tags']).filter((tag): tag is string => typeof tag === 'string' && isTagName(tag));
}

/** The part of a `Link: <…>; rel="next"` behind the repository; a link that leads elsewhere is refused. */
function nextPage({ headers, url }: RegistryResponse, root: string): string | undefined {
  const link = /<([^>]{1,4096})>\s*;\s*rel="?next"?/.exec(headers['link'] ?? '')?.[1];
  if (link === undefined) return undefined;
  const next = URL.canParse(link, url.href) ? new URL(link, url.href) : undefined;
  if (next === undefined || next.origin !== url.origin || !next.pathname.startsWith(`${root}tags/`)) {
    throw new RegistryError('registry-error', 'the next page of the tag list is not in the same repository');
  }
  return `${next.pathname.slice(root.length)}${next.search}`;
}
