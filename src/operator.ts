/** Puts the parts together: the only place that constructs them, starts them in order and stops them in reverse. */
import type { Logger } from 'pino';
import type { ImageStream } from './api/generated/image-stream.ts';
import { imageStreams, type KubeObject, type Resource } from './api/resources.ts';
import type { TriggeredWorkload } from './api/workload.ts';
import type { Config } from './config.ts';
import { CheckMemory } from './controllers/check-memory.ts';
import { imageStreamReconcile } from './controllers/image-stream-controller.ts';
import { indexByRepository, PushTrust, takeHints } from './controllers/push-hints.ts';
import { indexByStream, triggerReconcile, watchTriggers } from './controllers/trigger-controller.ts';
import { keepTriggered, type WorkloadKind, workloadKinds } from './controllers/workloads.ts';
import type { PushEvent } from './domain/push-notification.ts';
import { KubeClient } from './kube/client.ts';
import { checkCluster } from './kube/cluster-check.ts';
import { Controller } from './kube/controller.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { Reflector } from './kube/reflector.ts';
import { Store } from './kube/store.ts';
import { KubeTransport } from './kube/transport.ts';
import { startNotificationReceiver } from './notification-receiver.ts';
import type { Metrics } from './observability/metrics.ts';
import type { ProxySettings } from './registry/proxy.ts';
import { createRegistryStack, type RegistryStack } from './registry-stack.ts';
import type { Clock } from './runtime/clock.ts';
import { HealthServer } from './server/http-server.ts';

/** What the operator gets from its process. */
export interface OperatorParts {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
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
  const registry = await createRegistryStack({ ...parts, client });
  const recorder = new EventRecorder({ client, clock, log, signal: stopping.signal });
  const stores = createStores();
  const trust = new PushTrust(clock);
  const checks = new CheckMemory({ clock, stretchOf: trust.stretchOf });
  const controllers = createControllers(parts, { client, registry, recorder, stores, checks, trust });
  const reflectors = createReflectors(parts, client, stores);
  const health = new HealthServer({
    metrics: metrics.registry,
    checks: reflectors.map(({ name, reflector }) => ({ name, ready: () => reflector.hasSynced })),
  });
  const healthPort = await health.listen(config.healthHost, config.healthPort);
  registry.watchPolicy(stopping.signal);
  const running = reflectors.map(({ reflector }) => reflector.run(stopping.signal));
  await Promise.all(reflectors.map(({ reflector }) => reflector.synced));
  for (const controller of controllers.all) controller.start();
  const takeEvents = (events: readonly PushEvent[]): void =>
    takeHints(events, {
      streams: stores.streams,
      checks,
      enqueue: (key) => controllers.imports.enqueue(key),
    });
  const receiver = await startNotificationReceiver(parts, takeEvents, stopping.signal);
  log.info({ server: transport.server, healthPort, streams: stores.streams.size }, 'operator ready');

  const stop = async (graceMs: number): Promise<void> => {
    log.info('operator stops');
    await receiver?.close();
    await Promise.all(controllers.all.map((controller) => controller.stop(graceMs)));
    await recorder.flush(lastEventsMs);
    stopping.abort(new Error('the operator stops'));
    await Promise.all([...running, health.close(), registry.close(), transport.close()]);
    log.info('operator stopped');
  };
  return { healthPort, stop };
}

/** Time for the last events when the operator stops. */
const lastEventsMs = 1_000;

interface Stores {
  readonly streams: Store<ImageStream>;
  readonly workloads: ReadonlyMap<
    string,
    { readonly kind: WorkloadKind; readonly store: Store<TriggeredWorkload> }
  >;
}

function createStores(): Stores {
  const workloads = workloadKinds.map((kind) => {
    const store = indexByStream(new Store<TriggeredWorkload>((workload) => workload.resourceVersion));
    return [kind.resource.kind, { kind, store }] as const;
  });
  const streams = new Store<ImageStream>((stream) => stream.metadata.resourceVersion ?? '');
  indexByRepository(streams);
  return { streams, workloads: new Map(workloads) };
}

/** What the controllers share. */
interface Shared {
  readonly client: KubeClient;
  readonly registry: RegistryStack;
  readonly recorder: EventRecorder;
  readonly stores: Stores;
  readonly checks: CheckMemory;
  readonly trust: PushTrust;
}

function createControllers(
  { config, log, metrics, clock }: OperatorParts,
  { client, registry, recorder, stores, checks, trust }: Shared,
): { readonly imports: Controller; readonly all: readonly Controller[] } {
  const { streams, workloads } = stores;
  const { importMode, platform, schedulePeriod: schedulePeriodMs, historyLimit, retryMin, retryMax } = config;
  const retry = { baseMs: retryMin, maxMs: retryMax };
  const settings = { importMode, platform, schedulePeriodMs, historyLimit, retry };
  const { importer } = registry;
  const imports = new Controller({
    name: 'imagestream',
    concurrency: config.importConcurrency,
    reconcile: imageStreamReconcile({
      client,
      importer,
      checks,
      trust,
      streams,
      recorder,
      clock,
      log,
      metrics,
      settings,
    }),
    clock,
    log,
    metrics,
  });
  const triggers = new Controller({
    name: 'trigger',
    concurrency: config.triggerConcurrency,
    reconcile: triggerReconcile({ client, streams, workloads, recorder, clock, log, metrics }),
    clock,
    log,
    metrics,
  });
  streams.onChange((key) => imports.enqueue(key));
  watchTriggers({ streams, workloads }, (key) => triggers.enqueue(key));
  metrics.observeQueues([imports, triggers]);
  return { imports, all: [imports, triggers] };
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
  { streams, workloads }: Stores,
): readonly NamedReflector[] {
  const reflect = <T extends KubeObject, S>(
    resource: Resource<T>,
    store: Store<S>,
    keep: (object: T) => S | undefined,
  ) => ({
    name: resource.plural,
    reflector: new Reflector({
      client,
      resource,
      store,
      keep,
      clock,
      log,
      onEvent: (event) => metrics.watchEvents.inc({ resource: resource.plural, event }),
    }),
  });
  return [
    reflect(imageStreams, streams, keepStream),
    ...[...workloads.values()].map(({ kind, store }) =>
      reflect(kind.resource, store, (object) => keepTriggered(kind, object)),
    ),
  ];
}

/** A stream without what only the API server needs: it is a third of the object. */
function keepStream(stream: ImageStream): ImageStream {
  const { managedFields: _, ...metadata } = stream.metadata;
  return { ...stream, metadata };
}
