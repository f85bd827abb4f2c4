import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { createNamespace, type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { KubeClient } from '../support/kube-client.ts';
import { imageStream, imageStreams, resource } from '../support/resources.ts';

/** A request that RBAC is asked about; without a namespace in all of them. */
interface Question {
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
}

describe('the rights in config/default', () => {
  let cluster: SharedCluster;
  let operator: KubeClient;
  beforeAll(() => {
    cluster = sharedCluster();
    operator = cluster.clientOf('operator');
  });
  afterAll(async () => {
    await cluster.close();
  });

  it('let the operator do what it does, and nothing else', async () => {
    const token = (await cluster.kubectl(['create', 'token', 'default', '-n', 'default'])).stdout.trim();
    await using anyPod = new KubeClient({ url: cluster.facts.url, ca: cluster.facts.ca, token });
    const everybody = await rightsOf(anyPod);

    const rights = await rightsOf(operator);

    expect(rights.filter((right) => !everybody.includes(right))).toEqual([
      'create controllerrevisions.apps',
      'create events',
      'create images.image.openshift.io',
      'create imagestreams.image.openshift.io',
      'create imagestreamtags.image.openshift.io',
      'create jobs.batch',
      'create subjectaccessreviews.authorization.k8s.io',
      'delete controllerrevisions.apps',
      'delete images.image.openshift.io',
      'delete imagestreamtags.image.openshift.io',
      'delete jobs.batch',
      'get configmaps imagestream-operator-ca',
      'get events',
      'get images.image.openshift.io',
      'get imagestreams.image.openshift.io',
      'get imagestreamtags.image.openshift.io',
      'list controllerrevisions.apps',
      'list cronjobs.batch',
      'list daemonsets.apps',
      'list deployments.apps',
      'list images.image.openshift.io',
      'list imagestreams.image.openshift.io',
      'list imagestreamtags.image.openshift.io',
      'list jobs.batch',
      'list secrets',
      'list statefulsets.apps',
      'patch cronjobs.batch',
      'patch daemonsets.apps',
      'patch deployments.apps',
      'patch events',
      'patch imagestreams/status.image.openshift.io',
      'patch imagestreamtags.image.openshift.io',
      'patch statefulsets.apps',
      'watch cronjobs.batch',
      'watch daemonsets.apps',
      'watch deployments.apps',
      'watch imagestreams.image.openshift.io',
      'watch imagestreamtags.image.openshift.io',
      'watch jobs.batch',
      'watch statefulsets.apps',
    ]);
  });

  const image = 'image.openshift.io';
  const own = 'imagestream-operator';
  const forbidden: Question[] = [
    { verb: 'get', resource: 'secrets' },
    { verb: 'watch', resource: 'secrets' },
    { verb: 'get', resource: 'secrets', namespace: own },
    { verb: 'get', resource: 'configmaps' },
    { verb: 'list', resource: 'configmaps', namespace: own },
    { verb: 'patch', group: image, resource: 'imagestreams' },
    { verb: 'update', group: image, resource: 'imagestreams' },
    { verb: 'delete', group: image, resource: 'imagestreams' },
    { verb: 'update', group: image, resource: 'imagestreamtags' },
    { verb: 'patch', group: image, resource: 'images' },
    { verb: 'update', group: image, resource: 'images' },
    { verb: 'create', group: 'authorization.k8s.io', resource: 'localsubjectaccessreviews' },
    { verb: 'update', group: image, resource: 'imagestreams', subresource: 'status' },
    { verb: 'create', group: 'apps', resource: 'deployments' },
    { verb: 'delete', group: 'apps', resource: 'deployments' },
    { verb: 'update', group: 'apps', resource: 'deployments' },
    { verb: 'patch', group: 'apps', resource: 'deployments', subresource: 'scale' },
    { verb: 'create', group: 'batch', resource: 'cronjobs' },
    { verb: 'patch', group: 'batch', resource: 'jobs' },
    { verb: 'update', group: 'batch', resource: 'jobs' },
    { verb: 'watch', group: 'apps', resource: 'controllerrevisions' },
    { verb: 'patch', group: 'apps', resource: 'controllerrevisions' },
    { verb: 'patch', group: 'apps', resource: 'replicasets' },
    { verb: 'list', group: 'coordination.k8s.io', resource: 'leases', namespace: own },
    { verb: 'get', group: 'coordination.k8s.io', resource: 'leases', namespace: own },
    { verb: 'patch', group: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-system' },
    { verb: 'create', group: 'coordination.k8s.io', resource: 'leases', namespace: 'default' },
    { verb: 'create', resource: 'pods' },
    { verb: 'create', resource: 'pods', namespace: own },
    { verb: 'create', resource: 'pods', subresource: 'exec' },
    { verb: 'delete', resource: 'events' },
    { verb: 'create', resource: 'serviceaccounts', subresource: 'token', namespace: own },
    { verb: 'patch', group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
    { verb: 'bind', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
    { verb: 'impersonate', resource: 'users' },
  ];
  it.each(forbidden.map((question) => ({ name: nameOf(question), question })))(
    'do not let the operator $name',
    async ({ question }) => {
      expect(await allowed(operator, undefined, question)).toBe(false);
    },
  );

  // What the table above asks can be answered with yes.
  it('let the operator patch the status of a stream in any namespace', async () => {
    const status = { verb: 'patch', group: image, resource: 'imagestreams', subresource: 'status' };

    expect(await allowed(operator, undefined, status)).toBe(true);
    expect(await allowed(operator, undefined, { ...status, namespace: 'default' })).toBe(true);
  });

  it('let who may edit a namespace create and change streams, but not their status', async () => {
    const { kube } = cluster;
    await using namespace = await createNamespace(kube, 'install');
    await bind(kube, { user: 'alice', role: 'edit', namespace: namespace.name });
    const manifest = JSON.stringify(imageStream({ namespace: namespace.name, name: 'web' }));
    const alice = { user: 'alice', input: manifest };
    const at = ['-n', namespace.name];

    await eventually(async () => (await cluster.kubectl(['apply', '-f', '-'], alice)).exitCode === 0, {
      what: 'alice to create a stream',
    });
    const status = {
      group: image,
      resource: 'imagestreams',
      subresource: 'status',
      namespace: namespace.name,
    };
    const mayPatch = await allowed(kube, { user: 'alice' }, { ...status, verb: 'patch' });
    const mayUpdate = await allowed(kube, { user: 'alice' }, { ...status, verb: 'update' });
    const tags = await cluster.kubectl(['get', 'istag', ...at], alice);
    const deleted = await cluster.kubectl(['delete', 'is', 'web', ...at], alice);

    expect([mayPatch, mayUpdate]).toEqual([false, false]);
    expect(tags).toMatchObject({ exitCode: 0 });
    expect(deleted).toMatchObject({ exitCode: 0 });
  });

  it('let who may view a namespace read streams and tags, and write nothing', async () => {
    const { kube } = cluster;
    await using namespace = await createNamespace(kube, 'install');
    await bind(kube, { user: 'bob', role: 'view', namespace: namespace.name });
    await kube.create(imageStreams, imageStream({ namespace: namespace.name, name: 'web' }));
    const bob = { user: 'bob' };
    const at = ['-n', namespace.name];

    await eventually(async () => (await cluster.kubectl(['get', 'is,istag', ...at], bob)).exitCode === 0, {
      what: 'bob to read streams and tags',
    });
    const annotated = await cluster.kubectl(['annotate', 'is', 'web', ...at, 'a=b'], bob);
    const deleted = await cluster.kubectl(['delete', 'is', 'web', ...at], bob);

    expect(annotated.stderr).toContain('User "bob" cannot patch resource "imagestreams"');
    expect(deleted.stderr).toContain('User "bob" cannot delete resource "imagestreams"');
  });

  it('let the admin of a namespace do what an editor may', async () => {
    const { kube } = cluster;
    await using namespace = await createNamespace(kube, 'install');
    await bind(kube, { user: 'carol', role: 'admin', namespace: namespace.name });
    const may = async (verb: string, kind: string): Promise<boolean> =>
      allowed(kube, { user: 'carol' }, { verb, group: image, resource: kind, namespace: namespace.name });

    await eventually(() => may('create', 'imagestreams'), { what: 'carol to have her rights' });
    expect(await may('delete', 'imagestreamtags')).toBe(true);
    expect(await may('list', 'imagestreamtags')).toBe(true);
  });
});

interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  /** Only objects of these names; of any name when there are none. */
  readonly resourceNames?: readonly string[];
}

/** What RBAC lets a client's user do in all namespaces, `verb resource name`, sorted. */
async function rightsOf(client: KubeClient): Promise<string[]> {
  const answer = await client.request('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace: 'default' },
  });
  const { status } = JSON.parse(answer.text) as {
    status: { resourceRules: PolicyRule[] };
  };
  return status.resourceRules.flatMap(rightsOfRule).toSorted();
}

function rightsOfRule({ verbs, apiGroups, resources, resourceNames = [] }: PolicyRule): string[] {
  const kinds = apiGroups.flatMap((group) => resources.map((each) => (group ? `${each}.${group}` : each)));
  const objects = kinds.map((kind) => [kind, ...resourceNames].join(' '));
  return verbs.flatMap((verb) => objects.map((object) => `${verb} ${object}`));
}

function nameOf({ verb, resource: kind, subresource, namespace }: Question): string {
  const path = subresource === undefined ? kind : `${kind}/${subresource}`;
  return `${verb} ${path}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

/** Asks RBAC about the client's own user, or about another one. */
async function allowed(
  client: KubeClient,
  subject: { readonly user: string } | undefined,
  question: Question,
): Promise<boolean> {
  const kind = subject === undefined ? 'SelfSubjectAccessReview' : 'SubjectAccessReview';
  const answer = await client.request('POST', `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`, {
    apiVersion: 'authorization.k8s.io/v1',
    kind,
    spec: { ...subject, resourceAttributes: question },
  });
  expect(answer.status, answer.text).toBe(201);
  const { status } = JSON.parse(answer.text) as { status: { allowed: boolean } };
  return status.allowed;
}

async function bind(
  kube: KubeClient,
  { user, role, namespace }: { user: string; role: string; namespace: string },
): Promise<void> {
  const roleBindings = resource('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings');
  const binding = {
    metadata: { namespace, name: role },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  };
  await kube.create(roleBindings, binding);
}
