// The Helm chart gives what the kustomizations give, object by object, and installs, upgrades and goes as an administrator expects.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { type Cluster, startCluster } from '../support/cluster.ts';
import { read, root } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { hardeningFaults, type InstalledDeployment } from '../support/hardening.ts';
import { chartFolder, type Helm, prepareHelm } from '../support/helm.ts';
import { imageStream, imageStreams, type KubeObject } from '../support/resources.ts';

/** The first run builds Helm. */
const buildMs = 900_000;

let folder: string;
let cluster: SharedCluster;
let helm: Helm;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chart-test-'));
  cluster = sharedCluster();
  helm = await prepareHelm(folder, join(folder, 'none'));
}, buildMs);
afterAll(async () => {
  await cluster.close();
  await rm(folder, { recursive: true, force: true });
});

/** What a kustomization chooses of a base; components by the names of their folders. */
interface KustomizeChoice {
  readonly components?: readonly string[];
  readonly images?: readonly object[];
  readonly replicas?: readonly object[];
  readonly patches?: readonly object[];
}

/** One replica that needs no Lease, as docs/how-to/high-availability.md says. */
const single: KustomizeChoice = {
  replicas: [{ name: 'imagestream-operator', count: 1 }],
  patches: [
    {
      target: { kind: 'Deployment', name: 'imagestream-operator' },
      patch: JSON.stringify([
        { op: 'replace', path: '/spec/strategy', value: { type: 'Recreate' } },
        { op: 'add', path: '/spec/template/spec/containers/0/args', value: ['--leader-elect=false'] },
      ]),
    },
  ],
};

describe('the chart', () => {
  const digest = `sha256:${'7'.repeat(64)}`;

  it.each<{ name: string; values: object; base: string; choice?: KustomizeChoice }>([
    { name: 'nothing', values: {}, base: 'config/default' },
    { name: 'the API face', values: { api: { enabled: true } }, base: 'config/with-api' },
    {
      name: 'all options',
      values: {
        api: { enabled: true },
        priorityClassName: 'system-cluster-critical',
        notifications: { enabled: true },
        podMonitor: { enabled: true },
      },
      base: 'config/with-api',
      choice: { components: ['priority-class', 'notifications', 'pod-monitor'] },
    },
    { name: 'one namespace', values: { namespaced: true }, base: 'config/namespaced' },
    {
      name: 'one namespace and notifications',
      values: { namespaced: true, notifications: { enabled: true } },
      base: 'config/namespaced',
      choice: { components: ['notifications'] },
    },
    {
      name: 'an image by its digest',
      values: { api: { enabled: true }, image: { repository: 'registry.example.test/iso', digest } },
      base: 'config/with-api',
      choice: { images: [{ name: 'imagestream-operator', newName: 'registry.example.test/iso', digest }] },
    },
    {
      name: 'another tag',
      values: { image: { tag: '7' } },
      base: 'config/default',
      choice: { images: [{ name: 'imagestream-operator', newTag: '7' }] },
    },
    {
      name: 'shards',
      values: { shards: 3, replicas: 4 },
      base: 'config/default',
      choice: documentedShards(),
    },
    {
      name: 'a single replica',
      values: { replicas: 1, strategy: { type: 'Recreate' }, extraArgs: ['--leader-elect=false'] },
      base: 'config/default',
      choice: single,
    },
  ])('with $name chosen gives what $base does', async ({ values, base, choice = {} }) => {
    const rendered = (await template(values)).map(withoutMarks);
    const wanted = (await kustomize(base, choice))
      // Helm makes the namespace itself, or finds it.
      .filter(({ kind }) => kind !== 'Namespace')
      .map(withoutMarks);
    expect(wanted.length).toBeGreaterThan(7);
    expect(rendered.map(nameOf).toSorted()).toEqual(wanted.map(nameOf).toSorted());
    for (const object of wanted) expect(rendered.find(sameAs(object)), nameOf(object)).toEqual(object);
  });

  it('puts everything into the namespace of its release, but for what belongs elsewhere', async () => {
    const objects = await template({ api: { enabled: true }, notifications: { enabled: true } }, 'elsewhere');
    const places = new Set(objects.map(({ metadata }) => metadata.namespace));
    expect(places).toEqual(new Set([undefined, 'elsewhere', 'kube-system']));
    expect(JSON.stringify(objects).match(/"namespace":"imagestream-operator"/g)).toBeNull();
  });

  it('keeps pods narrow with every value', async () => {
    const pods = await deployments({
      api: { enabled: true, resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '1Gi' } } },
      notifications: { enabled: true },
      priorityClassName: 'high',
    });
    expect(pods).toHaveLength(2);
    expect(pods.flatMap(hardeningFaults)).toEqual([]);
  });

  it('passes values on to the pods', async () => {
    const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } };
    const [operator, api] = await deployments({
      replicas: 3,
      resources,
      extraArgs: ['--schedule-period=5m'],
      env: [{ name: 'HTTPS_PROXY', value: 'http://proxy.test:3128' }],
      volumes: [{ name: 'policy', configMap: { name: 'registry-policy' } }],
      volumeMounts: [{ name: 'policy', mountPath: '/etc/imagestreams' }],
      notifications: { enabled: true },
      nodeSelector: { disk: 'fast' },
      tolerations: [{ key: 'infra', operator: 'Exists' }],
      image: { pullPolicy: 'Always', pullSecrets: ['regcred'] },
      api: { enabled: true, replicas: 1, extraArgs: ['--history-limit=7'] },
    });
    const shared = {
      nodeSelector: { disk: 'fast', 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'infra', operator: 'Exists' }],
      imagePullSecrets: [{ name: 'regcred' }],
      volumes: expect.arrayContaining([{ name: 'policy', configMap: { name: 'registry-policy' } }]),
    };
    const own = {
      imagePullPolicy: 'Always',
      volumeMounts: expect.arrayContaining([{ name: 'policy', mountPath: '/etc/imagestreams' }]),
      env: expect.arrayContaining([
        { name: 'HTTPS_PROXY', value: 'http://proxy.test:3128' },
        expect.objectContaining({ name: expect.stringMatching(/^POD_/) }),
      ]),
    };
    expect(operator?.spec).toMatchObject({ replicas: 3, template: { spec: shared } });
    expect(operator?.spec.template.spec.containers).toMatchObject([
      { ...own, resources, args: ['--schedule-period=5m'] },
    ]);
    expect(api?.spec).toMatchObject({ replicas: 1, template: { spec: shared } });
    expect(api?.spec.template.spec.containers).toMatchObject([{ ...own, args: ['--history-limit=7'] }]);
  });

  it.each([
    { values: { networkPolicy: { enabled: false } }, gone: 'NetworkPolicy' },
    { values: { podDisruptionBudget: { enabled: false } }, gone: 'PodDisruptionBudget' },
    { values: { crds: { install: false } }, gone: 'CustomResourceDefinition' },
  ])('leaves out every $gone with $values', async ({ values, gone }) => {
    const notifications = { enabled: true };
    const all = { api: { enabled: true }, notifications };
    expect((await template(all)).map(({ kind }) => kind)).toContain(gone);
    expect((await template({ ...all, ...values })).map(({ kind }) => kind)).not.toContain(gone);
  });

  it.each([
    { extraArgs: ['--shard-leases=3'] },
    { env: [{ name: 'IMAGESTREAM_SHARD_LEASES', value: '3' }] },
    { replicas: 0 },
  ])('takes fewer replicas than shards with %j', async (values) => {
    expect((await template({ shards: 3, ...values })).map(({ kind }) => kind)).toContain('Deployment');
  });

  it('leaves the roles of the cluster to another release', async () => {
    const objects = await template({ userRoles: { install: false } });
    expect(objects.filter(({ kind }) => kind === 'ClusterRole').map(({ metadata }) => metadata.name)).toEqual(
      ['imagestream-operator'],
    );
  });

  it.each([
    { name: 'a name that there is not', values: { replica: 3 }, wanted: 'replica' },
    { name: 'a digest that is none', values: { image: { digest: 'latest' } }, wanted: 'digest' },
    { name: 'a word for a number', values: { replicas: 'two' }, wanted: 'replicas' },
    {
      name: 'the API face for one namespace',
      values: { namespaced: true, api: { enabled: true } },
      wanted: 'whole cluster',
    },
    { name: 'fewer replicas than shards', values: { shards: 3 }, wanted: '--shard-leases' },
    { name: 'shards of one namespace', values: { shards: 2, namespaced: true }, wanted: 'one shard' },
    { name: 'one flag as a text', values: { extraArgs: '--log-level=debug' }, wanted: 'extraArgs' },
  ])('refuses $name', async ({ values, wanted }) => {
    const { exitCode, stderr } = await runTemplate(values, 'imagestream-operator');
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(wanted);
  });

  it('has the version of the package', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(load(read('charts/imagestream-operator/Chart.yaml'))).toMatchObject({
      version,
      appVersion: version,
    });
  });

  it('is what the linter of Helm wants', async () => {
    expect(await helm(['lint', '--strict', chartFolder])).toMatchObject({ exitCode: 0 });
  });
});

describe('a release', () => {
  const place = ['--namespace', 'streams'];
  let own: Cluster;
  let ownHelm: Helm;

  beforeAll(async () => {
    own = await startCluster({ assets: inject('cluster').assets, registry: false });
    ownHelm = await prepareHelm(folder, own.kubeconfigPath);
  }, buildMs);
  afterAll(() => own?.stop());

  it('is installed, upgraded to other values, and goes without the streams', {
    timeout: 120_000,
  }, async () => {
    await succeed(['install', 'iso', chartFolder, ...place, '--create-namespace']);
    const streams = await own.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
    expect(streams).toMatchObject({ exitCode: 0 });
    await using kube = own.client();
    await kube.create(imageStreams, imageStream({ namespace: 'default', name: 'web' }));

    await succeed(['upgrade', 'iso', chartFolder, ...place, '--set', 'replicas=1']);
    const replicas = await own.kubectl([
      'get',
      'deployment',
      'imagestream-operator',
      ...place,
      '-o',
      'jsonpath={.spec.replicas}',
    ]);
    expect(replicas.stdout).toBe('1');

    // As docs/how-to/install.md says: the API server has an APIService of that name itself.
    const overrule = ['--take-ownership', '--force-conflicts'];
    await succeed(['upgrade', 'iso', chartFolder, ...place, '--set', 'api.enabled=true', ...overrule]);
    expect(await serverOfV1()).toBe('imagestream-operator-api');
    await succeed(['upgrade', 'iso', chartFolder, ...place, '--set', 'api.enabled=false']);
    await eventually(async () => (await serverOfV1()) === '', {
      what: 'the custom resources to have v1 back',
    });

    await succeed(['uninstall', 'iso', ...place]);
    expect(await kube.get(imageStreams, { namespace: 'default', name: 'web' })).toMatchObject({
      metadata: { name: 'web' },
    });
    const left = await own.kubectl([
      'get',
      'deployment,serviceaccount,networkpolicy,poddisruptionbudget,clusterrole,clusterrolebinding,role',
      ...place,
      '-o',
      'name',
      '-l',
      'app.kubernetes.io/part-of=imagestream-operator',
    ]);
    expect(left.stdout).toBe('');
  });

  it('is installed with the API face at once', { timeout: 120_000 }, async () => {
    const api = ['--set', 'api.enabled=true', '--force-conflicts', '--take-ownership'];
    await succeed(['install', 'face', chartFolder, ...place, '--create-namespace', ...api]);
    expect(await serverOfV1()).toBe('imagestream-operator-api');
    await succeed(['uninstall', 'face', ...place]);
    await eventually(async () => (await serverOfV1()) === '', {
      what: 'the custom resources to have v1 back',
    });
  });

  /** The Service that has image.openshift.io/v1; empty when the API server itself has it, `none` when nobody has. */
  async function serverOfV1(): Promise<string> {
    const path = ['-o', 'jsonpath={.spec.service.name}'];
    const { stdout, exitCode } = await own.kubectl(['get', 'apiservice', 'v1.image.openshift.io', ...path]);
    return exitCode === 0 ? stdout : 'none';
  }

  async function succeed(args: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await ownHelm(args);
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  }
});

async function runTemplate(values: object, namespace: string) {
  const file = join(await mkdtemp(join(folder, 'values-')), 'values.json');
  await writeFile(file, JSON.stringify(values));
  return helm(['template', 'iso', chartFolder, '--namespace', namespace, '--values', file]);
}

/** What the chart makes of these values. */
async function template(values: object, namespace = 'imagestream-operator'): Promise<KubeObject[]> {
  const { stdout, stderr, exitCode } = await runTemplate(values, namespace);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return (loadAll(stdout) as (KubeObject | null)[]).filter((object) => object !== null);
}

/** The Deployments of the operator and, if it is there, of the API face. */
async function deployments(values: object): Promise<InstalledDeployment[]> {
  const objects = (await template(values)).filter(
    (object): object is InstalledDeployment => object.kind === 'Deployment',
  );
  return objects.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** The kustomization for three shards in docs/how-to/high-availability.md. */
function documentedShards(): KustomizeChoice {
  const [, text = ''] = /```yaml\n(resources:.*?)```/s.exec(read('docs/how-to/high-availability.md')) ?? [];
  const { replicas, patches } = load(text) as Required<KustomizeChoice>;
  return { replicas, patches };
}

async function kustomize(base: string, choice: KustomizeChoice): Promise<KubeObject[]> {
  const own = await mkdtemp(join(tmpdir(), 'chart-kustomize-'));
  onTestFinished(() => rm(own, { recursive: true, force: true }));
  const { components = [], ...others } = choice;
  const kustomization = {
    resources: [relative(own, join(root, base))],
    components: components.map((name) => relative(own, join(root, 'config/components', name))),
    ...others,
  };
  await writeFile(join(own, 'kustomization.yaml'), JSON.stringify(kustomization));
  const { stdout, stderr, exitCode } = await cluster.kubectl(['kustomize', own]);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return loadAll(stdout) as KubeObject[];
}

/** Without the labels and annotations by which Helm knows what is its own. */
function withoutMarks(object: KubeObject): KubeObject {
  const isMark = ([key]: [string, string]): boolean =>
    key.startsWith('helm.sh/') ||
    /^app\.kubernetes\.io\/(?:instance|managed-by|version)$/.test(key) ||
    // kubectl apply -f crds/ does without.
    (object.kind === 'CustomResourceDefinition' && key === 'app.kubernetes.io/part-of');
  const { labels = {}, annotations = {}, ...metadata } = object.metadata;
  const kept = (texts: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(texts).filter((entry) => !isMark(entry)));
  return { ...object, metadata: { ...metadata, labels: kept(labels), annotations: kept(annotations) } };
}

function nameOf({ kind, metadata: { namespace = '', name } }: KubeObject): string {
  return `${kind} ${namespace}/${name}`;
}

function sameAs(wanted: KubeObject): (object: KubeObject) => boolean {
  return (object) => nameOf(object) === nameOf(wanted);
}
