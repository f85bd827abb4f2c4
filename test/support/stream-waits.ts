import { randomBytes } from 'node:crypto';

import { eventually } from './eventually.ts';
import type { KubeClient } from './kube-client.ts';
import { type Condition, type ImageStream, imageStreams, type TagEvent } from './resources.ts';

export const importRequested = 'imagestream-operator/import-requested';

/** A stream in a cluster. */
export interface StreamPlace {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly name: string;
}

type TagStatus = NonNullable<NonNullable<ImageStream['status']>['tags']>[number];

/** The status of a stream's tag. */
export function tagOf(stream: ImageStream, tag: string): TagStatus | undefined {
  return stream.status?.tags?.find((entry) => entry.tag === tag);
}

/** Waits until the newest image of a tag is this one, and returns the tag's history. */
export async function streamTagHas(
  { kube, namespace, name }: StreamPlace,
  tag: string,
  digest: string,
): Promise<readonly TagEvent[]> {
  return eventually(
    async () => {
      const items = tagOf(await kube.get(imageStreams, { namespace, name }), tag)?.items ?? [];
      return items[0]?.image === digest && items;
    },
    { what: `${name}:${tag} to have ${digest}` },
  );
}

/** Waits until the last import of a tag has failed, and returns its condition. */
export async function streamTagFails(
  { kube, namespace, name }: StreamPlace,
  tag: string,
): Promise<Condition> {
  return eventually(
    async () => tagOf(await kube.get(imageStreams, { namespace, name }), tag)?.conditions?.[0],
    {
      what: `the failed import of ${name}:${tag} to show`,
    },
  );
}

/** Asks for an import of all tags of a stream. */
export async function requestImport(
  { kube, namespace, name }: StreamPlace,
  value: string = randomBytes(4).toString('hex'),
): Promise<void> {
  await kube.patch(
    imageStreams,
    { namespace, name },
    { metadata: { annotations: { [importRequested]: value } } },
  );
}
