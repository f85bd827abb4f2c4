/** Imports what a stream asks for and writes its status: gather, plan, import, fold, one write. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageStreams } from '../api/resources.ts';
import {
  type DeferredTag,
  type ImportPlan,
  type ImportSettings,
  nextLook,
  nextLookAfterChecks,
  planImports,
} from '../domain/import-plan.ts';
import { type FoldSettings, foldOutcomes, type ImportOutcomes } from '../domain/import-status.ts';
import { mergePatchOf } from '../domain/json-difference.ts';
import type { TagTransition } from '../domain/tag-transition.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Reconcile } from '../kube/controller.ts';
import { isConflict, isNotFound, isRefused, KubeApiError } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Store } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CheckMemory } from './check-memory.ts';
import type { Importer, ImportResults } from './importer.ts';
import type { PushTrust } from './push-hints.ts';

/** What the controller works with. */
export interface ImageStreamControllerOptions {
  readonly client: KubeClient;
  readonly importer: Importer;
  readonly checks: CheckMemory;
  readonly trust: PushTrust;
  readonly streams: Store<ImageStream>;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly settings: ImportSettings & FoldSettings;
}

/** Writes of one outcome until another writer is left to win, and the key comes again. */
const maxWriteAttempts = 5;
/** Versions that are remembered as outdated: those of the last few writes. */
const maxOutdated = 20;
/** The shortest time between two looks at a stream that nothing happened to. */
const minRequeueMs = 100;

/** What this process remembers of a stream; nothing of it has to survive. */
interface StreamMemory {
  /** The versions that the last write left behind: a store that still shows one of them is not up to date. */
  outdated: ReadonlySet<string>;
  /** Outcomes that could not be written yet: they are written before anything is imported again. */
  unwritten: ImportOutcomes | undefined;
  /** The version whose status was refused. */
  refused: string | undefined;
}

/** The reconcile of ImageStreams. */
export function imageStreamReconcile(options: ImageStreamControllerOptions): Reconcile {
  const { streams, checks } = options;
  const memories = new Map<string, StreamMemory>();

  return async (key, signal) => {
    const stream = streams.get(key);
    if (stream === undefined || stream.metadata.deletionTimestamp !== undefined) {
      memories.delete(key);
      checks.forget(key);
      return {};
    }
    const memory = memories.get(key) ?? { outdated: new Set(), unwritten: undefined, refused: undefined };
    memories.set(key, memory);
    const { resourceVersion = '' } = stream.metadata;
    // The watch will bring what was written, and with it this key again.
    if (memory.outdated.has(resourceVersion)) return {};
    if (memory.refused === resourceVersion) return {};
    let current: ImageStream | undefined = stream;
    if (memory.unwritten !== undefined)
      current = await write(options, memory, { stream, outcomes: memory.unwritten }, signal);
    if (current === undefined) return {};
    return carryOut(options, key, { stream: current, memory }, signal);
  };
}

/** Plans a stream, does the work, writes what came out of it, and says when to look again. */
async function carryOut(
  options: ImageStreamControllerOptions,
  key: string,
  { stream, memory }: { stream: ImageStream; memory: StreamMemory },
  signal: AbortSignal,
): Promise<WorkResult> {
  const { importer, checks, clock, settings } = options;
  const begun = checks.begin();
  const plan = planImports(stream, clock.now(), settings, checks.of(key));
  tellPlan(options, key, plan);
  const deferred: DeferredTag[] = [];
  let current: ImageStream | undefined = stream;
  let quiet = isAnswered(stream);
  for await (const results of importer.run(plan, stream.metadata.namespace ?? '', signal)) {
    remember(options, key, { plan, begun }, results);
    deferred.push(...results.deferred);
    quiet &&= isQuiet(results);
    if (quiet) continue;
    current = await write(options, memory, { stream: current, outcomes: results.outcomes }, signal);
    if (current === undefined) return {};
  }
  const now = clock.now();
  const wakeAt = quiet
    ? nextLookAfterChecks(plan)
    : nextLook(planImports(current, now, settings, checks.of(key)), deferred, now);
  return wakeAt === undefined ? {} : { requeueAfterMs: Math.max(wakeAt - now, minRequeueMs) };
}

/** The status is of this generation: without outcomes there is nothing to write. */
function isAnswered({ metadata, status }: ImageStream): boolean {
  return status?.observedGeneration === metadata.generation;
}

/** Nothing but checks that found nothing new. */
function isQuiet({ outcomes, deferred }: ImportResults): boolean {
  return outcomes.tags.length === 0 && outcomes.repository === undefined && deferred.length === 0;
}

/** Writes outcomes and remembers what became of them; undefined when there is nothing more to do for now. */
async function write(
  options: ImageStreamControllerOptions,
  memory: StreamMemory,
  work: { stream: ImageStream; outcomes: ImportOutcomes },
  signal: AbortSignal,
): Promise<ImageStream | undefined> {
  try {
    const written = await writeStatus(options, work.stream, work.outcomes, signal);
    memory.unwritten = undefined;
    if (written === undefined) return undefined;
    memory.outdated = new Set([...memory.outdated, ...written.outdated].slice(-maxOutdated));
    return written.stream;
  } catch (error) {
    // Missing rights may come back; what is invalid or too large stays so until the stream changes.
    if ((isRefused(error) && error.status !== 403) || isTooLarge(error)) {
      memory.unwritten = undefined;
      memory.refused = work.stream.metadata.resourceVersion;
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

/** etcd's own limit comes as an internal error of the API server. */
function isTooLarge(error: unknown): error is KubeApiError {
  return error instanceof KubeApiError && error.status === 500 && error.message.includes('too large');
}

/** What was looked at is not looked at again before its time, whatever came out of it. */
function remember(
  { checks, trust, metrics }: ImageStreamControllerOptions,
  key: string,
  { plan, begun }: { plan: ImportPlan; begun: number },
  { outcomes, unchanged, deferred }: ImportResults,
): void {
  const done = new Set([...outcomes.tags.map(({ tag }) => tag), ...unchanged]);
  const changed = new Set(outcomes.tags.filter(({ kind }) => kind === 'resolved').map(({ tag }) => tag));
  for (const planned of plan.tags) {
    const { tag } = planned;
    if (!done.has(tag)) continue;
    trust.lookedAt(planned, changed.has(tag), checks.of(key).announced(tag));
    checks.checked(key, tag, begun);
  }
  for (const outcome of outcomes.tags) {
    metrics.imports.inc({ result: outcome.kind === 'resolved' ? 'resolved' : outcome.failure.code });
  }
  metrics.imports.inc({ result: 'unchanged' }, unchanged.length);
  metrics.imports.inc({ result: 'deferred' }, deferred.length);
}

interface WrittenStatus {
  readonly stream: ImageStream;
  /** The resourceVersions that are older than what was written; none when there was nothing to write. */
  readonly outdated: ReadonlySet<string>;
}

/** Folds the outcomes into the newest object until the write goes through; undefined when the stream is gone. */
async function writeStatus(
  options: ImageStreamControllerOptions,
  stream: ImageStream,
  outcomes: ImportOutcomes,
  signal: AbortSignal,
): Promise<WrittenStatus | undefined> {
  const { client, clock, settings } = options;
  const { namespace, name } = stream.metadata;
  const now = clock.now();
  const outdated = new Set<string>();
  let current = stream;
  for (let attempt = 1; ; attempt++) {
    const { status, transitions } = foldOutcomes(current, outcomes, now, settings);
    const patch = mergePatchOf(current.status ?? {}, status);
    if (patch === undefined) return { stream: current, outdated };
    const { uid, resourceVersion } = current.metadata;
    outdated.add(resourceVersion ?? '');
    const document = { metadata: { uid, resourceVersion }, status: patch };
    try {
      const place = { namespace, name, subresource: 'status' as const };
      const written = await client.patch(imageStreams, place, { type: 'merge', document }, signal);
      tellTransitions(options, written, transitions);
      return { stream: written, outdated };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error) || attempt === maxWriteAttempts) throw error;
    }
    const fresh = await client.get(imageStreams, { namespace, name }, signal).catch(absent);
    if (fresh === undefined || fresh.metadata.uid !== uid) return undefined;
    current = fresh;
  }
}

function tellPlan(
  { log }: ImageStreamControllerOptions,
  stream: string,
  { tags, repository }: ImportPlan,
): void {
  for (const { tag, reason, kind } of tags) {
    if (kind === 'check') log.debug({ stream, tag, reason }, 'checking tag');
    else log.info({ stream, tag, reason }, 'importing tag');
  }
  if (repository !== undefined)
    log.info({ stream, repository: repository.from, reason: repository.reason }, 'listing repository');
}

/** Log lines and events for what was written. */
function tellTransitions(
  { recorder, log }: ImageStreamControllerOptions,
  stream: ImageStream,
  transitions: readonly TagTransition[],
): void {
  const { namespace = '', name, uid = '' } = stream.metadata;
  const target = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', namespace, name, uid };
  for (const transition of transitions) {
    const fields = { stream: `${namespace}/${name}`, ...transition };
    switch (transition.kind) {
      case 'moved': {
        log.info(fields, 'tag moved');
        // A first image is no move: the status says it, and a thousand new streams are not a thousand events.
        if (transition.from === undefined) break;
        const message = `tag ${transition.tag} is ${transition.to}, it was ${transition.from}`;
        recorder.record(target, { type: 'Normal', reason: 'TagMoved', message });
        break;
      }
      case 'failed':
      case 'listing failed': {
        log.warn(fields, 'import failed');
        const place = transition.kind === 'failed' ? `tag ${transition.tag}` : 'spec.dockerImageRepository';
        const message = `${place}: ${transition.message}`;
        recorder.record(target, { type: 'Warning', reason: 'ImportFailed', message });
        break;
      }
      case 'recovered':
        log.info(fields, 'import works again');
        break;
    }
  }
}

function tellRefusal(
  { recorder, log }: ImageStreamControllerOptions,
  stream: ImageStream,
  error: Error,
): void {
  const { namespace = '', name, uid = '' } = stream.metadata;
  log.error({ stream: `${namespace}/${name}`, err: error }, 'status refused');
  recorder.record(
    { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', namespace, name, uid },
    {
      type: 'Warning',
      reason: 'StatusRefused',
      message: `what was imported cannot be stored, the stream is left alone until it changes: ${error.message}`,
    },
  );
}

function absent(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}
