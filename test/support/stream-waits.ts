import { randomBytes } from 'node:crypto';

import { eventually } from './eventually.ts';
import type { KubeClient } from './kube-client.ts';
import {
  type Condition,
  type ImageStream,
  type ImageStreamTag,
  imageStreams,
  imageStreamTags,
  roleBindings,
  type TagEvent,
} from './resources.ts';

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

/** Waits until the ImageStreamTag of a name is there and is as `check` wants it; `check` may throw, as `expect` does. */
export async function tagObjectIs(
  { kube, namespace, name }: StreamPlace,
  check: (object: ImageStreamTag) => unknown,
): Promise<ImageStreamTag> {
  return eventually(
    async () => {
      const object = await kube.get(imageStreamTags, { namespace, name });
      return check(object) !== false && object;
    },
    { what: `the ImageStreamTag ${name}` },
  );
}

/** Waits until there is no ImageStreamTag of a name. */
export async function tagObjectGoes({ kube, namespace, name }: StreamPlace): Promise<void> {
  await eventually(async () => (await kube.find(imageStreamTags, { namespace, name })) === undefined, {
    what: `the ImageStreamTag ${name} to go`,
  });
}

/** Lets the service accounts of a namespace use the images of another one, as its documentation says. */
export async function shareImages(kube: KubeClient, options: { of: string; with: string }): Promise<void> {
  const apiGroup = 'rbac.authorization.k8s.io';
  await kube.create(roleBindings, {
    metadata: { namespace: options.of, name: `images-for-${options.with}` },
    subjects: [{ kind: 'Group', name: `system:serviceaccounts:${options.with}`, apiGroup }],
    roleRef: { kind: 'ClusterRole', name: 'system:image-puller', apiGroup },
  });
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
