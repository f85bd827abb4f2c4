// What people can say about the moves of a workload: modes, holds; and what happens when somebody else writes its images.

import { request } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import {
  deployment,
  deployments,
  events,
  imageStreams,
  imageStreamTags,
  type KubeObject,
  type ResourceType,
  type Workload,
} from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
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

const mode = (value: string) => ({ 'imagestream-operator/mode': value });
const hold = (value: string | null) => ({ 'imagestream-operator/hold': value });

const imagesOf = (workload: Workload): readonly string[] =>
  workload.spec.template.spec.containers.map(({ image }) => image);

async function annotate<T extends KubeObject>(
  type: ResourceType<T>,
  name: string,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const place = { namespace: scenario.namespace, name, patchType: 'merge' as const };
  await cluster.kube.patch(type, place, { metadata: { annotations } });
}

async function eventsOf(wanted: string) {
  const all = await cluster.kube.list(events, { namespace: scenario.namespace });
  return all.filter(({ reason }) => reason === wanted);
}

async function heldWorkloads(): Promise<number> {
  const text = await (await request(`${inject('operatorHealthUrl')}/metrics`)).body.text();
  return Number(/^imagestream_workload_blocked\{reason="held"\} (\d+)$/m.exec(text)?.[1]);
}

/** A stream with an image, and a Deployment that follows it. */
async function start(annotations: Readonly<Record<string, string>>, image = ' ') {
  const first = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.tagHas('web', 'latest', first.digest);
  await scenario.createDeployment(
    'web',
    { web: image },
    { ...triggers(trigger('web:latest', 'web')), ...annotations },
  );
  return first;
}

/** A second Deployment of the same stream that nothing keeps back: when it has an image, the others have been looked at. */
async function witness(digest: string): Promise<void> {
  const existing = await scenario.deployment('witness').catch(() => undefined);
  if (existing === undefined)
    await scenario.createDeployment('witness', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  await scenario.containerHas('witness', 'web', scenario.pinned(digest));
}

describe('the mode annotate', () => {
  it('sets an annotation of the pod template and leaves the image, which rolls out', async () => {
    const first = await start(mode('annotate'), 'registry.example/shop:stable');
    const before = await scenario.templateShows('web', 'web', scenario.pinned(first.digest));
    expect(imagesOf(before)).toEqual(['registry.example/shop:stable']);
    const second = await scenario.push('latest', 'second');
    await scenario.requestImport('web');
    const after = await scenario.templateShows('web', 'web', scenario.pinned(second.digest));
    expect(imagesOf(after)).toEqual(['registry.example/shop:stable']);
    expect(after.metadata.generation).toBe((before.metadata.generation ?? 0) + 1);
    expect(await scenario.event('web', 'ImageUpdated')).toContain('container web now runs web:latest');
  });
});

describe('the mode report', () => {
  it('writes nothing and tells once what would change', async () => {
    const first = await start(mode('report'), 'registry.example/shop:stable');
    expect(await scenario.event('web', 'ImageUpdateReported')).toBe(
      `container web would run web:latest: ${scenario.pinned(first.digest)}, it was registry.example/shop:stable`,
    );
    const created = await scenario.deployment('web');
    expect(imagesOf(created)).toEqual(['registry.example/shop:stable']);
    const told = (): Promise<string | undefined> =>
      cluster.kube
        .get(imageStreamTags, { namespace: scenario.namespace, name: 'web.latest' })
        .then(({ conditions }) => conditions?.find(({ type }) => type === 'UpdateReported')?.message);
    await eventually(told, { what: 'the ImageStreamTag to tell' });
    expect(await told()).toContain('Deployment/web container web (now registry.example/shop:stable)');
    await annotate(deployments, 'web', { 'example.test/touch': '1' });
    const second = await scenario.push('latest', 'second');
    await scenario.requestImport('web');
    await witness(second.digest);
    const reported = await eventually(
      async () => {
        const found = await eventsOf('ImageUpdateReported');
        return found.length === 2 && found;
      },
      { what: 'the second report' },
    );
    expect(new Set(reported.map(({ message }) => message)).size).toBe(2);
    const { spec } = await scenario.deployment('web');
    expect(spec).toEqual(created.spec);
    await annotate(deployments, 'web', mode('digest'));
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
    await eventually(async () => (await told()) === undefined, { what: 'the ImageStreamTag to be silent' });
  });
});

it('tells of a mode that does not exist, and moves nothing', async () => {
  const first = await start(mode('digets'));
  expect(await scenario.event('web', 'InvalidTrigger')).toContain('must be digest, annotate or report');
  await witness(first.digest);
  expect(imagesOf(await scenario.deployment('web'))).toEqual([' ']);
});

describe('a hold', () => {
  it.each(['workload', 'stream'] as const)('on the %s stops its moves until it is gone', async (on) => {
    const first = await start({});
    await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
    const set = (value: string | null): Promise<void> =>
      on === 'workload'
        ? annotate(deployments, 'web', hold(value))
        : annotate(imageStreams, 'web', hold(value));
    await set('');
    const second = await scenario.push('latest', 'second');
    await scenario.requestImport('web');
    await scenario.tagHas('web', 'latest', second.digest);
    if (on === 'workload') await witness(second.digest);
    else await eventually(async () => (await heldWorkloads()) >= 1, { what: 'the workload to be held' });
    expect(imagesOf(await scenario.deployment('web'))).toEqual([scenario.pinned(first.digest)]);
    await set(null);
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
  });

  it('with a time ends by itself', async () => {
    const end = new Date(Date.now() + 3_000).toISOString();
    const first = await start(hold(end) as Record<string, string>);
    await witness(first.digest);
    expect(imagesOf(await scenario.deployment('web'))).toEqual([' ']);
    await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
  });
});

describe('somebody who keeps putting another image', () => {
  it('wins after three rounds, hears why, and the next move is tried once', async () => {
    const first = await start({});
    const pinned = scenario.pinned(first.digest);
    await scenario.containerHas('web', 'web', pinned);
    const mine = deployment({
      namespace: scenario.namespace,
      name: 'web',
      containers: { web: 'registry.example/shop:git' },
      annotations: triggers(trigger('web:latest', 'web')),
    });
    const reapply = () => cluster.kube.apply(deployments, mine, 'argocd-controller');
    for (let round = 1; round <= 3; round++) {
      await reapply();
      await scenario.containerHas('web', 'web', pinned);
    }
    await reapply();
    const told = await scenario.event('web', 'ImageContested');
    expect(told).toContain(
      'argocd-controller keeps changing the image of web (now registry.example/shop:git)',
    );
    expect(told).toContain('imagestream-operator/mode: annotate');
    expect(imagesOf(await scenario.deployment('web'))).toEqual(['registry.example/shop:git']);

    const second = await scenario.push('latest', 'second');
    await scenario.requestImport('web');
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
    await reapply();
    // The same text within a second counts up the event that is there.
    const timesTold = async (): Promise<number> =>
      (await eventsOf('ImageContested')).reduce((sum, { count = 1 }) => sum + count, 0);
    await eventually(async () => (await timesTold()) === 2, { what: 'it to be left alone again' });
    expect(imagesOf(await scenario.deployment('web'))).toEqual(['registry.example/shop:git']);
  });
});
