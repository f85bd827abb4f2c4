// Jobs with triggers: their template cannot change, so they are replaced.
import { request } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { controllerRevisions, JobFixture, jobOf, jobs } from '../support/job-fixture.ts';
import { events, imageStreams, resource } from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

let cluster: SharedCluster;
let scenario: Scenario;
let job: JobFixture;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());
beforeEach(async () => {
  scenario = await startTestScenario(cluster);
  job = new JobFixture(scenario);
});

const policy = (value: string) => ({ 'imagestream-operator/job-policy': value });

const push = (content: string): Promise<string> => job.push(content);

/** A Deployment of the same tag: when it has the image, the Job has been looked at. */
async function witness(image: string): Promise<void> {
  const existing = await scenario.deployment('witness').catch(() => undefined);
  if (existing === undefined)
    await scenario.createDeployment('witness', { web: ' ' }, triggers(trigger('web:latest', 'web')));
  await scenario.containerHas('witness', 'web', image);
}

/** Requests that the API server did not take, of all tests. */
async function refusals(): Promise<number> {
  const text = await (await request(`${inject('operatorHealthUrl')}/metrics`)).body.text();
  return Number(/^imagestream_api_request_total\{method="POST",status="422"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

async function waitingJobs(): Promise<number> {
  const text = await (await request(`${inject('operatorHealthUrl')}/metrics`)).body.text();
  return Number(/^imagestream_workload_blocked\{reason="active"\} (\d+)$/m.exec(text)?.[1]);
}

describe('a suspended Job', () => {
  it('with a placeholder waits for its first image, and is then replaced and started', async () => {
    const created = await job.create({
      annotations: { 'example.test/note': 'kept' },
      metadata: { labels: { team: 'a' } },
      spec: { suspend: true, backoffLimit: 3, completions: 2 },
    });
    const image = await push('first');
    const started = await job.has(image);
    expect(started.metadata.uid).not.toBe(created.metadata.uid);
    expect(started.metadata.labels).toEqual({ team: 'a' });
    expect(started.metadata.annotations).toEqual(created.metadata.annotations);
    expect(started.spec).toMatchObject({ suspend: false, backoffLimit: 3, completions: 2 });
    await job.pod(image);
    expect(await scenario.event('work', 'ImageUpdated')).toBe(`container work now runs web:latest: ${image}`);
    await job.nothingKept();
  });

  it('with an image of its own gets the new one and stays suspended', async () => {
    const created = await job.create({ image: 'registry.example/work:1', spec: { suspend: true } });
    const replaced = await job.has(await push('first'));
    expect(replaced.metadata.uid).not.toBe(created.metadata.uid);
    expect(replaced.spec.suspend).toBe(true);
  });
});

describe('a Job that runs', () => {
  it.each(['Succeeded', 'Failed'] as const)(
    'comes to its end first (%s), without a policy',
    async (phase) => {
      const image = await push('first');
      const first = await job.create({ image, spec: { backoffLimit: 0 } });
      const pod = await job.pod(image);
      const next = await push('second');
      await eventually(async () => (await waitingJobs()) >= 1, { what: 'the Job to wait for its end' });
      expect(await scenario.event('work', 'JobRunsOn')).toContain(
        `with container work of web:latest: ${next}`,
      );
      expect((await job.get()).metadata.uid).toBe(first.metadata.uid);
      await job.endPod(pod, phase);
      const replaced = await job.has(next);
      expect(replaced.metadata.uid).not.toBe(first.metadata.uid);
      await job.pod(next);
      // What it had is over: nothing of its status is carried along.
      expect(replaced.status?.conditions ?? []).toEqual([]);
    },
  );

  it('is replaced at once with the policy Always, and its pods go', async () => {
    const image = await push('first');
    const first = await job.create({ image, annotations: policy('Always') });
    await job.pod(image);
    const next = await push('second');
    expect((await job.has(next)).metadata.uid).not.toBe(first.metadata.uid);
    await job.pod(next);
    expect(await job.podImages()).toEqual([next]);
  });

  it('gets the image of the moment when its pods have gone', async () => {
    const image = await push('first');
    await job.create({ image, annotations: policy('Always') });
    const pod = await job.pod(image);
    await job.holdPod(pod, true);
    await push('second');
    await job.goes();
    const last = await push('third');
    await job.holdPod(pod, false);
    await job.has(last);
    await job.nothingKept();
  });
});

describe('a Job that is deleted to be replaced', () => {
  async function startDeleting(): Promise<{ pod: string; next: string }> {
    const image = await push('first');
    await job.create({ image, annotations: policy('Always') });
    const pod = await job.pod(image);
    await job.holdPod(pod, true);
    const next = await push('second');
    await job.goes();
    return { pod, next };
  }

  it('does not run its old image once more when somebody wants calm meanwhile', async () => {
    const { pod, next } = await startDeleting();
    const metadata = { annotations: { 'imagestream-operator/hold': '' } };
    await cluster.kube.patch(imageStreams, { namespace: scenario.namespace, name: 'web' }, { metadata });
    await job.holdPod(pod, false);
    await job.has(next);
  });

  it('does not run its old image once more when its stream is gone', async () => {
    const { pod, next } = await startDeleting();
    await cluster.kube.delete(imageStreams, { namespace: scenario.namespace, name: 'web' });
    await job.holdPod(pod, false);
    await job.has(next);
    await job.nothingKept();
  });

  it('stays away when its ControllerRevision is deleted', async () => {
    const { pod, next } = await startDeleting();
    const [kept] = await cluster.kube.list(controllerRevisions, { namespace: scenario.namespace });
    const { name = '' } = kept?.metadata ?? {};
    await cluster.kube.delete(controllerRevisions, { namespace: scenario.namespace, name });
    await job.holdPod(pod, false);
    await job.gone();
    await witness(next);
    await job.gone();
  });
});

describe('a Job that has ended', () => {
  it('is left alone with the policy Never', async () => {
    const image = await push('first');
    const first = await job.create({ image, annotations: policy('Never') });
    await job.endPod(await job.pod(image));
    await witness(await push('second'));
    expect((await job.get()).metadata.uid).toBe(first.metadata.uid);
  });

  it('is told of a policy that does not exist', async () => {
    const image = await push('first');
    const first = await job.create({ image: 'registry.example/work:1', annotations: policy('Sometimes') });
    expect(await scenario.event('work', 'InvalidTrigger')).toContain('must be WhenFinished, Always or Never');
    await witness(image);
    expect((await job.get()).metadata.uid).toBe(first.metadata.uid);
  });
});

it('leaves the Jobs of a CronJob alone', async () => {
  const image = await push('first');
  const owner = await cluster.kube.create(resource('batch/v1', 'CronJob', 'cronjobs'), {
    metadata: { namespace: scenario.namespace, name: 'nightly' },
    spec: {
      schedule: '0 0 1 1 *',
      jobTemplate: { spec: jobOf(scenario.namespace, { image: 'a.example/b:1' }).spec },
    },
  } as never);
  const { uid = '' } = owner.metadata;
  const ownerReferences = [
    { apiVersion: 'batch/v1', kind: 'CronJob', name: 'nightly', uid, controller: true },
  ];
  const first = await job.create({
    image: 'registry.example/work:1',
    metadata: { ownerReferences },
    annotations: policy('Always'),
  });
  await witness(image);
  expect((await job.get()).metadata.uid).toBe(first.metadata.uid);
});

it('deletes no Job that would not be created again', async () => {
  const { kube } = cluster;
  const policies = resource(
    'admissionregistration.k8s.io/v1',
    'ValidatingAdmissionPolicy',
    'validatingadmissionpolicies',
  );
  const bindings = resource(
    'admissionregistration.k8s.io/v1',
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
  );
  const name = `no-digests-${scenario.namespace}`;
  onTestFinished(async () => {
    await kube.delete(bindings, { name });
    await kube.delete(policies, { name });
  });
  await kube.create(policies, {
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: ['batch'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['jobs'] },
        ],
      },
      validations: [
        {
          expression: '!object.spec.template.spec.containers[0].image.contains("@")',
          message: 'no digests here',
        },
      ],
    },
  } as never);
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': scenario.namespace } };
  await kube.create(bindings, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'], matchResources: { namespaceSelector } },
  } as never);
  const refused = jobOf(scenario.namespace, {
    image: 'registry.example/work@sha256:1',
    metadata: { name: 'probe' },
  });
  await eventually(
    async () =>
      kube.create(jobs, refused).then(
        () => kube.delete(jobs, { namespace: scenario.namespace, name: 'probe' }).then(() => false),
        () => true,
      ),
    {
      what: 'the policy to be in force',
    },
  );
  const first = await job.create({ image: 'registry.example/work:1', annotations: policy('Always') });
  await push('first');
  expect(await scenario.event('work', 'ImageUpdateRefused')).toContain('no digests here');
  // It is tried again, and told once.
  await eventually(async () => (await refusals()) >= 3, { what: 'three attempts' });
  const told = (await kube.list(events, { namespace: scenario.namespace })).filter(
    ({ reason }) => reason === 'ImageUpdateRefused',
  );
  expect(told.map(({ count }) => count)).toEqual([1]);
  expect(await job.get()).toMatchObject({ metadata: { uid: first.metadata.uid } });
  expect((await job.get()).metadata.deletionTimestamp).toBeUndefined();
  expect(await kube.list(controllerRevisions, { namespace: scenario.namespace })).toEqual([]);
});
