/** Typed reads and writes over a {@link Resource}: JSON in, JSON out, refusals as {@link KubeApiError}. */
import type { Dispatcher } from 'undici';
import { fieldManager } from '../api/annotations.ts';
import { arrayOf, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import { type KubeObject, type Resource, type ResourcePlace, resourcePath } from '../api/resources.ts';
import { readBounded } from '../runtime/bounded-body.ts';
import { CallLimit } from '../runtime/call-limit.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { isNotFound, KubeApiError } from './errors.ts';
import type { KubeRequest, KubeTransport } from './transport.ts';
import type { WriteFence } from './write-fence.ts';

/** A page of a list. */
export interface ListPage<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

/** How a patch document is meant. */
export type PatchType = 'merge' | 'strategic' | 'json' | 'apply';

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
};

/** What of a collection is wanted. */
export interface ListOptions {
  readonly limit: number;
  readonly continue?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** All namespaces when absent. */
  readonly namespace?: string | undefined;
}

/** How a write is made. */
export interface WriteOptions {
  /** Only asks whether it would be done. */
  readonly dryRun?: boolean;
  /** Who is noted as the author; the operator when absent. */
  readonly manager?: string;
}

/** A patch, and how it is made. */
export interface PatchDocument extends WriteOptions {
  readonly type: Exclude<PatchType, 'apply'>;
  readonly document: unknown;
}

/** Which object is to be deleted, and what of those that belong to it. */
export interface DeleteOptions {
  readonly resourceVersion?: string;
  readonly uid?: string;
  /** `Foreground`: the object goes when they have gone. */
  readonly propagationPolicy?: 'Foreground';
}

const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** A request that was answered. */
export interface AnsweredRequest {
  readonly method: string;
  /** HTTP status. */
  readonly status: number;
  /** What was written; undefined for reads, and for what only asks whether it would be done. */
  readonly write: Write | undefined;
}

/** A write, by names of a closed set: the resources that the code knows, and those of an administrator's settings. */
interface Write {
  /** In the plural, with the subresource. */
  readonly resource: string;
  readonly verb: 'create' | 'patch' | 'apply' | 'delete';
}

/** Options of {@link KubeClient}. */
export interface KubeClientOptions {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  /** Called with each request that was answered, for the metrics; watches not. */
  readonly onRequest?: (request: AnsweredRequest) => void;
  /** What everything but a GET has to pass; without one it always may. */
  readonly fence?: WriteFence | undefined;
}

/** One call, with its waiting for a busy server, ends by this time. */
const callMs = 60_000;
/** A page of 500 objects of the largest size that etcd takes would be 750 MB; a reflector asks for smaller ones then. */
const maxBodyBytes = 64 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
/** 429 means that the server did nothing: asking again is safe for every method. */
const maxBusyRetries = 8;
const maxBusyWaitMs = 5_000;

/** The API server as the controllers see it. With a fence, a write that may not be made rejects with its error, unsent or cut off. */
export class KubeClient {
  readonly #transport: KubeTransport;
  readonly #clock: Clock;
  readonly #onRequest: (request: AnsweredRequest) => void;
  readonly #fence: WriteFence | undefined;

  constructor(options: KubeClientOptions) {
    this.#transport = options.transport;
    this.#clock = options.clock;
    this.#onRequest = options.onRequest ?? (() => undefined);
    this.#fence = options.fence;
  }

  /** Reads an object. Throws {@link KubeApiError} (404 when it is not there). */
  async get<T extends KubeObject>(
    resource: Resource<T>,
    place: ResourcePlace,
    signal: AbortSignal,
  ): Promise<T> {
    return this.#json<T>({ method: 'GET', path: resourcePath(resource, place), signal });
  }

  /**
   * Reads an object as the API server has it in its memory, which may be a moment old: that costs the server a fraction of a read of
   * its database. What is not found there is read as {@link get} does.
   */
  async getKept<T extends KubeObject>(
    resource: Resource<T>,
    place: ResourcePlace,
    signal: AbortSignal,
  ): Promise<T> {
    try {
      const query = { resourceVersion: '0' };
      return await this.#json<T>({ method: 'GET', path: resourcePath(resource, place), query, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return this.get(resource, place, signal);
    }
  }

  /** Reads a document outside the resources, for example discovery. */
  async getPath<T>(path: string, signal: AbortSignal): Promise<T> {
    return this.#json<T>({ method: 'GET', path, signal });
  }

  /** Reads one page of a collection. */
  async listPage<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions,
    signal: AbortSignal,
  ): Promise<ListPage<T>> {
    return this.#json<ListPage<T>>(pageRequest(resource, options, signal));
  }

  /** The same with nothing but the metadata of the objects. */
  async listMetadataPage(
    resource: Resource<KubeObject>,
    options: ListOptions,
    signal: AbortSignal,
  ): Promise<ListPage<KubeObject>> {
    return this.#json<ListPage<KubeObject>>({
      ...pageRequest(resource, options, signal),
      accept: metadataOnly,
    });
  }

  /** The same as its body comes, for objects with metadata of any length. Whoever calls has to read it, or to destroy it. */
  async openMetadataPage(
    resource: Resource<KubeObject>,
    options: ListOptions,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData['body']> {
    const request = pageRequest(resource, options, signal);
    return (await this.#answered({ ...request, accept: metadataOnly, ownConnection: true })).body;
  }

  /**
   * Reads the objects of a namespace that a field selector picks; at most the first `limit` of them. Throws a
   * BodyTooLargeError when these have more than `maxBytes`.
   */
  async listNamespace<T extends KubeObject>(
    resource: Resource<T>,
    {
      namespace,
      fieldSelector,
      limit,
      maxBytes,
    }: { namespace: string; fieldSelector: string; limit: number; maxBytes?: number },
    signal: AbortSignal,
  ): Promise<readonly T[]> {
    const query = { fieldSelector, limit: String(limit) };
    const path = resourcePath(resource, { namespace });
    return (await this.#json<ListPage<T>>({ method: 'GET', path, query, signal }, undefined, maxBytes)).items;
  }

  /** Creates an object; its place is read from its metadata. With `dryRun` it is only asked whether that would be done. */
  async create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    signal: AbortSignal,
    { dryRun = false, manager = fieldManager }: WriteOptions = {},
  ): Promise<T> {
    const path = resourcePath(resource, { namespace: object.metadata.namespace });
    const request: KubeRequest = {
      method: 'POST',
      path,
      query: { fieldManager: manager, ...(dryRun ? { dryRun: 'All' } : {}) },
      body: JSON.stringify(object),
      signal,
    };
    return this.#json<T>(request, dryRun ? undefined : writeOf('create', resource));
  }

  /**
   * Patches an object or its status. With `metadata.uid` and `metadata.resourceVersion` in the document
   * the server answers 409 when the object is another one by now.
   */
  async patch<T extends KubeObject>(
    resource: Resource<T>,
    place: ResourcePlace,
    { type, document, dryRun = false, manager = fieldManager }: PatchDocument,
    signal: AbortSignal,
  ): Promise<T> {
    const request: KubeRequest = {
      method: 'PATCH',
      path: resourcePath(resource, place),
      query: { fieldManager: manager, ...(dryRun ? { dryRun: 'All' } : {}) },
      body: JSON.stringify(document),
      contentType: patchContentTypes[type],
      signal,
    };
    return this.#json<T>(request, dryRun ? undefined : writeOf('patch', resource, place));
  }

  /**
   * Creates an object or sets the fields of one that are in the document, and takes back those that an earlier apply had and
   * this one has not. With `metadata.uid` and `metadata.resourceVersion` in it the server answers 409 when the object is
   * another one by now, and never creates one; the version alone does not keep it from creating. `force` takes fields from others; without it that is a 409 too.
   */
  async apply<T extends KubeObject>(
    resource: Resource<T>,
    document: T,
    { force }: { force: boolean },
    signal: AbortSignal,
  ): Promise<T> {
    const { namespace, name } = document.metadata;
    const request: KubeRequest = {
      method: 'PATCH',
      path: resourcePath(resource, { namespace, name }),
      query: { fieldManager, force: String(force) },
      body: JSON.stringify(document),
      contentType: patchContentTypes.apply,
      signal,
    };
    return this.#json<T>(request, writeOf('apply', resource));
  }

  /** Deletes an object of a version, or of a uid, that was seen; 409 when it is another one by now. */
  async delete(
    resource: Resource<KubeObject>,
    place: ResourcePlace,
    { propagationPolicy, ...preconditions }: DeleteOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy };
    const path = resourcePath(resource, place);
    const request: KubeRequest = { method: 'DELETE', path, body: JSON.stringify(options), signal };
    await this.#json(request, writeOf('delete', resource));
  }

  /** Opens a watch; the body is one JSON document a line. Throws {@link KubeApiError} when it is refused. */
  async watch(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const options: KubeRequest = { method: 'GET', path, query, watch: true, signal };
    const response = await this.#transport.send(options);
    if (response.statusCode === 200) return response;
    throw await toError(options, response);
  }

  async #json<T>(options: KubeRequest, write?: Write, maxBytes = maxBodyBytes): Promise<T> {
    const fence = options.method === 'GET' ? undefined : this.#fence;
    const signals = fence === undefined ? [options.signal] : [options.signal, fence.signal];
    using limit = new CallLimit({ timeMs: callMs, signals });
    const { signal } = limit;
    const beforeSend = fence === undefined ? undefined : () => fence.check();
    const { body } = await this.#answered({ ...options, signal, beforeSend }, write);
    return JSON.parse((await readBounded(body, maxBytes)).toString()) as T;
  }

  /** The answer, which is no refusal; a server that is busy is asked again when it wants. */
  async #answered(options: KubeRequest, write?: Write): Promise<Dispatcher.ResponseData> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#transport.send(options);
      this.#onRequest({ method: options.method, status: response.statusCode, write });
      if (response.statusCode >= 200 && response.statusCode < 300) return response;
      const error = await toError(options, response);
      if (error.status !== 429 || attempt > maxBusyRetries) throw error;
      await sleep(this.#clock, Math.min(error.retryAfterMs ?? 1_000, maxBusyWaitMs), options.signal);
      options.signal.throwIfAborted();
    }
  }
}

function writeOf(verb: Write['verb'], { plural }: Resource<KubeObject>, place?: ResourcePlace): Write {
  const subresource = place?.subresource;
  return { verb, resource: subresource === undefined ? plural : `${plural}/${subresource}` };
}

function pageRequest(
  resource: Resource<KubeObject>,
  { limit, continue: next, labelSelector, fieldSelector, namespace }: ListOptions,
  signal: AbortSignal,
): KubeRequest {
  const query = {
    limit: String(limit),
    ...(next ? { continue: next } : {}),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
  return { method: 'GET', path: resourcePath(resource, { namespace }), query, signal };
}

async function toError(options: KubeRequest, response: Dispatcher.ResponseData): Promise<KubeApiError> {
  const text = await readBounded(response.body, maxErrorBytes).then(String, () => '');
  const status = parseJsonObject(text) ?? {};
  const retryAfter = Number(response.headers['retry-after']);
  return new KubeApiError({
    method: options.method,
    path: options.path,
    status: response.statusCode,
    reason: textOf(status['reason']) ?? '',
    message: textOf(status['message']) ?? text.slice(0, 512),
    causes: arrayOf(valueAt(status, ['details', 'causes'])).flatMap(
      (cause) => textOf(valueAt(cause, ['reason'])) ?? [],
    ),
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined,
  });
}
