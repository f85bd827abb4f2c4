/** ImageStreamImports: what is kept the operator imports, what is only looked at the face looks up itself (semantics 2.1). */
import type { ServerResponse } from 'node:http';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { type JsonObject, parseJsonObject, valueAt } from '../api/json.ts';
import { imageGroup, imageStreams } from '../api/resources.ts';
import { formatTime } from '../api/time.ts';
import type { ImageRoom, RegistryLooks } from '../controllers/registry-looks.ts';
import type { ImportMode } from '../domain/import-plan.ts';
import type { Platform } from '../domain/manifest.ts';
import { repositoryCheckAnnotation, type ShownDefaults, shownStream } from '../domain/shown-stream.ts';
import { type ImportItem, type ImportItems, importItems, repositoryStatus } from '../domain/stream-import.ts';
import { forbiddenSources, type ImportRequest, readStreamImport } from '../domain/stream-import-request.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedIfNotFound } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { AnswerRooms } from './answer-rooms.ts';
import { Deadline } from './deadline.ts';
import type { DerivedViews } from './derived-views.ts';
import { type Exchange, giveUp, isDryRun, readBody, sendJson, unreadMs } from './exchange.ts';
import { checkUnknownFields } from './field-validation.ts';
import { ImportLooks, type Listing } from './import-looks.ts';
import { type FulfilledWishes, ImportWishes } from './import-wishes.ts';
import { OwnerBudget } from './owner-budget.ts';
import { badRequest, invalid, notFound, StatusError } from './status.ts';
import { served, toServed } from './versions.ts';

/** Options of {@link StreamImports}. */
export interface StreamImportsOptions {
  readonly client: KubeClient;
  readonly views: DerivedViews;
  readonly clock: Clock;
  readonly looks: RegistryLooks;
  readonly settings: ShownDefaults & {
    /** For images that ask for none. */
    readonly importMode: ImportMode;
    readonly platform: Platform;
    readonly repositoryTagLimit: number;
  };
}

/** An API server gives a request a minute. */
const maxWaitMs = 50_000;
/** Imports of a caller at a time. */
const maxImports = 50;
/** Requests that ask registries at a time. */
const maxLooking = 24;
/** Those of one namespace. */
const maxLookingOfOne = 8;
/** Images that one answer holds, in characters of JSON; they take several times as much memory. */
const maxAnswerLength = 4 * 1024 * 1024;
/** Answers that hold more than this are large ones. */
const freeAnswerLength = 256 * 1024;
/** Large answers at a time. */
const maxLargeAnswers = 3;

/** What is known before anything is asked or written. */
interface Task {
  readonly request: ImportRequest;
  readonly namespace: string;
  readonly stream: ImageStream | undefined;
  readonly deadline: Deadline;
  readonly room: ImageRoom;
}

/** Answers creations. */
export class StreamImports {
  readonly #options: StreamImportsOptions;
  readonly #budget = new OwnerBudget({ each: maxImports });
  readonly #looks: ImportLooks;
  readonly #wishes: ImportWishes;
  readonly #places = new OwnerBudget({ all: maxLooking, each: maxLookingOfOne });
  readonly #rooms = new AnswerRooms({
    free: freeAnswerLength,
    max: maxAnswerLength,
    large: maxLargeAnswers,
  });

  constructor(options: StreamImportsOptions) {
    this.#options = options;
    this.#looks = new ImportLooks({ looks: options.looks, ...options.settings });
    this.#wishes = new ImportWishes(options);
  }

  /** Imports or looks, and answers with what came of it. A rehearsal looks. */
  serve(exchange: Exchange): Promise<void> {
    return this.#budget.run(exchange.caller.user, () => this.#serve(exchange));
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { clock } = this.#options;
    const { namespace = '' } = exchange.info;
    const request = await this.#read(exchange, namespace);
    const giveBack = asksRegistries(request) ? this.#places.take(namespace) : () => undefined;
    try {
      using deadline = new Deadline({ clock, timeMs: maxWaitMs, client: exchange.signal });
      const stream = await this.#stream(request, namespace, exchange.signal);
      using room = this.#rooms.open(namespace, deadline.signal);
      const answer = await this.#import(exchange, { request, namespace, stream, deadline, room });
      // Who has gone has closed already.
      exchange.signal.throwIfAborted();
      await sendWhole(exchange.response, answer);
    } finally {
      giveBack();
    }
  }

  async #read(exchange: Exchange, namespace: string): Promise<ImportRequest> {
    const isDry = isDryRun(exchange);
    const body = parseJsonObject(await readBody(exchange.request));
    const sent = readStreamImport(body, { namespace, importMode: this.#options.settings.importMode });
    if (sent.kind === 'unreadable') throw badRequest(sent.message);
    checkUnknownFields(exchange, 'ImageStreamImport', body);
    if (sent.kind === 'invalid') throw invalid('ImageStreamImport', sent.name, sent.faults);
    const place = valueAt(body, ['metadata', 'namespace']);
    if (place && place !== namespace)
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    const { request } = sent;
    const forbidden = forbiddenSources(request, this.#options.looks.policy);
    if (forbidden.length > 0) throw invalid('ImageStreamImport', request.name, forbidden);
    return isDry ? { ...request, persist: false } : request;
  }

  async #import(exchange: Exchange, task: Task): Promise<JsonObject> {
    const { request, namespace, stream } = task;
    const { clock, settings } = this.#options;
    const listing = request.repository && (await this.#looks.list(request.repository, task));
    const items = importItems(request, listing !== undefined && 'tags' in listing ? listing.tags : []);
    const all = [...items.repository, ...items.images];
    const reread = (): Promise<ImageStream | undefined> => this.#stream(request, namespace, exchange.signal);
    const target = { namespace, name: request.name, present: stream, reread };
    const [looked, fulfilled] = await Promise.all([
      this.#looks.images(
        all.filter(({ keptAs }) => keptAs === undefined),
        task,
      ),
      request.persist ? this.#wishes.fulfil(exchange, target, all, task) : undefined,
    ]);
    const shownOf = (item: ImportItem): JsonObject => looked.get(item) ?? fulfilled?.shown.get(item) ?? {};
    const now = formatTime(clock.now());
    return {
      kind: 'ImageStreamImport',
      apiVersion: served,
      metadata: { namespace, name: request.name, creationTimestamp: now },
      spec: request.spec,
      status: {
        ...(fulfilled === undefined ? {} : { import: streamOf(fulfilled, now, settings) }),
        ...(listing === undefined ? {} : { repository: shownRepository(listing, items, shownOf) }),
        ...(items.images.length === 0 ? {} : { images: items.images.map(shownOf) }),
      },
    };
  }

  /** The stream of a request, if there is one. Throws when it is not the one that the client has seen. */
  async #stream(
    { name, resourceVersion, uid }: ImportRequest,
    namespace: string,
    signal: AbortSignal,
  ): Promise<ImageStream | undefined> {
    const stream = await this.#options.client
      .get(imageStreams, { namespace, name }, signal)
      .catch(undefinedIfNotFound);
    if (stream === undefined) {
      if (resourceVersion === undefined && uid === undefined) return undefined;
      throw notFound('imagestreams', name);
    }
    const { metadata } = stream;
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
      throw outdated(name, resourceVersion, metadata.resourceVersion ?? '');
    // In the singular, as the reference says it.
    if (uid !== undefined && uid !== metadata.uid) throw notFound('imagestream', name);
    return stream;
  }
}

/** Sends the answer, and waits until it is gone: what it holds is counted for so long. */
async function sendWhole(response: ServerResponse, answer: JsonObject): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  response.once('close', () => resolve());
  response.setTimeout(unreadMs, () => giveUp(response));
  sendJson(response, 201, answer);
  await closed;
}

/** True for a request that not the operator alone works for. */
function asksRegistries(request: ImportRequest): boolean {
  return (
    request.repository !== undefined ||
    importItems(request, []).images.some(({ keptAs }) => keptAs === undefined)
  );
}

/** It was imported just now, whatever the operator has noted. */
function streamOf({ stream }: FulfilledWishes, now: string, defaults: ShownDefaults): unknown {
  const shown = shownStream(stream, defaults);
  const annotations = { ...shown.metadata.annotations, [repositoryCheckAnnotation]: now };
  return toServed({ ...shown, metadata: { ...shown.metadata, annotations } });
}

function shownRepository(
  listing: Listing,
  { repository }: ImportItems,
  shownOf: (item: ImportItem) => JsonObject,
): JsonObject {
  if ('status' in listing) return { status: listing.status };
  const images = repository.map(shownOf);
  const failures = images.filter(({ status }) => valueAt(status, ['status']) !== 'Success').length;
  return {
    status: repositoryStatus(failures),
    ...(images.length === 0 ? {} : { images }),
    ...(listing.additionalTags.length === 0 ? {} : { additionalTags: listing.additionalTags }),
  };
}

function outdated(name: string, from: string, to: string): StatusError {
  const message = `Operation cannot be fulfilled on imagestream.${imageGroup} ${JSON.stringify(name)}: the image stream was updated from ${JSON.stringify(from)} to ${JSON.stringify(to)}`;
  return new StatusError(409, 'Conflict', message, { name, group: imageGroup, kind: 'imagestream' });
}
