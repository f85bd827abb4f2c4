import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import { type Answer, type Behaviour, misbehave, tagPage } from './hostile-behaviour.ts';
import { HttpListener } from './http-listener.ts';
import type { Blob, BuiltManifest } from './images.ts';
import type { TlsIdentity } from './tls-files.ts';

/** What a request is about. */
export type Endpoint = 'ping' | 'manifests' | 'blobs' | 'tags' | 'other';

/** A request as the registry saw it. */
export interface HostileRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly endpoint: Endpoint;
  /** Empty where there is none. */
  readonly repository: string;
  /** Tag or digest; empty where there is none. */
  readonly reference: string;
  readonly headers: IncomingHttpHeaders;
  /** Bytes written on its connection since the request came: how much of an endless answer was taken. */
  readonly sentBytes: () => number;
  /** Undefined while it is not answered. */
  readonly status: () => number | undefined;
}

export interface HostileRegistryOptions {
  /** For requests that no override is for. Honest unless told. */
  readonly behaviour?: Behaviour;
  /**
   * By path without query (`/v2/app/manifests/1`) or endpoint (`manifests`), either with or without a method before
   * it (`HEAD manifests`). The most special one counts: path before endpoint, with method before without. Several
   * behaviours are for successive requests; the last of them stays.
   */
  readonly overrides?: Readonly<Record<string, Behaviour | readonly Behaviour[]>>;
  /** It then speaks HTTPS. */
  readonly tls?: TlsIdentity;
}

/** What a repository has. */
interface Content {
  readonly type: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

/**
 * A registry in this process that does what a real one won't. What it is given to serve it serves honestly, and
 * misbehaves on top of that: `startHostileRegistry({ overrides: { manifests: { kind: 'endless' } } })`.
 */
export class HostileRegistry implements AsyncDisposable {
  readonly #default: Behaviour;
  readonly #overrides = new Map<string, readonly Behaviour[]>();
  /** By `repository manifests reference` and `repository blobs digest`. */
  readonly #content = new Map<string, Content>();
  readonly #tags = new Map<string, Set<string>>();
  #listener: HttpListener | undefined;
  #requests: HostileRequest[] = [];

  private constructor(options: HostileRegistryOptions) {
    this.#default = options.behaviour ?? { kind: 'honest' };
    for (const [where, behaviour] of Object.entries(options.overrides ?? {})) this.behave(where, behaviour);
  }

  /** Use {@link startHostileRegistry}. */
  static async start(options: HostileRegistryOptions): Promise<HostileRegistry> {
    const registry = new HostileRegistry(options);
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      registry.#handle(request, response);
    registry.#listener = await HttpListener.start(listener, options.tls);
    return registry;
  }

  /** `127.0.0.1:port`, as in an image reference. */
  get host(): string {
    return this.#listener?.host ?? '';
  }

  get url(): string {
    return this.#listener?.url ?? '';
  }

  /** Everything that was asked since the start or the last `forget`, oldest first. */
  get requests(): readonly HostileRequest[] {
    return this.#requests;
  }

  /** `METHOD path` of each request, oldest first. */
  get conversation(): readonly string[] {
    return this.#requests.map(({ method, path }) => `${method} ${path}`);
  }

  forget(): void {
    this.#requests = [];
  }

  /** Has a manifest, an index or an image (with its blobs) under its digest and these tags. */
  serve(
    place: { readonly repository: string; readonly tags?: readonly string[] },
    built: BuiltManifest & { readonly config?: Blob; readonly layer?: Blob },
  ): void {
    const { repository, tags = [] } = place;
    const content = { type: built.mediaType, bytes: built.manifest, digest: built.digest };
    for (const reference of [built.digest, ...tags])
      this.#content.set(`${repository} manifests ${reference}`, content);
    for (const blob of [built.config, built.layer]) {
      if (blob === undefined) continue;
      const type = 'application/octet-stream';
      this.#content.set(`${repository} blobs ${blob.digest}`, { type, ...blob });
    }
    this.#tags.set(repository, new Set([...(this.#tags.get(repository) ?? []), ...tags]));
  }

  /** Has any bytes under a tag: what no registry would have taken. Returns their digest. */
  serveBytes(
    place: { readonly repository: string; readonly tag: string },
    content: { readonly mediaType: string; readonly bytes: Buffer | string },
  ): string {
    const manifest = Buffer.from(content.bytes);
    const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
    const { mediaType } = content;
    this.serve({ repository: place.repository, tags: [place.tag] }, { digest, mediaType, manifest });
    return digest;
  }

  /** From now on these requests are handled so; see `overrides` of the options for what `where` may be. */
  behave(where: string, behaviour: Behaviour | readonly Behaviour[]): void {
    this.#overrides.set(where, isList(behaviour) ? behaviour : [behaviour]);
  }

  /** Ends an override, or all of them. */
  recover(where?: string): void {
    if (where === undefined) this.#overrides.clear();
    else this.#overrides.delete(where);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
  }

  #handle(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/', headers, socket } = incoming;
    incoming.resume();
    const location = new URL(this.url + url);
    const before = socket.bytesWritten;
    const request: HostileRequest = {
      method,
      path: url,
      ...parsePath(location.pathname),
      headers,
      sentBytes: () => socket.bytesWritten - before,
      status: () => (response.headersSent ? response.statusCode : undefined),
    };
    this.#requests.push(request);
    misbehave(this.#behaviourFor(request, location.pathname), {
      method,
      response,
      url: location,
      authorization: headers.authorization,
      honest: () => this.#honestAnswer(request, location),
    });
  }

  #behaviourFor({ method, endpoint }: HostileRequest, path: string): Behaviour {
    const wheres = [`${method} ${path}`, path, `${method} ${endpoint}`, endpoint];
    const where = wheres.find((candidate) => this.#overrides.has(candidate));
    const [first = this.#default, ...rest] = this.#overrides.get(where ?? '') ?? [];
    if (where !== undefined && rest.length > 0) this.#overrides.set(where, rest);
    return first;
  }

  #honestAnswer({ endpoint, repository, reference }: HostileRequest, location: URL): Answer {
    if (endpoint === 'ping') return { status: 200, headers: json, body: '{}' };
    if (endpoint === 'tags') {
      const tags = this.#tags.get(repository);
      return tags === undefined ? notFound('NAME') : tagPage({ kind: 'tags', tags: [...tags] }, location);
    }
    const content = this.#content.get(`${repository} ${endpoint} ${reference}`);
    if (content === undefined) return notFound(endpoint === 'blobs' ? 'BLOB' : 'MANIFEST');
    const { type, bytes, digest } = content;
    return {
      status: 200,
      headers: {
        'content-type': type,
        'content-length': String(bytes.length),
        'docker-content-digest': digest,
      },
      body: bytes,
    };
  }
}

/** Starts a hostile registry on a free loopback port. */
export async function startHostileRegistry(options: HostileRegistryOptions = {}): Promise<HostileRegistry> {
  return HostileRegistry.start(options);
}

const json = { 'content-type': 'application/json' };

function notFound(what: 'NAME' | 'BLOB' | 'MANIFEST'): Answer {
  const body = JSON.stringify({
    errors: [{ code: `${what}_UNKNOWN`, message: `${what.toLowerCase()} unknown` }],
  });
  return { status: 404, headers: json, body };
}

function parsePath(path: string): Pick<HostileRequest, 'endpoint' | 'repository' | 'reference'> {
  if (/^\/v2\/?$/.test(path)) return { endpoint: 'ping', repository: '', reference: '' };
  const [, repository = '', tail = ''] =
    /^\/v2\/(.+)\/(tags\/list|(?:manifests|blobs)\/[^/]+)$/.exec(path) ?? [];
  const [endpoint, reference = ''] = tail.split('/');
  switch (endpoint) {
    case 'tags':
      return { endpoint, repository, reference: '' };
    case 'manifests':
    case 'blobs':
      return { endpoint, repository, reference };
    default:
      return { endpoint: 'other', repository: '', reference: '' };
  }
}

function isList(value: Behaviour | readonly Behaviour[]): value is readonly Behaviour[] {
  return Array.isArray(value);
}
