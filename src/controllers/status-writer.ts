/** Writes the status of streams: outcomes are folded into the newest object, and what changed goes out as one patch. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageStreams } from '../api/resources.ts';
import type { ImportOutcomes } from '../domain/import-outcome.ts';
import { foldOutcomes } from '../domain/import-status.ts';
import { mergePatchOf } from '../domain/json-difference.ts';
import { tagObjectName } from '../domain/tag-object-name.ts';
import type { FoldSettings } from '../domain/tag-status.ts';
import type { TagTransition } from '../domain/tag-transition.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, isRefused, isTooLarge, undefinedIfNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { objectKey } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import { tellRefusal, tellTransitions } from './stream-events.ts';
import { type StreamViews, versionsOf } from './tag-objects.ts';

/** What the writer works with. */
export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly views: StreamViews;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: FoldSettings;
}

/** Writes of one outcome until another writer is left to win, and the key comes again. */
const maxWriteAttempts = 5;
/** Versions that are remembered as outdated: those of the last few writes. */
const maxOutdated = 20;

/** Which versions of a stream, its ImageStreamTags and reports there are: the same text as long as nothing changes. */
export type StreamState = string;

/** The present state of a stream. */
export function stateOf(views: StreamViews, stream: ImageStream): StreamState {
  const { namespace, name, uid, resourceVersion } = stream.metadata;
  const reports = views.reports.stateOf(objectKey(namespace, name));
  return `${uid}@${resourceVersion},${reports},${versionsOf(views.objectsOf(stream))}`;
}

/** True when nothing about a stream has changed since a state. */
export function isState(state: StreamState | undefined, views: StreamViews, stream: ImageStream): boolean {
  return state !== undefined && state === stateOf(views, stream);
}

/** What this process remembers of the writes of a stream; nothing of it has to survive. */
export interface StatusMemory {
  /** The versions that the last write left behind: a store that still shows one of them is not up to date. */
  outdated: ReadonlySet<string>;
  /** When that write was made, in milliseconds since the epoch. */
  writtenAt: number;
  /** Outcomes that could not be written yet: they are written before anything is imported again. */
  unwritten: ImportOutcomes | undefined;
  /** The state whose status was refused. */
  refused: StreamState | undefined;
}

/**
 * Writes outcomes and remembers what became of them. Resolves to the stream as it is now; undefined when there is nothing
 * more to do for now.
 */
export async function writeOutcomes(
  options: StatusWriterOptions,
  memory: StatusMemory,
  work: { stream: ImageStream; outcomes: ImportOutcomes },
  signal: AbortSignal,
): Promise<ImageStream | undefined> {
  try {
    const written = await writeStatus(options, work.stream, work.outcomes, signal);
    memory.unwritten = undefined;
    if (written === undefined) return undefined;
    memory.outdated = new Set([...memory.outdated, ...written.outdated].slice(-maxOutdated));
    memory.writtenAt = options.clock.now();
    return written.stream;
  } catch (error) {
    // Missing rights may come back; what is invalid or too large stays so until the stream changes.
    if ((isRefused(error) && error.status !== 403) || isTooLarge(error)) {
      memory.unwritten = undefined;
      memory.refused = stateOf(options.views, work.stream);
      tellRefusal(options, work.stream, error);
      return undefined;
    }
    // The images were found: a busy API server does not make the registry be asked again.
    memory.unwritten = joinOutcomes(memory.unwritten, work.outcomes);
    throw error;
  }
}

/** The later outcome of a tag counts. */
function joinOutcomes(before: ImportOutcomes | undefined, after: ImportOutcomes): ImportOutcomes {
  if (before === undefined || before === after) return after;
  const tags = new Map([...before.tags, ...after.tags].map((outcome) => [outcome.tag, outcome]));
  return { tags: [...tags.values()], repository: after.repository ?? before.repository };
}

interface WrittenStatus {
  readonly stream: ImageStream;
  /** The resourceVersions that are older than what was written; none when there was nothing to write. */
  readonly outdated: ReadonlySet<string>;
}

/** Folds the outcomes into the newest object until the write goes through; undefined when the stream is gone. */
async function writeStatus(
  options: StatusWriterOptions,
  stream: ImageStream,
  outcomes: ImportOutcomes,
  signal: AbortSignal,
): Promise<WrittenStatus | undefined> {
  const { client, views, clock, settings } = options;
  const { namespace, name } = stream.metadata;
  const now = clock.now();
  const outdated = new Set<string>();
  let current = stream;
  for (let attempt = 1; ; attempt++) {
    const view = views.of(current);
    const objects = tagObjectsOf(views, view);
    const { status, transitions } = foldOutcomes(view, { ...outcomes, ...objects }, now, settings);
    const patch = mergePatchOf(current.status ?? {}, status);
    if (patch === undefined) return { stream: current, outdated };
    const { uid, resourceVersion } = current.metadata;
    outdated.add(resourceVersion ?? '');
    const document = { metadata: { uid, resourceVersion }, status: patch };
    try {
      const place = { namespace, name, subresource: 'status' as const };
      const written = await client.patch(imageStreams, place, { type: 'merge', document }, signal);
      // A server that drops what it does not know may have changed nothing.
      outdated.delete(written.metadata.resourceVersion ?? '');
      forgetDropped(views, written, transitions);
      tellTransitions(options, written, transitions, outcomes);
      return { stream: written, outdated };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error) || attempt === maxWriteAttempts) throw error;
    }
    const fresh = await client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
    if (fresh === undefined || fresh.metadata.uid !== uid) return undefined;
    current = fresh;
  }
}

/** A tag that comes later, by a push, is another one. */
function forgetDropped(
  views: StreamViews,
  { metadata }: ImageStream,
  transitions: readonly TagTransition[],
): void {
  for (const transition of transitions) {
    if (transition.kind !== 'dropped') continue;
    views.forgetDeletion(objectKey(metadata.namespace, tagObjectName(metadata.name, transition.tag)));
  }
}

/** Which tags of a stream have an ImageStreamTag, by its name, and of which one was seen to go. */
function tagObjectsOf(
  views: StreamViews,
  view: ImageStream,
): { tagObjects: ReadonlySet<string>; deletedTagObjects: ReadonlySet<string> } {
  const { namespace, name } = view.metadata;
  const [tagObjects, deletedTagObjects] = [new Set<string>(), new Set<string>()];
  const asked = (view.spec?.tags ?? []).map((tag) => tag.name);
  for (const tag of [...asked, ...(view.status?.tags ?? []).map((entry) => entry.tag)]) {
    const key = objectKey(namespace, tagObjectName(name, tag));
    if (views.object(key) !== undefined) tagObjects.add(tag);
    else if (views.wasDeleted(key, view)) deletedTagObjects.add(tag);
  }
  return { tagObjects, deletedTagObjects };
}
