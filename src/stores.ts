/** The stores of everything that is watched, with their indexes, and the reflectors that fill them. */
import type { Logger } from 'pino';
import type { ImageStream } from './api/generated/image-stream.ts';
import { imageStreams, imageStreamTags, type KubeObject, type Resource } from './api/resources.ts';
import type { KnownTagObject } from './api/tag-object.ts';
import type { TriggeredWorkload } from './api/workload.ts';
import type { Config } from './config.ts';
import { indexByRepository } from './controllers/push-hints.ts';
import { indexBySource } from './controllers/stream-sources.ts';
import { createStreamStore, keepStream } from './controllers/stream-store.ts';
import { createTagObjectStore, keepTagObject } from './controllers/tag-objects.ts';
import { indexByStream } from './controllers/trigger-controller.ts';
import {
  customKind,
  jobKind,
  keepTriggered,
  kindName,
  type WorkloadKind,
  workloadKinds,
} from './controllers/workloads.ts';
import type { KubeClient } from './kube/client.ts';
import { Reflector } from './kube/reflector.ts';
import { Store } from './kube/store.ts';
import type { Metrics } from './observability/metrics.ts';
import type { Clock } from './runtime/clock.ts';

/** Everything that is watched, as it is kept. */
export interface Stores {
  readonly streams: Store<ImageStream>;
  readonly tagObjects: Store<KnownTagObject>;
  readonly workloads: ReadonlyMap<
    string,
    { readonly kind: WorkloadKind; readonly store: Store<TriggeredWorkload> }
  >;
}

/** Stores without anything in them yet. */
export function createStores({ workloadKinds: named }: Config): Stores {
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

/** A reflector and what it fills. */
export interface NamedReflector {
  readonly name: string;
  readonly reflector: {
    readonly hasSynced: boolean;
    readonly synced: Promise<void>;
    run(signal: AbortSignal): Promise<void>;
  };
}

/** A reflector for each store; none runs yet. */
export function createReflectors(
  { config, log, metrics, clock }: { config: Config; log: Logger; metrics: Metrics; clock: Clock },
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
      namespace: config.watchNamespace,
      store,
      keep,
      isOptional: mayBeAbsent,
      clock,
      log,
      onEvent: (event) => metrics.watchEvents.inc({ resource: resource.plural, event }),
      onRestart: (reason) => metrics.watchRestarts.inc({ resource: resource.plural, reason }),
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
