/** Puts the parts together: the only place that constructs them, starts them in order and stops them in reverse. */
import type { Logger } from 'pino';
import type { ImageStream } from './api/generated/image-stream.ts';
import { imageStreams, imageStreamTags, type KubeObject, type Resource } from './api/resources.ts';
import type { KnownTagObject } from './api/tag-object.ts';
import type { TriggeredWorkload } from './api/workload.ts';
import type { Config } from './config.ts';
import { CheckMemory } from './controllers/check-memory.ts';
import { ImageKeeper } from './controllers/image-keeper.ts';
import { ImageRestorer } from './controllers/image-restorer.ts';
import {
  type ImageStreamControllerOptions,
  imageStreamReconcile,
} from './controllers/image-stream-controller.ts';
import { ImageSweeper } from './controllers/image-sweeper.ts';
import { Importer } from './controllers/importer.ts';
import { JobReplacer } from './controllers/job-replacer.ts';
import { indexByRepository, PushTrust, takeHints } from './controllers/push-hints.ts';
import { Sharing } from './controllers/sharing.ts';
import { dependentsOf, indexBySource, StreamSources } from './controllers/stream-sources.ts';
import { createStreamStore, keepStream } from './controllers/stream-store.ts';
import { tagObjectReconcile, watchTagObjects } from './controllers/tag-object-controller.ts';
import { TagObjectWriter } from './controllers/tag-object-writer.ts';
import { createTagObjectStore, keepTagObject, StreamViews } from './controllers/tag-objects.ts';
import {
  expectReports,
  indexByStream,
  namespaceOfTrigger,
  triggerReconcile,
  watchTriggers,
} from './controllers/trigger-controller.ts';
import {
  customKind,
  jobKind,
  keepTriggered,
  kindName,
  type WorkloadKind,
  workloadKinds,
} from './controllers/workloads.ts';
import type { PushEvent } from './domain/push-notification.ts';
import { KubeClient } from './kube/client.ts';
import { checkCluster } from './kube/cluster-check.ts';
import { Controller } from './kube/controller.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { Reflector } from './kube/reflector.ts';
import { type ObjectKey, Store } from './kube/store.ts';
import { KubeTransport } from './kube/transport.ts';
import { startNotificationReceiver } from './notification-receiver.ts';
import type { Metrics } from './observability/metrics.ts';
import type { ProxySettings } from './registry/proxy.ts';
import { createRegistryStack, type RegistryStack, type RegistryStackParts } from './registry-stack.ts';
import type { Clock } from './runtime/clock.ts';
import { HealthServer } from './server/http-server.ts';

/** What the operator gets from its process. */
export interface OperatorParts {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Gives back what long lists leave behind: called when one was read. */
  readonly freeMemory: () => void;
  /** Shown to registries and the API server. */
  readonly userAgent: string;
  /** Proxies for registries; the API server is reached directly. */
  readonly proxies: ProxySettings;
}

/** A running operator. */
export interface Operator {
  /** Port of the health endpoints. */
  readonly healthPort: number;
  /** Ends the work under way, at most for `graceMs`, and closes everything. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts the operator and resolves when its stores are filled and its workers run. Rejects with a
 * sentence for people when the cluster is not one that it can serve.
 */
export async function startOperator(parts: OperatorParts): Promise<Operator> {
  const { config, log, metrics, clock, userAgent } = parts;
  const stopping = new AbortController();
  const transport = KubeTransport.load({ kubeconfig: config.kubeconfig, userAgent });
  const client = new KubeClient({
    transport,
    clock,
    onRequest: (method, status) => metrics.apiRequests.inc({ method, status: String(status) }),
  });
  await checkCluster(client, transport.server, stopping.signal);
  const keeper = new ImageKeeper({ client, clock, log });
  const registry = await createRegistry(parts, client);
  const { repositoryTagLimit } = config;
  const importer = new Importer({ ...registry, keeper, repositoryTagLimit, clock });
  const recorder = new EventRecorder({ client, clock, log, signal: stopping.signal });
  const stores = createStores(config);
  const trust = new PushTrust(clock);
  const checks = new CheckMemory({ clock, stretchOf: trust.stretchOf });
  const views = new StreamViews(stores);
  const jobs = new JobReplacer({ client, clock, log });
  const shared = { client, keeper, importer, recorder, stores, views, checks, trust, jobs };
  const controllers = createControllers(parts, shared);
  const reflectors = createReflectors(parts, client, stores);
  const health = new HealthServer({
    metrics: metrics.registry,
    checks: reflectors.map(({ name, reflector }) => ({ name, ready: () => reflector.hasSynced })),
  });
  const healthPort = await health.listen(config.healthHost, config.healthPort);
  registry.watchPolicy(stopping.signal);
  const running = reflectors.map(({ reflector }) => reflector.run(stopping.signal));
  await Promise.all(reflectors.map(({ reflector }) => reflector.synced));
  expectReports({ ...stores, views });
  for (const controller of controllers.all) controller.start();
  running.push(jobs.resume((key) => controllers.triggers.enqueue(key), stopping.signal));
  running.push(createSweeper(parts, shared).run(stopping.signal));
  const takeEvents = (events: readonly PushEvent[]): void =>
    takeHints(events, {
      ...stores,
      views,
      checks,
      enqueue: (key) => controllers.imports.enqueue(key),
    });
  const receiver = await startNotificationReceiver(parts, takeEvents, stopping.signal);
  log.info({ server: transport.server, healthPort, streams: stores.streams.size }, 'operator ready');
  const cancel = clock.setTimer(settleMs, parts.freeMemory);

  const stop = async (graceMs: number): Promise<void> => {
    log.info('operator stops');
    cancel();
    await receiver?.close();
    await Promise.all(controllers.all.map((controller) => controller.stop(graceMs)));
    await recorder.flush(lastEventsMs);
    stopping.abort(new Error('the operator stops'));
    await Promise.all([...running, health.close(), registry.close(), transport.close()]);
    log.info('operator stopped');
  };
  return { healthPort, stop };
}

function createRegistry(parts: OperatorParts, client: KubeClient): Promise<RegistryStack> {
  const { registryRequests } = parts.metrics;
  const onRequest: RegistryStackParts['onRequest'] = (document) => registryRequests.inc({ document });
  return createRegistryStack({ ...parts, client, reader: 'the operator', onRequest });
}

/** By then everything that was listed at the start has been looked at. */
const settleMs = 30_000;

/** Time for the last events when the operator stops. */
const lastEventsMs = 1_000;

interface Stores {
  readonly streams: Store<ImageStream>;
  readonly tagObjects: Store<KnownTagObject>;
  readonly workloads: ReadonlyMap<
    string,
    { readonly kind: WorkloadKind; readonly store: Store<TriggeredWorkload> }
  >;
}

function createStores({ workloadKinds: named }: Config): Stores {
  const workloads = [...workloadKinds, ...named.map(customKind)].map((kind) => {
    const store = indexByStream(new Store<TriggeredWorkload>((workload) => workload.resourceVersion));
    return [kindName(kind), { kind, store }] as const;
  });
  const streams = createStreamStore();
  const tagObjects = createTagObjectStore();
  indexByRepository({ streams, tagObjects });
  indexBySource({ streams, tagObjects });
  return { streams, tagObjects, workloads: new Map(workloads) };
}

/** What the controllers share. */
interface Shared {
  readonly client: KubeClient;
  readonly keeper: ImageKeeper;
  readonly importer: Importer;
  readonly recorder: EventRecorder;
  readonly stores: Stores;
  readonly views: StreamViews;
  readonly checks: CheckMemory;
  readonly trust: PushTrust;
  readonly jobs: JobReplacer;
}

interface Controllers {
  readonly imports: Controller;
  readonly triggers: Controller;
  readonly all: readonly Pick<Controller, 'start' | 'stop'>[];
}

function createControllers(parts: OperatorParts, shared: Shared): Controllers {
  const { config, log, metrics, clock } = parts;
  const { client, importer, recorder, stores, views } = shared;
  const { streams, tagObjects } = stores;
  const sharing = new Sharing({ client, clock, log });
  const onRestored = (stream: ObjectKey): void => imports.enqueue(stream);
  const restorer = new ImageRestorer({ importer, onRestored, clock, log });
  const tagObjectWriter = createTagObjectWriter(parts, shared, { views, restorer });
  const sources = new StreamSources({ views, sharing });
  const common = { clock, log, metrics };
  const imports: Controller = new Controller({
    ...common,
    name: 'imagestream',
    concurrency: config.importConcurrency,
    reconcile: imageStreamReconcile(streamOptions(parts, shared, { views, sources, tagObjectWriter })),
  });
  const tags = new Controller({
    ...common,
    name: 'imagestreamtag',
    concurrency: tagObjectConcurrency,
    reconcile: tagObjectReconcile({ ...common, client, streams, tagObjects, recorder }),
  });
  const { localRegistry } = config;
  const triggerOptions = {
    ...stores,
    ...common,
    client,
    jobs: shared.jobs,
    views,
    sharing,
    localRegistry,
    recorder,
  };
  const triggers = new Controller({
    ...common,
    name: 'trigger',
    concurrency: config.triggerConcurrency,
    groupOf: namespaceOfTrigger,
    reconcile: triggerReconcile(triggerOptions),
  });
  tagObjects.onChange((key) => {
    const waiting = tagObjectWriter.seen(key);
    if (waiting !== undefined) imports.enqueue(waiting);
  });
  watchTagObjects(stores, {
    enqueueStream: (key) => imports.enqueue(key),
    enqueueObject: (key) => tags.enqueue(key),
    objectsUnder: (key) => views.objectsUnder(key),
  });
  streams.onChange((key) => {
    imports.enqueue(key);
    for (const dependent of dependentsOf(key, stores)) imports.enqueue(dependent);
  });
  views.reports.onChange((key) => imports.enqueue(key));
  watchTriggers(stores, (key) => triggers.enqueue(key));
  metrics.observeQueues([imports, tags, triggers]);
  return { imports, triggers, all: [imports, tags, triggers, restorer] };
}

/** ImageStreamTags without a stream are few, but for the deletion of many streams. */
const tagObjectConcurrency = 8;

function createTagObjectWriter(
  { config: { localRegistry }, log, clock }: OperatorParts,
  { client, keeper, recorder }: Shared,
  { views, restorer }: { views: StreamViews; restorer: ImageRestorer },
): TagObjectWriter {
  return new TagObjectWriter({ client, views, keeper, restorer, recorder, clock, log, localRegistry });
}

function streamOptions(
  { config, log, metrics, clock }: OperatorParts,
  { client, importer, recorder, stores: { streams }, checks, trust }: Shared,
  parts: { views: StreamViews; sources: StreamSources; tagObjectWriter: TagObjectWriter },
): ImageStreamControllerOptions {
  const { importMode, platform, schedulePeriod: schedulePeriodMs, historyLimit, localRegistry } = config;
  const retry = { baseMs: config.retryMin, maxMs: config.retryMax };
  const settings = { importMode, platform, schedulePeriodMs, historyLimit, localRegistry, retry };
  return { ...parts, client, importer, checks, trust, streams, recorder, clock, log, metrics, settings };
}

function createSweeper(
  { config, log, metrics, clock, freeMemory }: OperatorParts,
  { client, keeper, stores: { streams } }: Shared,
): ImageSweeper {
  const graceMs = config.imageGracePeriod;
  return new ImageSweeper({ client, streams, keeper, graceMs, clock, log, metrics, onPass: freeMemory });
}

interface NamedReflector {
  readonly name: string;
  readonly reflector: {
    readonly hasSynced: boolean;
    readonly synced: Promise<void>;
    run(signal: AbortSignal): Promise<void>;
  };
}

function createReflectors(
  { log, metrics, clock }: OperatorParts,
  client: KubeClient,
  { streams, tagObjects, workloads }: Stores,
): readonly NamedReflector[] {
  const reflect = <T extends KubeObject, S>(
    resource: Resource<T>,
    store: Store<S>,
    keep: (object: T) => S | undefined,
    mayBeAbsent = false,
  ) => ({
    name: resource.plural,
    reflector: new Reflector({
      client,
      resource,
      store,
      keep,
      isOptional: mayBeAbsent,
      clock,
      log,
      onEvent: (event) => metrics.watchEvents.inc({ resource: resource.plural, event }),
    }),
  });
  return [
    reflect(imageStreams, streams, keepStream),
    reflect(imageStreamTags, tagObjects, keepTagObject),
    ...[...workloads.values()].map(({ kind, store }) =>
      reflect(kind.resource, store, (object) => keepTriggered(kind, object), isOptional(kind)),
    ),
  ];
}

/** A kind that may not be there, or whose rights may be left out: then nothing of it is triggered, and all else goes on. */
function isOptional(kind: WorkloadKind): boolean {
  return kind.isCustom || kind === jobKind;
}
