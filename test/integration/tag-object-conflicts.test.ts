// ImageStreamTags that others write as well: people who try things, tools that put things back, and names that meet.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { tagObjectName } from '../../src/domain/tag-object-name.ts';
import { eventually } from '../support/eventually.ts';
import { createNamespace, type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { imageStreams, imageStreamTags, roleBindings } from '../support/resources.ts';
import type { Scenario } from '../support/scenario.ts';
import { tagObjectGoes, tagOf } from '../support/stream-waits.ts';
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

const address = (name: string): { namespace: string; name: string } => ({
  namespace: scenario.namespace,
  name,
});

async function startStream(tag = 'latest'): Promise<string> {
  const image = await scenario.push('1', 'first');
  await scenario.createTags('web', [scenario.dockerTag(tag, '1')]);
  await scenario.tagObjectIs(tagObjectName('web', tag), ({ image: shown }) => shown !== undefined);
  return image.digest;
}

/** Waits until the operator has looked at the stream once more. */
async function nextLook(): Promise<void> {
  const value = String(Math.random());
  await scenario.requestImport('web', value);
  await eventually(async () => JSON.stringify((await scenario.stream('web')).status?.tags).includes(value), {
    what: 'the next look',
  });
}

describe('what others write into an ImageStreamTag', () => {
  it('is taken out where the operator has nothing to say', async () => {
    await startStream();
    const conditions = [
      { type: 'ImportSuccess', status: 'False', reason: 'NotFound', message: '', generation: 1 },
    ];
    await cluster.kube.patch(imageStreamTags, address('web.latest'), { conditions });
    await scenario.tagObjectIs('web.latest', ({ conditions: shown = [] }) => shown.length === 0);
  });

  it('may be the very same: then nothing is written', async () => {
    await startStream();
    const { tag: _, ...object } = await cluster.kube.get(imageStreamTags, address('web.latest'));
    const { managedFields: __, resourceVersion: ___, ...metadata } = object.metadata;
    await cluster.kube.apply(imageStreamTags, { ...object, metadata }, 'a-tool');
    const applied = await cluster.kube.get(imageStreamTags, address('web.latest'));
    await nextLook();
    await nextLook();
    const after = await cluster.kube.get(imageStreamTags, address('web.latest'));
    expect(after.metadata.resourceVersion).toBe(applied.metadata.resourceVersion);
  });

  it('is left to who does not stop, and said', async () => {
    await startStream();
    const { image } = await cluster.kube.get(imageStreamTags, address('web.latest'));
    for (let round = 0; round < 4; round++) {
      const other = {
        metadata: { namespace: scenario.namespace, name: 'web.latest' },
        generation: 90 + round,
      };
      await cluster.kube.apply(imageStreamTags, other, 'a-tool');
      if (round < 3) await scenario.tagObjectIs('web.latest', ({ generation }) => generation === 1);
    }
    expect(await scenario.event('web', 'ImageStreamTagRefused')).toContain('somebody else keeps writing');
    const after = await cluster.kube.get(imageStreamTags, address('web.latest'));
    expect(after).toMatchObject({ generation: 93, image });
  });

  it('is no deletion of the tag, though the name stands for another tag then', async () => {
    const digest = await startStream('b');
    await scenario.setTags('web', []);
    await scenario.tagObjectIs('web.b', ({ tag }) => tag === undefined);
    await cluster.kube.patch(imageStreamTags, address('web.b'), { tag: { name: 'other' } });
    await scenario.tagObjectIs('web.b', ({ conditions }) => conditions?.[0]?.reason === 'InvalidName');
    await scenario.setTags('web', [{ name: 'x' }]);
    await scenario.tagObjectIs('web.x', () => true);
    expect(tagOf(await scenario.stream('web'), 'b')?.items?.[0]?.image).toBe(digest);
  });
});

describe('a tag whose object’s name is taken by something else', () => {
  it('works without one, says so, and gets it when the name is free', async () => {
    const name = tagObjectName('web', 'V1_beta');
    await cluster.kube.create(imageStreamTags, {
      metadata: address(name),
      tag: scenario.dockerTag('other', '1'),
    });
    await scenario.tagObjectIs(name, ({ conditions }) => conditions?.[0]?.reason === 'InvalidName');
    const before = await cluster.kube.get(imageStreamTags, address(name));
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('V1_beta', '1')]);
    await scenario.tagHas('web', 'V1_beta', image.digest);
    expect(await scenario.event('web', 'ImageStreamTagRefused')).toContain('is taken by something else');
    await nextLook();
    const after = await cluster.kube.get(imageStreamTags, address(name));
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    await cluster.kube.delete(imageStreamTags, address(name));
    await scenario.tagObjectIs(name, ({ image: shown }) => shown?.metadata?.name === image.digest);
  });
});

describe('deleting', () => {
  it('drops the tag also right after it left the spec', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `web${round}`;
      await scenario.push('1', 'first');
      await scenario.createTags(name, [scenario.dockerTag('old', '1')]);
      await scenario.tagObjectIs(`${name}.old`, ({ image }) => image !== undefined);
      await scenario.setTags(name, []);
      await cluster.kube.delete(imageStreamTags, address(`${name}.old`));
      await eventually(async () => (await scenario.stream(name)).status?.tags === undefined, {
        what: `the tag of ${name} to go`,
      });
      expect(await cluster.kube.find(imageStreamTags, address(`${name}.old`))).toBeUndefined();
    }
  });

  it('of a stream that leaves its objects behind does not bring it back', async () => {
    await startStream();
    const deletion = [
      'delete',
      'imagestream',
      'web',
      `--namespace=${scenario.namespace}`,
      '--cascade=orphan',
    ];
    expect(await cluster.kubectl(deletion)).toMatchObject({ exitCode: 0 });
    await tagObjectGoes(scenario.place('web.latest'));
    expect(await cluster.kube.list(imageStreams, { namespace: scenario.namespace })).toEqual([]);
  });
});

describe('the admin of a namespace', () => {
  it('may share its images, as the documents say, and who may edit may not', async () => {
    await using other = await createNamespace(cluster.kube, 'consumer');
    const apiGroup = 'rbac.authorization.k8s.io';
    for (const [user, role] of [
      ['alice', 'admin'],
      ['bob', 'edit'],
    ] as const) {
      await cluster.kube.create(roleBindings, {
        metadata: { namespace: scenario.namespace, name: user },
        subjects: [{ kind: 'User', name: user, apiGroup }],
        roleRef: { kind: 'ClusterRole', name: role, apiGroup },
      });
    }
    const share = (user: string) =>
      cluster.kubectl(
        [
          'create',
          'rolebinding',
          `images-by-${user}`,
          `--namespace=${scenario.namespace}`,
          '--clusterrole=system:image-puller',
          `--group=system:serviceaccounts:${other.name}`,
        ],
        { user },
      );
    await eventually(async () => (await share('alice')).exitCode === 0, { what: 'alice to share' });
    expect((await share('bob')).stderr).toContain('forbidden');
  });
});
