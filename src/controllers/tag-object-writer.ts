/** Keeps the ImageStreamTags of a stream: one write for each that is not what it should be, none for the others. */
import type { Logger } from 'pino';
import { imageStreamTagAnnotation, streamLabel } from '../api/annotations.ts';
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { imageGroup, imageStreamTags, storedVersion } from '../api/resources.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { formatTime } from '../api/time.ts';
import {
  comparableContent,
  overruledCondition,
  shownTag,
  type TagObjectContent,
  tagObjectContents,
} from '../domain/tag-object.ts';
import { tagObjectName } from '../domain/tag-object-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, isRefused, isTerminating, isTooLarge } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { type ObjectKey, objectKey } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import { stableHash } from '../runtime/stable-hash.ts';
import type { ImageKeeper } from './image-keeper.ts';
import type { ImageRestorer } from './image-restorer.ts';
import type { ImageToRestore } from './importer.ts';
import type { StreamViews } from './tag-objects.ts';

/** Options of {@link TagObjectWriter}. */
export interface TagObjectWriterOptions {
  readonly client: KubeClient;
  readonly views: StreamViews;
  readonly keeper: ImageKeeper;
  readonly restorer: ImageRestorer;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly localRegistry: string | undefined;
}

/** What became of a round over a stream's ImageStreamTags. */
export interface SyncResult {
  /** False when something is still to come: an event of the watch, or another try. */
  readonly settled: boolean;
  readonly retryAfterMs: number | undefined;
}

const parallelWrites = 8;
/** Time until a refused object, or one whose image is nowhere to be read, is tried again. */
const retryMs = 300_000;
const conflictRetryMs = 200;

/** One ImageStreamTag that is not what it should be. */
interface Task {
  readonly key: ObjectKey;
  readonly name: string;
  readonly tag: string;
  readonly content: TagObjectContent;
  readonly known: KnownTagObject | undefined;
  /** The hash of what is to be written. */
  readonly hash: string;
}

type TaskResult = 'written' | 'later' | 'conflict' | 'not now';

/** Writes ImageStreamTags. */
export class TagObjectWriter {
  readonly #options: TagObjectWriterOptions;
  /** Objects that were written and that the watch has not brought yet. */
  readonly #awaited = new Set<ObjectKey>();
  /** What did not work, by object: what it was, and when it may be tried again (epoch milliseconds). */
  readonly #put = new Map<ObjectKey, { readonly hash: string; readonly until: number }>();

  constructor(options: TagObjectWriterOptions) {
    this.#options = options;
  }

  /** To be called for each change that the watch brings. */
  seen(key: ObjectKey): void {
    this.#awaited.delete(key);
  }

  /** Brings the ImageStreamTags of a stream in line with its status. Throws when the API server cannot be asked. */
  async sync(stream: ImageStream, signal: AbortSignal): Promise<SyncResult> {
    const { views, localRegistry } = this.#options;
    const view = views.of(stream);
    const contents = tagObjectContents(view, stream.spec?.tags ?? [], localRegistry);
    const objects = new Map(views.objectsOf(stream).map((object) => [object.of?.tag ?? '', object]));
    const tasks = [...contents].flatMap(([tag, content]) =>
      this.#taskFor(view, { tag, content }, objects.get(tag)),
    );
    const wanted = new Set([...contents.keys(), ...(view.spec?.tags ?? []).map(({ name }) => name)]);
    const stale = [...objects.values()].filter(
      (object) => object.declared === undefined && !object.deleting && !wanted.has(object.of?.tag ?? ''),
    );
    const results = await inParallel(tasks, (task) => this.#carryOut(stream, view, task, signal));
    for (const object of stale) await this.#delete(object, signal);
    const awaiting = [...contents.keys()].some((tag) => this.#awaited.has(keyFor(stream, tag)));
    const waits = results.flatMap((result) => waitAfter(result) ?? []);
    return {
      settled: !awaiting && stale.length === 0 && results.length === 0,
      retryAfterMs: waits.length === 0 ? undefined : Math.min(...waits),
    };
  }

  #taskFor(
    view: ImageStream,
    { tag, content }: { tag: string; content: TagObjectContent },
    known: KnownTagObject | undefined,
  ): readonly Task[] {
    const key = keyFor(view, tag);
    if (this.#awaited.has(key) || known?.deleting === true) return [];
    const hash = stableHash([
      comparableContent(content, {
        owner: view.metadata.uid ?? '',
        overruled: overruledCondition(view, content, known?.declared),
        isDeclared: known?.declared !== undefined,
      }),
    ]);
    const hasMetadata = digestOf(content) === '' || known?.hasMetadata === true;
    if (known?.content === hash && !known.tampered && hasMetadata) return [];
    return [{ key, name: tagObjectName(view.metadata.name, tag), tag, content, known, hash }];
  }

  async #carryOut(
    stream: ImageStream,
    view: ImageStream,
    task: Task,
    signal: AbortSignal,
  ): Promise<TaskResult> {
    const put = this.#put.get(task.key);
    if (put?.hash === task.hash && put.until > this.#options.clock.now()) return 'later';
    const image = await this.#imageOf(view, task, signal);
    const isComplete = image !== undefined || digestOf(task.content) === '';
    // Nothing has changed but for what cannot be had now.
    if (!isComplete && task.known?.content === task.hash && !task.known.tampered) return 'later';
    const result = await this.#write(stream, task, this.#document(stream, task, { view, image }), signal);
    return result === 'written' && !isComplete ? 'later' : result;
  }

  async #write(
    stream: ImageStream,
    task: Task,
    document: ImageStreamTag,
    signal: AbortSignal,
  ): Promise<TaskResult> {
    const { key, known } = task;
    try {
      const force = known !== undefined;
      const written = await this.#options.client.apply(imageStreamTags, document, { force }, signal);
      this.#put.delete(key);
      const changed = written.metadata.resourceVersion !== known?.resourceVersion;
      // The watch may be faster than the answer.
      if (changed && this.#options.views.object(key) === known) this.#awaited.add(key);
      return 'written';
    } catch (error) {
      return this.#afterFailure(stream, task, error);
    }
  }

  #afterFailure(stream: ImageStream, task: Task, error: unknown): TaskResult {
    // The stream goes with its namespace.
    if (isNotFound(error) || isTerminating(error)) return 'not now';
    if (isConflict(error) && task.known !== undefined) return 'conflict';
    if (!isConflict(error) && !isRefused(error) && !isTooLarge(error)) throw error;
    this.#putOff(task);
    this.#tellRefusal(stream, task, error instanceof Error ? error : new Error(String(error)));
    return 'later';
  }

  #putOff(task: Task): void {
    this.#put.set(task.key, { hash: task.hash, until: this.#options.clock.now() + retryMs });
  }

  /** The metadata of the image. When its Image is missing, that is asked for, and comes later. */
  async #imageOf(view: ImageStream, { tag, content }: Task, signal: AbortSignal): Promise<Image | undefined> {
    const { keeper, restorer } = this.#options;
    const digest = digestOf(content);
    if (digest === '') return undefined;
    const stream = objectKey(view.metadata.namespace, view.metadata.name);
    const wanted = restoreOf(view, tag);
    if (restorer.isMissing(stream, wanted)) return undefined;
    const image = await keeper.read(digest, signal);
    if (image === undefined) restorer.request(stream, wanted);
    return image;
  }

  #document(
    stream: ImageStream,
    { name, tag, content, known }: Task,
    { view, image }: { view: ImageStream; image: Image | undefined },
  ): ImageStreamTag {
    const isDeclared = known?.declared !== undefined;
    const overruled = overruledCondition(view, content, known?.declared);
    const since = known?.ineffectiveSince || formatTime(this.#options.clock.now());
    const conditions = [
      ...content.conditions,
      ...(overruled === undefined ? [] : [{ ...overruled, lastTransitionTime: since }]),
    ];
    return {
      apiVersion: `${imageGroup}/${storedVersion}`,
      kind: 'ImageStreamTag',
      metadata: metadataOf(stream, { name, tag, annotations: isDeclared ? {} : content.annotations, known }),
      ...(isDeclared || content.tag === undefined ? {} : { tag: shownTag(content.tag) }),
      ...(content.generation === undefined ? {} : { generation: content.generation }),
      lookupPolicy: content.lookupPolicy,
      conditions,
      ...(content.image === undefined ? {} : { image: shownImage(content, content.image, image) }),
      ...(content.updated === undefined ? {} : { updated: content.updated }),
    };
  }

  async #delete(object: KnownTagObject, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    const { namespace, name, resourceVersion } = object;
    try {
      await client.delete(imageStreamTags, { namespace, name }, resourceVersion, signal);
      log.info({ object: objectKey(namespace, name) }, 'ImageStreamTag deleted: the stream has no such tag');
    } catch (error) {
      // Gone, or changed: the watch brings it.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #tellRefusal({ metadata }: ImageStream, { tag }: Task, error: Error): void {
    const { recorder, log } = this.#options;
    const { namespace = '', name, uid = '' } = metadata;
    log.warn({ stream: objectKey(namespace, name), tag, err: error }, 'ImageStreamTag refused');
    recorder.record(
      { apiVersion: `${imageGroup}/v1`, kind: 'ImageStream', namespace, name, uid },
      {
        type: 'Warning',
        reason: 'ImageStreamTagRefused',
        message: `the ImageStreamTag of tag ${tag} cannot be written, the tag works without it: ${error.message}`,
      },
    );
  }
}

function keyFor({ metadata: { namespace, name } }: ImageStream, tag: string): ObjectKey {
  return objectKey(namespace, tagObjectName(name, tag));
}

/** The digest of the image that is shown; empty where there is none. */
function digestOf({ image }: TagObjectContent): string {
  return image?.digest ?? '';
}

function restoreOf(view: ImageStream, tag: string): ImageToRestore {
  const { items = [] } = view.status?.tags?.find((entry) => entry.tag === tag) ?? {};
  const policy = view.spec?.tags?.find(({ name }) => name === tag)?.importPolicy;
  return {
    pullSpec: items[0]?.dockerImageReference ?? '',
    namespace: view.metadata.namespace ?? '',
    insecure: policy?.insecure ?? false,
  };
}

function waitAfter(result: TaskResult): number | undefined {
  if (result === 'conflict') return conflictRetryMs;
  return result === 'later' ? retryMs : undefined;
}

/** Label values have at most 63 characters of a narrow set; names of streams fit into it but for their length. */
const maxLabelLength = 63;

function metadataOf(
  stream: ImageStream,
  {
    name,
    tag,
    annotations,
    known,
  }: {
    name: string;
    tag: string;
    annotations: Readonly<Record<string, string>>;
    known: KnownTagObject | undefined;
  },
): ImageStreamTag['metadata'] {
  const { namespace = '', name: streamName, uid = '' } = stream.metadata;
  const isPlain = name === `${streamName}.${tag}`;
  return {
    namespace,
    name,
    ...(known === undefined ? {} : { resourceVersion: known.resourceVersion }),
    ...(streamName.length > maxLabelLength ? {} : { labels: { [streamLabel]: streamName } }),
    annotations: {
      ...annotations,
      ...(isPlain ? {} : { [imageStreamTagAnnotation]: `${streamName}:${tag}` }),
    },
    // In the version of people: what it names lives also when another server serves it.
    ownerReferences: [{ apiVersion: `${imageGroup}/v1`, kind: 'ImageStream', name: streamName, uid }],
  };
}

function shownImage(
  { annotations }: TagObjectContent,
  { digest, dockerImageReference }: NonNullable<TagObjectContent['image']>,
  image: Image | undefined,
): NonNullable<ImageStreamTag['image']> {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = image ?? {};
  if (digest === '') return { dockerImageReference };
  return {
    ...rest,
    metadata: { name: digest, annotations: { ...metadata?.annotations, ...annotations } },
    dockerImageReference,
  };
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) results.push(await work(item));
  };
  await Promise.all(Array.from({ length: Math.min(parallelWrites, items.length) }, worker));
  return results;
}
