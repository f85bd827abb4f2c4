// The API face and those who clean up: the garbage collector, the namespace controller and the operator. Nothing is left in etcd.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../../support/eventually.ts';
import { FaceView, storedStreams, storedTags } from '../../support/face-view.ts';
import { createNamespace } from '../../support/fixture.ts';
import { imageStreams, namespaces, resource } from '../../support/resources.ts';

let face: FaceView;

beforeAll(async () => {
  face = await FaceView.join();
}, 120_000);
afterAll(() => face?.stop());

/** What is stored in a namespace, by kind and name. */
async function storedIn(namespace: string): Promise<readonly string[]> {
  const { kube } = face.view;
  const streams = await kube.list(storedStreams, { namespace });
  const tags = await kube.list(storedTags, { namespace });
  return [
    ...streams.map(({ metadata }) => `stream ${metadata.name}`),
    ...tags.map(({ metadata }) => `tag ${metadata.name}`),
  ].toSorted();
}

const storedIs = (namespace: string, wanted: readonly string[]): Promise<unknown> =>
  eventually(
    async () => {
      expect(await storedIn(namespace)).toEqual(wanted);
      return true;
    },
    { what: `${namespace} to hold ${wanted.join(', ') || 'nothing'}` },
  );

async function kubectl(...args: readonly string[]): Promise<void> {
  const { stderr, exitCode } = await face.view.kubectl(args);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
}

/** A namespace with two streams, one of which copies from the other. */
async function twoStreams() {
  const namespace = await createNamespace(face.view.kube, 'deleted');
  const streamOf = (name: string, from: object) =>
    face.view.kube.create(imageStreams, {
      metadata: { namespace: namespace.name, name },
      spec: { tags: [{ name: 'latest', from, importPolicy: { insecure: true } }] },
    });
  await streamOf('web', { kind: 'DockerImage', name: face.scenario.pullSpec('latest') });
  await streamOf('copy', { kind: 'ImageStreamTag', name: 'web:latest' });
  await storedIs(namespace.name, ['stream copy', 'stream web', 'tag copy.latest', 'tag web.latest']);
  return namespace;
}

// The operator leaves the collector five seconds each time.
describe.concurrent('with the API face in place', () => {
  it.each(['background', 'foreground', 'orphan'])(
    'a stream that is deleted goes with its tags, and nothing else does (%s)',
    async (cascade) => {
      await using namespace = await twoStreams();
      await kubectl('delete', 'is', 'web', `--namespace=${namespace.name}`, `--cascade=${cascade}`);
      await storedIs(namespace.name, ['stream copy', 'tag copy.latest']);
    },
  );

  it('streams are deleted by the collection', async () => {
    await using namespace = await twoStreams();
    await kubectl('delete', 'is', '--all', `--namespace=${namespace.name}`);
    await storedIs(namespace.name, []);
  });

  it('`all` deletes streams, as it does everything else', async () => {
    await using namespace = await twoStreams();
    await kubectl('delete', 'all', '--all', `--namespace=${namespace.name}`);
    await storedIs(namespace.name, []);
  });

  it('a namespace that is deleted leaves nothing, and takes nothing of others', async () => {
    await using kept = await twoStreams();
    const namespace = await twoStreams();
    await kubectl('delete', 'namespace', namespace.name);
    expect(await face.view.kube.find(namespaces, { name: namespace.name })).toBeUndefined();
    await storedIs(namespace.name, []);
    await storedIs(kept.name, ['stream copy', 'stream web', 'tag copy.latest', 'tag web.latest']);
  });

  it('the garbage collector takes no view for an object', async () => {
    await using namespace = await twoStreams();
    const { kube } = face.view;
    const stream = await kube.get(storedStreams, { namespace: namespace.name, name: 'web' });
    // An owner that is gone: the collector looks at whatever names it.
    const owner = {
      apiVersion: 'image.openshift.io/v1',
      kind: 'ImageStream',
      name: 'gone',
      uid: '00000000-0000-4000-8000-000000000000',
    };
    const configMaps = resource('v1', 'ConfigMap', 'configmaps');
    await kube.create(configMaps, {
      metadata: { namespace: namespace.name, name: 'orphaned', ownerReferences: [owner] },
    });
    const owned = {
      apiVersion: 'image.openshift.io/v1',
      kind: 'ImageStream',
      name: 'web',
      uid: stream.metadata.uid ?? '',
    };
    await kube.create(configMaps, {
      metadata: { namespace: namespace.name, name: 'owned', ownerReferences: [owned] },
    });
    await eventually(
      async () =>
        (await kube.find(configMaps, { namespace: namespace.name, name: 'orphaned' })) === undefined,
      {
        what: 'the collector to take what has lost its owner',
      },
    );
    expect(await kube.find(configMaps, { namespace: namespace.name, name: 'owned' })).toBeDefined();
    await storedIs(namespace.name, ['stream copy', 'stream web', 'tag copy.latest', 'tag web.latest']);
    await kubectl('delete', 'is', 'web', `--namespace=${namespace.name}`);
    await eventually(
      async () => (await kube.find(configMaps, { namespace: namespace.name, name: 'owned' })) === undefined,
      {
        what: 'the collector to take what the stream owned',
      },
    );
  });
});
