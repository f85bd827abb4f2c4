// Image objects: one for each digest, shared, read by those who may, and swept when nothing reaches them any more.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { SharedCluster } from '../support/fixture.ts';
import {
  buildAttestation,
  buildIndex,
  descriptorOf,
  pushBuilt,
  pushImage,
  pushIndex,
  pushManifest,
} from '../support/images.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import {
  imageStreams,
  imageStreamTags,
  images,
  type KubeObject,
  roleBindings,
} from '../support/resources.ts';
import type { Scenario } from '../support/scenario.ts';
import { tagOf } from '../support/stream-waits.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const crds = fileURLToPath(new URL('../../crds/', import.meta.url));

let cluster: Cluster;
let view: SharedCluster;

beforeAll(async () => {
  cluster = await startCluster({ assets: inject('cluster').assets, crds, users: [{ name: 'alice' }] });
  view = new SharedCluster(cluster.facts);
  const rights = fileURLToPath(new URL('../../config/operator/user-rights.yaml', import.meta.url));
  expect(await view.kubectl(['apply', '-f', rights])).toMatchObject({ exitCode: 0 });
});
afterAll(async () => {
  await view.close();
  await cluster.stop();
});

const startOperator = (args: readonly string[] = []): Promise<OperatorProcess> =>
  startTestOperator(cluster.kubeconfigPath, args);
const startScenario = (): Promise<Scenario> => startTestScenario(view);

/** The name of an Image. */
const objectName = (digest: string): string => digest.replace(':', '-');

const findImage = (digest: string): Promise<KubeObject | undefined> =>
  view.kube.find(images, { name: objectName(digest) });

async function imageGoes(digest: string): Promise<void> {
  await eventually(async () => (await findImage(digest)) === undefined, {
    what: `the Image ${digest} to go`,
  });
}

describe('an Image', () => {
  it('is written once for all streams, in the reference’s shape', async () => {
    await startOperator();
    const scenario = await startScenario();
    const target = { host: view.registryHost, repository: scenario.repository, tag: '1' };
    const image = await pushImage(target, {
      content: 'first',
      environment: { PATH: '/bin' },
      labels: { 'io.k8s.display-name': 'An image' },
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    await scenario.createStream('one', ['1']);
    await scenario.tagHas('one', '1', image.digest);
    const object = await view.kube.get(images, { name: objectName(image.digest) });
    expect(object).toMatchObject({
      dockerImageReference: scenario.pinned(image.digest),
      dockerImageManifestMediaType: image.mediaType,
      dockerImageMetadataVersion: '1.0',
      dockerImageLayers: [{ name: image.layer.digest, size: image.layer.bytes.length }],
    });
    expect(object['dockerImageMetadata']).toEqual({
      kind: 'DockerImage',
      apiVersion: 'image.openshift.io/1.0',
      Id: image.config.digest,
      Created: '2026-01-01T00:00:00Z',
      Architecture: 'arm64',
      OS: 'linux',
      Variant: 'v8',
      ContainerConfig: {},
      Config: {
        Env: ['PATH=/bin'],
        Entrypoint: ['/bin/sh'],
        Labels: { 'io.k8s.display-name': 'An image' },
      },
      Size: image.layer.bytes.length + image.config.bytes.length,
    });

    await scenario.createStream('two', ['1']);
    await scenario.tagHas('two', '1', image.digest);
    const again = await findImage(image.digest);
    expect(again?.metadata.resourceVersion).toBe(object.metadata.resourceVersion);
  });

  it('is there for an index and for each of its images, but not for what is none', async () => {
    await startOperator();
    const scenario = await startScenario();
    const target = { host: view.registryHost, repository: scenario.repository };
    const amd64 = await pushImage(target, { content: 'several' });
    const attestation = buildAttestation(amd64);
    await pushBuilt(target, attestation.image);
    const index = buildIndex({
      entries: [{ ...descriptorOf(amd64), platform: amd64.platform }, attestation.entry],
    });
    await pushManifest({ ...target, tag: 'multi' }, index);
    const whole = { importPolicy: { insecure: true, importMode: 'PreserveOriginal' } };
    await scenario.createTags('web', [scenario.dockerTag('multi', 'multi', whole)]);
    await scenario.tagHas('web', 'multi', index.digest);
    expect(await view.kube.get(images, { name: objectName(index.digest) })).toMatchObject({
      dockerImageMetadata: { Id: index.digest },
      dockerImageManifests: [
        { digest: amd64.digest, os: 'linux', architecture: 'amd64', manifestSize: amd64.manifest.length },
        { digest: attestation.image.digest, os: 'unknown', architecture: 'unknown' },
      ],
    });
    expect(await findImage(amd64.digest)).toMatchObject({
      dockerImageLayers: [{ name: amd64.layer.digest }],
    });
    expect(await findImage(attestation.image.digest)).toBeUndefined();
  });

  it('that somebody deleted comes back when a tag shows it anew', async () => {
    const operator = await startOperator();
    const scenario = await startScenario();
    const image = await scenario.push('1', 'first');
    await scenario.createStream('web', ['1']);
    const before = await scenario.tagObjectIs('web.1', ({ image: shown }) => shown !== undefined);
    await operator.stop();
    await startOperator();
    await view.kube.delete(images, { name: objectName(image.digest) });
    await view.kube.delete(imageStreamTags, { namespace: scenario.namespace, name: 'web.1' });
    const after = await scenario.tagObjectIs('web.1', ({ metadata }) => metadata.uid !== before.metadata.uid);
    expect(after.image).toEqual(before.image);
  });
});

describe('the sweep', () => {
  it('takes what no history reaches, and nothing that a history or its index holds', async () => {
    const scenario = await startScenario();
    const target = { host: view.registryHost, repository: scenario.repository };
    await startOperator(['--image-grace-period', '1s', '--history-limit', '2']);
    const index = await pushIndex(
      { ...target, tag: 'multi' },
      {
        content: 'several',
        platforms: [
          { os: 'linux', architecture: 'amd64' },
          { os: 'linux', architecture: 'arm64' },
        ],
      },
    );
    const whole = { importPolicy: { insecure: true, importMode: 'PreserveOriginal' } };
    await scenario.createTags('web', [
      scenario.dockerTag('multi', 'multi', whole),
      scenario.dockerTag('1', '1'),
    ]);
    await scenario.tagHas('web', 'multi', index.digest);
    const history: string[] = [];
    for (const content of ['first', 'second', 'third']) {
      const { digest } = await scenario.push('1', content);
      await scenario.requestImport('web');
      await scenario.tagHas('web', '1', digest);
      history.push(digest);
    }
    const [oldest = '', ...kept] = history;
    await imageGoes(oldest);
    for (const digest of [index.digest, ...index.images.map((image) => image.digest), ...kept])
      expect(await findImage(digest), digest).toBeDefined();

    // The index goes, and with it its images; a stream's deletion is enough.
    await view.kube.delete(imageStreams, { namespace: scenario.namespace, name: 'web' });
    for (const digest of [index.digest, ...index.images.map((image) => image.digest), ...kept])
      await imageGoes(digest);
  });
});

describe('somebody without any right in the whole cluster', () => {
  it('reads the images of a stream in a namespace where they may view', async () => {
    await startOperator();
    const scenario = await startScenario();
    const image = await scenario.push('1', 'first');
    await scenario.createStream('web', ['1']);
    await scenario.tagObjectIs('web.1', ({ image: shown }) => shown !== undefined);
    const apiGroup = 'rbac.authorization.k8s.io';
    await view.kube.create(roleBindings, {
      metadata: { namespace: scenario.namespace, name: 'alice' },
      subjects: [{ kind: 'User', name: 'alice', apiGroup }],
      roleRef: { kind: 'ClusterRole', name: 'view', apiGroup },
    });
    const alice = view.clientOf('alice');
    const shown = await eventually(
      () => alice.find(imageStreamTags, { namespace: scenario.namespace, name: 'web.1' }),
      { what: 'the role to hold' },
    );
    expect(shown.image).toMatchObject({
      metadata: { name: image.digest },
      dockerImageMetadata: { Config: { Entrypoint: ['/bin/sh'] } },
    });
    await expect(alice.get(images, { name: objectName(image.digest) })).rejects.toMatchObject({
      status: 403,
    });
    const write = { spec: { tags: [] } };
    await expect(
      alice.patch(imageStreams, { namespace: scenario.namespace, name: 'web' }, write),
    ).rejects.toMatchObject({ status: 403 });
  });
});

describe('while the operator is away', () => {
  it('the deletion of a declared tag is not forgotten, and nothing else is', async () => {
    const operator = await startOperator();
    const scenario = await startScenario();
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('kept', '1'), scenario.dockerTag('removed', '1')]);
    await view.kube.create(imageStreamTags, {
      metadata: { namespace: scenario.namespace, name: 'web.declared' },
      tag: scenario.dockerTag('declared', '1'),
    });
    for (const name of ['web.kept', 'web.removed', 'web.declared'])
      await scenario.tagObjectIs(name, ({ image: shown }) => shown?.metadata?.name === image.digest);
    await operator.stop();
    await scenario.setTags('web', [scenario.dockerTag('kept', '1')]);
    await view.kube.delete(imageStreamTags, { namespace: scenario.namespace, name: 'web.declared' });

    await startOperator();
    await eventually(async () => tagOf(await scenario.stream('web'), 'declared') === undefined, {
      what: 'the declared tag to go',
    });
    const { status } = await scenario.stream('web');
    expect(status?.tags?.map(({ tag, items }) => [tag, items?.[0]?.image])).toEqual([
      ['kept', image.digest],
      ['removed', image.digest],
    ]);
    expect(
      await view.kube.find(imageStreamTags, { namespace: scenario.namespace, name: 'web.declared' }),
    ).toBeUndefined();
  });
});

describe('a registry of the cluster', () => {
  it('is what tags with the policy Local name, and where the stream is said to be', async () => {
    await startOperator(['--local-registry', 'registry.example.com:5000']);
    const scenario = await startScenario();
    const image = await scenario.push('1', 'first');
    const local = scenario.dockerTag('local', '1', { referencePolicy: { type: 'Local' } });
    await scenario.createTags('web', [local, scenario.dockerTag('source', '1')]);
    const { namespace } = scenario;
    const object = await scenario.tagObjectIs('web.local', ({ image: shown }) => shown !== undefined);
    expect(object.image?.dockerImageReference).toBe(
      `registry.example.com:5000/${namespace}/web@${image.digest}`,
    );
    const other = await scenario.tagObjectIs('web.source', ({ image: shown }) => shown !== undefined);
    expect(other.image?.dockerImageReference).toBe(scenario.pinned(image.digest));
    const { status } = await scenario.stream('web');
    expect(status?.dockerImageRepository).toBe(`registry.example.com:5000/${namespace}/web`);
    // The history tells where the image came from, as in the reference.
    expect(tagOf(await scenario.stream('web'), 'local')?.items?.[0]?.dockerImageReference).toBe(
      scenario.pinned(image.digest),
    );
  });
});
