/** Imports what a stream asks for and writes its status: gather, plan, import, fold, one write. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageStreams } from '../api/resources.ts';
import { type ImportSettings, planImports } from '../domain/import-plan.ts';
import {
  type FoldSettings,
  foldOutcomes,
  nextRetry,
  type TagOutcome,
  type TagTransition,
} from '../domain/import-status.ts';
import { mergePatchOf } from '../domain/json-difference.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Reconcile } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Store } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RegistryClient } from '../registry/client.ts';
import type { Clock } from '../runtime/clock.ts';
import { runImports } from './importer.ts';

/** What the controller works with. */
export interface ImageStreamControllerOptions {
  readonly client: KubeClient;
  readonly registry: RegistryClient;
  readonly streams: Store<ImageStream>;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly settings: ImportSettings & FoldSettings;
}

/** Writes of one outcome until another writer is left to win, and the key comes again. */
const maxWriteAttempts = 5;

/** The reconcile of ImageStreams. */
export function imageStreamReconcile(options: ImageStreamControllerOptions): Reconcile {
  const { streams, registry, clock, settings, log } = options;
  /** Per key the versions that the last write left behind: a store that still shows one of them is not up to date. */
  const outdated = new Map<string, ReadonlySet<string>>();

  return async (key, signal) => {
    const stream = streams.get(key);
    if (stream === undefined || stream.metadata.deletionTimestamp !== undefined) {
      outdated.delete(key);
      return {};
    }
    // The watch will bring what was written, and with it this key again.
    if (outdated.get(key)?.has(stream.metadata.resourceVersion ?? '')) return {};
    const plan = planImports(stream, clock.now(), settings);
    for (const { tag, reason } of plan.tags) log.info({ stream: key, tag, reason }, 'importing tag');
    const outcomes = await runImports(plan.tags, registry, signal);
    const written = await writeStatus(options, stream, outcomes, signal);
    if (written === undefined) return {};
    outdated.set(key, written.outdated);
    return wakeAt(nextRetry(written.stream, written.stream.status ?? {}), clock);
  };
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
  outcomes: readonly TagOutcome[],
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
      tell(options, written, outcomes, transitions);
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

/** Log lines, events and numbers for what was written. */
function tell(
  { recorder, log, metrics }: ImageStreamControllerOptions,
  stream: ImageStream,
  outcomes: readonly TagOutcome[],
  transitions: readonly TagTransition[],
): void {
  for (const outcome of outcomes) {
    metrics.imports.inc({ result: outcome.kind === 'resolved' ? 'resolved' : outcome.failure.code });
  }
  const { namespace = '', name, uid = '' } = stream.metadata;
  const target = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', namespace, name, uid };
  for (const transition of transitions) {
    const fields = { stream: `${namespace}/${name}`, ...transition };
    switch (transition.kind) {
      case 'moved':
        log.info(fields, 'tag moved');
        recorder.record(target, {
          type: 'Normal',
          reason: 'TagMoved',
          message: `tag ${transition.tag} is ${transition.to}${transition.from === undefined ? '' : `, it was ${transition.from}`}`,
        });
        break;
      case 'failed':
        log.warn(fields, 'import failed');
        recorder.record(target, {
          type: 'Warning',
          reason: 'ImportFailed',
          message: `tag ${transition.tag}: ${transition.message}`,
        });
        break;
      case 'recovered':
        log.info(fields, 'import works again');
        break;
    }
  }
}

function absent(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

function wakeAt(time: number | undefined, clock: Clock): WorkResult {
  return time === undefined ? {} : { requeueAfterMs: Math.max(time - clock.now(), 0) };
}
