/** Puts the parts together: the only place that constructs them, starts them in order and stops them in reverse. */
import type { Logger } from 'pino';
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
import { PushTrust, takeHints } from './controllers/push-hints.ts';
import { PushTimes } from './controllers/push-times.ts';
import { ownStreamsOnly, Sharing } from './controllers/sharing.ts';
import { dependentsOf, StreamSources } from './controllers/stream-sources.ts';
import { tagObjectReconcile, watchTagObjects } from './controllers/tag-object-controller.ts';
import { TagObjectWriter } from './controllers/tag-object-writer.ts';
import { StreamViews } from './controllers/tag-objects.ts';
import {
  expectReports,
  namespaceOfTrigger,
  triggerReconcile,
  watchTriggers,
} from './controllers/trigger-controller.ts';
import type { PushEvent } from './domain/push-notification.ts';
import { KubeClient } from './kube/client.ts';
import { checkCluster } from './kube/cluster-check.ts';
import { Controller } from './kube/controller.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { type ObjectKey, splitKey } from './kube/store.ts';
import { KubeTransport } from './kube/transport.ts';
import { createLeadership, type Leadership, type Shard } from './leadership.ts';
import { type NotificationReceiver, startNotificationReceiver } from './notification-receiver.ts';
import type { Metrics } from './observability/metrics.ts';
import type { ProxySettings } from './registry/proxy.ts';
import { createRegistryStack, type RegistryStack } from './registry-stack.ts';
import type { Clock } from './runtime/clock.ts';
import { HealthServer } from './server/http-server.ts';
import { createReflectors, createStores, type Stores } from './stores.ts';

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
  /** Tells this process from every other one that ever was. */
  readonly identity: string;
  /** The address at which other pods reach this one; undefined outside of a cluster. */
  readonly podAddress: string | undefined;
}

/** A running operator. */
export interface Operator {
  /** Port of the health endpoints. */
  readonly healthPort: number;
  /** Aborted when it led and does not any more: it writes nothing, and the process has to end. */
  readonly lost: AbortSignal;
  /** Ends the work under way, at most for `graceMs`, and closes everything. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts the operator and resolves when its stores are filled: it is ready to lead then, and does when it is its turn.
 * Rejects with a sentence for people when the cluster is not one that it can serve.
 */
export async function startOperator(parts: OperatorParts): Promise<Operator> {
  const { config, log, metrics, clock, userAgent } = parts;
  const stopping = new AbortController();
  const transport = KubeTransport.load({ kubeconfig: config.kubeconfig, userAgent });
  const leadership = createLeadership(parts);
  const client = new KubeClient({
    transport,
    clock,
    onRequest: metrics.api.answered,
    fence: leadership.fence,
  });
  await checkCluster(client, transport.server, stopping.signal);
  const shared = await createShared(parts, { client, leadership, signal: stopping.signal });
  const { registry, recorder, stores } = shared;
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
  const receiver = await startReceiver(parts, { shared, controllers }, stopping.signal);
  log.info({ server: transport.server, healthPort, streams: stores.streams.size }, 'operator ready');
  const cancel = clock.setTimer(settleMs, parts.freeMemory);
  const work = createWork(parts, { shared, controllers }, stopping.signal);
  const resigning = new AbortController();
  const leading = leadership.run((shard) => work.begin(shard), resigning.signal);

  const stop = async (graceMs: number): Promise<void> => {
    log.info('operator stops');
    leadership.decline();
    cancel();
    await receiver?.close();
    await Promise.all(controllers.all.map((controller) => controller.stop(graceMs)));
    await recorder.flush(lastEventsMs);
    stopping.abort(new Error('the operator stops'));
    await Promise.all([...running, ...work.running]);
    // Nothing is written any more: the next one can begin.
    resigning.abort();
    await leading;
    await leadership.close();
    await Promise.all([health.close(), registry.close(), transport.close()]);
    log.info('operator stopped');
  };
  return { healthPort, lost: leadership.lost, stop };
}

function createRegistry(parts: OperatorParts, client: KubeClient): Promise<RegistryStack> {
  const metrics = parts.metrics.registries;
  return createRegistryStack({ ...parts, client, reader: 'the operator', metrics });
}

/** By then everything that was listed at the start, or when the lead was taken, has been looked at. */
const settleMs = 30_000;

/** Time for the last events when the operator stops. */
const lastEventsMs = 1_000;

/** What a leader does, and a follower does not. */
interface Work {
  /** Begins with the work of a shard. */
  begin(shard: Shard): void;
  /** What runs beside the controllers until the signal is aborted. */
  readonly running: readonly Promise<void>[];
}

function createWork(
  parts: OperatorParts,
  { shared, controllers }: { shared: Shared; controllers: Controllers },
  signal: AbortSignal,
): Work {
  const { stores, views, jobs } = shared;
  const running: Promise<void>[] = [];
  const begin = (shard: Shard): void => {
    expectReports({ ...stores, views }, shard.has);
    for (const controller of controllers.all) controller.start();
    // Nothing was enqueued for those that nobody here looked after.
    for (const key of stores.streams.keys()) controllers.imports.enqueue(key);
    for (const key of stores.tagObjects.keys()) controllers.tags.enqueue(key);
    for (const [kind, { store }] of stores.workloads)
      for (const key of store.keys()) controllers.triggers.enqueue(`${kind}/${key}`);
    running.push(
      jobs.resume({ enqueue: (key) => controllers.triggers.enqueue(key), has: shard.has }, signal),
    );
    // Images belong to no namespace: one process sweeps them.
    if (shard.number === 0 && shared.keeper.keepsObjects)
      running.push(createSweeper(parts, shared).run(signal));
    const cancel = parts.clock.setTimer(settleMs, parts.freeMemory);
    signal.addEventListener('abort', cancel, { once: true });
  };
  return { begin, running };
}

/** Starts the receiver of announced pushes, if there is to be one, and tells the other replicas where it is. */
async function startReceiver(
  parts: OperatorParts,
  { shared, controllers }: { shared: Shared; controllers: Controllers },
  signal: AbortSignal,
): Promise<NotificationReceiver | undefined> {
  const { stores, views, checks, leadership } = shared;
  const onEvents = (events: readonly PushEvent[]): void =>
    takeHints(events, { ...stores, views, checks, enqueue: (key) => controllers.imports.enqueue(key) });
  const receiver = await startNotificationReceiver(parts, { replicas: leadership, onEvents }, signal);
  const { podAddress: host } = parts;
  if (receiver !== undefined && host !== undefined)
    leadership.announce(`http://${host.includes(':') ? `[${host}]` : host}:${receiver.port}`);
  return receiver;
}

/** What the controllers share. */
interface Shared {
  readonly client: KubeClient;
  readonly leadership: Leadership;
  readonly keeper: ImageKeeper;
  readonly registry: RegistryStack;
  readonly importer: Importer;
  readonly recorder: EventRecorder;
  readonly stores: Stores;
  readonly views: StreamViews;
  readonly checks: CheckMemory;
  readonly trust: PushTrust;
  readonly pushTimes: PushTimes;
  readonly jobs: JobReplacer;
}

async function createShared(
  parts: OperatorParts,
  { client, leadership, signal }: { client: KubeClient; leadership: Leadership; signal: AbortSignal },
): Promise<Shared> {
  const { config, log, clock } = parts;
  const { repositoryTagLimit, watchNamespace: namespace } = config;
  const keeper = new ImageKeeper({ client, clock, log, keepsObjects: namespace === undefined });
  const registry = await createRegistry(parts, client);
  const importer = new Importer({ ...registry, keeper, repositoryTagLimit, clock });
  const recorder = new EventRecorder({ client, clock, log, signal });
  const stores = createStores(config);
  const trust = new PushTrust(clock);
  const checks = new CheckMemory({ clock, stretchOf: trust.stretchOf });
  const views = new StreamViews(stores);
  const jobs = new JobReplacer({ client, clock, log, namespace });
  const pushTimes = new PushTimes();
  const found = { registry, importer, checks, trust, pushTimes };
  return { client, leadership, keeper, recorder, stores, views, jobs, ...found };
}

interface Controllers {
  readonly imports: Controller;
  readonly tags: Controller;
  readonly triggers: Controller;
  readonly all: readonly Pick<Controller, 'start' | 'stop'>[];
}

function createControllers(parts: OperatorParts, shared: Shared): Controllers {
  const { config, log, metrics, clock } = parts;
  const { client, importer, leadership, recorder, stores, views } = shared;
  const { streams, tagObjects } = stores;
  const takes = (key: ObjectKey): boolean => leadership.owns(splitKey(key).namespace ?? '');
  const asks = config.watchNamespace === undefined;
  const sharing = asks ? new Sharing({ client, clock, log }) : ownStreamsOnly;
  const onRestored = (stream: ObjectKey): void => imports.enqueue(stream);
  const restorer = new ImageRestorer({ importer, onRestored, clock, log });
  const tagObjectWriter = createTagObjectWriter(parts, shared, { views, restorer });
  const sources = new StreamSources({ views, sharing });
  const common = { clock, log, metrics };
  const imports: Controller = new Controller({
    ...common,
    name: 'imagestream',
    concurrency: config.importConcurrency,
    takes,
    reconcile: imageStreamReconcile(streamOptions(parts, shared, { views, sources, tagObjectWriter })),
  });
  const tags = new Controller({
    ...common,
    name: 'imagestreamtag',
    concurrency: tagObjectConcurrency,
    takes,
    reconcile: tagObjectReconcile({ ...common, client, streams, tagObjects, recorder }),
  });
  const { localRegistry } = config;
  const triggerOptions = {
    ...stores,
    ...common,
    client,
    jobs: shared.jobs,
    pushTimes: shared.pushTimes,
    views,
    sharing,
    localRegistry,
    recorder,
  };
  const triggers = new Controller({
    ...common,
    name: 'trigger',
    concurrency: config.triggerConcurrency,
    takes: (key) => leadership.owns(namespaceOfTrigger(key)),
    groupOf: namespaceOfTrigger,
    reconcile: triggerReconcile(triggerOptions),
  });
  const connected = { imports, tags, triggers };
  connectStores(shared, connected, (key) => tagObjectWriter.seen(key));
  metrics.observeQueues([imports, tags, triggers]);
  return { ...connected, all: [imports, tags, triggers, restorer] };
}

/** Each change is a key for those whom it concerns. */
function connectStores(
  { stores, views }: Shared,
  { imports, tags, triggers }: Omit<Controllers, 'all'>,
  seen: (tagObject: ObjectKey) => ObjectKey | undefined,
): void {
  const { streams, tagObjects } = stores;
  tagObjects.onChange((key) => {
    const waiting = seen(key);
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
  { client, importer, recorder, stores: { streams }, checks, trust, pushTimes }: Shared,
  parts: { views: StreamViews; sources: StreamSources; tagObjectWriter: TagObjectWriter },
): ImageStreamControllerOptions {
  const { importMode, platform, schedulePeriod: schedulePeriodMs, historyLimit, localRegistry } = config;
  const retry = { baseMs: config.retryMin, maxMs: config.retryMax };
  const settings = { importMode, platform, schedulePeriodMs, historyLimit, localRegistry, retry };
  const known = { checks, trust, pushTimes, streams };
  return { ...parts, ...known, client, importer, recorder, clock, log, metrics, settings };
}

function createSweeper(
  { config, log, metrics, clock, freeMemory }: OperatorParts,
  { client, keeper, stores: { streams } }: Shared,
): ImageSweeper {
  const graceMs = config.imageGracePeriod;
  return new ImageSweeper({ client, streams, keeper, graceMs, clock, log, metrics, onPass: freeMemory });
}
