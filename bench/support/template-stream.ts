/** A stream that the operator really imports, twice, so that others can be derived from what it wrote. */
import { importRequestedAnnotation } from '../../src/api/annotations.ts';
import {
  imageStreams,
  imageStreamTags,
  images,
  type KubeObject,
  type Resource,
  type ResourcePlace,
  resourcePath,
} from '../../src/api/resources.ts';
import { imageObjectName } from '../../src/domain/image-object.ts';
import { tagObjectName } from '../../src/domain/tag-object-name.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { imageStream, imageStreams as servedStreams } from '../../test/support/resources.ts';
import { ApiWriter } from './api-writer.ts';
import { settledWrites } from './operator-metrics.ts';
import { imageOf, imagesOf, type StatedStream } from './planned-state.ts';
import { pushSamples } from './sample-image.ts';
import { type StartOptions, startContainer } from './start-container.ts';
import { withSchedule } from './stream-set.ts';
import type { World } from './world.ts';

/** A JSON object whose members nobody here looks at. */
type StoredObject = KubeObject & Readonly<Record<string, unknown>>;

/** All that the API server has of a stream. */
export interface StoredStream {
  readonly stream: StoredObject;
  /** In the order of the tags. */
  readonly tagObjects: readonly StoredObject[];
  /** The old ones and the current ones, in the order of the tags. */
  readonly images: readonly StoredObject[];
}

/** Who writes streams, as the API server notes it. */
const author = 'kubectl-create';
/** A request for an import that has been answered. */
const answered = '2026-11-20T08:00:00Z';
const importMs = 60_000;

/** Where a person creates a stream. */
function creationPath({ namespace }: StatedStream): string {
  return `/apis/${servedStreams.apiVersion}/namespaces/${namespace}/imagestreams?fieldManager=${author}`;
}

/** Imports the stream, whose first tags are `scheduled`: its old images at the first, its current ones when asked. */
export async function importTemplate(
  { kube, cluster, signal }: World,
  stream: StatedStream,
  start: StartOptions,
  { scheduled = 0 }: { readonly scheduled?: number } = {},
): Promise<StoredStream> {
  const { namespace, name, repository, tags } = stream;
  const { registry, facts } = cluster;
  await using writer = new ApiWriter(facts);
  const follows = Object.fromEntries(tags.map((tag) => [tag, `${registry.host}/${repository}:${tag}`]));
  const body = JSON.stringify(withSchedule(imageStream({ namespace, name, tags: follows }), scheduled));
  await pushSamples(registry, repository, imagesOf(stream, 'old'));
  await writer.send({ kind: 'create', path: creationPath(stream), body });
  const operator = await startContainer(start);
  try {
    await shown(kube, stream, 'old');
    await settledWrites(operator.healthUrl, signal);
    await pushSamples(registry, repository, imagesOf(stream, 'current'));
    // By the same author: another one would be an entry more in the managed fields of every stream.
    const path = creationPath(stream).replace('?', `/${name}?`);
    const annotations = { [importRequestedAnnotation]: answered };
    await writer.send({ kind: 'merge', path, body: JSON.stringify({ metadata: { annotations } }) });
    await shown(kube, stream, 'current');
    await settledWrites(operator.healthUrl, signal);
  } finally {
    await operator.stop();
  }
  return readStored(kube, stream);
}

/** Reads all objects of a stream. */
export async function readStored(kube: KubeClient, stream: StatedStream): Promise<StoredStream> {
  const { namespace, name, tags } = stream;
  const all = [...imagesOf(stream, 'old'), ...imagesOf(stream, 'current')];
  return {
    stream: await read(kube, imageStreams, { namespace, name }),
    tagObjects: await Promise.all(
      tags.map((tag) => read(kube, imageStreamTags, { namespace, name: tagObjectName(name, tag) })),
    ),
    images: await Promise.all(
      all.map(({ image }) => read(kube, images, { name: imageObjectName(image.digest) })),
    ),
  };
}

async function shown(kube: KubeClient, stream: StatedStream, age: 'old' | 'current'): Promise<void> {
  const { namespace, name, tags } = stream;
  const isShown = async (tag: string): Promise<boolean> => {
    const object = await read(kube, imageStreamTags, { namespace, name: tagObjectName(name, tag) });
    return JSON.stringify(object).includes(imageOf(stream, tag, age).digest);
  };
  await eventually(async () => (await Promise.all(tags.map(isShown))).every(Boolean), {
    what: `the ${age} images of ${namespace}/${name}`,
    timeoutMs: importMs,
  });
}

async function read(
  kube: KubeClient,
  resource: Resource<KubeObject>,
  place: ResourcePlace,
): Promise<StoredObject> {
  const path = resourcePath(resource, place);
  const { status, text } = await kube.request('GET', path);
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
  return JSON.parse(text) as StoredObject;
}
