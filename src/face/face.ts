/** Puts the parts of the API face together, and follows the front proxy when its certificate authority rotates. */
import type { Logger } from 'pino';
import { configMaps } from '../api/resources.ts';
import { KubeClient } from '../kube/client.ts';
import { checkCluster } from '../kube/cluster-check.ts';
import { KubeTransport } from '../kube/transport.ts';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import { Access } from './access.ts';
import { CallerBudget } from './caller-budget.ts';
import { DerivedViews } from './derived-views.ts';
import type { Exchange } from './exchange.ts';
import { FaceServer, type Handler } from './face-server.ts';
import { type ProxyTrust, parseProxyTrust, proxyTrustPlace } from './front-proxy.ts';
import { ImageEdits } from './image-edits.ts';
import { ManagedIdentity, type ServingIdentity } from './serving-identity.ts';
import { StoredImages } from './stored-images.ts';
import { StoredStreams } from './stored-streams.ts';
import { StreamImports } from './stream-imports.ts';
import { LayersOfStreams } from './stream-layers.ts';
import { StreamMappings } from './stream-mappings.ts';
import { servePullSecrets } from './stream-secrets.ts';
import { TagWrites } from './tag-writes.ts';

/** What the face gets from its process. */
export interface FaceParts {
  readonly kubeconfig: string | undefined;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Reads what to serve with, now and again; undefined: the face makes it itself. */
  readonly identity: (() => Promise<ServingIdentity>) | undefined;
  /** Where the face runs, and the Service by which it is reached. */
  readonly namespace: string;
  readonly service: string;
  /** Host (and port) of the registry that serves the cluster's streams. */
  readonly localRegistry: string | undefined;
  /** History items that a tag keeps after a push; as the operator's. */
  readonly historyLimit?: number;
  readonly log: Logger;
  readonly userAgent: string;
  /** Milliseconds between two looks after certificates; for tests. */
  readonly periodMs?: number;
}

/** A running face. */
export interface Face {
  readonly port: number;
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
  const { log, namespace, service } = parts;
  const stopping = new AbortController();
  const clock = systemClock;
  const transport = KubeTransport.load({ kubeconfig: parts.kubeconfig, userAgent: parts.userAgent });
  const client = new KubeClient({ transport, clock });
  await checkCluster(client, transport.server, stopping.signal);
  const readTrust = async (): Promise<ProxyTrust> =>
    parseProxyTrust(await client.get(configMaps, proxyTrustPlace, stopping.signal));
  const access = new Access({ client, clock });
  const passed = KubeTransport.load({ kubeconfig: parts.kubeconfig, userAgent: parts.userAgent });
  const handlers = createHandlers({ ...parts, client, passed, access, clock });
  const managed = new ManagedIdentity({ client, clock, log, namespace, service });
  const readIdentity = parts.identity ?? (() => managed.current(stopping.signal));
  const [trust, identity] = [await readTrust(), await readIdentity()];
  const server = new FaceServer({ identity, trust, access, handlers, log });
  const port = await server.listen(parts.host, parts.port);
  log.info({ server: transport.server, port }, 'API face ready');

  const follow = async (): Promise<void> => {
    let known = JSON.stringify([trust, identity]);
    while (!stopping.signal.aborted) {
      await sleep(clock, parts.periodMs ?? followMs, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        const [nextTrust, nextIdentity] = [await readTrust(), await readIdentity()];
        const next = JSON.stringify([nextTrust, nextIdentity]);
        if (next === known) continue;
        server.renew(nextTrust, nextIdentity);
        known = next;
        log.info('the front proxy or the serving certificate has changed');
      } catch (error) {
        if (!stopping.signal.aborted)
          log.warn({ err: error }, 'certificates could not be looked after, it is tried again');
      }
    }
  };
  const following = follow();
  return {
    port,
    stop: async () => {
      stopping.abort(new Error('the API face stops'));
      await Promise.all([following, server.close()]);
      await Promise.all([transport.close(), passed.close()]);
    },
  };
}

interface HandlerParts extends Pick<FaceParts, 'localRegistry' | 'historyLimit'> {
  readonly client: KubeClient;
  /** For what is handed on: clients that read slowly hold its connections. */
  readonly passed: KubeTransport;
  readonly access: Access;
  readonly clock: Clock;
}

/** Watches of one caller. */
const maxWatches = 200;
/** As the operator's. */
const defaultHistoryLimit = 50;
/** Streams whose layers are gathered for one caller at a time. */
const maxLayers = 8;
/** Lists of pull secrets for one caller at a time: a namespace may have hundreds of megabytes of them. */
const maxSecretLists = 2;

/** Who answers, by resource, or by resource and subresource where that is another one. */
function createHandlers(parts: HandlerParts): Map<string, Handler> {
  const { client, passed, access, clock, localRegistry, historyLimit = defaultHistoryLimit } = parts;
  const watches = new CallerBudget(maxWatches);
  const streams = new StoredStreams({ transport: passed, access, watches, clock });
  const views = new DerivedViews({ client, clock, localRegistry });
  const writes = new TagWrites({ client, views, access, localRegistry });
  const imports = new StreamImports({ client, views, clock });
  const images = new StoredImages({ client, transport: passed, watches, clock });
  const edits = new ImageEdits({ client, clock });
  const secrets = new CallerBudget(maxSecretLists);
  const mappings = new StreamMappings({ client, views, access, clock, localRegistry, historyLimit });
  const layers = new LayersOfStreams({ client, clock, budget: new CallerBudget(maxLayers) });
  return new Map<string, Handler>([
    ['imagestreams', (exchange) => streams.serve(exchange)],
    ['imagestreams/layers', (exchange) => layers.serve(exchange)],
    [
      'imagestreams/secrets',
      (exchange) => secrets.run(exchange.caller.user, () => servePullSecrets(client, exchange)),
    ],
    ['imagestreamtags', (exchange) => (isRead(exchange) ? views.tags(exchange) : writes.serve(exchange))],
    ['imagetags', (exchange) => views.fullTags(exchange)],
    ['imagestreamimages', (exchange) => views.imageOfStream(exchange)],
    ['imagestreammappings', (exchange) => mappings.serve(exchange)],
    ['imagestreamimports', (exchange) => imports.serve(exchange)],
    ['images', (exchange) => (isEdit(exchange) ? edits.serve(exchange) : images.serve(exchange))],
  ]);
}
