/** Streams in the API server: created, read back, and taken away between two runs. */
import type { KubeClient } from '../../test/support/kube-client.ts';
import {
  type ImageStream,
  type ImageStreamOptions,
  imageStream,
  imageStreams,
  imageStreamTags,
  images,
  type KubeObject,
  namespaces,
  type ResourceType,
} from '../../test/support/resources.ts';
import { eachParallel } from './bounded-parallel.ts';
import type { PlannedStream } from './image-set.ts';

const writers = 16;

/** Tells where streams are created and what they follow. */
export interface StreamSetOptions {
  readonly namespace: string;
  /** `host:port` of the registry; its tags are marked as insecure. */
  readonly host: string;
  readonly scheduled?: boolean;
  readonly signal: AbortSignal;
}

/** Creates a namespace. */
export async function createNamespace(kube: KubeClient, name: string): Promise<void> {
  await kube.create(namespaces, { metadata: { name } });
}

/** Creates the streams by several writers at a time. */
export async function createStreams(
  kube: KubeClient,
  streams: readonly PlannedStream[],
  { namespace, host, scheduled = false, signal }: StreamSetOptions,
): Promise<void> {
  await eachParallel(streams, { limit: writers, signal }, async ({ name, repository, tags }) => {
    const follows = Object.fromEntries(tags.map((tag) => [tag, `${host}/${repository}:${tag}`]));
    const options: ImageStreamOptions = { namespace, name, tags: follows };
    await kube.create(imageStreams, scheduled ? withSchedule(imageStream(options)) : imageStream(options));
  });
}

/** Deletes all streams, and all images and ImageStreamTags that came of them. */
export async function deleteStreams(kube: KubeClient, namespace: string): Promise<void> {
  for (const path of [
    `/apis/${imageStreams.apiVersion}/namespaces/${namespace}/imagestreams`,
    `/apis/${imageStreams.apiVersion}/namespaces/${namespace}/imagestreamtags`,
    `/apis/${imageStreams.apiVersion}/images`,
  ]) {
    const { status, text } = await kube.request('DELETE', path);
    if (status !== 200) throw new Error(`DELETE ${path}: ${status} ${text}`);
  }
}

/** An API write that can be done again: the method, the path and the document. */
export interface ApiWrite {
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly document: unknown;
}

/** What an operator wrote for streams: their status, and the objects beside them. */
export interface WrittenState {
  readonly status: ReadonlyMap<string, unknown>;
  readonly objects: readonly ApiWrite[];
}

/** Reads what the operator wrote. */
export async function readWritten(kube: KubeClient, namespace: string): Promise<WrittenState> {
  const streams = await kube.list(imageStreams, { namespace });
  return {
    status: new Map(streams.map(({ metadata, status }) => [metadata.name, status])),
    objects: [...(await creationsOf(kube, imageStreamTags, namespace)), ...(await creationsOf(kube, images))],
  };
}

/** The status writes that give fresh streams of the same names what the operator had written. */
export async function statusWrites(
  kube: KubeClient,
  namespace: string,
  written: WrittenState,
): Promise<ReadonlyMap<string, ApiWrite>> {
  const streams = await kube.list(imageStreams, { namespace });
  return new Map(
    streams.map(({ metadata: { name, uid, resourceVersion } }) => [
      name,
      {
        method: 'PATCH',
        path: `/apis/${imageStreams.apiVersion}/namespaces/${namespace}/imagestreams/${name}/status`,
        document: { metadata: { uid, resourceVersion }, status: written.status.get(name) },
      },
    ]),
  );
}

async function creationsOf<T extends KubeObject>(
  kube: KubeClient,
  type: ResourceType<T>,
  namespace?: string,
): Promise<ApiWrite[]> {
  const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const objects = await kube.list(type, namespace === undefined ? {} : { namespace });
  return objects.map(({ metadata, ...rest }) => {
    const { name, labels, annotations } = metadata;
    const document = {
      ...rest,
      apiVersion: type.apiVersion,
      kind: type.kind,
      metadata: { name, labels, annotations },
    };
    return { method: 'POST', path: `/apis/${type.apiVersion}${place}/${type.plural}`, document };
  });
}

/** The stream with a schedule for its first tags, or for all of them; their registry speaks plain HTTP. */
export function withSchedule(stream: ImageStream, count = Number.POSITIVE_INFINITY): ImageStream {
  const tags = stream.spec?.tags?.map((tag, i) =>
    i < count ? { ...tag, importPolicy: { insecure: true, scheduled: true } } : tag,
  );
  return { ...stream, spec: { ...stream.spec, ...(tags && { tags }) } };
}
