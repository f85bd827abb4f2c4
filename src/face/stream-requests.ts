/** Requests for stored ImageStreams: those of a caller, as far as they mean the same to the custom resource. */
import type { Dispatcher } from 'undici';
import { imageStreams, resourcePath } from '../api/resources.ts';
import type { KubeTransport } from '../kube/transport.ts';
import { type Exchange, isDryRun, managerOf } from './exchange.ts';
import type { Verb } from './request-info.ts';

/** Larger than any object that etcd takes. */
export const maxObjectBytes = 16 * 1024 * 1024;

/** Parameters of a request that are handed on. */
const parameters = [
  'allowWatchBookmarks',
  'continue',
  'fieldManager',
  'fieldSelector',
  'fieldValidation',
  'force',
  'gracePeriodSeconds',
  'labelSelector',
  'limit',
  'orphanDependents',
  'propagationPolicy',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];

/** What is sent in a caller's place. */
export interface StreamRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: string;
  readonly contentType?: string;
  /** Only the metadata is wanted. */
  readonly metadataOnly?: boolean;
  /** Parameters of a read in the place of the caller's. */
  readonly query?: Readonly<Record<string, string>>;
  /** Nothing is to be changed, whatever the caller says. */
  readonly rehearsed?: boolean;
}

/** Sends them with the rights of the face: the caller's have been asked for before. */
export class StreamRequests {
  readonly #transport: KubeTransport;

  constructor(transport: KubeTransport) {
    this.#transport = transport;
  }

  /** Sends one for what the exchange is about. Whoever calls has to read the body, or to destroy it. */
  send(
    exchange: Exchange,
    { method, metadataOnly, query, rehearsed, ...body }: StreamRequest,
  ): Promise<Dispatcher.ResponseData> {
    const { info, signal } = exchange;
    const { namespace, name, verb } = info;
    const subresource = info.subresource === 'status' ? ({ subresource: 'status' } as const) : {};
    const isRead = method === 'GET';
    return this.#transport.send({
      method,
      path: resourcePath(imageStreams, { namespace, name, ...subresource }),
      query: {
        ...(isRead ? (query ?? readQueryOf(exchange)) : writeQueryOf(exchange)),
        ...(rehearsed === true && !isRead ? { dryRun: 'All' } : {}),
      },
      ...body,
      accept: metadataOnly === true ? metadataTypeOf(verb) : 'application/json',
      watch: verb === 'watch',
      ownConnection: verb === 'list' || verb === 'deletecollection',
      signal,
    });
  }
}

/** The media type of the metadata of what a verb reads. */
export function metadataTypeOf(verb: Verb): string {
  const kind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}

function writeQueryOf(exchange: Exchange): Record<string, string> {
  const query = handedOn(exchange);
  if (isDryRun(exchange)) query['dryRun'] = 'All';
  // Without a field manager the API server takes the name of the program: that is the client's and not ours.
  const { manager } = managerOf(exchange);
  if (['create', 'update', 'patch'].includes(exchange.info.verb) && manager !== undefined)
    query['fieldManager'] = manager;
  return query;
}

/** A write reads first: of its parameters none is for that. */
function readQueryOf(exchange: Exchange): Record<string, string> {
  return ['get', 'list', 'watch'].includes(exchange.info.verb) ? handedOn(exchange) : {};
}

function handedOn({ url }: Exchange): Record<string, string> {
  const query: Record<string, string> = {};
  for (const name of parameters) {
    const value = url.searchParams.get(name);
    if (value !== null) query[name] = value;
  }
  return query;
}
