import { request } from 'undici';
import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { useOwnCluster } from '../support/own-cluster.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { tagOf } from '../support/stream-waits.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const own = useOwnCluster();

const startOperator = (): Promise<OperatorProcess> => startTestOperator(own.cluster.kubeconfigPath);
const startScenario = (): Promise<Scenario> => startTestScenario(own.view);

/** A stream and a Deployment that follows it, imported. */
async function following(scenario: Scenario): Promise<string> {
  const image = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  await scenario.containerHas('web', 'web', scenario.pinned(image.digest));
  return image.digest;
}

/** The values of a metric, by the text of its labels. */
async function metric(operator: OperatorProcess, name: string): Promise<Readonly<Record<string, number>>> {
  const { body } = await request(`${operator.healthUrl}/metrics`);
  const text = await body.text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(name.length, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' '))),
    ]),
  );
}

describe('the API server', () => {
  it('can restart: what changes afterwards is seen, and the watches do not spin meanwhile', async () => {
    const operator = await startOperator();
    const scenario = await startScenario();
    await following(scenario);
    await own.cluster.stopApiServer();
    await operator.logged('list and watch interrupted', 20_000);
    await own.cluster.startApiServer();
    const second = await scenario.push('latest', 'second');
    await scenario.requestImport('web');
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
    const failures = await metric(operator, 'imagestream_watch_event_total');
    expect(failures['{resource="imagestreams",event="failure"}']).toBeLessThan(15);
  });
});

describe('the operator', () => {
  it('that starts again has nothing to do when nothing changed', async () => {
    const first = await startOperator();
    const scenario = await startScenario();
    await following(scenario);
    first.kill('SIGKILL');
    await first.exited;
    const [stream, deployment] = [await scenario.stream('web'), await scenario.deployment('web')];
    scenario.proxy.forget();

    const second = await startOperator();
    await eventually(
      async () => {
        const reconciles = await metric(second, 'imagestream_reconcile_total');
        const depth = await metric(second, 'imagestream_queue_depth');
        const done = (controller: string): number =>
          reconciles[`{controller="${controller}",result="success"}`] ?? 0;
        return (
          done('imagestream') > 0 &&
          done('trigger') > 0 &&
          Object.values(depth).every((waiting) => waiting === 0)
        );
      },
      { what: 'all keys to be looked at' },
    );
    expect(scenario.proxy.requests).toEqual([]);
    expect(await metric(second, 'imagestream_api_request_total')).not.toHaveProperty([
      '{method="PATCH",status="200"}',
    ]);
    expect((await scenario.stream('web')).metadata.resourceVersion).toBe(stream.metadata.resourceVersion);
    expect((await scenario.deployment('web')).metadata.generation).toBe(deployment.metadata.generation);
  });

  it('that is killed in the middle of an import takes it up again, once', async () => {
    const first = await startOperator();
    const scenario = await startScenario();
    const digest = await following(scenario);
    const moved = await scenario.push('latest', 'second');
    scenario.proxy.forget();
    scenario.proxy.behave(() => ({ kind: 'silent' }));
    await scenario.requestImport('web');
    await eventually(() => scenario.proxy.requests.length > 0, { what: 'the import to begin' });
    first.kill('SIGKILL');
    await first.exited;
    scenario.proxy.recover();
    await startOperator();
    const items = await scenario.tagHas('web', 'latest', moved.digest);
    expect(items.map(({ image }) => image)).toEqual([moved.digest, digest]);
    await scenario.containerHas('web', 'web', scenario.pinned(moved.digest));
  });

  it('ends within ten seconds of SIGTERM though an import hangs, and writes nothing about it', async () => {
    const operator = await startOperator();
    const scenario = await startScenario();
    await scenario.push('latest', 'first');
    scenario.proxy.behave(() => ({ kind: 'silent' }));
    await scenario.createStream('web', ['latest']);
    await eventually(() => scenario.proxy.requests.length > 0, { what: 'the import to begin' });
    const startedAt = performance.now();
    const { code, signal, stderr } = await operator.stop();
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect((await scenario.stream('web')).status).toBeUndefined();
  });

  it('ends at once when it has nothing to do', async () => {
    const operator = await startOperator();
    const { code } = await operator.stop();
    expect(code).toBe(0);
    expect(operator.logs.at(-1)?.msg).toBe('operator stopped');
  });

  it('goes on with other registries while one never answers', async () => {
    await startOperator();
    const dead = await startScenario();
    dead.proxy.behave(() => ({ kind: 'silent' }));
    for (let i = 0; i < 5; i++) await dead.createStream(`dead-${i}`, ['a', 'b', 'c']);
    await eventually(() => dead.proxy.requests.length >= 5, { what: 'the dead registry to be asked' });
    const alive = await startScenario();
    const image = await alive.push('latest', 'alive');
    await alive.createStream('web', ['latest']);
    await alive.tagHas('web', 'latest', image.digest);
    expect(tagOf(await dead.stream('dead-0'), 'a')).toBeUndefined();
  });
});
