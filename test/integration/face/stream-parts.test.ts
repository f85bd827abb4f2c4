// The API face: the layers and the pull secrets of streams, and their images by the beginning of a digest.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isAllowed, withRight, withRole } from '../../support/borrowed-rights.ts';
import { eventually } from '../../support/eventually.ts';
import { FaceView, served } from '../../support/face-view.ts';
import {
  buildAttestation,
  buildImage,
  buildIndex,
  descriptorOf,
  pushBuilt,
  pushIndex,
  pushManifest,
} from '../../support/images.ts';
import type { KubeClient } from '../../support/kube-client.ts';
import { secrets } from '../../support/resources.ts';
import { Scenario } from '../../support/scenario.ts';

let face: FaceView;
let alice: KubeClient;

const mayPull = { resources: ['imagestreams/layers'], verbs: ['get'] };

beforeAll(async () => {
  face = await FaceView.join();
  alice = face.view.clientOf('alice');
}, 120_000);
afterAll(() => face?.stop());

describe('the layers of a stream', () => {
  it('are the blobs of all of its images, for those who may pull', async () => {
    const path = face.path('imagestreams/web/layers');
    const { body } = await face.get(path);
    const { pushed } = face;
    expect(body).toMatchObject({
      kind: 'ImageStreamLayers',
      apiVersion: 'image.openshift.io/v1',
      metadata: { name: 'web', namespace: face.scenario.namespace },
      blobs: {
        [pushed.layer.digest]: { size: pushed.layer.bytes.length },
        [pushed.config.digest]: { size: null, mediaType: 'application/vnd.oci.image.config.v1+json' },
        [pushed.digest]: { size: null, mediaType: pushed.mediaType },
      },
      images: {
        [pushed.digest]: {
          imageMissing: false,
          layers: [pushed.layer.digest],
          config: pushed.config.digest,
        },
      },
    });
    expect((await alice.request('GET', path)).status).toBe(403);
    await withRight(face, 'alice', mayPull, async () => {
      expect((await alice.request('GET', path)).status).toBe(200);
      expect((await alice.request('GET', face.path('imagestreams/web'))).status).toBe(403);
      expect((await alice.request('GET', face.path('imagestreams/web/secrets'))).status).toBe(403);
    });
    expect((await face.get(face.path('imagestreams/none/layers'))).status).toBe(404);
  });

  it('are those of the images of an index too, and say which images are missing', async () => {
    const { scenario, view } = face;
    const { digest, images: members } = await pushIndex(
      { host: view.registryHost, repository: scenario.repository, tag: 'multi' },
      {
        content: 'multi',
        platforms: [
          { os: 'linux', architecture: 'amd64' },
          { os: 'linux', architecture: 'arm64' },
        ],
      },
    );
    const importPolicy = { insecure: true, importMode: 'PreserveOriginal' };
    await scenario.createTags('multi', [scenario.dockerTag('latest', 'multi', { importPolicy })]);
    await scenario.tagHas('multi', 'latest', digest);
    const [first, second] = members;
    const { body } = await face.get(face.path('imagestreams/multi/layers'));
    expect(body).toMatchObject({
      images: {
        [digest]: { layers: null, config: null, manifests: members.map((member) => member.digest) },
        [first?.digest ?? '']: { layers: [first?.layer.digest], imageMissing: false },
      },
    });
    await face.send('DELETE', `${served}/images/${second?.digest}`);
    expect((await face.get(face.path('imagestreams/multi/layers'))).body).toMatchObject({
      images: { [second?.digest ?? '']: { imageMissing: true, layers: null, config: null } },
    });
  });
});

describe('an ImageStreamImage', () => {
  it('is found by the beginning of its digest, with the annotations of its stream', async () => {
    await face.kubectl('annotate', 'is/web', 'note=of the stream');
    const { digest } = face.pushed;
    const { body: image } = await face.get(`${served}/images/${digest}`);
    const { creationTimestamp } = image['metadata'] as { creationTimestamp: string };
    for (const id of [digest, digest.slice(0, 14), digest.slice(7), digest.slice(7, 17)]) {
      const name = `web@${id}`;
      expect(await face.get(face.path(`imagestreamimages/${name}`))).toMatchObject({
        status: 200,
        body: {
          kind: 'ImageStreamImage',
          metadata: {
            name,
            namespace: face.scenario.namespace,
            creationTimestamp,
            annotations: { note: 'of the stream' },
          },
          image: { metadata: { name: digest } },
        },
      });
    }
  });

  it.each([
    {
      name: 'web@sha256:0000',
      code: 404,
      message: 'imagestreamimage.image.openshift.io "web@sha256:0000" not found',
    },
    { name: 'web@x-y', code: 404, message: 'imagestreamimage.image.openshift.io "web@x-y" not found' },
    { name: 'none@sha256:0000', code: 404, message: 'imagestreams.image.openshift.io "none" not found' },
    { name: 'web', code: 400, message: 'ImageStreamImages must be retrieved with <name>@<id>' },
    { name: 'web@a@b', code: 400, message: 'ImageStreamImages must be retrieved with <name>@<id>' },
  ])('$name is a $code', async ({ name, code, message }) => {
    expect((await face.get(face.path(`imagestreamimages/${name}`))).body).toMatchObject({ code, message });
  });

  it('is none by an index that lists it but was not imported with it', async () => {
    await using other = await Scenario.start(face.view);
    const secret = await other.push('latest', 'listed');
    await other.createStream('private', ['latest']);
    await other.tagHas('private', 'latest', secret.digest);
    const { scenario, view } = face;
    const target = { host: view.registryHost, repository: scenario.repository };
    const built = buildImage({ content: 'carrier' });
    await pushBuilt(target, built);
    const { image: attestation } = buildAttestation(built);
    const unknown = attestation.platform;
    // The registry wants to have what an index lists.
    await pushBuilt(target, secret);
    const index = buildIndex({
      entries: [
        { ...descriptorOf(built), platform: built.platform },
        { ...descriptorOf(secret), platform: unknown },
      ],
    });
    await pushManifest({ ...target, tag: 'carrier' }, index);
    const importPolicy = { insecure: true, importMode: 'PreserveOriginal' };
    await scenario.createTags('carrier', [scenario.dockerTag('latest', 'carrier', { importPolicy })]);
    await scenario.tagHas('carrier', 'latest', index.digest);
    expect((await face.get(face.path(`imagestreamimages/carrier@${built.digest}`))).status).toBe(200);
    expect((await face.get(face.path(`imagestreamimages/carrier@${secret.digest}`))).status).toBe(404);
    const { body } = await face.get(face.path('imagestreams/carrier/layers'));
    expect(JSON.stringify(body)).not.toContain(secret.layer.digest);
  });
});

describe('the pull secrets of a namespace', () => {
  const auths = Buffer.from('{"auths":{"r.example":{"auth":"c2VjcmV0OnNlY3JldA=="}}}').toString('base64');

  beforeAll(async () => {
    const { namespace } = face.scenario;
    const json = { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': auths } };
    const { kube } = face.view;
    await kube.create(secrets, { metadata: { namespace, name: 'json' }, ...json });
    await kube.create(secrets, {
      metadata: { namespace, name: 'old' },
      type: 'kubernetes.io/dockercfg',
      data: { '.dockercfg': Buffer.from('{}').toString('base64') },
    });
    await kube.create(secrets, {
      metadata: { namespace, name: 'kept', annotations: { 'openshift.io/image.excludeSecret': 'true' } },
      ...json,
    });
    await kube.create(secrets, { metadata: { namespace, name: 'other' }, type: 'Opaque', data: {} });
  });

  it('are handed to those who may have them, without those that their owner keeps back', async () => {
    const { status, body } = await face.get(face.path('imagestreams/any/secrets'));
    expect(status).toBe(200);
    expect(body).toMatchObject({ kind: 'SecretList', apiVersion: 'image.openshift.io/v1' });
    const items = body['items'] as readonly { metadata: { name: string }; data: object }[];
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(['json', 'old']);
    expect(items.find(({ metadata }) => metadata.name === 'json')?.data).toEqual({
      '.dockerconfigjson': auths,
    });
  });

  it.each([
    { role: 'view', code: 403 },
    { role: 'edit', code: 200 },
  ])('are for $role: $code', async ({ role, code }) => {
    await withRole(face, 'alice', { kind: 'ClusterRole', name: role }, async () => {
      await isAllowed(face, 'alice', { verbs: ['get'], resources: ['imagestreams'] });
      const path = face.path('imagestreams/web/secrets');
      await eventually(async () => (await alice.request('GET', path)).status === code, {
        what: `the answer to ${role} to be ${code}`,
      });
    });
  });
});
