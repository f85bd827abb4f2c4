// Replacements of Jobs that an operator has left, and operators without the right to replace any.
import { expect, it } from 'vitest';

import { controllerRevisions, imageOf, JobFixture, jobs } from '../support/job-fixture.ts';
import { createOperatorCredentials } from '../support/operator-rights.ts';
import { useOwnCluster } from '../support/own-cluster.ts';
import { type KubeObject, resource } from '../support/resources.ts';
import { trigger, triggers } from '../support/scenario.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const own = useOwnCluster();

const always = { 'imagestream-operator/job-policy': 'Always' };

it('a Job that was deleted when the operator was killed is created by the next one, with the image of that moment', async () => {
  const scenario = await startTestScenario(own.view);
  const job = new JobFixture(scenario);
  const operator = await startTestOperator(own.cluster.kubeconfigPath);
  const image = await job.push('first');
  const first = await job.create({ image, annotations: always });
  const pod = await job.pod(image);
  await job.holdPod(pod, true);
  await job.push('second');
  await job.goes();
  operator.kill('SIGKILL');
  await operator.exited;
  await job.holdPod(pod, false);
  await job.gone();

  await startTestOperator(own.cluster.kubeconfigPath);

  const last = await job.push('third');
  const created = await job.has(last);
  expect(created.metadata.uid).not.toBe(first.metadata.uid);
  expect(imageOf(created)).toBe(last);
  await job.nothingKept();
});

it.each([
  { name: 'nothing', data: {} },
  { name: 'no Job', data: { job: 'x' } },
  { name: 'a Job with odd owners', data: oddJob({ ownerReferences: null }) },
  {
    name: 'a Job with an odd annotation',
    data: oddJob({ annotations: { 'image.openshift.io/triggers': null } }),
  },
])('a ControllerRevision with our label that holds $name stops nobody', async ({ data }) => {
  const scenario = await startTestScenario(own.view);
  const uid = '00000000-0000-4000-8000-000000000000';
  const metadata = {
    namespace: scenario.namespace,
    name: `odd-${uid}`,
    labels: { 'imagestream-operator/replaced-job': uid },
  };
  await own.view.kube.create(controllerRevisions, { metadata, data, revision: 1 } as KubeObject);

  const operator = await startTestOperator(own.cluster.kubeconfigPath);

  const { digest } = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  await scenario.containerHas('web', 'web', scenario.pinned(digest));
  await operator.logged('job given up: its ControllerRevision is gone', 20_000);
  expect(await own.view.kube.list(jobs, { namespace: scenario.namespace })).toEqual([]);
});

it('an operator without the right to replace Jobs does everything else', async () => {
  const scenario = await startTestScenario(own.view);
  const { kubeconfigPath } = await createOperatorCredentials(own.cluster);
  const roles = resource<KubeObject & { rules: { resources: string[] }[] }>(
    'rbac.authorization.k8s.io/v1',
    'ClusterRole',
    'clusterroles',
  );
  const role = await own.view.kube.get(roles, { name: 'imagestream-operator' });
  const rules = role.rules.filter(
    ({ resources: [first] }) => first !== 'jobs' && first !== 'controllerrevisions',
  );
  expect(rules.length).toBe(role.rules.length - 2);
  await own.view.kube.patch(roles, { name: 'imagestream-operator' }, { rules });

  await startTestOperator(kubeconfigPath);

  const job = new JobFixture(scenario);
  const image = await job.push('first');
  const first = await job.create({ image: 'registry.example/work:1', annotations: always });
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  await scenario.containerHas('web', 'web', image);
  expect((await job.get()).metadata.uid).toBe(first.metadata.uid);
});

function oddJob(metadata: object): object {
  const annotations = { 'image.openshift.io/triggers': '[]' };
  const job = { metadata: { name: 'odd', annotations, ...metadata }, spec: {} };
  return { job, mode: 'digest', formerVersion: '1', moves: [null] };
}
