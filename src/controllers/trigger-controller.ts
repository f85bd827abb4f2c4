/** Sets the images of triggered workloads to what their tags stand for: one apply per workload, none when nothing changes. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { jsonEqual } from '../domain/json-difference.ts';
import { resolvePullSpec } from '../domain/tag-resolution.ts';
import { type ImageMove, planTriggers, triggerSources } from '../domain/trigger-plan.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Reconcile } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { objectKey, type Store } from '../kube/store.ts';
import type { Metrics } from '../observability/metrics.ts';
import { imagesApplyDocument, type WorkloadKind } from './workloads.ts';

/** What the controller works with. */
export interface TriggerControllerOptions {
  readonly client: KubeClient;
  readonly streams: Store<ImageStream>;
  /** Triggered workloads by kind; a key of the queue is `<kind>/<namespace>/<name>`. */
  readonly workloads: ReadonlyMap<
    string,
    { readonly kind: WorkloadKind; readonly store: Store<TriggeredWorkload> }
  >;
  readonly recorder: EventRecorder;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Index of a workload store: `<namespace>/<stream>` of each trigger's source. */
const byStream = 'by stream';

/** A store for triggered workloads that can tell which ones follow a stream. */
export function indexByStream(store: Store<TriggeredWorkload>): Store<TriggeredWorkload> {
  store.addIndex(
    byStream,
    (workload) => new Set(triggerSources(workload).map((from) => `${from.namespace}/${from.stream}`)),
  );
  return store;
}

/** Enqueues workloads when they change, or when the image of a tag that they follow may have changed. */
export function watchTriggers(
  { streams, workloads }: Pick<TriggerControllerOptions, 'streams' | 'workloads'>,
  enqueue: (key: string) => void,
): void {
  for (const [kind, { store }] of workloads) {
    store.onChange((key, after) => {
      if (after !== undefined) enqueue(`${kind}/${key}`);
    });
  }
  streams.onChange((key, after, before) => {
    if (jsonEqual(newestImages(after), newestImages(before))) return;
    for (const [kind, { store }] of workloads) {
      for (const workload of store.keysByIndex(byStream, key)) enqueue(`${kind}/${workload}`);
    }
  });
}

/** The reconcile of triggered workloads. */
export function triggerReconcile(options: TriggerControllerOptions): Reconcile {
  const { streams, workloads, recorder, log } = options;
  /** Problems that were told already, per workload: one event for each, not one for each look. */
  const told = new Map<string, readonly string[]>();

  return async (key, signal) => {
    const slash = key.indexOf('/');
    const entry = workloads.get(key.slice(0, slash));
    const workload = entry?.store.get(key.slice(slash + 1));
    if (entry === undefined || workload === undefined) {
      told.delete(key);
      return {};
    }
    const plan = planTriggers(workload, ({ namespace, stream, tag }) => {
      // Other namespaces are followed only by leave of their owner (design, sharing by RBAC); nobody asks for that yet.
      if (namespace !== workload.namespace) return undefined;
      return resolvePullSpec(streams.get(objectKey(namespace, stream)), tag);
    });
    const before = told.get(key) ?? [];
    for (const problem of plan.problems.filter((text) => !before.includes(text))) {
      log.warn(
        { kind: workload.kind, object: objectKey(workload.namespace, workload.name), problem },
        'invalid trigger',
      );
      recorder.record(workload, { type: 'Warning', reason: 'InvalidTrigger', message: problem });
    }
    if (plan.problems.length > 0) told.set(key, plan.problems);
    else told.delete(key);
    if (plan.moves.length > 0) await applyMoves(options, entry.kind, workload, { moves: plan.moves, signal });
    return {};
  };
}

async function applyMoves(
  { client, recorder, log, metrics }: TriggerControllerOptions,
  kind: WorkloadKind,
  workload: TriggeredWorkload,
  { moves, signal }: { moves: readonly ImageMove[]; signal: AbortSignal },
): Promise<void> {
  const images = new Map(moves.map((move) => [`${move.list}/${move.container}`, move.to]));
  const document = imagesApplyDocument(workload, images);
  try {
    await client.patch(kind.resource, workload, { type: 'apply', document }, signal);
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  for (const move of moves) {
    const source = `${move.source.stream}:${move.source.tag}`;
    log.info(
      {
        kind: workload.kind,
        object: objectKey(workload.namespace, workload.name),
        container: move.container,
        from: move.from,
        to: move.to,
        source,
      },
      'image set',
    );
    metrics.moves.inc({ kind: workload.kind });
    const was = move.from.trim() === '' ? '' : `, it was ${move.from}`;
    recorder.record(workload, {
      type: 'Normal',
      reason: 'ImageUpdated',
      message: `container ${move.container} now runs ${source}: ${move.to}${was}`,
    });
  }
}

/** Per tag the image that consumers get: the part of a stream that triggers depend on. */
function newestImages(stream: ImageStream | undefined): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    (stream?.status?.tags ?? []).map(({ tag }) => [tag, resolvePullSpec(stream, tag)]),
  );
}
