// One tag and many workloads: what ends in the middle goes on, and what others write meanwhile stays.
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

import { AuditLog } from '../support/audit-log.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { SharedCluster } from '../support/fixture.ts';
import { KubeRequestError } from '../support/kube-client.ts';
import { createOperatorCredentials, operatorUser } from '../support/operator-rights.ts';
import { crds } from '../support/own-cluster.ts';
import { deployment, deployments, type Workload } from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

let folder: TemporaryFolder;
let audit: AuditLog;
let cluster: Cluster;
let view: SharedCluster;

beforeAll(async () => {
  folder = await createTemporaryFolder();
  audit = await AuditLog.create({ folder: folder.path, user: operatorUser });
  cluster = await startCluster({ assets: inject('cluster').assets, crds, apiServerArgs: audit.flags });
  view = new SharedCluster(cluster.facts);
});
afterAll(async () => {
  await view?.close();
  await cluster?.stop();
  await folder?.remove();
});

const many = 150;
const never = new AbortController().signal;
const imageOf = ({ spec }: Workload): string | undefined => spec.template.spec.containers[0]?.image;

async function imagesIn({ namespace }: Scenario): Promise<readonly (string | undefined)[]> {
  return (await view.kube.list(deployments, { namespace })).map(imageOf);
}

async function allHave(scenario: Scenario, image: string): Promise<void> {
  await eventually(async () => (await imagesIn(scenario)).every((found) => found === image), {
    what: `all Deployments to have ${image}`,
  });
}

/** Patches of Deployments that the API server took and answered, by name. */
async function patches({ namespace }: Scenario): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const write of await audit.since(0))
    if (write.kind === 'patch deployments' && write.namespace === namespace)
      counts.set(write.name, (counts.get(write.name) ?? 0) + 1);
  return counts;
}

/** Deployments with a patch that was under way when the operator was killed: it may have been made or not. */
async function unheard({ namespace }: Scenario): Promise<ReadonlySet<string>> {
  const writes = await audit.since(0);
  const others = writes.filter(
    ({ kind, ...write }) => write.namespace === namespace && /^patch deployments (?!409)/.test(kind),
  );
  return new Set(others.map(({ name }) => name));
}

it('an operator that is killed in the middle leaves the rest to the next one, and nothing is patched twice', async () => {
  const { kubeconfigPath } = await createOperatorCredentials(cluster);
  const scenario = await startTestScenario(view);
  const { namespace } = scenario;
  const first = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  const annotations = triggers(trigger('web:latest', 'web'));
  for (let i = 0; i < many; i++) {
    const planned = deployment({
      namespace,
      name: `web-${i}`,
      containers: { web: ' ' },
      annotations,
      replicas: 0,
    });
    await view.kube.create(deployments, planned);
  }
  // One after the other, so that there is a middle.
  const slowly = ['--trigger-concurrency', '1'];
  const operator = await startTestOperator(kubeconfigPath, slowly);
  await allHave(scenario, scenario.pinned(first.digest));
  const second = await scenario.push('latest', 'second');
  await scenario.requestImport('web');
  await eventually(async () => [...(await patches(scenario)).values()].some((count) => count === 2), {
    what: 'the first Deployment to move',
  });
  operator.kill('SIGKILL');
  await operator.exited;
  const moved = (await imagesIn(scenario)).filter((image) => image === scenario.pinned(second.digest));
  expect(moved.length).toBeGreaterThan(0);
  expect(moved.length).toBeLessThan(many);

  await startTestOperator(kubeconfigPath, slowly);

  await allHave(scenario, scenario.pinned(second.digest));
  // The API server writes its log a little after the object.
  await audit.settled(never);
  const counts = await patches(scenario);
  expect(counts.size).toBe(many);
  const [others, cut] = [[...counts].filter(([, count]) => count !== 2), await unheard(scenario)];
  // One at a time, so one at most was cut off.
  expect(cut.size).toBeLessThanOrEqual(1);
  expect(others.filter(([name, count]) => count !== 1 || !cut.has(name))).toEqual([]);
});

it('no edit of a Deployment is lost while its tag moves, and none of the moves', async () => {
  const { kubeconfigPath } = await createOperatorCredentials(cluster);
  const scenario = await startTestScenario(view);
  const place = { namespace: scenario.namespace, name: 'web' };
  const first = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  await startTestOperator(kubeconfigPath);
  await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
  const over = new AbortController();
  let edits = 0;
  let conflicts = 0;
  // As kubectl edit and controllers do it: read, change, write back what was read.
  const editor = (async () => {
    while (!over.signal.aborted) {
      const { metadata, ...read } = await view.kube.get(deployments, place);
      const annotations = { ...metadata.annotations, [`example.test/edit-${edits}`]: '' };
      const edited = { ...read, metadata: { ...metadata, annotations } };
      await view.kube.replace(deployments, edited).then(
        () => edits++,
        (error: unknown) => {
          if (!(error instanceof KubeRequestError) || error.status !== 409) throw error;
          conflicts++;
        },
      );
    }
  })();
  let newest = first;
  const haveMet = (): boolean => edits > 20 && conflicts > 0;
  // The test's own time is the end of it.
  for (let round = 1; round <= 8 || !haveMet(); round++) {
    newest = await scenario.push('latest', `round ${round}`);
    await scenario.requestImport('web', String(round));
    await scenario.containerHas('web', 'web', scenario.pinned(newest.digest));
  }
  over.abort();
  await editor;

  const after = await view.kube.get(deployments, place);
  const kept = Object.keys(after.metadata.annotations ?? {}).filter((key) =>
    key.startsWith('example.test/edit-'),
  );
  expect(imageOf(after)).toBe(scenario.pinned(newest.digest));
  expect(kept.length).toBe(edits);
});
