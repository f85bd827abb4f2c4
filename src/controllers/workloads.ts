/** The kinds of workloads that triggers serve: where their pod spec is and what the operator keeps of an object. */
import { fieldManager, triggersAnnotation } from '../api/annotations.ts';
import { arrayOf, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { apiVersionOf, type KubeObject, type Resource } from '../api/resources.ts';
import type { ContainerImage, ContainerList, TriggeredWorkload } from '../api/workload.ts';

/** A kind of workload. */
export interface WorkloadKind {
  readonly resource: Resource<KubeObject>;
  /** Dotted path of the pod spec in the object, as trigger field paths write it. */
  readonly podSpecPath: string;
}

/** The kinds that are watched. */
export const workloadKinds: readonly WorkloadKind[] = [
  {
    resource: { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true },
    podSpecPath: 'spec.template.spec',
  },
];

/**
 * What is kept of a workload: undefined without the annotation, so that a cluster's untouched workloads cost
 * no memory.
 */
export function keepTriggered(
  { resource, podSpecPath }: WorkloadKind,
  object: KubeObject,
): TriggeredWorkload | undefined {
  const { namespace, name, uid, resourceVersion, annotations, deletionTimestamp } = object.metadata;
  const triggers = annotations?.[triggersAnnotation];
  if (triggers === undefined || deletionTimestamp !== undefined) return undefined;
  const podSpec = valueAt(object, podSpecPath.split('.'));
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    namespace: namespace ?? '',
    name,
    uid: uid ?? '',
    resourceVersion: resourceVersion ?? '',
    triggers,
    podSpecPath,
    containers: containersOf(podSpec, 'containers'),
    initContainers: containersOf(podSpec, 'initContainers'),
    ownedImages: ownedImages(object, podSpecPath),
  };
}

/**
 * The document of a server-side apply that sets images and nothing else. It repeats the images that
 * the operator applied before: what an owner leaves out of its next apply, the server removes.
 */
export function imagesApplyDocument(
  workload: TriggeredWorkload,
  images: ReadonlyMap<string, string>,
): JsonObject {
  const podSpec: Record<string, ContainerImage[]> = {};
  for (const list of ['initContainers', 'containers'] as const) {
    const entries: ContainerImage[] = [];
    for (const { name, image } of workload[list]) {
      const wanted =
        images.get(`${list}/${name}`) ??
        (workload.ownedImages.includes(`${list}/${name}`) ? image : undefined);
      if (wanted !== undefined) entries.push({ name, image: wanted });
    }
    if (entries.length > 0) podSpec[list] = entries;
  }
  const nested = workload.podSpecPath
    .split('.')
    .reduceRight<JsonObject>((inner, name) => ({ [name]: inner }), podSpec);
  const { apiVersion, kind, namespace, name, uid, resourceVersion } = workload;
  return { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion }, ...nested };
}

function containersOf(podSpec: unknown, list: ContainerList): readonly ContainerImage[] {
  return arrayOf(valueAt(podSpec, [list])).map((container) => ({
    name: textOf(valueAt(container, ['name'])) ?? '',
    image: textOf(valueAt(container, ['image'])) ?? '',
  }));
}

/** Reads `metadata.managedFields`: the images that an apply of ours owns (server-side apply, field set v1). */
function ownedImages(object: KubeObject, podSpecPath: string): readonly string[] {
  const ours = arrayOf(object.metadata.managedFields).find(
    (entry) => valueAt(entry, ['manager']) === fieldManager && valueAt(entry, ['operation']) === 'Apply',
  );
  const fieldPath = podSpecPath.split('.').map((name) => `f:${name}`);
  const owned: string[] = [];
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [key, value] of Object.entries(valueAt(ours, ['fieldsV1', ...fieldPath, `f:${list}`]) ?? {})) {
      const name = /^k:\{"name":"(.+)"\}$/.exec(key)?.[1];
      if (name !== undefined && valueAt(value, ['f:image']) !== undefined) owned.push(`${list}/${name}`);
    }
  }
  return owned;
}
