// ImageStreamTags: one kept for each tag, and those that people declare.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { pushIndex } from '../support/images.ts';
import { imageStreams, imageStreamTags } from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { streamTagHas, tagObjectGoes, tagOf } from '../support/stream-waits.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

let cluster: SharedCluster;
let scenario: Scenario;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());
beforeEach(async () => {
  scenario = await startTestScenario(cluster);
});

/** Declares a tag by an ImageStreamTag of its own. */
async function declare(name: string, tag: Readonly<Record<string, unknown>>): Promise<void> {
  await cluster.kube.create(imageStreamTags, { metadata: { namespace: scenario.namespace, name }, tag });
}

const address = (name: string): { namespace: string; name: string } => ({
  namespace: scenario.namespace,
  name,
});

describe('the ImageStreamTag of a tag', () => {
  it('has the tag, its image and whose it is', async () => {
    const image = await scenario.push('1', 'first');
    const tag = scenario.dockerTag('3.6', '1', { annotations: { description: 'the good one' } });
    const created = await scenario.createTags('python', [tag]);
    const object = await scenario.tagObjectIs('python.3.6', ({ image: shown }) => shown !== undefined);
    expect(object.metadata).toMatchObject({
      annotations: { description: 'the good one' },
      labels: { 'imagestream-operator/stream': 'python' },
      ownerReferences: [{ kind: 'ImageStream', name: 'python', uid: created.metadata.uid }],
    });
    expect(object).toMatchObject({
      tag,
      generation: 1,
      lookupPolicy: { local: false },
      conditions: [],
      image: {
        metadata: {
          name: image.digest,
          annotations: { description: 'the good one', 'image.openshift.io/dockerLayersOrder': 'ascending' },
        },
        dockerImageReference: scenario.pinned(image.digest),
        dockerImageManifestMediaType: image.mediaType,
        dockerImageLayers: [{ name: image.layer.digest, size: image.layer.bytes.length }],
        dockerImageMetadata: {
          kind: 'DockerImage',
          Id: image.config.digest,
          Architecture: 'amd64',
          Config: { Entrypoint: ['/bin/sh'] },
          Size: image.layer.bytes.length + image.config.bytes.length,
        },
      },
    });
    expect(object.updated).toBe(tagOf(await scenario.stream('python'), '3.6')?.items?.[0]?.created);
  });

  it('moves with the tag, and shows the platforms of an index', async () => {
    const first = await scenario.push('1', 'first');
    const policy = { importPolicy: { insecure: true, importMode: 'PreserveOriginal' } };
    await scenario.createTags('web', [scenario.dockerTag('latest', '1', policy)]);
    await scenario.tagObjectIs('web.latest', ({ image }) => image?.metadata?.name === first.digest);
    const platforms = [
      { os: 'linux', architecture: 'arm64' },
      { os: 'linux', architecture: 'amd64' },
    ];
    const target = { host: cluster.registryHost, repository: scenario.repository, tag: '1' };
    const index = await pushIndex(target, { content: 'several', platforms });
    await scenario.requestImport('web');
    const object = await scenario.tagObjectIs(
      'web.latest',
      ({ image }) => image?.metadata?.name === index.digest,
    );
    expect(object.image).not.toHaveProperty('dockerImageLayers');
    expect(object.image?.dockerImageMetadata).not.toHaveProperty('Config');
    const path = '{range .image.dockerImageManifests[*]}{.os}/{.architecture}{"\\n"}{end}';
    const asked = [
      'get',
      'istag',
      'web.latest',
      `--namespace=${scenario.namespace}`,
      '-o',
      `jsonpath=${path}`,
    ];
    expect((await cluster.kubectl(asked)).stdout).toBe('linux/arm64\nlinux/amd64\n');
  });

  it('says what is wrong, and keeps the image', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('latest', '1')]);
    await scenario.tagObjectIs('web.latest', ({ image: shown }) => shown?.metadata?.name === image.digest);
    await scenario.setTags('web', [scenario.dockerTag('latest', 'none')]);
    const object = await scenario.tagObjectIs('web.latest', ({ conditions }) => conditions?.length === 1);
    expect(object).toMatchObject({
      conditions: [{ type: 'ImportSuccess', status: 'False', reason: 'NotFound' }],
      image: { metadata: { name: image.digest } },
    });
    const listed = await cluster.kubectl(['get', 'istag', `--namespace=${scenario.namespace}`]);
    const [header = '', row = ''] = listed.stdout.split('\n');
    expect(header.trim().split(/ {2,}/)).toEqual(['NAME', 'IMAGE REFERENCE', 'UPDATED', 'PROBLEM']);
    expect(row.trim().split(/\s+/)).toEqual([
      'web.latest',
      scenario.pinned(image.digest),
      expect.stringMatching(/^\d+s$/),
      'NotFound',
    ]);
  });

  it('of a tag that DNS names cannot hold has a name with a hash, and says which tag it is', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('V1_beta', '1')]);
    await scenario.tagHas('web', 'V1_beta', image.digest);
    const [object] = await eventually(
      async () => {
        const objects = await cluster.kube.list(imageStreamTags, { namespace: scenario.namespace });
        return objects.length === 1 && objects;
      },
      { what: 'the ImageStreamTag' },
    );
    expect(object?.metadata.name).toMatch(/^web\.v1-beta--[0-9a-f]{16}$/);
    expect(object?.metadata.annotations).toEqual({ 'imagestream-operator/image-stream-tag': 'web:V1_beta' });
    expect(object?.tag).toMatchObject({ name: 'V1_beta' });
  });

  it('comes back when it is deleted, as it was, while the spec has the tag', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('latest', '1')]);
    const before = await scenario.tagObjectIs('web.latest', ({ image: shown }) => shown !== undefined);
    await cluster.kube.delete(imageStreamTags, address('web.latest'));
    const after = await scenario.tagObjectIs(
      'web.latest',
      ({ metadata }) => metadata.uid !== before.metadata.uid,
    );
    expect(after.image).toEqual(before.image);
    expect(tagOf(await scenario.stream('web'), 'latest')?.items?.[0]?.image).toBe(image.digest);
  });

  it('drops a tag that the spec does not have any more when it is deleted', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('latest', '1'), scenario.dockerTag('old', '1')]);
    await scenario.tagObjectIs('web.old', ({ image: shown }) => shown !== undefined);
    await scenario.setTags('web', [scenario.dockerTag('latest', '1')]);
    const kept = await scenario.tagObjectIs('web.old', ({ tag }) => tag === undefined);
    expect(kept.image?.metadata?.name).toBe(image.digest);
    expect(tagOf(await scenario.stream('web'), 'old')?.items).toHaveLength(1);

    await cluster.kube.delete(imageStreamTags, address('web.old'));
    await eventually(async () => tagOf(await scenario.stream('web'), 'old') === undefined, {
      what: 'the tag to go',
    });
    expect(await scenario.event('web', 'TagDeleted')).toContain('tag old is gone');
    expect(await cluster.kube.find(imageStreamTags, address('web.old'))).toBeUndefined();
    expect(tagOf(await scenario.stream('web'), 'latest')?.items).toHaveLength(1);
  });

  it('is put back when somebody writes what is not theirs to write', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('latest', '1')]);
    const before = await scenario.tagObjectIs('web.latest', ({ image: shown }) => shown !== undefined);
    const lie = { image: { metadata: { name: image.digest }, dockerImageReference: 'evil.example/app:1' } };
    await cluster.kube.patch(imageStreamTags, address('web.latest'), lie);
    const lieInside = { ...before.image, dockerImageMetadata: { Config: { User: 'root' } } };
    await scenario.tagObjectIs('web.latest', ({ image: shown }) => expect(shown).toEqual(before.image));
    await cluster.kube.patch(imageStreamTags, { ...address('web.latest'), patchType: 'json' }, [
      { op: 'replace', path: '/image', value: lieInside },
    ]);
    await scenario.tagObjectIs('web.latest', ({ image: shown }) => expect(shown).toEqual(before.image));
  });
});

describe('a declared ImageStreamTag', () => {
  it('creates the stream, imports the tag, moves workloads, and takes the tag with it when it goes', async () => {
    const image = await scenario.push('1', 'first');
    await declare('web.stable', scenario.dockerTag('stable', '1'));
    await scenario.tagHas('web', 'stable', image.digest);
    const stream = await scenario.stream('web');
    expect(stream.spec).toBeUndefined();
    expect(stream.status?.conditions).toMatchObject([{ type: 'Ready', status: 'True' }]);
    const object = await scenario.tagObjectIs('web.stable', ({ image: shown }) => shown !== undefined);
    expect(object.metadata.ownerReferences).toMatchObject([{ name: 'web', uid: stream.metadata.uid }]);
    await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:stable', 'web')));
    await scenario.containerHas('web', 'web', scenario.pinned(image.digest));

    await cluster.kube.delete(imageStreamTags, address('web.stable'));
    await eventually(async () => (await scenario.stream('web')).status?.tags === undefined, {
      what: 'the tag to go',
    });
    expect(await cluster.kube.find(imageStreamTags, address('web.stable'))).toBeUndefined();
    await scenario.containerHas('web', 'web', scenario.pinned(image.digest));
  });

  it('adds its tag to those of the stream, and is imported again when its source changes', async () => {
    const first = await scenario.push('1', 'first');
    const second = await scenario.push('2', 'second');
    await scenario.createStream('web', ['1']);
    await declare('web.mine', { from: { kind: 'ImageStreamTag', name: '1' } });
    await scenario.tagHas('web', 'mine', first.digest);
    await cluster.kube.patch(imageStreamTags, address('web.mine'), { tag: scenario.dockerTag('mine', '2') });
    await scenario.tagHas('web', 'mine', second.digest);
    expect((await scenario.stream('web')).spec?.tags).toHaveLength(1);
  });

  it('that the stream has too does not count, says so, and counts when the stream gives the tag up', async () => {
    const first = await scenario.push('1', 'first');
    const second = await scenario.push('2', 'second');
    await declare('web.latest', scenario.dockerTag('latest', '2'));
    await scenario.tagHas('web', 'latest', second.digest);
    await scenario.setTags('web', [scenario.dockerTag('latest', '1')]);
    await scenario.tagHas('web', 'latest', first.digest);
    const object = await scenario.tagObjectIs('web.latest', ({ conditions, image }) => {
      return conditions?.length === 1 && image?.metadata?.name === first.digest;
    });
    expect(object.conditions).toMatchObject([
      { type: 'Effective', status: 'False', reason: 'DefinedInStream' },
    ]);
    expect(object.tag).toEqual(scenario.dockerTag('latest', '2'));
    await scenario.setTags('web', []);
    await scenario.tagHas('web', 'latest', second.digest);
    await scenario.tagObjectIs('web.latest', ({ conditions = [] }) => conditions.length === 0);
  });

  it('with a name that stands for no tag says so', async () => {
    await declare('nothing', scenario.dockerTag('latest', '1'));
    await declare('web.latest', scenario.dockerTag('other', '1'));
    for (const name of ['nothing', 'web.latest']) {
      const object = await scenario.tagObjectIs(name, ({ conditions }) => conditions?.length === 1);
      expect(object.conditions).toMatchObject([
        { type: 'Effective', status: 'False', reason: 'InvalidName' },
      ]);
      expect(object.tag).toBeDefined();
    }
    expect(await cluster.kube.list(imageStreams, { namespace: scenario.namespace })).toEqual([]);
  });

  it('goes with its stream, as the kept ones do', async () => {
    await scenario.push('1', 'first');
    await scenario.createStream('web', ['1']);
    await declare('web.mine', scenario.dockerTag('mine', '1'));
    for (const name of ['web.1', 'web.mine'])
      await scenario.tagObjectIs(
        name,
        ({ image, metadata }) => image !== undefined && metadata.ownerReferences,
      );
    await cluster.kube.delete(imageStreams, address('web'));
    for (const name of ['web.1', 'web.mine']) await tagObjectGoes(scenario.place(name));
    expect(await cluster.kube.list(imageStreams, { namespace: scenario.namespace })).toEqual([]);
  });

  it('has a stream again that was deleted and created anew', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createStream('web', ['1']);
    await scenario.tagObjectIs('web.1', ({ image: shown }) => shown !== undefined);
    await cluster.kube.delete(imageStreams, address('web'));
    const created = await scenario.createStream('web', ['1']);
    await streamTagHas(scenario.place('web'), '1', image.digest);
    await scenario.tagObjectIs('web.1', ({ metadata, image: shown }) => {
      return metadata.ownerReferences?.[0]?.uid === created.metadata.uid && shown !== undefined;
    });
  });
});
