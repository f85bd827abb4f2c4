// Tags that get their images from other tags, from histories and from other namespaces.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { createNamespace, type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { imageStreams } from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { shareImages, streamTagFails, streamTagHas, tagOf } from '../support/stream-waits.ts';
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

const follows = (name: string, tag: string): Readonly<Record<string, unknown>> => ({
  name,
  from: { kind: 'ImageStreamTag', name: tag },
});

describe('a tag that follows another tag of its stream', () => {
  it('has what that one has, through a chain, whatever the order', async () => {
    const first = await scenario.push('1', 'first');
    // The names sort against the direction of the links.
    await scenario.createTags('web', [
      follows('a', 'b'),
      follows('b', 'web:c'),
      scenario.dockerTag('c', '1'),
      follows('z', 'a'),
    ]);
    for (const tag of ['a', 'b', 'c', 'z']) await scenario.tagHas('web', tag, first.digest);
    const second = await scenario.push('1', 'second');
    await scenario.requestImport('web');
    for (const tag of ['c', 'b', 'a', 'z']) await scenario.tagHas('web', tag, second.digest);

    const stream = await scenario.stream('web');
    const [source, link] = ['c', 'z'].map((tag) => tagOf(stream, tag)?.items);
    expect(link).toEqual(source);
    expect(source?.map(({ image }) => image)).toEqual([second.digest, first.digest]);
    expect(stream.status?.conditions).toMatchObject([{ type: 'Ready', status: 'True' }]);
    // Nothing but the one tag was ever asked of the registry.
    expect(new Set(scenario.proxy.conversation.filter((line) => line.includes('/manifests/')))).toEqual(
      new Set([`GET /v2/${scenario.repository}/manifests/1`]),
    );
  });

  it('says so when the links make a circle, and is well when they do not any more', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [follows('a', 'b'), follows('b', 'a')]);
    const condition = await scenario.tagFails('web', 'a');
    expect(condition).toMatchObject({ reason: 'Invalid', status: 'False' });
    expect(condition.message).toMatch(
      /a, b follow each other in a circle|b, a follow each other in a circle/,
    );
    await eventually(
      async () =>
        (await scenario.stream('web')).status?.conditions?.some(
          ({ type, status }) => type === 'Stalled' && status === 'True',
        ),
      { what: 'the stream to be stalled' },
    );
    await scenario.setTags('web', [follows('a', 'b'), scenario.dockerTag('b', '1')]);
    await scenario.tagHas('web', 'a', image.digest);
    const { status } = await scenario.stream('web');
    expect(status?.conditions?.map(({ type, status: value }) => `${type} ${value}`)).toEqual(['Ready True']);
    expect(tagOf(await scenario.stream('web'), 'a')?.conditions).toBeUndefined();
  });

  it('waits for a tag that has no image yet, and moves workloads when it comes', async () => {
    await scenario.createTags('web', [follows('stable', 'candidate')]);
    const condition = await scenario.tagFails('web', 'stable');
    expect(condition).toMatchObject({ reason: 'NotFound' });
    expect(condition.message).toContain('imagestreamtag.image.openshift.io "web:candidate" not found');
    await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:stable', 'web')));
    const image = await scenario.push('1', 'first');
    await scenario.setTags('web', [follows('stable', 'candidate'), scenario.dockerTag('candidate', '1')]);
    await scenario.containerHas('web', 'web', scenario.pinned(image.digest));
  });
});

describe('an image out of the history', () => {
  it('is what a tag goes back to, by the beginning of its digest', async () => {
    const first = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('latest', '1')]);
    await scenario.tagHas('web', 'latest', first.digest);
    const second = await scenario.push('1', 'second');
    await scenario.requestImport('web');
    await scenario.tagHas('web', 'latest', second.digest);

    const id = `web@${first.digest.slice(0, 'sha256:'.length + 12)}`;
    await scenario.setTags('web', [{ name: 'latest', from: { kind: 'ImageStreamImage', name: id } }]);
    const items = await scenario.tagHas('web', 'latest', first.digest);
    expect(items.map(({ image }) => image)).toEqual([first.digest, second.digest, first.digest]);
    expect(items[0]).toMatchObject({ dockerImageReference: scenario.pinned(first.digest), generation: 2 });
    // Once taken, it stays: a request finds the same.
    await scenario.requestImport('web', 'again');
    await eventually(
      async () => {
        const tag = tagOf(await scenario.stream('web'), 'latest') as { lastImport?: { requested?: string } };
        return tag.lastImport?.requested === 'again';
      },
      { what: 'the request to be answered' },
    );
    expect(tagOf(await scenario.stream('web'), 'latest')?.items).toHaveLength(3);
  });

  it('that does not exist, or not only once, is a condition', async () => {
    await scenario.createTags('web', [
      { name: 'none', from: { kind: 'ImageStreamImage', name: 'web@sha256:0123456789' } },
    ]);
    expect(await scenario.tagFails('web', 'none')).toMatchObject({
      reason: 'NotFound',
      message: expect.stringContaining('imagestreamimage.image.openshift.io') as string,
    });
  });
});

describe('a tag of another stream', () => {
  it('is copied once, as soon as it is there, and again when that is asked for', async () => {
    await scenario.createTags('copy', [follows('base', 'source:1')]);
    expect(await scenario.tagFails('copy', 'base')).toMatchObject({
      reason: 'NotFound',
      message: expect.stringContaining(`"${scenario.namespace}/source:1" not found`) as string,
    });
    const first = await scenario.push('1', 'first');
    await scenario.createStream('source', ['1']);
    await scenario.tagHas('source', '1', first.digest);
    const [copied] = await scenario.tagHas('copy', 'base', first.digest);
    expect(copied?.created).toBe(tagOf(await scenario.stream('source'), '1')?.items?.[0]?.created);

    const second = await scenario.push('1', 'second');
    await scenario.requestImport('source');
    await scenario.tagHas('source', '1', second.digest);
    // Something that comes after the move and that the same worker does.
    await scenario.setTags('copy', [follows('base', 'source:1'), follows('other', 'source:1')]);
    await scenario.tagHas('copy', 'other', second.digest);
    expect(tagOf(await scenario.stream('copy'), 'base')?.items?.map(({ image }) => image)).toEqual([
      first.digest,
    ]);

    await scenario.requestImport('copy');
    await scenario.tagHas('copy', 'base', second.digest);
  });
});

describe('a tag of another namespace', () => {
  it('is seen when the namespace shares it, and as absent otherwise', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createStream('source', ['1']);
    await scenario.tagHas('source', '1', image.digest);
    await using other = await createNamespace(cluster.kube, 'consumer');
    const place = { kube: cluster.kube, namespace: other.name, name: 'copy' };
    const from = (name: string) => ({ kind: 'ImageStreamTag', namespace: scenario.namespace, name });
    await cluster.kube.create(imageStreams, {
      metadata: { namespace: other.name, name: 'copy' },
      spec: {
        tags: [
          { name: 'there', from: from('source:1') },
          { name: 'absent', from: from('missing:1') },
        ],
      },
    });
    const [there, absent] = [await streamTagFails(place, 'there'), await streamTagFails(place, 'absent')];
    expect(there.reason).toBe('NotFound');
    expect(there.message?.replaceAll('source', 'missing')).toBe(absent.message);
    expect(there.message).toContain(`system:serviceaccounts:${other.name} must be allowed to get`);

    await shareImages(cluster.kube, { of: scenario.namespace, with: other.name });
    await cluster.kube.patch(
      imageStreams,
      { namespace: other.name, name: 'copy' },
      { metadata: { annotations: { 'imagestream-operator/import-requested': 'now' } } },
    );
    const items = await streamTagHas(place, 'there', image.digest);
    expect(items[0]?.dockerImageReference).toBe(scenario.pinned(image.digest));
  });

  it('moves a workload when the namespace shares it, and not before', async () => {
    const image = await scenario.push('1', 'first');
    await scenario.createStream('source', ['1']);
    await scenario.tagHas('source', '1', image.digest);
    const consumer = await startTestScenario(cluster);
    const entry = trigger('source:1', 'web') as { from: object };
    const foreign = { ...entry, from: { ...entry.from, namespace: scenario.namespace } };
    await consumer.createDeployment('web', { web: ' ' }, triggers(foreign));
    // A workload of the namespace itself moves meanwhile.
    await scenario.createDeployment('web', { web: ' ' }, triggers(entry));
    await scenario.containerHas('web', 'web', scenario.pinned(image.digest));
    expect((await consumer.deployment('web')).spec.template.spec.containers[0]?.image).toBe(' ');

    await shareImages(cluster.kube, { of: scenario.namespace, with: consumer.namespace });
    await eventually(
      async () =>
        (await consumer.deployment('web')).spec.template.spec.containers[0]?.image ===
        scenario.pinned(image.digest),
      { what: 'the shared image' },
    );
  });
});
