// What an administrator may choose beside config/default: a real API server takes it, and pods stay as narrow as they were.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { root } from '../support/documents.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { hardeningFaults, type InstalledDeployment } from '../support/hardening.ts';
import type { KubeObject } from '../support/resources.ts';

let cluster: SharedCluster;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());

describe.each([
  { base: 'config/default', components: [], deployments: 1 },
  { base: 'config/with-api', components: [], deployments: 2 },
  { base: 'config/namespaced', components: [], deployments: 1 },
  {
    base: 'config/with-api',
    components: ['priority-class', 'notifications', 'settings-file'],
    deployments: 2,
  },
])('$base with $components', ({ base, components, deployments }) => {
  it('is accepted by kubectl apply, without a warning', async () => {
    const folder = await administratorsFolder({ base, components });
    const apply = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-k', folder];
    expect(await cluster.kubectl(apply)).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('has pods that may do no more than they have to', async () => {
    const rendered = await render({ base, components });
    const own = rendered.filter((object): object is InstalledDeployment => object.kind === 'Deployment');
    expect(own).toHaveLength(deployments);
    expect(own.flatMap(hardeningFaults)).toEqual([]);
  });

  it('has everything that is in a namespace in that of the operator, but for the right to read about the front proxy', async () => {
    const rendered = await render({ base, components });
    const elsewhere = rendered
      .filter(
        ({ metadata: { namespace } }) => namespace !== undefined && namespace !== 'imagestream-operator',
      )
      .map(({ kind, metadata: { namespace } }) => `${kind} in ${namespace}`);
    expect(elsewhere).toEqual(base.endsWith('with-api') ? ['RoleBinding in kube-system'] : []);
  });
});

describe('config/namespaced', () => {
  it('has nothing that belongs to the cluster, and can be put into any namespace', async () => {
    const rendered = await render({ base: 'config/namespaced', components: [], namespace: 'team-a' });
    expect(new Set(rendered.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['team-a']));
    expect(JSON.stringify(rendered)).not.toContain('"namespace":"imagestream-operator"');
    expect(rendered.map(({ kind }) => kind)).not.toContain('ClusterRole');
  });
});

describe('a component', () => {
  it('gives all pods a priority', async () => {
    const pods = await podSpecs({ base: 'config/with-api', components: ['priority-class'] });
    expect(pods).toMatchObject({
      'imagestream-operator': { priorityClassName: 'system-cluster-critical' },
      'imagestream-operator-api': { priorityClassName: 'system-cluster-critical' },
    });
  });

  it('adds what the receiver of notifications needs, and takes nothing away', async () => {
    const plain = await podSpecs({ base: 'config/default', components: [] });
    const pods = await podSpecs({ base: 'config/default', components: ['notifications'] });
    const [before] = plain['imagestream-operator']?.containers ?? [];
    const [after] = pods['imagestream-operator']?.containers ?? [];
    expect(after).toMatchObject({
      env: expect.arrayContaining([
        ...(before?.env ?? []),
        { name: 'IMAGESTREAM_NOTIFICATION_PORT', value: '8081' },
        { name: 'IMAGESTREAM_NOTIFICATION_SECRET_FILE', value: '/var/run/push-notifications/secrets' },
      ]),
      ports: expect.arrayContaining([
        ...(before?.ports ?? []),
        { name: 'notifications', containerPort: 8081 },
      ]),
    });
    expect(before?.env?.length).toBeGreaterThan(0);
    expect(before?.ports?.length).toBeGreaterThan(0);
  });

  it('mounts a file of settings, and what an administrator says in it, beside what is there', async () => {
    const rendered = await render({
      base: 'config/with-api',
      components: ['notifications', 'settings-file'],
      settings: 'history-limit: 7\n',
    });
    const [map] = rendered.filter(({ kind }) => kind === 'ConfigMap') as (KubeObject & { data: object })[];
    expect(map).toMatchObject({ data: { 'settings.yaml': 'history-limit: 7\n' } });
    const deployments = rendered.filter(
      (object): object is InstalledDeployment => object.kind === 'Deployment',
    );
    expect(deployments).toHaveLength(2);
    for (const { metadata, spec } of deployments) {
      const volumes = [{ name: 'settings', configMap: { name: map?.metadata.name } }];
      const mounts = [{ name: 'settings', mountPath: '/etc/imagestream-operator', readOnly: true }];
      const other = metadata.name === 'imagestream-operator' ? [{ name: 'push-notifications' }] : [];
      expect(spec.template.spec).toMatchObject({
        volumes: expect.arrayContaining([...volumes, ...other.map((each) => expect.objectContaining(each))]),
        containers: [
          {
            env: expect.arrayContaining([
              { name: 'IMAGESTREAM_CONFIG', value: '/etc/imagestream-operator/settings.yaml' },
            ]),
            volumeMounts: expect.arrayContaining(mounts),
          },
        ],
      });
    }
  });

  it('lets Prometheus find the ports that have the metrics', async () => {
    const rendered = await render({ base: 'config/with-api', components: ['pod-monitor'] });
    const monitor = rendered.find(({ kind }) => kind === 'PodMonitor') as KubeObject & {
      spec: { selector: { matchLabels: object }; podMetricsEndpoints: { port: string }[] };
    };
    const deployments = rendered.filter(
      (object): object is InstalledDeployment => object.kind === 'Deployment',
    );
    const scraped = deployments.map(({ metadata, spec }) => {
      expect(monitor.metadata.namespace).toBe(metadata.namespace);
      expect(spec.template.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
      const ports = spec.template.spec.containers.flatMap((each) => each.ports?.map(({ name }) => name));
      return monitor.spec.podMetricsEndpoints.map(({ port }) => port).filter((port) => ports.includes(port));
    });
    expect(new Set(scraped.flat())).toEqual(new Set(['health', 'metrics']));
    expect(scraped.map((ports) => ports.length)).toEqual([1, 1]);
  });

  it('of monitoring is there once, whole, where the operator is', async () => {
    const rendered = await render({ base: 'config/monitoring', components: [] });
    expect(rendered).toHaveLength(3);
    expect(new Set(rendered.map(({ kind }) => kind))).toEqual(
      new Set(['ConfigMap', 'PodMonitor', 'PrometheusRule']),
    );
    expect(new Set(rendered.map(({ metadata }) => metadata.namespace))).toEqual(
      new Set(['imagestream-operator']),
    );
    const map = rendered.find(({ kind }) => kind === 'ConfigMap') as KubeObject & {
      data: Record<string, string>;
    };
    expect(map.metadata).toMatchObject({
      name: 'imagestream-operator-dashboard',
      labels: { grafana_dashboard: '1' },
    });
    const dashboard = await readFile(join(root, 'config/monitoring/dashboard.json'), 'utf8');
    expect(map.data).toEqual({ 'imagestream-operator.json': dashboard });
  });

  it('lets an administrator take the image by its digest', async () => {
    const digest = `sha256:${'7'.repeat(64)}`;
    const images = [{ name: 'imagestream-operator', newName: 'registry.example.test/iso', digest }];
    const pods = await podSpecs({ base: 'config/with-api', components: [], images });
    const used = Object.values(pods).flatMap(({ containers }) => containers.map(({ image }) => image));
    expect(used).toEqual([`registry.example.test/iso@${digest}`, `registry.example.test/iso@${digest}`]);
  });
});

const settingsMap = {
  name: 'imagestream-settings',
  namespace: 'imagestream-operator',
  files: ['settings.yaml'],
};

/** What an administrator writes into a kustomization of his own. */
interface Choice {
  /** A folder of the repository. */
  readonly base: string;
  /** Folders of config/components. */
  readonly components: readonly string[];
  readonly images?: readonly object[];
  /** What the file of settings says; there is none when not given. */
  readonly settings?: string;
  readonly namespace?: string;
}

interface RenderedPod {
  readonly priorityClassName?: string;
  readonly containers: readonly {
    readonly image: string;
    readonly env?: readonly object[];
    readonly ports?: readonly object[];
  }[];
}

/** The folder with his kustomization; it goes with the test. */
async function administratorsFolder(choice: Choice): Promise<string> {
  const { base, components, images = [], namespace, settings } = choice;
  const folder = await mkdtemp(join(tmpdir(), 'install-options-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const kustomization = {
    resources: [relative(folder, join(root, base))],
    components: components.map((name) => relative(folder, join(root, 'config/components', name))),
    images,
    ...(namespace === undefined ? {} : { namespace }),
    ...(settings === undefined ? {} : { configMapGenerator: [settingsMap] }),
  };
  if (settings !== undefined) await writeFile(join(folder, 'settings.yaml'), settings);
  await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
  return folder;
}

async function render(choice: Choice): Promise<KubeObject[]> {
  const folder = await administratorsFolder(choice);
  const { stdout, stderr, exitCode } = await cluster.kubectl(['kustomize', folder]);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return loadAll(stdout) as KubeObject[];
}

/** The pods of the Deployments, by the name of these. */
async function podSpecs(choice: Choice): Promise<Readonly<Record<string, RenderedPod>>> {
  const deployments = (await render(choice)).filter(
    (object): object is InstalledDeployment => object.kind === 'Deployment',
  );
  return Object.fromEntries(
    deployments.map(({ metadata, spec }) => [metadata.name, spec.template.spec as RenderedPod]),
  );
}
