/** Sets the images of triggered workloads to what their tags stand for: one patch per workload, none when nothing changes. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { type BackoffPolicy, backoffMs } from '../domain/backoff.ts';
import { earliest } from '../domain/import-plan.ts';
import { jsonEqual } from '../domain/json-difference.ts';
import { resolvePullSpec } from '../domain/tag-resolution.ts';
import { type ImageMove, planTriggers, type ResolveTag, triggerSources } from '../domain/trigger-plan.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Reconcile } from '../kube/controller.ts';
import { isNotFound, isRefused } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { type ObjectKey, objectKey, type Store } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Sharing } from './sharing.ts';
import type { StreamViews } from './tag-objects.ts';
import { imagesPatch, type WorkloadKind } from './workloads.ts';

/** What the controller works with. */
export interface TriggerControllerOptions {
  readonly client: KubeClient;
  readonly streams: Store<ImageStream>;
  readonly tagObjects: Store<KnownTagObject>;
  readonly views: StreamViews;
  readonly sharing: Sharing;
  /** Host (and port) of the registry that serves the cluster's streams; undefined without one. */
  readonly localRegistry: string | undefined;
  /** Triggered workloads by kind; a key of the queue is `<kind>/<namespace>/<name>`. */
  readonly workloads: ReadonlyMap<
    string,
    { readonly kind: WorkloadKind; readonly store: Store<TriggeredWorkload> }
  >;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Index of a workload store: `<namespace>/<stream>` of each trigger's source. */
const byStream = 'by stream';

/** Pauses before an image is put back that somebody else keeps changing; a quiet time of the longest one forgets it. */
const contest: BackoffPolicy = { baseMs: 1_000, maxMs: 300_000 };

/** What this process remembers of a workload; nothing of it has to survive. */
interface WorkloadMemory {
  readonly uid: string;
  /** The annotation whose sources were asked for last. */
  asked: string;
  /** What was told, so that it is told once and not at every look. */
  told: string;
  /** The images that were set last, when, and how often in a row they had to be put back. */
  set: { readonly images: string; readonly at: number; readonly rounds: number } | undefined;
}

/** A store for triggered workloads that can tell which ones follow a stream. */
export function indexByStream(store: Store<TriggeredWorkload>): Store<TriggeredWorkload> {
  store.addIndex(
    byStream,
    (workload) => new Set(triggerSources(workload).map((from) => objectKey(from.namespace, from.stream))),
  );
  return store;
}

/** Enqueues workloads when they change, or when the image of a tag that they follow may have changed. */
export function watchTriggers(
  { streams, tagObjects, workloads }: Pick<TriggerControllerOptions, 'streams' | 'tagObjects' | 'workloads'>,
  enqueue: (key: string) => void,
): void {
  const enqueueFollowers = (stream: ObjectKey): void => {
    for (const [kind, { store }] of workloads)
      for (const workload of store.keysByIndex(byStream, stream)) enqueue(`${kind}/${workload}`);
  };
  for (const [kind, { store }] of workloads) store.onChange((key) => enqueue(`${kind}/${key}`));
  streams.onChange((key, after, before) => {
    if (!jsonEqual(imagesOf(after), imagesOf(before))) enqueueFollowers(key);
  });
  // A declared tag has its own reference policy.
  tagObjects.onChange((_key, after, before) => {
    const of = (after ?? before)?.of;
    if (of === undefined || jsonEqual(after?.declared, before?.declared)) return;
    enqueueFollowers(objectKey((after ?? before)?.namespace, of.stream));
  });
}

/** The reconcile of triggered workloads. */
export function triggerReconcile(options: TriggerControllerOptions): Reconcile {
  const { workloads } = options;
  const memories = new Map<string, WorkloadMemory>();

  return async (key, signal) => {
    const slash = key.indexOf('/');
    const entry = workloads.get(key.slice(0, slash));
    const workload = entry?.store.get(key.slice(slash + 1));
    if (entry === undefined || workload === undefined) {
      memories.delete(key);
      return {};
    }
    const known = memories.get(key);
    const memory =
      known?.uid === workload.uid ? known : { uid: workload.uid, asked: '', told: '', set: undefined };
    memories.set(key, memory);
    const { resolve, recheckAfterMs } = await gatherSources(options, workload, memory, signal);
    const plan = planTriggers(workload, resolve);
    tellProblems(options, workload, memory, plan.problems);
    if (plan.moves.length === 0) return { requeueAfterMs: recheckAfterMs };
    const result = await move(options, { kind: entry.kind, workload, memory }, plan.moves, signal);
    return { requeueAfterMs: earliest(result.requeueAfterMs, recheckAfterMs) };
  };
}

/**
 * What the tags that a workload follows stand for. Streams of other namespaces are seen by their leave only; one that is not
 * shared is as one that is not there, and is asked for again after a while.
 */
async function gatherSources(
  { views, sharing, localRegistry }: TriggerControllerOptions,
  workload: TriggeredWorkload,
  memory: WorkloadMemory,
  signal: AbortSignal,
): Promise<{ resolve: ResolveTag; recheckAfterMs: number | undefined }> {
  const { kind, namespace, name, triggers } = workload;
  const fresh = memory.asked !== triggers;
  const wishes = triggerSources(workload).map((source) => ({ source, fresh }));
  const { shared, recheckAfterMs } = await sharing.ask(
    { namespace, name: `${kind}/${name}` },
    wishes,
    signal,
  );
  memory.asked = triggers;
  return {
    resolve: (source) => {
      const key = objectKey(source.namespace, source.stream);
      return shared.has(key) ? resolvePullSpec(views.get(key), source.tag, localRegistry) : undefined;
    },
    recheckAfterMs,
  };
}

function tellProblems(
  { recorder, log }: TriggerControllerOptions,
  workload: TriggeredWorkload,
  memory: WorkloadMemory,
  problems: readonly string[],
): void {
  const message = problems.join('; ');
  if (message === memory.told) return;
  memory.told = message;
  if (message === '') return;
  log.warn({ ...place(workload), problem: message.slice(0, 1_024) }, 'invalid trigger');
  recorder.record(workload, { type: 'Warning', reason: 'InvalidTrigger', message });
}

interface MoveTarget {
  readonly kind: WorkloadKind;
  readonly workload: TriggeredWorkload;
  readonly memory: WorkloadMemory;
}

/** Patches the images, unless they were set to the same ones just now and somebody changed them: then after a pause. */
async function move(
  options: TriggerControllerOptions,
  { kind, workload, memory }: MoveTarget,
  moves: readonly ImageMove[],
  signal: AbortSignal,
): Promise<WorkResult> {
  const now = options.clock.now();
  const images = new Map(moves.map(({ list, container, to }) => [`${list}/${container}`, to]));
  const wanted = JSON.stringify([...images]);
  const last = memory.set?.images === wanted && now - memory.set.at < contest.maxMs ? memory.set : undefined;
  const pauseMs = last === undefined ? 0 : last.at + backoffMs(contest, last.rounds, workload.uid) - now;
  // The first time it is put back at once, as a person's edit is.
  if (last !== undefined && last.rounds > 1 && pauseMs > 0) return { requeueAfterMs: pauseMs };
  try {
    const document = imagesPatch(workload, images);
    await options.client.patch(kind.resource, workload, { type: 'strategic', document }, signal);
  } catch (error) {
    if (isNotFound(error)) return {};
    if (isRefused(error)) tellRefusal(options, workload, memory, error);
    throw error;
  }
  memory.set = { images: wanted, at: now, rounds: (last?.rounds ?? 0) + 1 };
  for (const made of moves) tellMove(options, workload, made);
  return {};
}

function tellMove(
  { recorder, log, metrics }: TriggerControllerOptions,
  workload: TriggeredWorkload,
  { container, from, to, source: { stream, tag } }: ImageMove,
): void {
  const source = `${stream}:${tag}`;
  log.info({ ...place(workload), container, from, to, source }, 'image set');
  metrics.moves.inc({ kind: workload.kind });
  const was = from.trim() === '' ? '' : `, it was ${from}`;
  const message = `container ${container} now runs ${source}: ${to}${was}`;
  recorder.record(workload, { type: 'Normal', reason: 'ImageUpdated', message });
}

/** An admission rule or the schema says no: the owner of the workload has to know. */
function tellRefusal(
  { recorder }: TriggerControllerOptions,
  workload: TriggeredWorkload,
  memory: WorkloadMemory,
  error: Error,
): void {
  const message = `the images of its triggers were not accepted: ${error.message}`;
  if (message === memory.told) return;
  memory.told = message;
  recorder.record(workload, { type: 'Warning', reason: 'ImageUpdateRefused', message });
}

function place({ kind, namespace, name }: TriggeredWorkload): { kind: string; object: string } {
  return { kind, object: objectKey(namespace, name) };
}

/** Per tag what its pull spec depends on: the part of a stream that triggers are about. */
function imagesOf(stream: ImageStream | undefined): readonly (readonly (string | undefined)[])[] {
  const policies = new Map(
    (stream?.spec?.tags ?? []).map(({ name, referencePolicy }) => [name, referencePolicy?.type]),
  );
  return (stream?.status?.tags ?? []).map(({ tag, items }) => {
    const [newest] = items ?? [];
    return [tag, newest?.dockerImageReference, newest?.image, policies.get(tag)];
  });
}
