/** Manifests and configurations from any registry that speaks the OCI distribution API (or Docker's v2). */
import { createHash } from 'node:crypto';
import { arrayOf, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import { type ImageReference, registryHost, repositoryPath } from '../domain/image-reference.ts';
import { type Descriptor, manifestMediaTypes } from '../domain/manifest.ts';
import type { Authenticator } from './authenticator.ts';
import { RegistryError } from './errors.ts';
import type { RegistryResponse } from './transport.ts';

/** A manifest as it came: its digest is computed from these bytes. */
export interface FetchedManifest {
  readonly digest: string;
  readonly contentType: string;
  readonly text: string;
}

/** A repository to read from. */
export interface RepositoryAccess {
  readonly reference: ImageReference;
  /** Unverified TLS, or plain HTTP where no TLS connection comes about. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

const maxManifestBytes = 4 * 1024 * 1024;
const maxConfigBytes = 8 * 1024 * 1024;
const accept = manifestMediaTypes.join(', ');

/** Reads from registries. Every method throws {@link RegistryError}. */
export class RegistryClient {
  readonly #authenticator: Authenticator;
  readonly #onRequest: (what: 'manifest' | 'config') => void;

  /** `onRequest` hears of every manifest and configuration that is asked for, for the metrics. */
  constructor(options: { authenticator: Authenticator; onRequest?: (what: 'manifest' | 'config') => void }) {
    this.#authenticator = options.authenticator;
    this.#onRequest = options.onRequest ?? (() => undefined);
  }

  /** The manifest under a tag or digest. A digest is held against the bytes. */
  async getManifest(access: RepositoryAccess, identifier: string): Promise<FetchedManifest> {
    this.#onRequest('manifest');
    const response = await this.#get(access, `manifests/${identifier}`, {
      accept,
      maxBytes: maxManifestBytes,
    });
    if (response.status !== 200) throw answerError(response, 'manifest-unknown');
    const promised = identifier.includes(':') ? identifier : undefined;
    const digest = verifiedDigest(response.body, promised, response.headers['docker-content-digest']);
    return { digest, contentType: response.headers['content-type'] ?? '', text: response.body.toString() };
  }

  /** An image's configuration, held against its digest. */
  async getConfig(access: RepositoryAccess, config: Descriptor): Promise<string> {
    this.#onRequest('config');
    const response = await this.#get(access, `blobs/${config.digest}`, {
      accept: '*/*',
      maxBytes: maxConfigBytes,
    });
    if (response.status !== 200) throw answerError(response, 'registry-error');
    verifiedDigest(response.body, config.digest, undefined);
    return response.body.toString();
  }

  #get(
    { reference, insecure, signal }: RepositoryAccess,
    path: string,
    options: { accept: string; maxBytes: number },
  ): Promise<RegistryResponse> {
    const repository = repositoryPath(reference);
    return this.#authenticator.get({
      host: registryHost(reference),
      repository,
      path: `/v2/${repository}/${path}`,
      insecure,
      headers: { accept: options.accept },
      maxBytes: options.maxBytes,
      signal,
    });
  }
}

/**
 * The digest of the bytes. `promised` is what was asked for, `announced` what the registry's header
 * says; either must agree when it is there.
 */
function verifiedDigest(body: Buffer, promised: string | undefined, announced: string | undefined): string {
  const expected =
    promised ?? (announced !== undefined && /^sha(256|384|512):/.test(announced) ? announced : undefined);
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
function answerError(
  response: RegistryResponse,
  notFound: 'manifest-unknown' | 'registry-error',
): RegistryError {
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
  const document = parseJsonObject(body.subarray(0, 8 * 1024).toString());
  const [first] = arrayOf(document?.['errors']);
  return { code: textOf(valueAt(first, ['code'])) ?? '', message: textOf(valueAt(first, ['message'])) ?? '' };
}

/** `Retry-After` in seconds or as a date; at most an hour is believed. */
function retryAfterMs(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}
