// Image objects: one for each digest, shared by all streams, read by those who may.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import {
  buildAttestation,
  buildIndex,
  descriptorOf,
  pushBuilt,
  pushImage,
  pushManifest,
} from '../support/images.ts';
import {
  imageStreams,
  imageStreamTags,
  images,
  type KubeObject,
  roleBindings,
} from '../support/resources.ts';
import type { Scenario } from '../support/scenario.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

let view: SharedCluster;
let scenario: Scenario;

beforeAll(() => {
  view = sharedCluster();
});
afterAll(() => view.close());
beforeEach(async () => {
  scenario = await startTestScenario(view);
});

/** The name of an Image. */
const objectName = (digest: string): string => digest.replace(':', '-');

const findImage = (digest: string): Promise<KubeObject | undefined> =>
  view.kube.find(images, { name: objectName(digest) });

describe('an Image', () => {
  it('is written once for all streams, in the reference’s shape', async () => {
    const target = { host: view.registryHost, repository: scenario.repository, tag: '1' };
    const image = await pushImage(target, {
      content: scenario.repository,
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
    const target = { host: view.registryHost, repository: scenario.repository };
    const amd64 = await pushImage(target, { content: scenario.repository });
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
});

describe('somebody without any right in the whole cluster', () => {
  it('reads the images of a stream in a namespace where they may view', async () => {
    const image = await scenario.push('1', scenario.repository);
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
