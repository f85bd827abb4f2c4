/** Imports what a stream asks for and writes what came of it: gather, plan, import, fold, one write; then its ImageStreamTags. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import {
  type DeferredTag,
  earliest,
  type ImportPlan,
  type ImportSettings,
  nextLook,
  nextLookAfterChecks,
  planImports,
} from '../domain/import-plan.ts';
import type { Reconcile } from '../kube/controller.ts';
import type { Store } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { CheckMemory } from './check-memory.ts';
import type { Importer, ImportResults } from './importer.ts';
import type { PushTrust } from './push-hints.ts';
import type { PushTimes } from './push-times.ts';
import {
  isState,
  type StatusMemory,
  type StatusWriterOptions,
  type StreamState,
  stateOf,
  writeOutcomes,
} from './status-writer.ts';
import { tellPlan } from './stream-events.ts';
import type { StreamSources } from './stream-sources.ts';
import type { TagObjectWriter } from './tag-object-writer.ts';

/** What the controller works with. */
export interface ImageStreamControllerOptions extends StatusWriterOptions {
  readonly importer: Pick<Importer, 'run'>;
  readonly sources: Pick<StreamSources, 'of'>;
  readonly tagObjectWriter: Pick<TagObjectWriter, 'sync'>;
  readonly checks: CheckMemory;
  readonly trust: PushTrust;
  readonly pushTimes: PushTimes;
  readonly streams: Store<ImageStream>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly settings: ImportSettings & StatusWriterOptions['settings'];
}

/** The shortest time between two looks at a stream that nothing happened to. */
const minRequeueMs = 100;
/** For how long the watch may still be on its way to what was written. */
const maxWatchLagMs = 30_000;

/** What this process remembers of a stream; nothing of it has to survive. */
interface StreamMemory extends StatusMemory {
  /** Of the stream: another one of the same name has nothing to do with it. */
  readonly uid: string | undefined;
  /** What was in order when it was last looked at as a whole: a check of a tag does not do so again. */
  settled: StreamState | undefined;
}

/** The reconcile of ImageStreams. */
export function imageStreamReconcile(options: ImageStreamControllerOptions): Reconcile {
  const { streams, checks, views } = options;
  const memories = new Map<string, StreamMemory>();

  return async (key, signal) => {
    const stream = streams.get(key);
    if (stream === undefined || stream.metadata.deletionTimestamp !== undefined) {
      memories.delete(key);
      checks.forget(key);
      return {};
    }
    const { resourceVersion = '', uid } = stream.metadata;
    const remembered = memories.get(key);
    const memory = remembered?.uid === uid && remembered !== undefined ? remembered : newMemory(uid);
    memories.set(key, memory);
    if (memory.outdated.has(resourceVersion)) {
      // The watch will bring what was written, and with it this key again; but not from an etcd that was restored.
      const leftMs = memory.writtenAt + maxWatchLagMs - options.clock.now();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      memory.outdated = nothing;
    }
    if (isState(memory.refused, views, stream)) return {};
    let current: ImageStream | undefined = stream;
    if (memory.unwritten !== undefined)
      current = await writeOutcomes(options, memory, { stream, outcomes: memory.unwritten }, signal);
    if (current === undefined) return {};
    return carryOut(options, key, { stream: current, memory }, signal);
  };
}

const nothing: ReadonlySet<string> = new Set();

function newMemory(uid: string | undefined): StreamMemory {
  return {
    uid,
    outdated: nothing,
    writtenAt: 0,
    unwritten: undefined,
    refused: undefined,
    settled: undefined,
  };
}

/** Plans a stream, does the work, writes what came out of it, and says when to look again. */
async function carryOut(
  options: ImageStreamControllerOptions,
  key: string,
  { stream, memory }: { stream: ImageStream; memory: StreamMemory },
  signal: AbortSignal,
): Promise<WorkResult> {
  const { importer, views, sources, tagObjectWriter, checks, clock, settings } = options;
  const begun = checks.begin();
  const gathered = await sources.of(views.of(stream), signal);
  const facts = { checks: checks.of(key), streams: gathered.streams };
  const plan = planImports(views.of(stream), clock.now(), settings, facts);
  tellPlan(options, key, plan);
  const deferred: DeferredTag[] = [];
  let current: ImageStream | undefined = stream;
  let quiet = isState(memory.settled, views, stream);
  let retryAfterMs = gathered.recheckAfterMs;
  for await (const results of importer.run(plan, stream.metadata.namespace ?? '', signal)) {
    remember(options, key, { plan, begun }, results);
    deferred.push(...results.deferred);
    quiet &&= isQuiet(results);
    if (quiet) continue;
    current = await writeOutcomes(options, memory, { stream: current, outcomes: results.outcomes }, signal);
    if (current === undefined) return {};
    const synced = await tagObjectWriter.sync(current, signal);
    memory.settled = synced.settled ? stateOf(views, current) : undefined;
    retryAfterMs = earliest(gathered.recheckAfterMs, synced.retryAfterMs);
  }
  const now = clock.now();
  const wakeAt = quiet
    ? nextLookAfterChecks(plan)
    : nextLook(planImports(views.of(current), now, settings, facts), deferred, now);
  const waitMs = earliest(wakeAt === undefined ? undefined : wakeAt - now, retryAfterMs);
  return waitMs === undefined ? {} : { requeueAfterMs: Math.max(waitMs, minRequeueMs) };
}

/** Nothing but checks that found nothing new. */
function isQuiet({ outcomes, deferred }: ImportResults): boolean {
  return outcomes.tags.length === 0 && outcomes.repository === undefined && deferred.length === 0;
}

/** What was looked at is not looked at again before its time, whatever came out of it. */
function remember(
  options: ImageStreamControllerOptions,
  key: string,
  { plan, begun }: { plan: ImportPlan; begun: number },
  results: ImportResults,
): void {
  const { checks, trust } = options;
  const { outcomes, unchanged } = results;
  const done = new Set([...outcomes.tags.map(({ tag }) => tag), ...unchanged]);
  const changed = new Set(outcomes.tags.filter(({ kind }) => kind === 'resolved').map(({ tag }) => tag));
  for (const planned of plan.tags) {
    const { tag } = planned;
    if (!done.has(tag)) continue;
    trust.lookedAt(planned, changed.has(tag), checks.of(key).announced(tag));
    const announcedAt = checks.checked(key, tag, begun);
    if (changed.has(tag)) tagMoved(options, key, tag, announcedAt);
  }
  count(options, plan, results);
}

/** Measures how long an announced push took to be seen. */
function tagMoved(
  { pushTimes, metrics, clock }: ImageStreamControllerOptions,
  key: string,
  tag: string,
  announcedAt: number | undefined,
): void {
  pushTimes.moved(key, tag, announcedAt);
  if (announcedAt !== undefined) metrics.pushSeenLag.observe((clock.now() - announcedAt) / 1_000);
}

function count(
  { metrics: { imports } }: ImageStreamControllerOptions,
  plan: ImportPlan,
  { outcomes, unchanged, deferred }: ImportResults,
): void {
  const reasons = new Map(plan.tags.map(({ tag, reason }) => [tag, reason]));
  const add = (tag: string, result: string): void => imports.inc({ result, reason: reasons.get(tag) ?? '' });
  for (const outcome of outcomes.tags)
    add(outcome.tag, outcome.kind === 'resolved' ? 'resolved' : outcome.failure.code);
  for (const tag of unchanged) add(tag, 'unchanged');
  for (const { tag } of deferred) add(tag, 'deferred');
}
