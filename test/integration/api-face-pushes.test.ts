// The API face: pushes by ImageStreamMappings, the layers and the pull secrets of streams, and images by the beginning of a digest.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { FaceFixture, served } from '../support/face-fixture.ts';
import {
  type BuiltImage,
  buildAttestation,
  buildImage,
  buildIndex,
  descriptorOf,
  pushBuilt,
  pushIndex,
  pushManifest,
} from '../support/images.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { type KubeObject, resource, roleBindings, secrets } from '../support/resources.ts';
import { Scenario, trigger, triggers } from '../support/scenario.ts';

let face: FaceFixture;
let alice: KubeClient;

const roles = resource<KubeObject & { readonly rules: readonly object[] }>(
  'rbac.authorization.k8s.io/v1',
  'Role',
  'roles',
);

beforeAll(async () => {
  face = await FaceFixture.start();
  alice = face.view.clientOf('alice');
  const rights = fileURLToPath(new URL('../../config/operator/user-rights.yaml', import.meta.url));
  expect((await face.view.kubectl(['apply', '-f', rights])).stderr).toBe('');
}, 120_000);
afterAll(() => face?.stop());

/** Gives alice rights in a namespace for as long as `work` takes. */
async function asAlice<T>(
  { rules, namespace = face.scenario.namespace }: { rules: readonly object[]; namespace?: string },
  work: () => Promise<T>,
): Promise<T> {
  const { kube } = face.view;
  const name = 'of-alice';
  await kube.create(roles, { metadata: { namespace, name }, rules });
  await bind(name, 'Role', namespace);
  const [first = {}] = rules as readonly { verbs: string[]; resources: string[] }[];
  await isAllowed(first, namespace);
  try {
    return await work();
  } finally {
    await kube.delete(roleBindings, { namespace, name });
    await kube.delete(roles, { namespace, name });
  }
}

async function bind(role: string, kind: 'Role' | 'ClusterRole', namespace: string): Promise<void> {
  await face.view.kube.create(roleBindings, {
    metadata: { namespace, name: role },
    subjects: [{ kind: 'User', name: 'alice', apiGroup: 'rbac.authorization.k8s.io' }],
    roleRef: { kind, name: role, apiGroup: 'rbac.authorization.k8s.io' },
  });
}

async function isAllowed(
  {
    verbs: [verb = ''] = [],
    resources: [resourceName = ''] = [],
  }: { verbs?: string[]; resources?: string[] },
  namespace: string,
): Promise<void> {
  const [name = '', subresource] = resourceName.split('/');
  const flags = subresource === undefined ? [] : [`--subresource=${subresource}`];
  const question = ['auth', 'can-i', verb, `${name}.image.openshift.io`, ...flags, '-n', namespace];
  await eventually(async () => (await face.view.kubectl(question, { user: 'alice' })).exitCode === 0, {
    what: `alice to be allowed to ${verb} ${resourceName}`,
  });
}

/** The operator keeps one for each tag of a history. */
async function tagObjectIsThere(name: string): Promise<void> {
  const path = `/apis/image.openshift.io/v1crd/namespaces/${face.scenario.namespace}/imagestreamtags/${name}`;
  await eventually(async () => (await face.get(path)).status === 200, { what: `the object ${name}` });
}

/** A condition is written last. */
async function operatorHasSeen(name: string): Promise<void> {
  await eventually(
    async () => {
      const { status, metadata } = await face.scenario.stream(name);
      const { conditions = [] } = (status ?? {}) as { conditions?: readonly { type: string }[] };
      return (
        status?.observedGeneration === metadata.generation && conditions.some(({ type }) => type === 'Ready')
      );
    },
    { what: `the operator to have looked at ${name}` },
  );
}

function imageOf(built: BuiltImage, more: object = {}): object {
  return {
    metadata: { name: built.digest },
    dockerImageReference: face.scenario.pullSpec('pushed'),
    dockerImageManifest: built.manifest.toString(),
    dockerImageManifestMediaType: built.mediaType,
    dockerImageConfig: built.config.bytes.toString(),
    ...more,
  };
}

function mapping(stream: string, tag: string, image: object): object {
  return {
    kind: 'ImageStreamMapping',
    apiVersion: 'image.openshift.io/v1',
    metadata: { name: stream, namespace: face.scenario.namespace },
    tag,
    image,
  };
}

/** Pushes an image to a tag, as a registry does. */
function push(stream: string, tag: string, image: object, query = '') {
  return face.send('POST', face.path(`imagestreammappings${query}`), mapping(stream, tag, image));
}

describe('a push', () => {
  it('moves the workloads and the tags that follow the tag, and stays', async () => {
    const { scenario } = face;
    await scenario.createTags('app', [{ name: 'prod', from: { kind: 'ImageStreamTag', name: 'latest' } }]);
    await scenario.createDeployment(
      'app',
      { main: 'none', side: 'none' },
      triggers(trigger('app:latest', 'main'), trigger('app:prod', 'side')),
    );
    for (const content of ['one', 'two']) {
      const built = buildImage({ content, labels: { content } });
      expect(await push('app', 'latest', imageOf(built))).toEqual({
        status: 201,
        body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
      });
      await scenario.containerHas('app', 'main', scenario.pinned(built.digest));
      await scenario.containerHas('app', 'side', scenario.pinned(built.digest));
      const { body } = await face.get(face.path('imagestreamtags/app:latest'));
      expect(body).toMatchObject({
        image: {
          metadata: { name: built.digest },
          dockerImageReference: scenario.pinned(built.digest),
          dockerImageMetadata: { Id: built.config.digest, Config: { Labels: { content } } },
        },
      });
    }
    await scenario.requestImport('app');
    await tagObjectIsThere('app.latest');
    await operatorHasSeen('app');
    const { status } = await scenario.stream('app');
    const images = status?.tags?.find(({ tag }) => tag === 'latest')?.items?.map(({ image }) => image);
    expect(images).toEqual(
      ['two', 'one'].map((content) => buildImage({ content, labels: { content } }).digest),
    );
  });

  it('is not made by a dry run', async () => {
    const built = buildImage({ content: 'dry' });
    await face.scenario.createTags('dry', []);
    expect((await push('dry', 'latest', imageOf(built), '?dryRun=All')).status).toBe(201);
    expect((await face.get(`${served}/images/${built.digest}`)).status).toBe(404);
    expect((await face.get(face.path('imagetags/dry:latest'))).status).toBe(404);
  });

  it('of the same image again changes nothing', async () => {
    const built = buildImage({ content: 'same' });
    await face.scenario.createTags('same', []);
    await push('same', 'latest', imageOf(built));
    await tagObjectIsThere('same.latest');
    await operatorHasSeen('same');
    const versionOf = async () => (await face.scenario.stream('same')).metadata.resourceVersion;
    const before = await versionOf();
    expect((await push('same', 'latest', { ...imageOf(built), dockerImageManifest: '' })).status).toBe(201);
    expect(await versionOf()).toBe(before);
  });

  it('to a tag that was deleted makes it anew', async () => {
    const built = buildImage({ content: 'anew' });
    await face.scenario.createTags('anew', []);
    for (let round = 1; round <= 2; round++) {
      expect((await push('anew', '1', imageOf(built))).status).toBe(201);
      await tagObjectIsThere('anew.1');
      if (round === 2) return;
      await face.kubectl('delete', 'istag', 'anew:1');
      await eventually(async () => (await face.get(face.path('imagetags/anew:1'))).status === 404, {
        what: 'the tag to go',
      });
    }
  });

  it('comes together with others', async () => {
    await face.scenario.createTags('many', []);
    const built = Array.from({ length: 8 }, (_, i) => buildImage({ content: `many ${i}` }));
    const answers = await Promise.all(built.map((image, i) => push('many', `t${i}`, imageOf(image))));
    expect(answers.map(({ status }) => status)).toEqual(built.map(() => 201));
    for (const [i, { digest }] of built.entries()) await face.scenario.tagHas('many', `t${i}`, digest);
  });

  it('of an index needs its images in the stream', async () => {
    const built = buildImage({ content: 'member' });
    const index = buildIndex({ entries: [{ ...descriptorOf(built), platform: built.platform }] });
    const pushed = imageOf({ ...built, ...index }, { dockerImageConfig: '' });
    await face.scenario.createTags('index', []);
    expect(await push('index', 'latest', pushed)).toMatchObject({ status: 201 });
    await face.view.kube.delete(resource('image.openshift.io/v1crd', 'ImageStream', 'imagestreams'), {
      namespace: face.scenario.namespace,
      name: 'index',
    });
    await face.scenario.createTags('index', []);
    const rules = [
      { apiGroups: ['image.openshift.io'], resources: ['imagestreammappings'], verbs: ['create'] },
    ];
    await asAlice({ rules }, async () => {
      const path = face.path('imagestreammappings');
      const refused = await alice.request('POST', path, mapping('index', 'latest', pushed));
      expect(refused.status).toBe(422);
      expect(refused.text).toContain(`the index lists ${built.digest}, which is not in the stream`);
      expect((await alice.request('POST', path, mapping('index', 'amd64', imageOf(built)))).status).toBe(201);
      expect((await alice.request('POST', path, mapping('index', 'latest', pushed))).status).toBe(201);
    });
    const { body } = await face.get(face.path(`imagestreamimages/index@${index.digest}`));
    expect(body).toMatchObject({ image: { dockerImageManifests: [{ digest: built.digest }] } });
  });

  it.each([
    {
      name: 'a stream that is not there',
      stream: 'none',
      change: {},
      code: 404,
      text: 'imagestreams.image.openshift.io \\"none\\" not found',
    },
    { name: 'no tag', stream: 'web', tag: '', change: {}, code: 422, text: 'tag: Required value' },
    {
      name: 'a name that is no digest',
      stream: 'web',
      change: { metadata: { name: 'x' } },
      code: 422,
      text: 'must be the digest of the manifest',
    },
    {
      name: 'other bytes',
      stream: 'web',
      change: { dockerImageManifest: '{}' },
      code: 422,
      text: 'does not hash to',
    },
    {
      name: 'another configuration',
      stream: 'web',
      change: { dockerImageConfig: '{}' },
      code: 422,
      text: 'does not hash to',
    },
    {
      name: 'no bytes',
      stream: 'web',
      change: { dockerImageManifest: '' },
      code: 422,
      text: 'Required value: the manifest',
    },
    {
      name: 'no pull spec',
      stream: 'web',
      change: { dockerImageReference: '' },
      code: 422,
      text: 'where the image can be pulled from',
    },
  ])('with $name is refused', async ({ stream, tag = 'bad', change, code, text }) => {
    const built = buildImage({ content: 'refused' });
    const { status, body } = await push(stream, tag, imageOf(built, change));
    expect({ status, kind: body['kind'] }).toEqual({ status: code, kind: 'Status' });
    expect(JSON.stringify(body)).toContain(text);
    expect((await face.get(`${served}/images/${built.digest}`)).status).toBe(404);
  });

  it('to a tag that follows another one is refused: it would be undone', async () => {
    await face.scenario.createTags('link', [{ name: 'a', from: { kind: 'ImageStreamTag', name: 'b' } }]);
    const { status, body } = await push('link', 'a', imageOf(buildImage({ content: 'link' })));
    expect(status).toBe(422);
    expect(body['message']).toBe(
      'ImageStreamMapping.image.openshift.io "link" is invalid: tag: Invalid value: "a": follows the tag b of its stream: push to that one',
    );
  });

  it('needs the right, and shows nobody the image of somebody else', async () => {
    await using other = await Scenario.start(face.view);
    const secret = await other.push('latest', 'secret');
    await other.createStream('private', ['latest']);
    await other.tagHas('private', 'latest', secret.digest);
    const path = face.path('imagestreammappings');
    const bare = { metadata: { name: secret.digest }, dockerImageReference: other.pinned(secret.digest) };
    expect((await alice.request('POST', path, mapping('web', 'stolen', bare))).status).toBe(403);
    const rules = [
      { apiGroups: ['image.openshift.io'], resources: ['imagestreammappings'], verbs: ['create'] },
    ];
    await asAlice({ rules }, async () => {
      const refused = await alice.request('POST', path, mapping('web', 'stolen', bare));
      expect(refused.status).toBe(422);
      // The same words as for one that nobody has.
      const nobodys = {
        ...bare,
        metadata: { name: `sha256:${'0'.repeat(64)}` },
        dockerImageReference: 'r/a:1',
      };
      const absent = await alice.request('POST', path, mapping('web', 'stolen', nobodys));
      expect(absent.text).toBe(refused.text);
      const half = imageOf(secret, { dockerImageConfig: '' });
      expect((await alice.request('POST', path, mapping('web', 'stolen', half))).status).toBe(422);
      expect((await alice.request('POST', path, mapping('web', 'shown', imageOf(secret)))).status).toBe(201);
    });
    // Written once, by the first.
    const { body } = await face.get(`${served}/images/${secret.digest}`);
    expect(body).toMatchObject({ dockerImageReference: other.pinned(secret.digest) });
    // Who may read all Images may also tag them.
    expect((await push('web', 'admin', bare)).status).toBe(201);
  });
});

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
    await asAlice(
      { rules: [{ apiGroups: ['image.openshift.io'], resources: ['imagestreams/layers'], verbs: ['get'] }] },
      async () => {
        expect((await alice.request('GET', path)).status).toBe(200);
        expect((await alice.request('GET', face.path('imagestreams/web'))).status).toBe(403);
        expect((await alice.request('GET', face.path('imagestreams/web/secrets'))).status).toBe(403);
      },
    );
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
    const { namespace } = face.scenario;
    await bind(role, 'ClusterRole', namespace);
    try {
      await isAllowed({ verbs: ['get'], resources: ['imagestreams'] }, namespace);
      const path = face.path('imagestreams/web/secrets');
      await eventually(async () => (await alice.request('GET', path)).status === code, {
        what: `the answer to ${role} to be ${code}`,
      });
    } finally {
      await face.view.kube.delete(roleBindings, { namespace, name: role });
    }
  });
});
