// Taking things away: nothing hangs, nothing is left behind, and workloads stay as they are.
import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { crds, useOwnCluster } from '../support/own-cluster.ts';
import {
  customResourceDefinitions,
  deployments,
  imageStreams,
  imageStreamTags,
  images,
  namespaces,
} from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const own = useOwnCluster();

/** A namespace with a stream, ImageStreamTags (kept and declared) and a Deployment that follows. */
async function startUsed(): Promise<{ scenario: Scenario; image: string }> {
  const scenario = await startTestScenario(own.view);
  const { digest } = await scenario.push('1', 'first');
  await scenario.createStream('web', ['1']);
  await own.view.kube.create(imageStreamTags, {
    metadata: { namespace: scenario.namespace, name: 'web.mine' },
    tag: scenario.dockerTag('mine', '1'),
  });
  for (const name of ['web.1', 'web.mine'])
    await scenario.tagObjectIs(name, ({ image }) => image?.metadata?.name === digest);
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:1', 'web')));
  const image = scenario.pinned(digest);
  await scenario.containerHas('web', 'web', image);
  return { scenario, image };
}

async function namespaceGoes(name: string): Promise<void> {
  await own.view.kube.delete(namespaces, { name });
  await eventually(async () => (await own.view.kube.find(namespaces, { name })) === undefined, {
    what: `the namespace ${name} to go`,
    timeoutMs: 40_000,
  });
}

describe('a namespace', () => {
  it('goes while the operator runs', async () => {
    const operator = await startTestOperator(own.cluster.kubeconfigPath);
    const { scenario } = await startUsed();
    await namespaceGoes(scenario.namespace);
    expect(await own.view.kube.list(imageStreamTags, { namespace: scenario.namespace })).toEqual([]);
    const troubles = operator.logs.filter(({ level }) => level === 'error');
    expect(troubles).toEqual([]);
  });

  it('goes while the operator is away', async () => {
    const operator = await startTestOperator(own.cluster.kubeconfigPath);
    const { scenario } = await startUsed();
    await operator.stop();
    await namespaceGoes(scenario.namespace);
    expect(await own.view.kube.list(imageStreams, { namespace: scenario.namespace })).toEqual([]);
  });
});

describe('the operator', () => {
  it('goes without its workloads: they stay on their images, also when the definitions go', async () => {
    const operator = await startTestOperator(own.cluster.kubeconfigPath);
    const { scenario, image } = await startUsed();
    const before = await own.view.kube.get(deployments, { namespace: scenario.namespace, name: 'web' });
    expect(await operator.stop()).toMatchObject({ code: 0 });
    const definitions = await own.view.kube.list(customResourceDefinitions);
    for (const { metadata } of definitions)
      await own.view.kube.delete(customResourceDefinitions, { name: metadata.name });
    await eventually(async () => (await own.view.kube.list(customResourceDefinitions)).length === 0, {
      what: 'the definitions to go',
    });
    const after = await scenario.containerHas('web', 'web', image);
    expect(after.metadata.generation).toBe(before.metadata.generation);

    // Nothing is left of what they held.
    expect(await own.view.kubectl(['apply', '--server-side', '-f', crds])).toMatchObject({ exitCode: 0 });
    for (const type of [imageStreams, imageStreamTags, images]) {
      // Each is served a little later than the one before.
      const left = await eventually(() => own.view.kube.list(type), {
        what: `${type.plural} to be served again`,
      });
      expect(left).toEqual([]);
    }
  });

  it('outlives its definitions, and goes on when they come back', async () => {
    await startTestOperator(own.cluster.kubeconfigPath);
    const { scenario, image } = await startUsed();
    const definitions = await own.view.kube.list(customResourceDefinitions);
    for (const { metadata } of definitions)
      await own.view.kube.delete(customResourceDefinitions, { name: metadata.name });
    await eventually(async () => (await own.view.kube.list(customResourceDefinitions)).length === 0, {
      what: 'the definitions to go',
    });
    await scenario.containerHas('web', 'web', image);
    expect(await own.view.kubectl(['apply', '--server-side', '-f', crds])).toMatchObject({ exitCode: 0 });
    const second = await scenario.push('1', 'second');
    await eventually(() => scenario.createStream('web', ['1']), {
      what: 'the definitions to be served again',
    });
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
  });
});
