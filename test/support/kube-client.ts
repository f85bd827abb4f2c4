import { Agent, type Dispatcher, request } from 'undici';

import type { KubeObject, ResourceType } from './resources.ts';

const REQUEST_TIMEOUT_MS = 15_000;

const patchMediaTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Which object; without `namespace` a cluster-scoped one. */
export interface ObjectAddress {
  readonly namespace?: string | undefined;
  readonly name: string;
  /** For example `status` or `scale`. */
  readonly subresource?: string;
}

export interface KubeClientOptions {
  readonly url: string;
  /** PEM of the authority that the server's certificate is checked with. */
  readonly ca: string;
  readonly token: string;
}

export interface KubeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** An answer of the API server that is no success. */
export class KubeRequestError extends Error {
  override readonly name = 'KubeRequestError';
  readonly status: number;
  /** The body: a Kubernetes Status as JSON, mostly. */
  readonly body: string;

  constructor(asked: string, answer: KubeAnswer) {
    super(`${asked}: ${answer.status} ${answer.text}`);
    this.status = answer.status;
    this.body = answer.text;
  }
}

/** A raw client for tests: it sends what it is told and answers with the JSON that came back. No retries. */
export class KubeClient implements AsyncDisposable {
  readonly #url: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor({ url, ca, token }: KubeClientOptions) {
    this.#url = url;
    this.#token = token;
    this.#agent = new Agent({
      connect: { ca },
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    });
  }

  /** @throws KubeRequestError, with status 404 when there is no such object. */
  async get<T extends KubeObject>(type: ResourceType<T>, address: ObjectAddress): Promise<T> {
    return this.#json('GET', pathOf(type, address));
  }

  /** Like get, but undefined when there is no such object. */
  async find<T extends KubeObject>(type: ResourceType<T>, address: ObjectAddress): Promise<T | undefined> {
    try {
      return await this.get(type, address);
    } catch (error) {
      if (error instanceof KubeRequestError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Without `namespace` the objects of all namespaces. */
  async list<T extends KubeObject>(
    type: ResourceType<T>,
    { namespace, labelSelector = '' }: { namespace?: string; labelSelector?: string } = {},
  ): Promise<T[]> {
    const query = labelSelector === '' ? '' : `?labelSelector=${encodeURIComponent(labelSelector)}`;
    const list: { items: T[] } = await this.#json('GET', collectionOf(type, namespace) + query);
    return list.items;
  }

  /** Creates the object in the namespace of its metadata. */
  async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.#json('POST', collectionOf(type, object.metadata.namespace), withType(type, object));
  }

  /** Writes the whole object back; a `resourceVersion` in it guards against lost updates. */
  async replace<T extends KubeObject>(type: ResourceType<T>, object: T, subresource?: string): Promise<T> {
    const { namespace, name } = object.metadata;
    const path = pathOf(type, { namespace, name, ...(subresource !== undefined && { subresource }) });
    return this.#json('PUT', path, withType(type, object));
  }

  /** Patches with a merge patch unless another kind is asked for. */
  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    address: ObjectAddress & { readonly patchType?: 'merge' | 'strategic' | 'json' },
    patch: unknown,
  ): Promise<T> {
    return this.#json('PATCH', pathOf(type, address), patch, patchMediaTypes[address.patchType ?? 'merge']);
  }

  /** Server-side apply, forced, with the field manager `test` unless told. */
  async apply<T extends KubeObject>(type: ResourceType<T>, object: T, fieldManager = 'test'): Promise<T> {
    const { namespace, name } = object.metadata;
    const query = `?force=true&fieldManager=${encodeURIComponent(fieldManager)}`;
    const path = pathOf(type, { namespace, name }) + query;
    return this.#json('PATCH', path, withType(type, object), patchMediaTypes.apply);
  }

  /** Asks for the deletion; finalizers may still hold the object when this returns. */
  async delete<T extends KubeObject>(type: ResourceType<T>, address: ObjectAddress): Promise<void> {
    await this.#json('DELETE', pathOf(type, address), { propagationPolicy: 'Background' });
  }

  /** Any request, whatever its answer; throws only when there is none. */
  async request(method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<KubeAnswer> {
    return this.#send(method, path, body, 'application/json');
  }

  /** Ends the connections at once. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #json<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    mediaType = 'application/json',
  ): Promise<T> {
    const answer = await this.#send(method, path, body, mediaType);
    if (answer.status >= 300) throw new KubeRequestError(`${method} ${path}`, answer);
    const value: T = JSON.parse(answer.text);
    return value;
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    body: unknown,
    mediaType: string,
  ): Promise<KubeAnswer> {
    const response = await request(this.#url + path, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${this.#token}`,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': mediaType }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
  }
}

/** The object with the apiVersion and kind under which it is sent. */
function withType<T extends KubeObject>(type: ResourceType<T>, object: T): T {
  return { ...object, apiVersion: type.apiVersion, kind: type.kind };
}

function collectionOf<T extends KubeObject>(type: ResourceType<T>, namespace: string | undefined): string {
  const root = type.apiVersion === 'v1' ? '/api/v1' : `/apis/${type.apiVersion}`;
  return `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${type.plural}`;
}

function pathOf<T extends KubeObject>(type: ResourceType<T>, address: ObjectAddress): string {
  const path = `${collectionOf(type, address.namespace)}/${encodeURIComponent(address.name)}`;
  return address.subresource === undefined ? path : `${path}/${address.subresource}`;
}
