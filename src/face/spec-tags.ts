/** The one way in which the face writes a stream: its `spec.tags`, under the caller's name as the author. */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { imageGroup, imageStreams, storedVersion } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { type Exchange, managerOf } from './exchange.ts';

/** So often a write of a tag is tried when others change the stream at the same time, as in the reference. */
export const maxWriteAttempts = 10;

/** The stream that is written. */
export interface WrittenStream {
  readonly namespace: string;
  readonly name: string;
  /** As it was read; it is made when it was not there. */
  readonly present: ImageStream | undefined;
  /** Only asks whether it would be done. */
  readonly dryRun: boolean;
}

/** Creates the stream with these tags, or gives them to the one that was read. Throws a conflict (409) when it has changed since. */
export function writeSpecTags(
  client: KubeClient,
  exchange: Exchange,
  { namespace, name, present, dryRun }: WrittenStream,
  tags: readonly TagReference[],
): Promise<ImageStream> {
  const options = { dryRun, ...managerOf(exchange) };
  if (present === undefined) {
    const created: ImageStream = {
      apiVersion: `${imageGroup}/${storedVersion}`,
      kind: 'ImageStream',
      metadata: { namespace, name },
      spec: { tags: [...tags] },
    };
    return client.create(imageStreams, created, exchange.signal, options);
  }
  const { uid, resourceVersion } = present.metadata;
  const document = { metadata: { uid, resourceVersion }, spec: { tags } };
  return client.patch(
    imageStreams,
    { namespace, name },
    { type: 'merge', document, ...options },
    exchange.signal,
  );
}
