/** Keeps the ImageStreamTags of a stream: one write for each that is not what it should be, none for the others. */
import type { Logger } from 'pino';
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { canonicalJson } from '../api/json.ts';
import { imageGroup, imageStreams, imageStreamTags } from '../api/resources.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { formatTime } from '../api/time.ts';
import { wantedTags } from '../domain/import-attempt.ts';
import {
  comparableContent,
  contentBeyond,
  overruledCondition,
  type TagObjectContent,
  tagObjectContents,
} from '../domain/tag-object.ts';
import { tagObjectName } from '../domain/tag-object-name.ts';
import { withReports } from '../domain/tag-report.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, isRefused, isTerminating, isTooLarge } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { type ObjectKey, objectKey } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import { stableHash } from '../runtime/stable-hash.ts';
import type { ImageKeeper } from './image-keeper.ts';
import type { ImageRestorer } from './image-restorer.ts';
import type { ImageToRestore } from './importer.ts';
import { imageShownBy, tagObjectDocument } from './tag-object-document.ts';
import { TagObjectMemory } from './tag-object-memory.ts';
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
const terminatingRetryMs = 30_000;

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

type TaskResult = 'written' | 'in order' | 'later' | 'conflict' | 'not now';

/** Writes ImageStreamTags. */
export class TagObjectWriter {
  readonly #options: TagObjectWriterOptions;
  readonly #memory: TagObjectMemory;

  constructor(options: TagObjectWriterOptions) {
    this.#options = options;
    this.#memory = new TagObjectMemory(options.clock);
  }

  /** To be called for each change that the watch brings. Returns a stream that has to be looked at because of it, if any. */
  seen(key: ObjectKey): ObjectKey | undefined {
    return this.#memory.seen(key);
  }

  /** Brings the ImageStreamTags of a stream in line with its status. Throws when the API server cannot be asked. */
  async sync(stream: ImageStream, signal: AbortSignal): Promise<SyncResult> {
    const { namespace = '' } = stream.metadata;
    if (this.#memory.isTerminating(namespace)) return { settled: false, retryAfterMs: terminatingRetryMs };
    // Whoever finds out what there is to report brings the stream again.
    if (this.#options.views.reports.isPending(objectKey(namespace, stream.metadata.name)))
      return { settled: false, retryAfterMs: undefined };
    const view = this.#options.views.of(stream);
    const contents = this.#contentsOf(stream, view);
    const { tasks, isTaken } = this.#tasksFor(view, contents);
    const stale = this.#staleOf(view, contents);
    const results = await inParallel(tasks, (task) => this.#carryOut(view, task, signal));
    for (const object of stale) await this.#delete(object, signal);
    const awaiting = [...contents.keys()].some((tag) => this.#memory.isAwaited(keyFor(view, tag)));
    const waits = results.flatMap((result) => waitAfter(result) ?? []);
    return {
      settled:
        !awaiting && !isTaken && stale.length === 0 && results.every((result) => result === 'in order'),
      retryAfterMs: waits.length === 0 ? undefined : Math.min(...waits),
    };
  }

  #contentsOf(stream: ImageStream, view: ImageStream): ReadonlyMap<string, TagObjectContent> {
    const { views, localRegistry } = this.#options;
    const contents = new Map(tagObjectContents(view, stream.spec?.tags ?? [], localRegistry));
    const names = new Set((view.spec?.tags ?? []).map(({ name }) => name));
    for (const { of, declared } of views.objectsOf(stream)) {
      if (of === undefined || declared === undefined || names.has(of.tag) || contents.has(of.tag)) continue;
      contents.set(of.tag, contentBeyond(view));
    }
    const { namespace, name } = view.metadata;
    return withReports(contents, views.reports.of(objectKey(namespace, name)));
  }

  /** Objects that the operator keeps for tags that are not there any more. */
  #staleOf(view: ImageStream, contents: ReadonlyMap<string, TagObjectContent>): readonly KnownTagObject[] {
    const wanted = new Set([...contents.keys(), ...(view.spec?.tags ?? []).map(({ name }) => name)]);
    return this.#options.views
      .objectsOf(view)
      .filter(
        ({ of, declared, deleting }) => !deleting && declared === undefined && !wanted.has(of?.tag ?? ''),
      );
  }

  #tasksFor(
    view: ImageStream,
    contents: ReadonlyMap<string, TagObjectContent>,
  ): { tasks: readonly Task[]; isTaken: boolean } {
    const tasks: Task[] = [];
    let isTaken = false;
    const taken = new Map<ObjectKey, string>();
    for (const [tag, content] of contents) {
      const key = keyFor(view, tag);
      const known = this.#options.views.object(key);
      // Names with a hash can be made to meet: the object is the one's that had it first.
      const other = taken.get(key) ?? (known === undefined || known.of?.tag === tag ? undefined : known.name);
      taken.set(key, tag);
      if (other === undefined) tasks.push(...this.#taskFor(view, { tag, content, key, known }));
      else {
        isTaken = true;
        this.#tellTaken(view, { key, tag });
      }
    }
    return { tasks, isTaken };
  }

  #taskFor(
    view: ImageStream,
    { tag, content, key, known }: Pick<Task, 'tag' | 'content' | 'key' | 'known'>,
  ): readonly Task[] {
    if (this.#memory.isAwaited(key) || known?.deleting === true) return [];
    const hash = stableHash([
      comparableContent(content, {
        owner: view.metadata.uid ?? '',
        overruled: overruledCondition(view, content, known?.declared),
        isDeclared: known?.declared !== undefined,
      }),
    ]);
    const hasMetadata = digestOf(content) === '' || known?.hasMetadata === true;
    const isTampered = known?.foreign !== undefined && !this.#memory.isVerified(key, known.resourceVersion);
    if (known?.content === hash && !isTampered && hasMetadata) return [];
    return [{ key, name: tagObjectName(view.metadata.name, tag), tag, content, known, hash }];
  }

  async #carryOut(view: ImageStream, task: Task, signal: AbortSignal): Promise<TaskResult> {
    if (this.#memory.isPutOff(task.key, task.hash)) return 'later';
    if (await this.#isOutdated(view, task, signal)) return 'not now';
    const image = await this.#imageOf(view, task, signal);
    const isComplete = image !== undefined || digestOf(task.content) === '';
    const { known } = task;
    const document = tagObjectDocument({
      ...task,
      stream: view,
      image,
      now: formatTime(this.#options.clock.now()),
    });
    if (known?.content === task.hash) {
      // Nothing has changed but for what cannot be had now.
      if (!isComplete) return 'later';
      if (
        known.foreign !== undefined &&
        known.image === stableHash([canonicalJson(document.image ?? null)])
      ) {
        // Somebody else has written the same.
        this.#memory.verified(task.key, known.resourceVersion);
        return 'in order';
      }
    }
    const result = await this.#write(view, task, document, signal);
    return result === 'written' && !isComplete ? 'later' : result;
  }

  /**
   * Before an object that was deleted is made again: whoever took the tag out of the spec and then deleted its object must
   * not get it back because the watch brought the deletion first.
   */
  async #isOutdated(view: ImageStream, { key, tag, known }: Task, signal: AbortSignal): Promise<boolean> {
    const { client, views } = this.#options;
    if (known !== undefined || !views.wasDeleted(key, view)) return false;
    // The next look drops the tag.
    if (!wantedTags(view).has(tag)) return true;
    const { namespace, name, resourceVersion } = view.metadata;
    try {
      const { metadata } = await client.get(imageStreams, { namespace, name }, signal);
      return metadata.resourceVersion !== resourceVersion;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  async #write(
    view: ImageStream,
    task: Task,
    document: ImageStreamTag,
    signal: AbortSignal,
  ): Promise<TaskResult> {
    const { key, known } = task;
    try {
      const base = known?.foreign === undefined ? document : await this.#reclaim(task, document, signal);
      if (base === undefined) return this.#giveUp(view, task);
      const force = known !== undefined;
      const written = await this.#options.client.apply(imageStreamTags, base, { force }, signal);
      this.#memory.worked(key);
      const changed = written.metadata.resourceVersion !== known?.resourceVersion;
      // The watch may be faster than the answer. Two answers of the store may be two objects.
      const isOld = this.#options.views.object(key)?.resourceVersion === known?.resourceVersion;
      if (changed && isOld) this.#memory.awaits(key);
      return 'written';
    } catch (error) {
      return this.#afterFailure(view, task, error);
    }
  }

  /**
   * Removes what others have written into the operator's fields: an apply alone leaves what it does not name. Resolves to the
   * document for the object as it is then; undefined when the other one does not stop.
   */
  async #reclaim(
    { key, known }: Task,
    document: ImageStreamTag,
    signal: AbortSignal,
  ): Promise<ImageStreamTag | undefined> {
    const { namespace, name, resourceVersion } = document.metadata;
    if (!this.#memory.mayReclaim(key)) return undefined;
    const removed = Object.fromEntries((known?.foreign ?? []).map((field) => [field, null]));
    const patch = { type: 'merge', document: { metadata: { resourceVersion }, ...removed } } as const;
    const { metadata } = await this.#options.client.patch(
      imageStreamTags,
      { namespace, name },
      patch,
      signal,
    );
    return {
      ...document,
      metadata: { ...document.metadata, resourceVersion: metadata.resourceVersion ?? '' },
    };
  }

  #giveUp(view: ImageStream, task: Task): TaskResult {
    const message = 'somebody else keeps writing what is the operator’s to write; leave out all but tag';
    this.#putOff(view, task, message);
    return 'later';
  }

  #afterFailure(view: ImageStream, task: Task, error: unknown): TaskResult {
    if (isTerminating(error)) this.#memory.terminates(view.metadata.namespace ?? '', terminatingRetryMs);
    // The stream goes with its namespace.
    if (isNotFound(error) || isTerminating(error)) return 'not now';
    // The watch brings who was faster.
    if (isConflict(error)) return 'conflict';
    if (!isRefused(error) && !isTooLarge(error)) throw error;
    this.#putOff(view, task, error.message);
    return 'later';
  }

  /** Leaves an object alone for a while, and tells why, once. */
  #putOff(view: ImageStream, { key, hash, tag }: Pick<Task, 'key' | 'hash' | 'tag'>, why: string): void {
    const { recorder, log } = this.#options;
    if (!this.#memory.putOff(key, { hash, why }, retryMs)) return;
    const { namespace = '', name, uid = '' } = view.metadata;
    log.warn({ stream: objectKey(namespace, name), tag, why }, 'ImageStreamTag refused');
    recorder.record(
      { apiVersion: `${imageGroup}/v1`, kind: 'ImageStream', namespace, name, uid },
      {
        type: 'Warning',
        reason: 'ImageStreamTagRefused',
        message: `the ImageStreamTag of tag ${tag} cannot be written, the tag works without it: ${why}`,
      },
    );
  }

  #tellTaken(view: ImageStream, { key, tag }: Pick<Task, 'key' | 'tag'>): void {
    const name = tagObjectName(view.metadata.name, tag);
    this.#memory.wants(key, objectKey(view.metadata.namespace, view.metadata.name));
    this.#putOff(
      view,
      { key: `${key} ${tag}`, hash: '', tag },
      `the name ${name} is taken by something else`,
    );
  }

  /** The metadata of the image. When its Image is missing, that is asked for, and comes later. */
  async #imageOf(
    view: ImageStream,
    { tag, content, known }: Task,
    signal: AbortSignal,
  ): Promise<Image | undefined> {
    const { keeper, restorer } = this.#options;
    const digest = digestOf(content);
    if (digest === '') return undefined;
    const stream = objectKey(view.metadata.namespace, view.metadata.name);
    const wanted = restoreOf(view, tag);
    const recent = keeper.recent(digest);
    if (recent !== undefined || restorer.wasTried(stream, wanted)) return recent;
    const image = (await keeper.read(digest, signal)) ?? (await this.#shown(known, digest, signal));
    if (image === undefined) restorer.request(stream, wanted);
    return image;
  }

  /** Where there are no Images the object itself has the metadata, also while the registry has it not. */
  async #shown(
    known: KnownTagObject | undefined,
    digest: string,
    signal: AbortSignal,
  ): Promise<Image | undefined> {
    const { client, keeper } = this.#options;
    // What others have written into it is not believed.
    if (keeper.keepsObjects || known?.hasMetadata !== true || known.foreign !== undefined) return undefined;
    const { namespace, name, resourceVersion } = known;
    try {
      const object = await client.get(imageStreamTags, { namespace, name }, signal);
      return object.metadata.resourceVersion === resourceVersion ? imageShownBy(object, digest) : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #delete(object: KnownTagObject, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    const { namespace, name, resourceVersion } = object;
    try {
      await client.delete(imageStreamTags, { namespace, name }, { resourceVersion }, signal);
      log.info({ object: objectKey(namespace, name) }, 'ImageStreamTag deleted: the stream has no such tag');
    } catch (error) {
      // Gone, or changed: the watch brings it.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
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

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) results.push(await work(item));
  };
  await Promise.all(Array.from({ length: Math.min(parallelWrites, items.length) }, worker));
  return results;
}
