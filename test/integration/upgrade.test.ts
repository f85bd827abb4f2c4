// An upgrade in a cluster that has the definitions and objects of the last release: nothing is lost, nothing is done again.
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';
import { expect, inject, it, onTestFinished } from 'vitest';

import { startCluster } from '../support/cluster.ts';
import { read } from '../support/documents.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { crds } from '../support/own-cluster.ts';
import {
  imageStream,
  imageStreams,
  imageStreamTags,
  images,
  type KubeObject,
  namespaces,
  type ResourceType,
} from '../support/resources.ts';
import { startTestOperator } from '../support/test-lifetime.ts';

const released = fileURLToPath(new URL('../fixtures/released/', import.meta.url));
const fixture = 'test/fixtures/released/objects/web.yaml';
const types: readonly ResourceType<KubeObject>[] = [imageStreams, imageStreamTags, images];

it('keeps the objects of the last release as they are, and has nothing to do with them', async () => {
  const cluster = await startCluster({ assets: inject('cluster').assets, crds: released, registry: false });
  onTestFinished(() => cluster.stop());
  await using kube = cluster.client();
  await createReleased(kube);
  const before = await everything(kube);
  expect(before).toHaveLength(7);

  const apply = await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', crds]);
  expect(apply).toMatchObject({ exitCode: 0 });
  const operator = await startTestOperator(cluster.kubeconfigPath);
  // Whoever works on this one has looked at those that were there before.
  const sentinel = { namespace: 'shop', name: 'zz-new', tags: { latest: '127.0.0.1:1/none:latest' } };
  await kube.create(imageStreams, imageStream(sentinel));
  const failed = ['wait', '--for=condition=Ready=False', 'is/zz-new', '-n', 'shop', '--timeout=30s'];
  expect(await cluster.kubectl(failed)).toMatchObject({ exitCode: 0 });

  const after = (await everything(kube)).filter(({ metadata }) => !metadata.name.startsWith('zz-new'));
  expect(after).toEqual(before);
  expect(operator.logs.filter(({ level }) => level === 'error')).toEqual([]);
});

it('takes the manifests of the last release', async () => {
  const cluster = await startCluster({
    assets: inject('cluster').assets,
    crds,
    registry: false,
    controllerManager: false,
  });
  onTestFinished(() => cluster.stop());
  await using kube = cluster.client();
  await createReleased(kube);
  const stored = await everything(kube);
  // Nothing that was sent is dropped as unknown.
  for (const object of releasedObjects('UID')) {
    const found = stored.find(
      ({ kind, metadata }) => kind === object.kind && metadata.name === object.metadata.name,
    );
    const { metadata: _metadata, ...content } = object;
    expect(found).toMatchObject(content);
  }
});

/** What is in the fixture, with the uid that the cluster gave to the stream. */
function releasedObjects(uid: string): KubeObject[] {
  return loadAll(read(fixture).replaceAll('UID-OF-THE-STREAM', uid)) as KubeObject[];
}

async function createReleased(kube: KubeClient): Promise<void> {
  await kube.create(namespaces, { metadata: { name: 'shop' } });
  const [stream] = releasedObjects('');
  if (stream === undefined) throw new Error(`${fixture} is empty.`);
  const created = await kube.create(imageStreams, stream);
  await kube.replace(imageStreams, { ...stream, metadata: created.metadata }, 'status');
  for (const object of releasedObjects(created.metadata.uid ?? '').slice(1)) {
    const type = types.find(({ kind }) => kind === object.kind);
    if (type === undefined) throw new Error(`${fixture} has a ${object.kind}.`);
    await kube.create(type, object);
  }
}

/** All objects of ours, with the versions that the store has of them. */
async function everything(kube: KubeClient): Promise<KubeObject[]> {
  const lists = await Promise.all(types.map((type) => kube.list(type)));
  return lists.flatMap((list, i) => list.map((object) => ({ ...object, kind: types[i]?.kind ?? '' })));
}
