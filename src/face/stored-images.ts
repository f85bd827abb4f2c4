/**
 * Images: the stored ones under their digests, with the versions renamed (semantics 4.6).
 */
import type { Transform } from 'node:stream';
import type { Image } from '../api/generated/image.ts';
import { isJsonObject, type JsonObject, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import { images, resourcePath } from '../api/resources.ts';
import { imageTable } from '../domain/reference-tables.ts';
import { imageView } from '../domain/reference-views.ts';
import { storedImageName, storedImageSelector, withDigests } from '../domain/stored-image-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeTransport } from '../kube/transport.ts';
import { readBounded } from '../runtime/bounded-body.ts';
import type { Clock } from '../runtime/clock.ts';
import { readDeletion } from './delete-options.ts';
import { type Exchange, isDryRun, sendJson } from './exchange.ts';
import type { Form } from './negotiation.ts';
import type { OwnerBudget } from './owner-budget.ts';
import { passAnswer } from './passed-answer.ts';
import { type Show, ShownList } from './shown-list.ts';
import { type ShownRows, ShownTable } from './shown-table.ts';
import { notFound } from './status.ts';
import { metadataTypeOf } from './stream-requests.ts';
import { includeObjectOf, tableOf } from './tables.ts';
import { toServed } from './versions.ts';
import { sendView } from './view-answer.ts';
import type { WatchBeginnings, WatchProgress } from './watch-beginnings.ts';
import { changedEvents } from './watch-events.ts';

/** Options of {@link StoredImages}. */
export interface StoredImagesOptions {
  readonly client: KubeClient;
  /** For lists, watches and deletions. */
  readonly transport: KubeTransport;
  readonly watches: OwnerBudget;
  readonly beginnings: WatchBeginnings;
  readonly clock: Clock;
}

/** Parameters of lists and watches that mean the same to the custom resource. */
const listParameters = ['continue', 'limit', 'resourceVersion', 'resourceVersionMatch', 'timeoutSeconds'];
const watchParameters = [
  'allowWatchBookmarks',
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
          this.#options.beginnings.run(exchange, (progress) => this.#watch(exchange, progress)),
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
    const answer = await this.#read(exchange, listParameters);
    const shown: Readonly<Record<Form, () => Transform>> = {
      object: () => new ShownList(viewOf),
      metadata: () => new ShownList(metadataViewOf),
      table: () => new ShownTable(imageTable, this.#rows(exchange), viewOf),
    };
    await passAnswer(exchange, answer, shown[exchange.form]());
  }

  async #watch(exchange: Exchange, progress: WatchProgress): Promise<void> {
    const answer = await this.#read(exchange, watchParameters);
    progress.opened();
    await passAnswer(
      exchange,
      answer,
      changedEvents((event) => this.#shownEvent(exchange, event), progress),
    );
  }

  /** Reads or watches all Images that are selected. */
  #read({ url, form, info: { verb }, signal }: Exchange, parameters: readonly string[]) {
    const watch = verb === 'watch';
    return this.#options.transport.send({
      method: 'GET',
      path: resourcePath(images, {}),
      query: { ...parametersOf(url, parameters), ...selectorsOf(url), ...(watch ? { watch: 'true' } : {}) },
      // What is not shown need not be read.
      accept: form === 'metadata' ? metadataTypeOf(verb) : 'application/json',
      watch,
      ownConnection: true,
      signal,
    });
  }

  #shownEvent(exchange: Exchange, event: JsonObject): JsonObject {
    const { type, object } = event;
    if (!isJsonObject(object)) return event;
    if (type === 'ERROR' || type === 'BOOKMARK') return { ...event, object: toServed(object) };
    const shown: Readonly<Record<Form, () => unknown>> = {
      object: () => viewOf(object),
      metadata: () => metadataViewOf(object),
      table: () => tableOf(imageTable, viewOf(object), this.#rows(exchange)),
    };
    return { ...event, object: shown[exchange.form]() };
  }

  #rows({ url }: Exchange): ShownRows {
    return { include: includeObjectOf(url), now: this.#options.clock.now() };
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

/** An Image, as the API server sends it, under its digest. */
const viewOf: Show = (object) => toServed(imageView(object as unknown as Image));

/** The metadata of an Image, in the form in which the API server sends it alone. */
const metadataViewOf: Show = (object) => ({ ...object, metadata: valueAt(viewOf(object), ['metadata']) });

/** A Status, or the Image when something holds it. */
function shownOutcome(document: JsonObject, name: string): unknown {
  if (document['kind'] !== 'Status') return viewOf(document);
  const { message, details } = document;
  return {
    ...document,
    ...(message === undefined ? {} : { message: withDigests(textOf(message) ?? '') }),
    ...(isJsonObject(details) ? { details: { ...details, name } } : {}),
  };
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
