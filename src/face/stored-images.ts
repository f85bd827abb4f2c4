/**
 * Images: the stored ones under their digests, with the versions renamed (semantics 4.6). Their names are within objects, so that
 * nothing is handed on as it comes.
 */
import type { Image } from '../api/generated/image.ts';
import { isJsonObject, type JsonObject, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import { images, type KubeObject, resourcePath } from '../api/resources.ts';
import { imageTable } from '../domain/reference-tables.ts';
import { imageView } from '../domain/reference-views.ts';
import { storedImageName, storedImageSelector, withDigests } from '../domain/stored-image-name.ts';
import type { KubeClient, ListPage } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeTransport } from '../kube/transport.ts';
import { readBounded } from '../runtime/bounded-body.ts';
import type { Clock } from '../runtime/clock.ts';
import { readDeletion } from './delete-options.ts';
import { type Exchange, isDryRun, sendJson } from './exchange.ts';
import { objectPage, pageSize } from './object-page.ts';
import type { OwnerBudget } from './owner-budget.ts';
import { passAnswer } from './passed-answer.ts';
import type { RequestTurns } from './request-turns.ts';
import { type ShownPage, sendPages, shownPage } from './sent-list.ts';
import { notFound } from './status.ts';
import { includeObjectOf, tableOf } from './tables.ts';
import { served, toServed } from './versions.ts';
import { sendView } from './view-answer.ts';
import type { WatchBeginnings } from './watch-beginnings.ts';
import { changedEvents } from './watch-events.ts';

/** Options of {@link StoredImages}. */
export interface StoredImagesOptions {
  readonly client: KubeClient;
  /** For watches and deletions: clients that read slowly hold its connections. */
  readonly transport: KubeTransport;
  readonly watches: OwnerBudget;
  readonly beginnings: WatchBeginnings;
  /** Of reads of pages. */
  readonly turns: RequestTurns;
  readonly clock: Clock;
}

/** Parameters of a watch that mean the same to the custom resource. */
const watchParameters = [
  'allowWatchBookmarks',
  'labelSelector',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
];
/** Parameters and members of a deletion that do. */
const deleteParameters = ['gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
/** An object of the largest size that etcd takes, with room. */
const maxObjectBytes = 4 * 1024 * 1024;

/** Answers all but the edits. */
export class StoredImages {
  readonly #options: StoredImagesOptions;

  constructor(options: StoredImagesOptions) {
    this.#options = options;
  }

  /** Reads, lists, watches or deletes Images. */
  async serve(exchange: Exchange): Promise<void> {
    switch (exchange.info.verb) {
      case 'watch':
        return this.#options.watches.run(exchange.caller.user, () =>
          this.#options.beginnings.run(exchange, (heard) => this.#watch(exchange, heard)),
        );
      case 'delete':
        return this.#delete(exchange);
      case 'get':
        return this.#get(exchange);
      default:
        return this.#list(exchange);
    }
  }

  async #get(exchange: Exchange): Promise<void> {
    const { info, signal } = exchange;
    const image = await readImage(this.#options.client, info.name ?? '', signal);
    sendView(exchange, toServed(imageView(image)), { table: imageTable, now: this.#options.clock.now() });
  }

  async #list(exchange: Exchange): Promise<void> {
    await sendPages(exchange, this.#pages(exchange), this.#options.turns);
  }

  async *#pages(exchange: Exchange): AsyncGenerator<ShownPage, void> {
    const limit = limitOf(exchange.url);
    const shown = { table: imageTable, now: this.#options.clock.now() };
    let next = exchange.url.searchParams.get('continue') ?? undefined;
    do {
      const { metadata, items } = await this.#page(exchange, next, limit);
      const { resourceVersion } = metadata;
      const list = {
        kind: 'ImageList',
        apiVersion: served,
        // Who sets no limit wants all of them at once.
        metadata: limit === undefined ? { resourceVersion } : { ...metadata },
        items: items.map((image) => toServed(imageView(image))),
      };
      yield shownPage(exchange, list, shown);
      next = limit === undefined ? metadata.continue : undefined;
    } while (next);
  }

  #page(
    { url, form, signal }: Exchange,
    next: string | undefined,
    limit = pageSize,
  ): Promise<ListPage<Image>> {
    const { client } = this.#options;
    const options = { limit, continue: next, ...selectorsOf(url) };
    // What is not shown need not be read.
    if (form === 'metadata')
      return client.listMetadataPage(images, options, signal) as Promise<ListPage<Image>>;
    return objectPage(client, images, options, signal);
  }

  async #watch(exchange: Exchange, heard: () => void): Promise<void> {
    const { url, form, signal } = exchange;
    const query = { ...parametersOf(url, watchParameters), ...selectorsOf(url), watch: 'true' };
    const accept =
      form === 'metadata'
        ? 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
        : 'application/json';
    const path = resourcePath(images, {});
    const answer = await this.#options.transport.send({
      method: 'GET',
      path,
      query,
      accept,
      watch: true,
      signal,
    });
    heard();
    await passAnswer(
      exchange,
      answer,
      changedEvents((event) => this.#shownEvent(exchange, event), heard),
    );
  }

  #shownEvent({ url, form }: Exchange, event: JsonObject): JsonObject {
    const { type, object } = event;
    // A refusal is no event, and has no object.
    if (type === undefined || !isJsonObject(object)) return event;
    if (type === 'ERROR' || type === 'BOOKMARK') return { ...event, object: toServed(object) };
    const view = toServed(imageView(object as unknown as Image)) as JsonObject;
    if (form === 'metadata')
      return { ...event, object: { ...object, metadata: valueAt(view, ['metadata']) } };
    if (form === 'object') return { ...event, object: view };
    const shown = { include: includeObjectOf(url), now: this.#options.clock.now() };
    return { ...event, object: tableOf(imageTable, view, shown) };
  }

  async #delete(exchange: Exchange): Promise<void> {
    const { info, url, response, signal } = exchange;
    const { name = '' } = info;
    const sent = (await readDeletion(exchange)) ?? {};
    const dryRun = isDryRun(exchange, sent['dryRun']);
    const stored = storedImageName(name);
    if (stored === undefined) throw notFound('images', name);
    const options = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: sent['preconditions'],
      ...Object.fromEntries(deleteParameters.map((member) => [member, sent[member]])),
      ...(dryRun ? { dryRun: ['All'] } : {}),
    };
    const answer = await this.#options.transport.send({
      method: 'DELETE',
      path: resourcePath(images, { name: stored }),
      query: parametersOf(url, deleteParameters),
      body: JSON.stringify(options),
      signal,
    });
    const document = parseJsonObject((await readBounded(answer.body, maxObjectBytes)).toString()) ?? {};
    sendJson(response, answer.statusCode, shownOutcome(document, name));
  }
}

/** The stored Image that a request names. Throws 404 when there is none. */
export async function readImage(client: KubeClient, name: string, signal: AbortSignal): Promise<Image> {
  const stored = storedImageName(name);
  if (stored === undefined) throw notFound('images', name);
  try {
    return await client.get(images, { name: stored }, signal);
  } catch (error) {
    throw isNotFound(error) ? notFound('images', name) : error;
  }
}

/** A Status, or the Image when something holds it. */
function shownOutcome(document: JsonObject, name: string): unknown {
  if (document['kind'] !== 'Status') return toServed(imageView(document as unknown as KubeObject as Image));
  const { message, details } = document;
  return {
    ...document,
    ...(message === undefined ? {} : { message: withDigests(textOf(message) ?? '') }),
    ...(isJsonObject(details) ? { details: { ...details, name } } : {}),
  };
}

function limitOf({ searchParams }: URL): number | undefined {
  const limit = Number(searchParams.get('limit') ?? 0);
  return Number.isInteger(limit) && limit > 0 ? Math.min(limit, pageSize) : undefined;
}

function selectorsOf({ searchParams }: URL): { labelSelector?: string; fieldSelector?: string } {
  const labelSelector = searchParams.get('labelSelector') ?? '';
  const fieldSelector = searchParams.get('fieldSelector') ?? '';
  return {
    ...(labelSelector === '' ? {} : { labelSelector }),
    ...(fieldSelector === '' ? {} : { fieldSelector: storedImageSelector(fieldSelector) }),
  };
}

function parametersOf({ searchParams }: URL, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = searchParams.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}
