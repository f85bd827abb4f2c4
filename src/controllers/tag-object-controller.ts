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
import type { EventRecorder, EventTarget } from '../kube/event-recorder.ts';
import { type ObjectKey, objectKey, type Store } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
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
const refusedRetryMs = 60_000;

/** The reconcile of ImageStreamTags without a stream. */
export function tagObjectReconcile(options: TagObjectControllerOptions): Reconcile {
  const { streams, tagObjects } = options;
  return async (key, signal) => {
    const object = tagObjects.get(key);
    if (object === undefined || object.deleting) return {};
    if (object.of === undefined) return tellName(options, object, signal);
    // The stream looks after it.
    if (streams.get(objectKey(object.namespace, object.of.stream)) !== undefined) return {};
    if (object.owner !== undefined) return deleteOrphan(options, object, signal);
    return createStream(options, { object, stream: object.of.stream }, signal);
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
    const present = [...places].filter((stream) => streams.get(stream) !== undefined);
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
  { client, log }: TagObjectControllerOptions,
  { namespace, name, resourceVersion }: KnownTagObject,
  signal: AbortSignal,
): Promise<WorkResult> {
  try {
    await client.delete(imageStreamTags, { namespace, name }, resourceVersion, signal);
    log.info({ object: objectKey(namespace, name) }, 'ImageStreamTag deleted: its stream is gone');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return {};
}

async function createStream(
  options: TagObjectControllerOptions,
  { object, stream }: { object: KnownTagObject; stream: string },
  signal: AbortSignal,
): Promise<WorkResult> {
  const { namespace } = object;
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
    options.log.info(
      { stream: objectKey(namespace, stream), object: object.name },
      'stream created for its tag',
    );
  } catch (error) {
    // It is there, or its namespace goes.
    if (isConflict(error) || isNotFound(error) || isTerminating(error)) return {};
    if (!isRefused(error)) throw error;
    const message = `the ImageStream ${stream} cannot be created: ${error.message}`;
    options.log.warn({ object: objectKey(namespace, object.name), err: error }, 'stream not created');
    const target = await targetOf(options.client, object, signal);
    if (target !== undefined)
      options.recorder.record(target, { type: 'Warning', reason: 'StreamNotCreated', message });
    return { requeueAfterMs: refusedRetryMs };
  }
  return {};
}

/** Its name stands for no tag, so that nobody acts on it; that is written on it, once. */
async function tellName(
  { client, clock, log }: TagObjectControllerOptions,
  object: KnownTagObject,
  signal: AbortSignal,
): Promise<WorkResult> {
  if (object.ineffectiveSince !== undefined) return {};
  const { namespace, name, resourceVersion } = object;
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
    metadata: { namespace, name, resourceVersion },
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

async function targetOf(
  client: KubeClient,
  { namespace, name }: KnownTagObject,
  signal: AbortSignal,
): Promise<EventTarget | undefined> {
  try {
    const { metadata } = await client.get(imageStreamTags, { namespace, name }, signal);
    const { uid = '' } = metadata;
    return { apiVersion: `${imageGroup}/v1`, kind: 'ImageStreamTag', namespace, name, uid };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
