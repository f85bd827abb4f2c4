// What operators with other settings, or that were away, do with Images and ImageStreamTags.
import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { pushIndex } from '../support/images.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { useOwnCluster } from '../support/own-cluster.ts';
import { imageStreams, imageStreamTags, images, type KubeObject } from '../support/resources.ts';
import type { Scenario } from '../support/scenario.ts';
import { tagOf } from '../support/stream-waits.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const own = useOwnCluster();

const startOperator = (args: readonly string[] = []): Promise<OperatorProcess> =>
  startTestOperator(own.cluster.kubeconfigPath, args);
const startScenario = (): Promise<Scenario> => startTestScenario(own.view);

/** The name of an Image. */
const objectName = (digest: string): string => digest.replace(':', '-');

const findImage = (digest: string): Promise<KubeObject | undefined> =>
  own.view.kube.find(images, { name: objectName(digest) });

async function imageGoes(digest: string): Promise<void> {
  await eventually(async () => (await findImage(digest)) === undefined, {
    what: `the Image ${digest} to go`,
  });
}

describe('an Image', () => {
  it('that somebody deleted comes back when a tag shows it anew', async () => {
    const operator = await startOperator();
    const scenario = await startScenario();
    const image = await scenario.push('1', 'first');
    await scenario.createStream('web', ['1']);
    const before = await scenario.tagObjectIs('web.1', ({ image: shown }) => shown !== undefined);
    await operator.stop();
    await startOperator();
    await own.view.kube.delete(images, { name: objectName(image.digest) });
    await own.view.kube.delete(imageStreamTags, { namespace: scenario.namespace, name: 'web.1' });
    await scenario.tagObjectIs('web.1', ({ metadata, image: shown }) => {
      expect(shown).toEqual(before.image);
      return metadata.uid !== before.metadata.uid;
    });
  });
});

describe('the sweep', () => {
  it('takes what no history reaches, and nothing that a history or its index holds', async () => {
    const scenario = await startScenario();
    const target = { host: own.view.registryHost, repository: scenario.repository };
    await startOperator(['--image-grace-period', '1s', '--history-limit', '2']);
    const index = await pushIndex(
      { ...target, tag: 'multi' },
      {
        content: 'several',
        platforms: [
          { os: 'linux', architecture: 'amd64' },
          { os: 'linux', architecture: 'arm64' },
        ],
      },
    );
    const whole = { importPolicy: { insecure: true, importMode: 'PreserveOriginal' } };
    await scenario.createTags('web', [
      scenario.dockerTag('multi', 'multi', whole),
      scenario.dockerTag('1', '1'),
    ]);
    await scenario.tagHas('web', 'multi', index.digest);
    const history: string[] = [];
    for (const content of ['first', 'second', 'third']) {
      const { digest } = await scenario.push('1', content);
      await scenario.requestImport('web');
      await scenario.tagHas('web', '1', digest);
      history.push(digest);
    }
    const [oldest = '', ...kept] = history;
    await imageGoes(oldest);
    for (const digest of [index.digest, ...index.images.map((image) => image.digest), ...kept])
      expect(await findImage(digest), digest).toBeDefined();

    // The index goes, and with it its images; a stream's deletion is enough.
    await own.view.kube.delete(imageStreams, { namespace: scenario.namespace, name: 'web' });
    for (const digest of [index.digest, ...index.images.map((image) => image.digest), ...kept])
      await imageGoes(digest);
  });
});

describe('while the operator is away', () => {
  it('the deletion of a declared tag is not forgotten, and nothing else is', async () => {
    const operator = await startOperator();
    const scenario = await startScenario();
    const image = await scenario.push('1', 'first');
    await scenario.createTags('web', [scenario.dockerTag('kept', '1'), scenario.dockerTag('removed', '1')]);
    await own.view.kube.create(imageStreamTags, {
      metadata: { namespace: scenario.namespace, name: 'web.declared' },
      tag: scenario.dockerTag('declared', '1'),
    });
    for (const name of ['web.kept', 'web.removed', 'web.declared'])
      await scenario.tagObjectIs(name, ({ image: shown }) => shown?.metadata?.name === image.digest);
    await operator.stop();
    await scenario.setTags('web', [scenario.dockerTag('kept', '1')]);
    await own.view.kube.delete(imageStreamTags, { namespace: scenario.namespace, name: 'web.declared' });

    await startOperator();
    await eventually(async () => tagOf(await scenario.stream('web'), 'declared') === undefined, {
      what: 'the declared tag to go',
    });
    const { status } = await scenario.stream('web');
    expect(status?.tags?.map(({ tag, items }) => [tag, items?.[0]?.image])).toEqual([
      ['kept', image.digest],
      ['removed', image.digest],
    ]);
    expect(
      await own.view.kube.find(imageStreamTags, { namespace: scenario.namespace, name: 'web.declared' }),
    ).toBeUndefined();
  });
});

describe('a registry of the cluster', () => {
  it('is what tags with the policy Local name, and where the stream is said to be', async () => {
    await startOperator(['--local-registry', 'registry.example.com:5000']);
    const scenario = await startScenario();
    const image = await scenario.push('1', 'first');
    const local = scenario.dockerTag('local', '1', { referencePolicy: { type: 'Local' } });
    await scenario.createTags('web', [local, scenario.dockerTag('source', '1')]);
    const { namespace } = scenario;
    const object = await scenario.tagObjectIs('web.local', ({ image: shown }) => shown !== undefined);
    expect(object.image?.dockerImageReference).toBe(
      `registry.example.com:5000/${namespace}/web@${image.digest}`,
    );
    const other = await scenario.tagObjectIs('web.source', ({ image: shown }) => shown !== undefined);
    expect(other.image?.dockerImageReference).toBe(scenario.pinned(image.digest));
    const { status } = await scenario.stream('web');
    expect(status?.dockerImageRepository).toBe(`registry.example.com:5000/${namespace}/web`);
    // The history tells where the image came from, as in the reference.
    expect(tagOf(await scenario.stream('web'), 'local')?.items?.[0]?.dockerImageReference).toBe(
      scenario.pinned(image.digest),
    );
  });
});
