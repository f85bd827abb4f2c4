/**
 * Looks after ImageStreamTags that no stream looks after: those whose stream is gone are deleted, those that declare a tag of
 * a stream that does not exist create it, and those whose name stands for no tag are told so.
 */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { imageGroup, imageStreams, imageStreamTags, storedVersion } from '../api/resources.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { formatTime } from '../api/time.ts';
import { effectiveCondition } from '../domain/tag-object.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Reconcile } from '../kube/controller.ts';
import { isConflict, isNotFound, isRefused, isTerminating } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { type ObjectKey, objectKey, type Store } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { Clock } from '../runtime/clock.ts';

/** What the controller works with. */
export interface TagObjectControllerOptions {
  readonly client: KubeClient;
  readonly streams: Store<ImageStream>;
  readonly tagObjects: Store<KnownTagObject>;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Time until a stream that could not be created is tried again. */
const refusedRetryMs = 300_000;
/** The garbage collector deletes what a stream owned; the operator does where there is none, and after this time. */
const garbageCollectorMs = 5_000;
/** Streams and objects that are remembered; the one that came first goes. */
const maxRemembered = 20_000;

/** What this process remembers; nothing of it has to survive. */
interface Memory {
  /** When an object was first seen without its stream (epoch milliseconds). */
  readonly orphanedAt: BoundedMap<ObjectKey, number>;
  /** Streams that could not be created: why, and until when they are not tried again (epoch milliseconds). */
  readonly refused: BoundedMap<ObjectKey, { readonly why: string; readonly until: number }>;
}

/** The reconcile of ImageStreamTags without a stream. */
export function tagObjectReconcile(options: TagObjectControllerOptions): Reconcile {
  const { streams, tagObjects } = options;
  const memory: Memory = {
    orphanedAt: new BoundedMap(maxRemembered),
    refused: new BoundedMap(maxRemembered),
  };
  return async (key, signal) => {
    const object = tagObjects.get(key);
    if (object === undefined || object.deleting) {
      memory.orphanedAt.delete(key);
      return {};
    }
    if (object.of === undefined) return tellName(options, object, signal);
    const stream = objectKey(object.namespace, object.of.stream);
    // The stream looks after it.
    if (streams.has(stream)) return {};
    // An object that the operator made belongs to a stream that is gone, also when its owner was taken off it.
    const isOrphan = object.owner !== undefined || (object.isKept && object.declared === undefined);
    if (isOrphan) return deleteOrphan(options, memory, { key, object }, signal);
    if (object.declared === undefined) return {};
    return createStream(options, memory, { object, stream: object.of.stream }, signal);
  };
}

/** Connects the stores: each change of an ImageStreamTag concerns its stream, or itself when there is none. */
export function watchTagObjects(
  { streams, tagObjects }: Pick<TagObjectControllerOptions, 'streams' | 'tagObjects'>,
  {
    enqueueStream,
    enqueueObject,
    objectsUnder,
  }: {
    enqueueStream: (key: ObjectKey) => void;
    enqueueObject: (key: ObjectKey) => void;
    objectsUnder: (key: ObjectKey) => readonly KnownTagObject[];
  },
): void {
  tagObjects.onChange((key, after, before) => {
    const places = new Set([after, before].flatMap((object) => streamKeyOf(object) ?? []));
    const present = [...places].filter((stream) => streams.has(stream));
    for (const stream of present) enqueueStream(stream);
    const own = streamKeyOf(after);
    if (own === undefined || !present.includes(own)) enqueueObject(key);
  });
  streams.onChange((key, after) => {
    if (after !== undefined) return;
    for (const { namespace, name } of objectsUnder(key)) enqueueObject(objectKey(namespace, name));
  });
}

function streamKeyOf(object: KnownTagObject | undefined): ObjectKey | undefined {
  return object?.of === undefined ? undefined : objectKey(object.namespace, object.of.stream);
}

async function deleteOrphan(
  { client, clock, log }: TagObjectControllerOptions,
  { orphanedAt }: Memory,
  { key, object }: { key: ObjectKey; object: KnownTagObject },
  signal: AbortSignal,
): Promise<WorkResult> {
  const since = orphanedAt.get(key) ?? clock.now();
  orphanedAt.set(key, since);
  const waitMs = object.owner === undefined ? 0 : since + garbageCollectorMs - clock.now();
  if (waitMs > 0) return { requeueAfterMs: waitMs };
  const { namespace, name, resourceVersion } = object;
  try {
    await client.delete(imageStreamTags, { namespace, name }, { resourceVersion }, signal);
    log.info({ object: key }, 'ImageStreamTag deleted: its stream is gone');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return {};
}

async function createStream(
  options: TagObjectControllerOptions,
  { refused }: Memory,
  { object, stream }: { object: KnownTagObject; stream: string },
  signal: AbortSignal,
): Promise<WorkResult> {
  const { namespace } = object;
  const key = objectKey(namespace, stream);
  const now = options.clock.now();
  const before = refused.get(key);
  if (before !== undefined && before.until > now) return { requeueAfterMs: before.until - now };
  try {
    await options.client.create(
      imageStreams,
      {
        apiVersion: `${imageGroup}/${storedVersion}`,
        kind: 'ImageStream',
        metadata: { namespace, name: stream },
      },
      signal,
    );
    refused.delete(key);
    options.log.info({ stream: key, object: object.name }, 'stream created for its tag');
  } catch (error) {
    // It is there, or its namespace goes.
    if (isConflict(error) || isNotFound(error) || isTerminating(error)) return {};
    if (!isRefused(error)) throw error;
    refused.set(key, { why: error.message, until: now + refusedRetryMs });
    if (before?.why !== error.message) tellRefusal(options, { object, stream, why: error.message });
    return { requeueAfterMs: refusedRetryMs };
  }
  return {};
}

function tellRefusal(
  { recorder, log }: TagObjectControllerOptions,
  { object, stream, why }: { object: KnownTagObject; stream: string; why: string },
): void {
  const message = `the ImageStream ${stream} cannot be created: ${why}`;
  log.warn({ object: objectKey(object.namespace, object.name), why }, 'stream not created');
  const { namespace, name, uid } = object;
  const target = { apiVersion: `${imageGroup}/v1`, kind: 'ImageStreamTag', namespace, name, uid };
  recorder.record(target, { type: 'Warning', reason: 'StreamNotCreated', message });
}

/** Its name stands for no tag, so that nobody acts on it; that is written on it, once. */
async function tellName(
  { client, clock, log }: TagObjectControllerOptions,
  object: KnownTagObject,
  signal: AbortSignal,
): Promise<WorkResult> {
  if (object.ineffectiveSince !== undefined) return {};
  const { namespace, name, uid, resourceVersion } = object;
  const condition = {
    type: effectiveCondition,
    status: 'False',
    reason: 'InvalidName',
    message:
      'the name stands for no tag: it has to be <stream>.<tag>, and tag.name (if it is set) the same tag. For a tag with ' +
      'upper case or "_" use the object that the operator keeps for it, or add the tag to the spec of the ImageStream',
    lastTransitionTime: formatTime(clock.now()),
    generation: 0,
  } as const;
  const document: ImageStreamTag = {
    apiVersion: `${imageGroup}/${storedVersion}`,
    kind: 'ImageStreamTag',
    metadata: { namespace, name, uid, resourceVersion },
    conditions: [condition],
  };
  try {
    await client.apply(imageStreamTags, document, { force: true }, signal);
    log.info({ object: objectKey(namespace, name) }, 'ImageStreamTag with a name that stands for no tag');
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error) && !isTerminating(error)) throw error;
  }
  return {};
}
