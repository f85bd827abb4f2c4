/** Sets the images of triggered workloads to what their tags stand for: one patch per workload, none when nothing changes. */
import { holdAnnotation } from '../api/annotations.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { parseTime } from '../api/time.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { type Hold, holdAt } from '../domain/hold.ts';
import { afterPeace, type ImageContest, jobLimits } from '../domain/image-contest.ts';
import { earliest } from '../domain/import-plan.ts';
import { withJobPolicy } from '../domain/job-replacement.ts';
import { jsonEqual } from '../domain/json-difference.ts';
import { resolvePullSpec } from '../domain/tag-resolution.ts';
import type { StreamTag } from '../domain/trigger-annotation.ts';
import {
  type ImageMove,
  planTriggers,
  type ResolveTag,
  sourceKey,
  type TriggerPlan,
  triggerSources,
} from '../domain/trigger-plan.ts';
import type { Reconcile } from '../kube/controller.ts';
import { type ObjectKey, objectKey, type Store } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
import type { BlockedReason } from '../observability/metrics.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { KeptJob, PendingJob } from './job-replacer.ts';
import type { PushTimes } from './push-times.ts';
import type { Sharing } from './sharing.ts';
import type { StreamViews } from './tag-objects.ts';
import {
  type MoveOptions,
  type MoveTarget,
  makeMoves,
  place,
  recreateJob,
  reportsOf,
  tellPostponed,
  type WorkloadMemory,
} from './trigger-moves.ts';
import { kindName, type WorkloadKind } from './workloads.ts';

/** What the controller works with. */
export interface TriggerControllerOptions extends MoveOptions {
  readonly streams: Store<ImageStream>;
  readonly tagObjects: Store<KnownTagObject>;
  readonly views: StreamViews;
  readonly sharing: Pick<Sharing, 'ask'>;
  readonly pushTimes: PushTimes;
  /** Host (and port) of the registry that serves the cluster's streams; undefined without one. */
  readonly localRegistry: string | undefined;
  /** Triggered workloads by kind; a key of the queue is `<kind>/<namespace>/<name>`. */
  readonly workloads: ReadonlyMap<
    string,
    { readonly kind: WorkloadKind; readonly store: Store<TriggeredWorkload> }
  >;
}

/** Index of a workload store: `<namespace>/<stream>` of each trigger's source. */
const byStream = 'by stream';

/** Time until it is told that a tag has no image. */
const waitingMs = 30_000;

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

/** The namespace of a key `<kind>/<namespace>/<name>`: they are served by turns. */
export function namespaceOfTrigger(key: string): string {
  return key.split('/', 2)[1] ?? '';
}

/** The reconcile of triggered workloads. */
export function triggerReconcile(options: TriggerControllerOptions): Reconcile {
  const { workloads, metrics, jobs } = options;
  const memories = new Map<string, WorkloadMemory>();
  const contests = new BoundedMap<string, ImageContest>(maxContests);
  metrics.observeBlocked(() => [...memories.values()].flatMap(({ blocked }) => blocked ?? []));
  const memoryOf = (key: string, { uid, job }: TriggeredWorkload): WorkloadMemory => {
    const known = memories.get(key);
    if (known?.uid === uid) return known;
    const memory = newMemory(uid);
    // A Job that is there again is another object, but whoever contests its image is the same.
    if (job !== undefined) memory.contest = known?.contest ?? contests.get(key);
    memories.set(key, memory);
    return memory;
  };
  const forget = (key: string): void => {
    const contest = memories.get(key)?.contest;
    if (contest !== undefined) contests.set(key, contest);
    memories.delete(key);
  };

  return async (key, signal) => {
    const slash = key.indexOf('/');
    const entry = workloads.get(key.slice(0, slash));
    const pending = jobs.get(key);
    const kept = pending === undefined ? undefined : await jobs.read(pending, signal);
    const workload = kept?.workload ?? entry?.store.get(key.slice(slash + 1));
    // A Job may be there that somebody else has deleted.
    if (entry === undefined || workload === undefined || workload.job?.isDeleting === true) {
      forget(key);
      options.views.reports.set(key);
      return {};
    }
    const memory = memoryOf(key, workload);
    try {
      return await lookAt(options, { kind: entry.kind, workload, memory, pending, kept }, signal);
    } finally {
      options.views.reports.looked(key);
    }
  };
}

/** A workload's key in the queue. */
function keyOf({ kind, workload: { namespace, name } }: Pick<MoveTarget, 'kind' | 'workload'>): string {
  return `${kindName(kind)}/${objectKey(namespace, name)}`;
}

/** Says before the first look at the workloads of some namespaces whose reports the ImageStreamTags may hold. */
export function expectReports(
  { workloads, views }: Pick<TriggerControllerOptions, 'workloads' | 'views'>,
  isLookedAt: (namespace: string) => boolean,
): void {
  for (const { kind, store } of workloads.values())
    for (const key of store.keys()) {
      const workload = store.get(key);
      if (workload?.mode !== 'report' || workload.job?.isDeleting === true) continue;
      if (!isLookedAt(workload.namespace)) continue;
      // Those of other namespaces must not be kept waiting.
      const streams = triggerSources(workload).flatMap(({ namespace, stream }) =>
        namespace === workload.namespace ? [objectKey(namespace, stream)] : [],
      );
      views.reports.expect(keyOf({ kind, workload }), streams);
    }
}

/** Contests of Jobs that are not there for the moment. */
const maxContests = 1_000;

function newMemory(uid: string): WorkloadMemory {
  return {
    uid,
    asked: '',
    told: '',
    refusal: '',
    waiting: undefined,
    reported: '',
    postponed: '',
    contest: undefined,
    blocked: undefined,
    resolved: new Map(),
  };
}

/** Plans a workload and carries out what is not held. */
async function lookAt(
  options: TriggerControllerOptions,
  target: MoveTarget & { readonly pending: PendingJob | undefined; readonly kept: KeptJob | undefined },
  signal: AbortSignal,
): Promise<WorkResult> {
  const { workload, memory, pending, kept } = target;
  const { views, clock } = options;
  const now = clock.now();
  const { resolve, recheckAfterMs } = await gatherSources(options, workload, memory, signal);
  const plan = withJobPolicy(planTriggers(workload, resolve), workload);
  tellProblems(options, workload, memory, plan.problems);
  const holds = plan.moves.map((move) => holdOf(options, workload, move, now));
  const moves = plan.moves.filter((_, i) => holds[i] === undefined);
  views.reports.set(keyOf(target), plan.mode === 'report' ? reportsOf(workload, moves) : undefined);
  memory.blocked = blockedReason(plan, moves.length < plan.moves.length);
  tellPostponed(options, target, plan.postponed);
  if (plan.moves.length + plan.postponed.length === 0)
    memory.contest = afterPeace(memory.contest, now, workload.job && jobLimits);
  const ends = holds.map((hold) => (hold?.until === undefined ? undefined : hold.until - now));
  const tellAfterMs = tellWaiting(options, target, plan.waiting, now);
  const lookAgain = ends.reduce(earliest, earliest(recheckAfterMs, tellAfterMs));
  if (pending !== undefined && kept !== undefined)
    return recreateJob(options, target, { pending, kept, plan }, signal);
  if (moves.length === 0) {
    memory.resolved = plan.resolved;
    return { requeueAfterMs: lookAgain };
  }
  const work = { mode: plan.mode, moves, ...sinceWhen(options, memory, moves) };
  const { requeueAfterMs } = await makeMoves(options, target, work, signal);
  memory.resolved = plan.resolved;
  return { requeueAfterMs: earliest(requeueAfterMs, lookAgain) };
}

/**
 * Tells of tags without an image when it has been so for a while: whoever creates a workload and its stream at the same time
 * has nothing to hear. Returns in how many milliseconds that is; undefined when there is nothing more to tell.
 */
function tellWaiting(
  { recorder }: TriggerControllerOptions,
  { workload, memory }: MoveTarget,
  waiting: readonly StreamTag[],
  now: number,
): number | undefined {
  const tags = [...new Set(waiting.map(sourceKey))];
  const text = tags.join(', ');
  if (memory.waiting?.tags !== text)
    memory.waiting = text === '' ? undefined : { tags: text, since: now, told: false };
  if (memory.waiting === undefined || memory.waiting.told) return undefined;
  const restMs = memory.waiting.since + waitingMs - now;
  if (restMs > 0) return restMs;
  memory.waiting.told = true;
  const foreign = waiting.some(({ namespace }) => namespace !== workload.namespace);
  const message = `waits for an image of ${text.slice(0, 512)}: the tag is not there or has no image yet${foreign ? sharingHint(workload) : ''}`;
  recorder.record(workload, { type: 'Warning', reason: 'WaitingForImage', message, once: true });
  return undefined;
}

/** What is not shared reads like what is not there. */
function sharingHint({ namespace }: TriggeredWorkload): string {
  return `, or its stream is not shared: system:serviceaccounts:${namespace} must be allowed to get imagestreams/layers of it`;
}

/**
 * Of the tags that stood for another image at the last look (epoch milliseconds): when the newest image was imported, or copied
 * from where it had been before, and when a push of one was announced.
 */
function sinceWhen(
  { views, pushTimes }: TriggerControllerOptions,
  { resolved }: WorkloadMemory,
  moves: readonly ImageMove[],
): { importedAt: number | undefined; announcedAt: number | undefined } {
  const seen = moves.filter(({ source, to }) => {
    const before = resolved.get(sourceKey(source));
    return before !== undefined && before !== to;
  });
  const imported = seen.flatMap(({ source: { namespace, stream, tag } }) => {
    const entry = views.get(objectKey(namespace, stream))?.status?.tags?.find((each) => each.tag === tag);
    return [entry?.items?.[0]?.created, entry?.lastImport?.attemptedAt].flatMap(
      (time) => parseTime(time) ?? [],
    );
  });
  const announced = seen.flatMap(
    ({ source: { namespace, stream, tag } }) =>
      pushTimes.announcedAt(objectKey(namespace, stream), tag) ?? [],
  );
  return { importedAt: newestOf(imported), announcedAt: newestOf(announced) };
}

function newestOf(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Somebody wants calm for the workload, or for all that follow the stream. */
function holdOf(
  { views }: TriggerControllerOptions,
  workload: TriggeredWorkload,
  { source }: ImageMove,
  now: number,
): Hold | undefined {
  const stream = views.get(objectKey(source.namespace, source.stream));
  return (
    holdAt(workload.hold, now) ?? holdAt(stream?.metadata.annotations?.[holdAnnotation] ?? undefined, now)
  );
}

function blockedReason(
  { problems, waiting, postponed }: TriggerPlan,
  isHeld: boolean,
): BlockedReason | undefined {
  if (problems.length > 0) return 'invalid';
  if (isHeld) return 'held';
  if (postponed.length > 0) return 'active';
  return waiting.length > 0 ? 'waiting' : undefined;
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
  recorder.record(workload, { type: 'Warning', reason: 'InvalidTrigger', message, once: true });
}

/** What the images of a stream's followers depend on: whether it is held, and per tag what its pull spec is made of. */
function imagesOf(stream: ImageStream | undefined): readonly (readonly (string | undefined)[])[] {
  const policies = new Map(
    (stream?.spec?.tags ?? []).map(({ name, referencePolicy }) => [name, referencePolicy?.type]),
  );
  const tags = (stream?.status?.tags ?? []).map(({ tag, items }) => {
    const [newest] = items ?? [];
    return [tag, newest?.dockerImageReference, newest?.image, policies.get(tag)];
  });
  return [[stream?.metadata.annotations?.[holdAnnotation]], ...tags];
}
