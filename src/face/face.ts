/** Puts the parts of the API face together, and follows the front proxy when its certificate authority rotates. */
import type { Logger } from 'pino';
import { configMaps } from '../api/resources.ts';
import type { FaceConfig } from '../config.ts';
import { RegistryLooks } from '../controllers/registry-looks.ts';
import type { ShownDefaults } from '../domain/shown-stream.ts';
import { KubeClient } from '../kube/client.ts';
import { checkCluster } from '../kube/cluster-check.ts';
import { KubeTransport } from '../kube/transport.ts';
import type { FaceMetrics } from '../observability/face-metrics.ts';
import type { ProxySettings } from '../registry/proxy.ts';
import { createRegistryStack, type RegistryStack } from '../registry-stack.ts';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import { HealthServer } from '../server/http-server.ts';
import { Access } from './access.ts';
import { DeclaredTags } from './declared-tags.ts';
import { DerivedViews } from './derived-views.ts';
import type { Exchange } from './exchange.ts';
import { FaceServer, type FaceServerOptions, type Handler } from './face-server.ts';
import { type ProxyTrust, parseProxyTrust, proxyTrustPlace } from './front-proxy.ts';
import { ImageEdits } from './image-edits.ts';
import { OwnerBudget } from './owner-budget.ts';
import { queuedBytes } from './passed-answer.ts';
import { RequestTally } from './request-tally.ts';
import { RequestTurns } from './request-turns.ts';
import { ManagedIdentity, type ServingIdentity } from './serving-identity.ts';
import { SourceCheck } from './source-check.ts';
import { notFound } from './status.ts';
import { StoredImages } from './stored-images.ts';
import { StoredStreams } from './stored-streams.ts';
import { StreamImports } from './stream-imports.ts';
import { LayersOfStreams } from './stream-layers.ts';
import { StreamMappings } from './stream-mappings.ts';
import { StreamRequests } from './stream-requests.ts';
import { servePullSecrets } from './stream-secrets.ts';
import { StreamWrites } from './stream-writes.ts';
import { TagWrites } from './tag-writes.ts';
import { WatchBeginnings } from './watch-beginnings.ts';

/** What the face gets from its process. */
export interface FaceParts {
  readonly config: FaceConfig;
  /** Reads what to serve with, now and again; undefined: the face makes it itself. */
  readonly identity: (() => Promise<ServingIdentity>) | undefined;
  /** Proxies for registries; the API server is reached directly. */
  readonly proxies: ProxySettings;
  readonly log: Logger;
  readonly metrics: FaceMetrics;
  readonly userAgent: string;
  /** Milliseconds between two looks after certificates; for tests. */
  readonly periodMs?: number;
}

/** A running face. */
export interface Face {
  readonly port: number;
  /** Undefined when no metrics are served. */
  readonly metricsPort: number | undefined;
  stop(): Promise<void>;
}

function isRead({ info: { verb } }: Exchange): boolean {
  return verb === 'get' || verb === 'list';
}

function isEdit({ info: { verb } }: Exchange): boolean {
  return verb === 'update' || verb === 'patch';
}

/** Certificates are looked after this often. */
const followMs = 30_000;

/** Starts the face. Rejects with a sentence for people when the cluster is not one that it can serve. */
export async function startFace(parts: FaceParts): Promise<Face> {
  const { log, config, metrics, userAgent } = parts;
  const { kubeconfig, namespace, service } = config;
  const stopping = new AbortController();
  const clock = systemClock;
  const transport = KubeTransport.load({ kubeconfig, userAgent });
  const client = new KubeClient({ transport, clock, onRequest: metrics.api.answered });
  await checkCluster(client, transport.server, stopping.signal);
  const readTrust = async (): Promise<ProxyTrust> =>
    parseProxyTrust(await client.get(configMaps, proxyTrustPlace, stopping.signal));
  const access = new Access({ client, clock, onAsk: metrics.reviewed });
  const passed = KubeTransport.load({ kubeconfig, userAgent, queuedBytes });
  const registry = await createRegistryStack({
    ...parts,
    client,
    clock,
    reader: 'the API face',
    metrics: metrics.registries,
  });
  const { handlers, begin } = createHandlers({ client, passed, access, clock, registry, config });
  const managed = new ManagedIdentity({ client, clock, log, namespace, service });
  const readIdentity = parts.identity ?? (() => managed.current(stopping.signal));
  const [trust, identity] = [await readTrust(), await readIdentity()];
  const tally = new RequestTally({ metrics, log, clock });
  const server = new FaceServer({ identity, trust, access, handlers, begin, tally });
  const port = await server.listen(config.host, config.port);
  const monitor = await startMonitor(parts, server, tally);
  registry.watchPolicy(stopping.signal);
  log.info({ server: transport.server, port, metricsPort: monitor?.port }, 'API face ready');

  const periodMs = parts.periodMs ?? followMs;
  const following = followCertificates(
    { server, readTrust, readIdentity, known: [trust, identity] },
    { clock, log, periodMs, signal: stopping.signal },
  );
  return {
    port,
    metricsPort: monitor?.port,
    stop: async () => {
      log.info('API face stops');
      stopping.abort(new Error('the API face stops'));
      await Promise.all([following, server.close(), monitor?.server.close()]);
      await Promise.all([transport.close(), passed.close(), registry.close()]);
      log.info('API face stopped');
    },
  };
}

/** Serves the metrics where the settings name a port for them: over plain HTTP, as programs that collect them expect. */
async function startMonitor(
  { config, metrics }: FaceParts,
  faceServer: FaceServer,
  tally: RequestTally,
): Promise<{ server: HealthServer; port: number } | undefined> {
  metrics.observeRequests({
    get running() {
      return tally.running;
    },
    get waiting() {
      return faceServer.waiting;
    },
    get watches() {
      return tally.watches;
    },
  });
  if (config.metricsPort === undefined) return undefined;
  const server = new HealthServer({ metrics: metrics.registry, checks: [] });
  return { server, port: await server.listen(config.metricsHost, config.metricsPort) };
}

/**
 * The garbage collector goes on asking for the stored objects that it knew before the face came, by their own names and for
 * nothing but metadata. That there are none ends it; any other refusal it takes for a reason to try again, for ever.
 */
function refuseStoredName({ form, info: { name, resource } }: Exchange): void {
  if (form === 'metadata' && name !== undefined && !name.includes(':')) throw notFound(resource, name);
}

interface HandlerParts {
  readonly client: KubeClient;
  /** For what is handed on: of a body that is not read, little is to wait here. */
  readonly passed: KubeTransport;
  readonly access: Access;
  readonly clock: Clock;
  readonly registry: RegistryStack;
  readonly config: FaceConfig;
}

/** Watches of one caller, and of the streams of one namespace: callers a tenant has as many as it likes. */
const maxWatches = 200;
const maxWatchesOfNamespace = 400;
/** Answers that are gathered from many objects before they begin. */
const gatheredTurns = { all: 12, ofUser: 4, ofNamespace: 4, waiting: 500 };
/** Watches that send what there is already. How many wait is bounded by how many watches there may be. */
const beginningWatches = { all: 8, ofUser: 4, ofNamespace: 4, waiting: Number.POSITIVE_INFINITY };
/** Streams whose layers are gathered for one caller at a time. */
const maxLayers = 8;
/** Lists of pull secrets for one caller at a time: a namespace may have hundreds of megabytes of them. */
const maxSecretLists = 2;

/** A watch of the streams of one namespace. */
function watched(
  { info: { verb, namespace } }: Exchange,
  budget: OwnerBudget,
  work: () => Promise<void>,
): Promise<void> {
  return verb === 'watch' && namespace !== undefined ? budget.run(namespace, work) : work();
}

/** Who answers, by resource, or by resource and subresource where that is another one; and what may begin before. */
function createHandlers(parts: HandlerParts): Pick<FaceServerOptions, 'handlers' | 'begin'> {
  const { client, passed, access, clock, registry, config } = parts;
  const { localRegistry, historyLimit, importMode } = config;
  const watches = new OwnerBudget({ each: maxWatches });
  const beginnings = new WatchBeginnings(new RequestTurns(beginningWatches), clock);
  const defaults: ShownDefaults = { importMode, localRegistry };
  const requests = new StreamRequests(passed);
  const sources = new SourceCheck({ client, access });
  const streamWrites = new StreamWrites({ requests, access, sources, defaults });
  const streams = new StoredStreams({
    requests,
    writes: streamWrites,
    defaults,
    client,
    watches,
    beginnings,
    clock,
  });
  const gathered = new RequestTurns(gatheredTurns);
  const declared = new DeclaredTags(client);
  const views = new DerivedViews({ client, clock, declared, requests, defaults, localRegistry });
  const writes = new TagWrites({ client, clock, views, access, declared, sources, defaults, localRegistry });
  const looks = new RegistryLooks(registry);
  const imports = new StreamImports({ client, views, clock, looks, settings: config });
  const images = new StoredImages({ client, transport: passed, watches, beginnings, clock });
  const edits = new ImageEdits({ client, clock });
  const secrets = new OwnerBudget({ each: maxSecretLists });
  const mappings = new StreamMappings({ client, views, access, clock, localRegistry, historyLimit });
  const layers = new LayersOfStreams({ client, clock, budget: new OwnerBudget({ each: maxLayers }) });
  const ofNamespaces = new OwnerBudget({ each: maxWatchesOfNamespace });
  const handlers = new Map<string, Handler>([
    ['imagestreams', (exchange) => watched(exchange, ofNamespaces, () => streams.serve(exchange))],
    ['imagestreams/layers', (exchange) => gathered.run(exchange, () => layers.serve(exchange))],
    [
      'imagestreams/secrets',
      (exchange) => secrets.run(exchange.caller.user, () => servePullSecrets(client, exchange)),
    ],
    [
      'imagestreamtags',
      (exchange) => {
        refuseStoredName(exchange);
        return isRead(exchange) ? views.tags(exchange) : writes.serve(exchange);
      },
    ],
    ['imagetags', (exchange) => (isRead(exchange) ? views.fullTags(exchange) : writes.serve(exchange))],
    ['imagestreamimages', (exchange) => views.imageOfStream(exchange)],
    ['imagestreammappings', (exchange) => mappings.serve(exchange)],
    ['imagestreamimports', (exchange) => imports.serve(exchange)],
    ['images', (exchange) => (isEdit(exchange) ? edits.serve(exchange) : images.serve(exchange))],
  ]);
  return { handlers, begin: (asked) => views.begin(asked) };
}

interface Certificates {
  readonly server: FaceServer;
  readonly readTrust: () => Promise<ProxyTrust>;
  readonly readIdentity: () => Promise<ServingIdentity>;
  /** What the server has. */
  readonly known: readonly [ProxyTrust, ServingIdentity];
}

interface Following {
  readonly clock: Clock;
  readonly log: Logger;
  readonly periodMs: number;
  readonly signal: AbortSignal;
}

/** Gives the server the certificates of the day until the signal is aborted. */
async function followCertificates(
  { server, readTrust, readIdentity, known: first }: Certificates,
  { clock, log, periodMs, signal }: Following,
): Promise<void> {
  let known = JSON.stringify(first);
  while (!signal.aborted) {
    await sleep(clock, periodMs, signal);
    if (signal.aborted) return;
    try {
      const [trust, identity] = [await readTrust(), await readIdentity()];
      const next = JSON.stringify([trust, identity]);
      if (next === known) continue;
      server.renew(trust, identity);
      known = next;
      log.info('the front proxy or the serving certificate has changed');
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: error }, 'certificates could not be looked after, it is tried again');
    }
  }
}
