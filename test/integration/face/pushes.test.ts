// The API face: pushes by ImageStreamMappings.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { withRight } from '../../support/borrowed-rights.ts';
import { eventually } from '../../support/eventually.ts';
import { FaceView, served } from '../../support/face-view.ts';
import { type BuiltImage, buildImage, buildIndex, descriptorOf } from '../../support/images.ts';
import type { KubeClient } from '../../support/kube-client.ts';
import { resource } from '../../support/resources.ts';
import { Scenario, trigger, triggers } from '../../support/scenario.ts';

let face: FaceView;
let alice: KubeClient;

beforeAll(async () => {
  face = await FaceView.join();
  alice = face.view.clientOf('alice');
}, 120_000);
afterAll(() => face?.stop());

const mayPush = { resources: ['imagestreammappings'], verbs: ['create'] };

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
    await withRight(face, 'alice', mayPush, async () => {
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
    await withRight(face, 'alice', mayPush, async () => {
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
