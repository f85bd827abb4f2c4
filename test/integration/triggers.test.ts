import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { deployment, deployments, events, type Workload } from '../support/resources.ts';
import { Scenario, trigger, triggers } from '../support/scenario.ts';
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

/** A workload without what the API server counts and what the test expects to differ: the image of a container. */
function withoutImage(workload: Workload, container: string): unknown {
  const { spec, metadata } = workload;
  const containers = spec.template.spec.containers.map((entry) =>
    entry.name === container ? { ...entry, image: '' } : entry,
  );
  const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
  const { name, labels, uid } = metadata;
  const annotations = { ...metadata.annotations, 'deployment.kubernetes.io/revision': '' };
  return { metadata: { name, labels, uid, annotations }, spec: { ...spec, template } };
}

it('gives a Deployment its image, and the next one when the tag moves, and nothing else of it changes', async () => {
  const first = await scenario.push('latest', 'first');
  const created = await scenario.createDeployment(
    'web',
    { web: ' ', sidecar: 'example.test/sidecar:1' },
    { ...triggers(trigger('web:latest', 'web')), 'example.test/keep': 'me' },
  );
  await scenario.createStream('web', ['latest']);
  const patched = await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
  expect(withoutImage(patched, 'web')).toEqual(withoutImage(created, 'web'));
  expect(patched.metadata.generation).toBe(2);

  const second = await scenario.push('latest', 'second');
  await scenario.requestImport('web');
  const moved = await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
  expect(withoutImage(moved, 'web')).toEqual(withoutImage(created, 'web'));
  expect(moved.metadata.generation).toBe(3);
  expect(await scenario.event('web', 'ImageUpdated')).toMatch(
    /^container web now runs web:latest: \S+@sha256:\w{64}/,
  );
});

it('sets several containers and init containers, by name and by index, with one patch', async () => {
  const image = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.tagHas('web', 'latest', image.digest);
  const base = deployment({
    namespace: scenario.namespace,
    name: 'several',
    containers: { one: ' ', two: 'example.test/two:1', three: ' ' },
    annotations: triggers(trigger('web:latest', 'one'), trigger('web:latest', 'setup', 'initContainers'), {
      from: { kind: 'ImageStreamTag', name: 'web:latest' },
      fieldPath: 'spec.template.spec.containers[2].image',
    }),
  });
  const spec = { ...base.spec.template.spec, initContainers: [{ name: 'setup', image: ' ' }] };
  await cluster.kube.create(deployments, {
    ...base,
    spec: { ...base.spec, template: { ...base.spec.template, spec } },
  });
  const want = scenario.pinned(image.digest);
  const patched = await scenario.containerHas('several', 'setup', want);
  expect(patched.spec.template.spec.containers.map((container) => container.image)).toEqual([
    want,
    'example.test/two:1',
    want,
  ]);
  expect(patched.metadata.generation).toBe(2);
});

it('keeps a Deployment as it is while the import fails', async () => {
  const image = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  const before = await scenario.containerHas('web', 'web', scenario.pinned(image.digest));
  scenario.proxy.behave(() => ({ kind: 'disconnect' }));
  await scenario.requestImport('web');
  await scenario.tagFails('web', 'latest');
  const after = await scenario.deployment('web');
  expect(after.spec).toEqual(before.spec);
  expect(after.metadata.generation).toBe(before.metadata.generation);
});

it("puts a person's edit of a triggered image back", async () => {
  const image = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  await scenario.containerHas('web', 'web', scenario.pinned(image.digest));
  const path = { namespace: scenario.namespace, name: 'web', patchType: 'json' as const };
  await cluster.kube.patch(deployments, path, [
    { op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'example.test/mine:1' },
  ]);
  const restored = await scenario.containerHas('web', 'web', scenario.pinned(image.digest));
  expect(restored.metadata.generation).toBe(4);
});

it('leaves paused triggers, workloads without triggers and images of a removed trigger alone', async () => {
  const first = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  const paused = { ...trigger('web:latest', 'web'), paused: 'true' };
  await scenario.createDeployment('paused', { web: 'example.test/old:1' }, triggers(paused));
  await scenario.createDeployment('plain', { web: 'example.test/old:1' }, {});
  await scenario.createDeployment(
    'both',
    { web: ' ', side: ' ' },
    triggers(trigger('web:latest', 'web'), trigger('web:latest', 'side')),
  );
  await scenario.containerHas('both', 'side', scenario.pinned(first.digest));

  // One of two triggers goes: its image must stay, and the other one must go on.
  await cluster.kube.patch(
    deployments,
    { namespace: scenario.namespace, name: 'both' },
    { metadata: { annotations: triggers(trigger('web:latest', 'side')) } },
  );
  const second = await scenario.push('latest', 'second');
  await scenario.requestImport('web');
  const both = await scenario.containerHas('both', 'side', scenario.pinned(second.digest));
  expect(both.spec.template.spec.containers.map(({ image }) => image)).toEqual([
    scenario.pinned(first.digest),
    scenario.pinned(second.digest),
  ]);
  for (const name of ['paused', 'plain']) {
    const { spec, metadata } = await scenario.deployment(name);
    expect(spec.template.spec.containers[0]?.image).toBe('example.test/old:1');
    expect(metadata.generation).toBe(1);
  }
});

it('lets a tool that applies from Git remove and rename containers that triggers had set', async () => {
  const image = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  const { namespace } = scenario;
  const apply = async (names: readonly string[]): Promise<void> => {
    const containers = Object.fromEntries(names.map((name) => [name, ' ']));
    const annotations = triggers(...names.map((name) => trigger('web:latest', name)));
    await cluster.kube.apply(
      deployments,
      deployment({ namespace, name: 'git', containers, annotations }),
      'gitops',
    );
  };
  await apply(['web', 'side']);
  await scenario.containerHas('git', 'side', scenario.pinned(image.digest));
  await apply(['app']);
  const { spec } = await scenario.containerHas('git', 'app', scenario.pinned(image.digest));
  expect(spec.template.spec.containers.map(({ name }) => name)).toEqual(['app']);
});

it('does not wear itself out against somebody who keeps putting an image back', async () => {
  const image = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  const want = scenario.pinned(image.digest);
  await scenario.containerHas('web', 'web', want);
  const address = { namespace: scenario.namespace, name: 'web', patchType: 'json' as const };
  const putBack = [
    { op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'example.test/mine:1' },
  ];
  const until = Date.now() + 2_000;
  let rounds = 0;
  while (Date.now() < until) {
    const { spec } = await cluster.kube.patch(deployments, address, putBack);
    if (spec.template.spec.containers[0]?.image !== want) rounds++;
  }
  await scenario.event('web', 'ImageContested');
  const { metadata } = await scenario.deployment('web');
  expect(rounds).toBeGreaterThan(20);
  // Each of the operator's own patches is a generation, and so is each of the other side's that follows one.
  expect(metadata.generation).toBeLessThan(12);
});

it('does not follow a stream of another namespace', async () => {
  await using other = await Scenario.start(cluster);
  const image = await other.push('latest', 'secret');
  await other.createStream('web', ['latest']);
  await other.tagHas('web', 'latest', image.digest);
  const foreign = { ...trigger('web:latest', 'web') };
  const from = { kind: 'ImageStreamTag', name: 'web:latest', namespace: other.namespace };
  await scenario.createDeployment('thief', { web: ' ' }, triggers({ ...foreign, from }));
  // A trigger of the same workload that may act shows that the workload was looked at.
  const own = await scenario.push('latest', 'own');
  await scenario.createStream('own', ['latest']);
  await scenario.createDeployment(
    'mixed',
    { web: ' ', own: ' ' },
    triggers({ ...foreign, from }, trigger('own:latest', 'own')),
  );
  const mixed = await scenario.containerHas('mixed', 'own', scenario.pinned(own.digest));
  expect(mixed.spec.template.spec.containers[0]?.image).toBe(' ');
  expect((await scenario.deployment('thief')).metadata.generation).toBe(1);
});

describe('bad input', () => {
  it.each([
    { name: 'no JSON', annotation: '[{', message: 'the annotation is not valid JSON' },
    {
      name: 'an unknown container',
      annotation: JSON.stringify([trigger('web:latest', 'nobody')]),
      message: 'no such container: spec.template.spec.containers[?(@.name=="nobody")].image',
    },
    {
      name: 'a wrong path',
      annotation: JSON.stringify([
        { ...trigger('web:latest', 'web'), fieldPath: 'spec.containers[0].image' },
      ]),
      message:
        'trigger 1: field path is not valid: spec.containers[0].image: it must start with spec.template.spec',
    },
    {
      name: 'a source without a tag',
      annotation: JSON.stringify([trigger('web', 'web')]),
      message: 'trigger 1: from.name must be of the form <stream>:<tag>, not "web"',
    },
  ])(
    '$name becomes one Warning event on the workload, and the others go on',
    async ({ annotation, message }) => {
      await scenario.createDeployment('bad', { web: ' ' }, { 'image.openshift.io/triggers': annotation });
      expect(await scenario.event('bad', 'InvalidTrigger')).toBe(message);

      const image = await scenario.push('latest', 'first');
      await scenario.createStream('web', ['latest']);
      await scenario.createDeployment('good', { web: ' ' }, triggers(trigger('web:latest', 'web')));
      await scenario.containerHas('good', 'web', scenario.pinned(image.digest));
      const told = (await cluster.kube.list(events, { namespace: scenario.namespace })).filter(
        ({ reason }) => reason === 'InvalidTrigger',
      );
      expect(told).toMatchObject([{ type: 'Warning', count: 1 }]);
    },
  );
});
