/** All metrics of the operator, on a registry of their own; labels come from closed sets, so that no user can grow them. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type ImportReason, importReasons } from '../domain/import-reason.ts';
import { ApiMetrics } from './api-metrics.ts';
import { RegistryMetrics } from './registry-metrics.ts';

/** Why the images of a workload do not move although a tag has. */
export type BlockedReason = (typeof blockedReasons)[number];

const blockedReasons = ['active', 'contested', 'held', 'invalid', 'refused', 'waiting'] as const;

/** Seconds. */
const lagBuckets = [0.25, 0.5, 1, 2, 5, 15, 60, 300, 1800];

/** What a scheduled look can be for, or one that was announced: only these can find nothing new. */
const checkReasons: readonly ImportReason[] = ['scheduled check', 'push announced'];

/** The operator's metrics, all zero at start. */
export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];

  readonly reconciles = new Counter({
    name: 'imagestream_reconcile_total',
    help: 'Reconciles by controller and result.',
    labelNames: ['controller', 'result'] as const,
    registers: this.#registers,
  });

  readonly reconcileSeconds = new Histogram({
    name: 'imagestream_reconcile_duration_seconds',
    help: 'Time of one reconcile by controller.',
    labelNames: ['controller'] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: this.#registers,
  });

  readonly queueDepth = new Gauge({
    name: 'imagestream_queue_depth',
    help: 'Keys that wait for a worker by controller.',
    labelNames: ['controller'] as const,
    registers: this.#registers,
    collect: () => {
      for (const { name, depth } of this.#queues) this.queueDepth.set({ controller: name }, depth);
    },
  });

  readonly imports = new Counter({
    name: 'imagestream_import_total',
    help: 'Tags that were looked at, by why, and by result: resolved, unchanged, deferred, or the code of the failure.',
    labelNames: ['result', 'reason'] as const,
    registers: this.#registers,
  });

  readonly registries = new RegistryMetrics(this.registry);
  readonly api = new ApiMetrics(this.registry);

  readonly moves = new Counter({
    name: 'imagestream_workload_move_total',
    help: 'Container images that were set by a trigger, by kind of the workload.',
    labelNames: ['kind'] as const,
    registers: this.#registers,
  });

  readonly moveLag = new Histogram({
    name: 'imagestream_workload_move_lag_seconds',
    help: 'Time from the import of a new image to the patch of a workload that follows its tag.',
    buckets: lagBuckets,
    registers: this.#registers,
  });

  readonly pushSeenLag = new Histogram({
    name: 'imagestream_push_seen_lag_seconds',
    help: 'Time from the announcement of a push to the moment at which its new image was found.',
    buckets: lagBuckets,
    registers: this.#registers,
  });

  readonly pushPatchLag = new Histogram({
    name: 'imagestream_push_patch_lag_seconds',
    help: 'Time from the announcement of a push to the patch of a workload that follows its tag.',
    buckets: lagBuckets,
    registers: this.#registers,
  });

  readonly blocked = new Gauge({
    name: 'imagestream_workload_blocked',
    help: 'Triggered workloads whose images do not move although they might have to, by reason.',
    labelNames: ['reason'] as const,
    registers: this.#registers,
    collect: () => {
      this.blocked.reset();
      for (const reason of blockedReasons) this.blocked.set({ reason }, 0);
      for (const reason of this.#blocked()) this.blocked.inc({ reason });
    },
  });

  readonly sweptImages = new Counter({
    name: 'imagestream_image_swept_total',
    help: 'Image objects that were deleted because nothing reached them any more.',
    registers: this.#registers,
  });

  readonly watchEvents = new Counter({
    name: 'imagestream_watch_event_total',
    help: 'Lists, watches and failures of the reflectors by resource.',
    labelNames: ['resource', 'event'] as const,
    registers: this.#registers,
  });

  readonly watchRestarts = new Counter({
    name: 'imagestream_watch_restart_total',
    help: 'Lists and watches that had to begin again, by resource and reason.',
    labelNames: ['resource', 'reason'] as const,
    registers: this.#registers,
  });

  readonly notifications = new Counter({
    name: 'imagestream_notification_request_total',
    help: 'Requests to the receiver of push notifications by kind of the sender and HTTP status.',
    labelNames: ['kind', 'status'] as const,
    registers: this.#registers,
  });

  readonly notificationEvents = new Counter({
    name: 'imagestream_notification_event_total',
    help: 'Announced pushes by result: handed on, or dropped because too many waited.',
    labelNames: ['result'] as const,
    registers: this.#registers,
  });

  readonly leader = new Gauge({
    name: 'imagestream_leader',
    help: '1 where this process holds the Lease of a shard, 0 where another one does.',
    labelNames: ['shard'] as const,
    registers: this.#registers,
  });

  readonly leaderChanges = new Counter({
    name: 'imagestream_leader_change_total',
    help: 'Holders of the Lease of a shard that this process has seen, one after the other.',
    labelNames: ['shard'] as const,
    registers: this.#registers,
  });

  #blocked: () => Iterable<BlockedReason> = () => [];
  #queues: readonly { readonly name: string; readonly depth: number }[] = [];

  constructor() {
    for (const controller of ['imagestream', 'imagestreamtag', 'trigger']) {
      for (const result of ['success', 'failure']) this.reconciles.inc({ controller, result }, 0);
    }
    for (const reason of importReasons) this.imports.inc({ result: 'resolved', reason }, 0);
    for (const reason of checkReasons)
      for (const result of ['unchanged', 'deferred']) this.imports.inc({ result, reason }, 0);
  }

  /** Reads the depth of these queues whenever the metrics are asked for. */
  observeQueues(queues: readonly { readonly name: string; readonly depth: number }[]): void {
    this.#queues = queues;
  }

  /** Asks for the reason of each workload that is blocked whenever the metrics are asked for. */
  observeBlocked(reasons: () => Iterable<BlockedReason>): void {
    this.#blocked = reasons;
  }
}
