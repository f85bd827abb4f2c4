/** Looks at what there is of a chaos world. */
import { controllerRevisions } from '../job-fixture.ts';
import type { KubeClient } from '../kube-client.ts';
import { type ImageStream, imageStreams, imageStreamTags, images } from '../resources.ts';
import type { Observed, ObservedTag, ObservedTagObject, ObservedWorkload } from './chaos-expectations.ts';
import type { Role, StreamKey } from './chaos-model.ts';
import { type ChaosObjects, containerImage, roles, workloadTypes } from './chaos-objects.ts';

type Finds = {
  -readonly [K in 'streams' | 'tagObjects' | 'workloads']: Observed[K] extends ReadonlyMap<infer N, infer V>
    ? Map<N, V>
    : never;
};

/** All of a world, read from the API server. */
export async function observe(kube: KubeClient, objects: ChaosObjects): Promise<Observed> {
  const finds: Finds = {
    streams: new Map<StreamKey, ReadonlyMap<string, ObservedTag>>(),
    tagObjects: new Map<string, ObservedTagObject>(),
    workloads: new Map<string, ObservedWorkload>(),
  };
  const leftovers: string[] = [];
  for (const role of roles) {
    const namespace = objects.namespaces[role];
    await observeStreams(kube, objects, role, finds);
    for (const type of Object.values(workloadTypes))
      for (const workload of await kube.list(type, { namespace })) {
        const { name, generation = 1 } = workload.metadata;
        const image = objects.imageOf(containerImage(workload) ?? 'nothing');
        finds.workloads.set(name, { image, changes: generation - 1 });
      }
    const labelSelector = 'imagestream-operator/replaced-job';
    const kept = await kube.list(controllerRevisions, { namespace, labelSelector });
    leftovers.push(...kept.map(({ metadata }) => `ControllerRevision ${metadata.name}`));
  }
  const found = await kube.list(images);
  const known = found.map(({ metadata }) => objects.imageWith(metadata.name.replace('-', ':')));
  return { ...finds, images: new Set(known), leftovers };
}

async function observeStreams(
  kube: KubeClient,
  objects: ChaosObjects,
  role: Role,
  { streams, tagObjects }: Finds,
): Promise<void> {
  const namespace = objects.namespaces[role];
  const uids = new Map<string, string | undefined>();
  for (const stream of await kube.list(imageStreams, { namespace })) {
    uids.set(stream.metadata.name, stream.metadata.uid);
    streams.set(`${role}/${stream.metadata.name}`, tagsOf(stream, objects));
  }
  for (const { metadata, tag, image } of await kube.list(imageStreamTags, { namespace })) {
    const digest = image?.metadata?.name;
    const [owner] = metadata.ownerReferences ?? [];
    tagObjects.set(`${role}/${metadata.name.replace('.', ':')}`, {
      image: digest === undefined ? undefined : objects.imageWith(digest),
      hasTag: tag !== undefined && tag !== null,
      belongsTo: owner?.uid === uids.get(owner?.name ?? '') ? 'its stream' : 'another one',
    });
  }
}

function tagsOf(stream: ImageStream, objects: ChaosObjects): ReadonlyMap<string, ObservedTag> {
  const tags = (stream.status?.tags ?? []).map(({ tag, items, conditions }) => {
    const history = (items ?? []).map((item) => objects.imageOf(item.dockerImageReference)).toReversed();
    return [tag, { history, problem: conditions?.[0]?.message }] as const;
  });
  return new Map(tags);
}
