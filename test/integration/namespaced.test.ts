// An operator of one namespace, with the Roles of config/namespaced and no other rights.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { AuditLog } from '../support/audit-log.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { createNamespace, SharedCluster, type TestNamespace } from '../support/fixture.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { createNamespacedCredentials } from '../support/operator-rights.ts';
import { crds } from '../support/own-cluster.ts';
import {
  type ImageStreamTag,
  imageStream,
  imageStreams,
  imageStreamTags,
  images,
  type KubeObject,
  resource,
} from '../support/resources.ts';
import { Scenario, trigger, triggers } from '../support/scenario.ts';
import { shareImages, tagOf } from '../support/stream-waits.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

interface Job extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: { image: string }[] } } };
}
const jobs = resource<Job>('batch/v1', 'Job', 'jobs');
const clusterRoles = resource<KubeObject & { rules: object[] }>(
  'rbac.authorization.k8s.io/v1',
  'ClusterRole',
  'clusterroles',
);

let folder: TemporaryFolder;
let audit: AuditLog;
let cluster: Cluster;
let view: SharedCluster;
let scenario: Scenario;
/** Another namespace, which shares its images. */
let elsewhere: TestNamespace;
let kubeconfigPath: string;
let operator: OperatorProcess;

beforeAll(async () => {
  folder = await createTemporaryFolder();
  audit = await AuditLog.create({ folder: folder.path, group: 'system:serviceaccounts', reads: true });
  const { assets } = inject('cluster');
  cluster = await startCluster({ assets, crds, apiServerArgs: audit.flags });
  view = new SharedCluster(cluster.facts);
  scenario = await Scenario.start(view);
  elsewhere = await createNamespace(view.kube, 'elsewhere');
  ({ kubeconfigPath } = await createNamespacedCredentials(cluster, scenario.namespace));
  operator = await start();
});
afterAll(async () => {
  await operator?.stop();
  await scenario?.[Symbol.asyncDispose]();
  await view?.close();
  await cluster?.stop();
  await folder?.remove();
});

function start(): Promise<OperatorProcess> {
  const place = ['--watch-namespace', scenario.namespace, '--lease-namespace', scenario.namespace];
  return OperatorProcess.start({ kubeconfigPath, elects: true, args: ['--retry-min=500ms', ...place] });
}

describe('an operator of one namespace', () => {
  it('imports, keeps ImageStreamTags, and lets workloads follow', async () => {
    const first = await scenario.push('1', 'first');
    await scenario.createStream('web', ['1']);
    await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:1', 'web')));
    await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
    await scenario.tagObjectIs('web.1', (object) => showsMetadata(object, first.digest));

    const second = await scenario.push('1', 'second');
    await scenario.requestImport('web');
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
    await scenario.tagObjectIs('web.1', (object) => showsMetadata(object, second.digest));
    expect(await scenario.event('web', 'ImageUpdated')).toContain('container web now runs web:1');
  });

  it('replaces Jobs', async () => {
    const first = await scenario.push('job', 'first');
    await scenario.createStream('job', ['job']);
    await scenario.tagHas('job', 'job', first.digest);
    const { namespace } = scenario;
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: ' ' }] } };
    const metadata = { namespace, name: 'job', annotations: triggers(trigger('job:job', 'c')) };
    const { metadata: former } = await view.kube.create(jobs, {
      metadata,
      spec: { suspend: true, template },
    } as Job);
    await eventually(
      async () => {
        const job = await view.kube.find(jobs, { namespace, name: 'job' });
        const [container] = job?.spec.template.spec.containers ?? [];
        return job?.metadata.uid !== former.uid && container?.image === scenario.pinned(first.digest);
      },
      { what: 'the Job to have the image' },
    );
  });

  it('keeps no Image objects', async () => {
    expect(await view.kube.list(images)).toEqual([]);
  });

  it('leaves other namespaces alone', async () => {
    await view.kube.create(imageStreams, streamElsewhere('alone'));
    // What it does here comes after what it would have done there.
    await scenario.createStream('after', ['1']);
    await scenario.tagObjectIs('after.1', ({ image }) => image !== undefined);
    const untouched = await view.kube.get(imageStreams, { namespace: elsewhere.name, name: 'alone' });
    expect(untouched.status).toBeUndefined();
  });

  it('says of a stream in another namespace what it says of one that does not exist, also when that is shared', async () => {
    await view.kube.create(clusterRoles, {
      metadata: { name: 'system:image-puller' },
      rules: [{ apiGroups: ['image.openshift.io'], resources: ['imagestreams/layers'], verbs: ['get'] }],
    });
    await shareImages(view.kube, { of: elsewhere.name, with: scenario.namespace });
    await view.kube.create(imageStreams, streamElsewhere('base'));
    const from = (name: string) => ({ kind: 'ImageStreamTag', namespace: elsewhere.name, name });
    await scenario.createTags('borrower', [
      { name: 'there', from: from('base:1') },
      { name: 'absent', from: from('none:1') },
    ]);
    const refused = await scenario.tagFails('borrower', 'there');
    const absent = await scenario.tagFails('borrower', 'absent');
    expect(refused.message?.replaceAll('base', 'none')).toBe(absent.message);
    expect(tagOf(await scenario.stream('borrower'), 'there')?.items ?? []).toEqual([]);
  });

  it('keeps the metadata of an image when it says that the registry fails, also after a restart', async () => {
    const { digest } = await scenario.push('kept', 'kept');
    await scenario.createStream('kept', ['kept']);
    await scenario.tagObjectIs('kept.kept', (object) => showsMetadata(object, digest));
    expect(await operator.stop()).toMatchObject({ code: 0, stderr: '' });
    operator = await start();
    scenario.proxy.behave(() => ({ kind: 'answer', status: 500 }));
    try {
      await scenario.requestImport('kept');
      await scenario.tagFails('kept', 'kept');
      const told = await scenario.tagObjectIs('kept.kept', ({ conditions = [] }) => conditions.length > 0);
      expect(showsMetadata(told, digest)).toBe(true);
    } finally {
      scenario.proxy.recover();
    }
  });

  it('does not believe what somebody else has written into an ImageStreamTag', async () => {
    // Since the restart nobody has read this image.
    const place = { namespace: scenario.namespace, name: 'kept.kept' };
    const before = await view.kube.get(imageStreamTags, place);
    await view.kube.patch(imageStreamTags, place, {
      image: { dockerImageMetadata: { Architecture: 'lie' } },
    });
    const after = await scenario.tagObjectIs('kept.kept', ({ image }) => {
      expect(image?.dockerImageMetadata).toEqual(before.image?.dockerImageMetadata);
    });
    expect(after.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
  });

  // Last: what all of the above asked.
  it('asks for nothing outside of its namespace but what the API server offers, and is refused nothing', async () => {
    const user = `system:serviceaccount:${scenario.namespace}:imagestream-operator`;
    const requests = (await audit.since(0)).filter((request) => request.user === user);
    const outside = requests.filter(({ namespace }) => namespace !== scenario.namespace);
    const refused = requests.filter(({ kind }) => / 40[13]$/.test(kind));
    expect(requests.length).toBeGreaterThan(50);
    expect([...new Set(outside.map(({ kind }) => kind))].toSorted()).toEqual([
      'get /apis/config.openshift.io 404',
      'get /apis/image.openshift.io/v1crd',
    ]);
    expect(refused).toEqual([]);
    expect(operator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

function streamElsewhere(name: string) {
  return imageStream({ namespace: elsewhere.name, name, tags: { 1: scenario.pullSpec('1') } });
}

function showsMetadata({ image }: ImageStreamTag, digest: string): boolean {
  return image?.metadata?.name === digest && image.dockerImageMetadata !== undefined;
}
