// What an operator does by itself: checks on a schedule, hints by push notifications, a policy file, whole repositories.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { useOwnCluster } from '../support/own-cluster.ts';
import { imageStream, imageStreams } from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { tagOf } from '../support/stream-waits.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const secret = 'a secret of some length';

const own = useOwnCluster();

const startOperator = (args: readonly string[] = []): Promise<OperatorProcess> =>
  startTestOperator(own.cluster.kubeconfigPath, args);
const startScenario = (): Promise<Scenario> => startTestScenario(own.view);

/** Creates a stream whose tag `latest` is checked by itself. */
async function createScheduled(
  scenario: Scenario,
  name: string,
  image = scenario.pullSpec('latest'),
): Promise<void> {
  const importPolicy = { insecure: true, scheduled: true };
  await own.view.kube.create(imageStreams, {
    metadata: { namespace: scenario.namespace, name },
    spec: { tags: [{ name: 'latest', from: { kind: 'DockerImage', name: image }, importPolicy }] },
  });
}

async function writeTemporary(name: string, content: string): Promise<string> {
  const path = join(own.cluster.dir, name);
  await writeFile(path, content);
  onTestFinished(() => rm(path, { force: true }));
  return path;
}

describe('a scheduled tag', () => {
  it('is checked with one HEAD a period, shared by all streams that follow it, and without a write', async () => {
    await startOperator(['--schedule-period', '1s']);
    const scenario = await startScenario();
    const image = await scenario.push('latest', 'first');
    for (const name of ['one', 'two', 'three']) await createScheduled(scenario, name);
    for (const name of ['one', 'two', 'three']) await scenario.tagHas(name, 'latest', image.digest);
    const before = await scenario.stream('one');
    scenario.proxy.forget();
    const heads = (): number => scenario.proxy.requests.filter(({ method }) => method === 'HEAD').length;
    await eventually(() => heads() >= 3, { what: 'three checks' });
    expect(scenario.proxy.requests.length).toBe(heads());
    expect((await scenario.stream('one')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('that moved is imported, and workloads follow', async () => {
    await startOperator(['--schedule-period', '1s']);
    const scenario = await startScenario();
    const first = await scenario.push('latest', 'first');
    await createScheduled(scenario, 'web');
    await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
    await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
    const second = await scenario.push('latest', 'second');
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
  });

  it('of a registry that asks for fewer requests is left alone and keeps its image, without a word', async () => {
    await startOperator(['--schedule-period', '1s']);
    const scenario = await startScenario();
    const image = await scenario.push('latest', 'first');
    await createScheduled(scenario, 'web');
    await scenario.tagHas('web', 'latest', image.digest);
    const before = await scenario.stream('web');
    scenario.proxy.forget();
    scenario.proxy.behave(() => ({ kind: 'answer', status: 429, headers: { 'retry-after': '3' } }));
    await eventually(() => scenario.proxy.requests.length > 0, { what: 'the first refusal' });
    scenario.proxy.recover();
    const refusedAt = Date.now();
    await eventually(() => scenario.proxy.requests.length > 1, { what: 'the next check' });
    expect(Date.now() - refusedAt).toBeGreaterThan(2_500);
    expect((await scenario.stream('web')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('pinned to a digest is not checked once it has been imported', async () => {
    await startOperator(['--schedule-period', '1s']);
    const scenario = await startScenario();
    const image = await scenario.push('latest', 'first');
    await createScheduled(scenario, 'pinned', scenario.pinned(image.digest));
    await createScheduled(scenario, 'followed');
    await scenario.tagHas('pinned', 'latest', image.digest);
    await scenario.tagHas('followed', 'latest', image.digest);
    scenario.proxy.forget();
    await eventually(() => scenario.proxy.requests.length >= 3, { what: 'checks of the other tag' });
    expect(scenario.proxy.requests.some(({ path }) => path.includes('sha256'))).toBe(false);
  });
});

describe('a push notification', () => {
  it('has what it names looked at at once, and is not believed', async () => {
    const file = await writeTemporary('notification-secret', `${secret}\n`);
    const args = [
      '--notification-port',
      '0',
      '--notification-host',
      '127.0.0.1',
      '--notification-secret-file',
      file,
    ];
    const operator = await startOperator(args);
    const { port } = await operator.logged('receiving push notifications', 5_000);
    const scenario = await startScenario();
    const first = await scenario.push('latest', 'first');
    await createScheduled(scenario, 'web');
    await scenario.tagHas('web', 'latest', first.digest);
    const second = await scenario.push('latest', 'second');
    const notify = async (authorization: string): Promise<number> => {
      const { statusCode, body } = await request(`http://127.0.0.1:${String(port)}/v1/notify/generic`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({
          images: [scenario.pullSpec('latest'), `${scenario.proxy.host}/nobody/follows:this`],
        }),
      });
      await body.dump();
      return statusCode;
    };
    scenario.proxy.forget();
    expect(await notify('Bearer wrong')).toBe(401);
    expect(await notify(`Bearer ${secret}`)).toBe(202);
    await scenario.tagHas('web', 'latest', second.digest);
    expect(scenario.proxy.conversation[0]).toBe(`HEAD /v2/${scenario.repository}/manifests/latest`);
    expect(scenario.proxy.conversation.filter((line) => line.includes('nobody'))).toEqual([]);
  });

  it('without a secret cannot be switched on', async () => {
    const operator = OperatorProcess.spawn({
      kubeconfigPath: own.cluster.kubeconfigPath,
      args: ['--notification-port', '0'],
    });
    const { code, stderr } = await operator.exited;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('nobody may notify without a secret'),
    });
  });
});

describe('a registry policy', () => {
  it('sends imports to mirrors, falls back to the origin, and stores the origin', async () => {
    const [origin, mirror] = [await startScenario(), await startScenario()];
    const image = await origin.push('latest', 'first');
    const policy = [
      'mirrors:',
      `  - prefix: ${origin.proxy.host}/test`,
      `    mirrors: ["${mirror.proxy.host}/test"]`,
      `insecure: ["${mirror.proxy.host}"]`,
    ].join('\n');
    await startOperator(['--registry-policy', await writeTemporary('policy.yaml', policy)]);
    await origin.createStream('web', ['latest']);
    await origin.tagHas('web', 'latest', image.digest);
    // Both proxies lead to the same registry, so the mirror had it.
    expect(mirror.proxy.requests).toHaveLength(2);
    expect(origin.proxy.requests).toHaveLength(0);
    expect(tagOf(await origin.stream('web'), 'latest')?.items?.[0]?.dockerImageReference).toBe(
      origin.pinned(image.digest),
    );
    mirror.proxy.behave(() => ({ kind: 'answer', status: 500 }));
    const second = await origin.push('latest', 'second');
    await origin.requestImport('web');
    await origin.tagHas('web', 'latest', second.digest);
    expect(origin.proxy.requests).toHaveLength(2);
  });

  it('keeps blocked registries out, also ones that it blocks later', async () => {
    const scenario = await startScenario();
    const path = await writeTemporary('policy.yaml', 'blocked: []\n');
    const operator = await startOperator(['--registry-policy', path]);
    const image = await scenario.push('latest', 'first');
    await scenario.createStream('before', ['latest']);
    await scenario.tagHas('before', 'latest', image.digest);
    await writeFile(path, `blocked: ["${scenario.proxy.host}"]\n`);
    await operator.logged('registry policy changed', 15_000);
    scenario.proxy.forget();
    await scenario.createStream('after', ['latest']);
    expect(await scenario.tagFails('after', 'latest')).toMatchObject({
      reason: 'Forbidden',
      message: `forbidden: registry ${scenario.proxy.host} blocked; ask whoever keeps the registry policy`,
    });
    expect(scenario.proxy.requests).toEqual([]);
  });

  it('with faults ends the start, and names them all', async () => {
    const path = await writeTemporary('policy.yaml', 'alowed: []\nblocked: [7]\n');
    const operator = OperatorProcess.spawn({
      kubeconfigPath: own.cluster.kubeconfigPath,
      args: ['--registry-policy', path],
    });
    const { code, stderr } = await operator.exited;
    expect(code).toBe(1);
    expect(stderr).toContain('alowed: unknown key');
    expect(stderr).toContain('blocked[0]');
  });
});

describe('a whole repository', () => {
  it('is imported by priority up to the limit, without a write to the spec', async () => {
    await startOperator(['--repository-tag-limit', '3']);
    const scenario = await startScenario();
    const digests = new Map<string, string>();
    for (const tag of ['1.0', '2.0', 'latest', 'zzz', 'abc']) {
      digests.set(tag, (await scenario.push(tag, tag)).digest);
    }
    const base = imageStream({ namespace: scenario.namespace, name: 'all' });
    await own.view.kube.create(imageStreams, {
      ...base,
      metadata: { ...base.metadata, annotations: { 'openshift.io/image.insecureRepository': 'true' } },
      spec: { dockerImageRepository: `${scenario.proxy.host}/${scenario.repository}` },
    });
    for (const tag of ['latest', '2.0', '1.0']) await scenario.tagHas('all', tag, digests.get(tag) ?? '');
    const { spec, status } = await scenario.stream('all');
    expect(spec).toEqual({ dockerImageRepository: `${scenario.proxy.host}/${scenario.repository}` });
    expect(status?.tags?.map(({ tag }) => tag)).toEqual(['1.0', '2.0', 'latest']);
    expect(status).toMatchObject({
      dockerImageRepository: `${scenario.proxy.host}/${scenario.repository}`,
      repositoryImport: { tags: ['latest', '2.0', '1.0'], additionalTags: 2 },
    });
  });
});
