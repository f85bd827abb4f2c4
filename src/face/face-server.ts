/** The API face: an HTTPS server that only the front proxy of the cluster may use. */

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { KubeApiError } from '../kube/errors.ts';
import type { Access } from './access.ts';
import {
  aggregatedDocument,
  aggregatedType,
  groupDocument,
  groupListDocument,
  resourceListDocument,
  servedResources,
} from './discovery.ts';
import { type Asked, breakOff, type Exchange, sendJson } from './exchange.ts';
import { FaceListener } from './face-listener.ts';
import type { ProxyTrust } from './front-proxy.ts';
import { type Caller, callerOf } from './identity.ts';
import { formOf } from './negotiation.ts';
import { serveOpenApi } from './open-api.ts';
import { type RequestInfo, requestInfoOf, selectedName, servedPath } from './request-info.ts';
import type { OpenRequest, RequestTally } from './request-tally.ts';
import { RequestTurns } from './request-turns.ts';
import type { ServingIdentity } from './serving-identity.ts';
import {
  badRequest,
  type FailureStatus,
  methodNotAllowed,
  noSuchResource,
  refusalOf,
  StatusError,
  unauthorized,
} from './status.ts';

/** Serves one resource; may throw a {@link StatusError}. */
export type Handler = (exchange: Exchange) => Promise<void>;

/** Options of {@link FaceServer}. */
export interface FaceServerOptions {
  readonly identity: ServingIdentity;
  readonly trust: ProxyTrust;
  readonly access: Access;
  /** By resource, or by `resource/subresource` where another one serves that. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /**
   * Hears of a request before it is known whether the caller may make it, and may begin to read what its handler will need.
   * Never rejects; undefined when nothing was begun.
   */
  readonly begin?: ((asked: Asked) => Promise<unknown> | undefined) | undefined;
  readonly tally: RequestTally;
}

/** Requests other than watches that are answered at a time, and those that wait for it. Who reads his answer slowly holds a place. */
const turns = { all: 200, ofUser: 20, ofNamespace: 24, waiting: 2_000 };
/** Of requests with a long body, which takes many times as much when it is parsed. */
const largeTurns = { all: 8, ofUser: 2, ofNamespace: 2, waiting: 2_000 };
const largeBodyBytes = 256 * 1024;
/** Requests for which something is read before it is known whether the caller may make them: strangers can send any number. */
const maxBegun = 16;

/** Listens until it is closed. */
export class FaceServer {
  readonly #options: FaceServerOptions;
  readonly #listener: FaceListener;
  readonly #turns = new RequestTurns(turns);
  readonly #largeTurns = new RequestTurns(largeTurns);
  #begun = 0;

  constructor(options: FaceServerOptions) {
    this.#options = options;
    this.#listener = new FaceListener({
      ...options,
      onRequest: (request, response, proxy) => this.#answer(request, response, proxy),
    });
  }

  /** Requests that wait for a place. */
  get waiting(): number {
    return this.#turns.waiting + this.#largeTurns.waiting;
  }

  /** Listens, and resolves to the port. */
  listen(host: string, port: number): Promise<number> {
    return this.#listener.listen(host, port);
  }

  /** From now on another front proxy counts, or another certificate is shown. */
  renew(trust: ProxyTrust, identity: ServingIdentity): void {
    this.#listener.renew(trust, identity);
  }

  /** Ends the connections. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    proxy: ProxyTrust | undefined,
  ): Promise<void> {
    if (healthPaths.has((request.url ?? '').split('?')[0] ?? '')) {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
      return;
    }
    const open = this.#options.tally.begin(request, response);
    const gone = new AbortController();
    // Also of an answer that is whole: whatever is still under way for it is of no use to anybody.
    connectionOf(response).once('close', () => gone.abort(clientGone));
    try {
      const caller = callerFrom(request, proxy);
      await this.#route(request, response, { caller, open, signal: gone.signal });
    } catch (error) {
      if (gone.signal.aborted) {
        // The answer to a HEAD over HTTP/2 is not over before that.
        response.end();
        return;
      }
      open.failedWith(error);
      if (response.headersSent) breakOff(response, error);
      else sendFailure(response, failureOf(error));
    }
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    { caller, open, signal }: { caller: Caller; open: OpenRequest; signal: AbortSignal },
  ): Promise<void> {
    const url = urlOf(request);
    if (discover(request, response, url)) return;
    const info = requestInfoOf(request.method ?? '', url);
    if (info === undefined) throw noSuchResource();
    const handler = this.#handlerOf(info);
    open.isFor(info, caller.user);
    this.#begin({ request, info, signal }, response);
    await this.#options.access.check(caller, { ...info, name: info.name ?? selectedName(info, url) });
    const form = formOf(request.headers.accept);
    const exchange: Exchange = { request, response, url, info, caller, form, signal };
    const owner = { user: caller.user, namespace: info.namespace };
    const needed = [
      ...(hasLargeBody(request) ? [this.#largeTurns] : []),
      ...(lasts(info) ? [] : [this.#turns]),
    ];
    const giveBack: (() => void)[] = [];
    try {
      for (const each of needed) giveBack.push(await each.take(owner, signal));
      await handler(exchange);
    } finally {
      for (const release of giveBack) release();
    }
  }

  /** Until the request is done its place is taken: what was read is kept for its handler. */
  #begin(asked: Asked, response: ServerResponse): void {
    if (this.#begun >= maxBegun) return;
    const begun = this.#options.begin?.(asked);
    if (begun === undefined) return;
    this.#begun++;
    const closed = new Promise((resolve) => response.once('close', resolve));
    void Promise.all([begun, closed]).then(() => this.#begun--);
  }

  #handlerOf({ resource, subresource, verb, namespace, name }: RequestInfo): Handler {
    const served = servedResources.find((candidate) => candidate.name === resource);
    const { handlers } = this.#options;
    const handler = handlers.get(`${resource}/${subresource}`) ?? handlers.get(resource);
    const part =
      subresource === undefined
        ? served
        : served?.subresources?.find((candidate) => candidate.name === subresource);
    if (served === undefined || part === undefined || handler === undefined) throw noSuchResource();
    // Of all namespaces at once there are lists and watches only.
    const needsNamespace = served.namespaced && (name !== undefined || !['list', 'watch'].includes(verb));
    if (served.namespaced ? needsNamespace && namespace === undefined : namespace !== undefined)
      throw noSuchResource();
    if (!part.verbs.includes(verb)) throw methodNotAllowed();
    return handler;
  }
}

function callerFrom(request: IncomingMessage, proxy: ProxyTrust | undefined): Caller {
  const caller = proxy && callerOf(request.rawHeaders, proxy.headers);
  if (caller === undefined) throw unauthorized();
  return caller;
}

/** Clients look at the header when they are to come again. */
function sendFailure(response: ServerResponse, status: FailureStatus): void {
  const { retryAfterSeconds } = status.details ?? {};
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
  sendJson(response, status.code, status);
}

/** What closes when the client goes: over HTTP/2 the answer to a HEAD waits for its end. */
function connectionOf(response: ServerResponse | Http2ServerResponse): EventEmitter {
  return 'stream' in response ? response.stream : response;
}

/** One for all, since it is made for each request. */
const clientGone = new Error('the client is gone');

const healthPaths: ReadonlySet<string> = new Set(['/livez', '/readyz', '/healthz']);

function failureOf(error: unknown): FailureStatus {
  if (error instanceof StatusError) return error.status;
  if (error instanceof KubeApiError) return refusalOf(error).status;
  const message = 'Internal error occurred: see the log of the API face';
  return new StatusError(500, 'InternalError', message).status;
}

/** A watch lasts, and so does an import, which waits for registries; their handlers count them. */
function lasts({ verb, resource }: RequestInfo): boolean {
  return verb === 'watch' || resource === 'imagestreamimports';
}

/** Also true for a body that does not say how long it is. */
function hasLargeBody(request: IncomingMessage | Http2ServerRequest): boolean {
  const { headers } = request;
  const length = headers['content-length'];
  if (length !== undefined) return Number(length) > largeBodyBytes;
  return 'stream' in request ? !request.stream.endAfterHeaders : headers['transfer-encoding'] !== undefined;
}

function urlOf(request: IncomingMessage): URL {
  try {
    return new URL(request.url ?? '/', 'https://face');
  } catch {
    throw badRequest('the URL cannot be read');
  }
}

/** Answers a question for what is served; false when it is none. */
function discover(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  switch (url.pathname.replace(/\/$/, '')) {
    case '/apis': {
      const isNewer = (request.headers.accept ?? '').includes('as=APIGroupDiscoveryList');
      if (isNewer) sendTyped(response, aggregatedType, aggregatedDocument);
      else sendJson(response, 200, groupListDocument);
      return true;
    }
    case servedPath.slice(0, servedPath.lastIndexOf('/')):
      sendJson(response, 200, groupDocument);
      return true;
    case servedPath:
      sendJson(response, 200, resourceListDocument);
      return true;
    default:
      return serveOpenApi(request, response, url);
  }
}

function sendTyped(response: ServerResponse, type: string, document: unknown): void {
  response.writeHead(200, { 'content-type': type }).end(JSON.stringify(document));
}
