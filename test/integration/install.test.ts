import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { defaultInstall, refusedRequests, requestOperatorCredentials } from '../support/operator-rights.ts';
import { imageStream, imageStreams, images, type KubeObject } from '../support/resources.ts';

const operatorInstall = fileURLToPath(new URL('../../config/operator/', import.meta.url));
const buildScript = fileURLToPath(new URL('../../scripts/build.ts', import.meta.url));

describe('an installation, from the first apply to the last delete', () => {
  let cluster: Cluster;
  let kube: KubeClient;
  let before: string[];
  beforeAll(async () => {
    cluster = await startCluster({ assets: inject('cluster').assets, registry: false });
    kube = cluster.client();
    before = await clusterObjects();
  });
  afterAll(async () => {
    await kube?.close();
    await cluster?.stop();
  });

  it('works with kubectl apply --server-side -k, and a second time changes nothing', async () => {
    const apply = ['apply', '--server-side', '-k', defaultInstall];
    await kubectl(apply);
    // Until its controller has seen the Deployment that one writes too.
    await kubectl(['wait', '--for=jsonpath={.status.replicas}=2', 'deployment', '--all', ...inNamespace]);
    const applied = await installedObjects();

    await kubectl(apply);

    expect(applied.length).toBeGreaterThan(8);
    expect(await installedObjects()).toEqual(applied);
  });

  it('is accepted by kubectl apply -k without --server-side too', async () => {
    const { stdout, exitCode } = await cluster.kubectl(['apply', '--dry-run=server', '-k', defaultInstall]);

    expect(exitCode).toBe(0);
    expect(stdout.trimEnd().split('\n').length).toBe((await installedObjects()).length);
  });

  it('gets its pod past the pod security standard `restricted`, without a warning', async () => {
    const { items } = JSON.parse(await kubectl(['get', 'pods', ...inNamespace, '-o', 'json'])) as {
      items: { metadata: { labels: Record<string, string> } }[];
    };
    const lax = ['create', 'deployment', 'lax', '--image=example.test/lax:1'];

    expect(items.map(({ metadata }) => metadata.labels['app.kubernetes.io/component'])).toEqual([
      'operator',
      'operator',
    ]);
    await kubectl(['apply', '--server-side', '--dry-run=server', '-k', operatorInstall]);
    // Proof that a warning would show.
    await expect(kubectl([...lax, '--dry-run=server', ...inNamespace])).rejects.toThrow(
      'Warning: would violate PodSecurity "restricted:latest"',
    );
  });

  it('lets the bundle run with its rights, and without a file system to write to', async () => {
    const folder = join(cluster.dir, 'bundle');
    await promisify(execFile)(process.execPath, [buildScript, '--outdir', folder]);
    const { kubeconfigPath } = await requestOperatorCredentials(cluster);
    const command = ['--permission', '--allow-fs-read=*', join(folder, 'main.mjs')];

    const args = ['--lease-namespace', 'imagestream-operator'];
    const operator = await OperatorProcess.start({ kubeconfigPath, command, args, elects: true });
    try {
      const tags = { latest: '127.0.0.1:1/no-registry:latest' };
      await kube.create(imageStreams, imageStream({ namespace: 'default', name: 'web', tags }));
      await kubectl(['wait', '--for=condition=Ready=False', 'is/web', '-n', 'default']);
    } finally {
      await operator.stop();
    }

    expect(refusedRequests(operator.logs)).toEqual([]);
    expect(await operator.exited).toMatchObject({ code: 0, stderr: '' });
  });

  it('loses the operator and keeps the streams with kubectl delete -k config/operator', async () => {
    const stream = await kube.get(imageStreams, { namespace: 'default', name: 'web' });

    await kubectl(['delete', '-k', operatorInstall]);

    const left = (await clusterObjects()).filter((name) => !before.includes(name));
    expect(left.filter((name) => !name.includes('image.openshift.io'))).toEqual([]);
    expect(await kube.get(imageStreams, { namespace: 'default', name: 'web' })).toEqual(stream);
  });

  it('leaves nothing behind after kubectl delete -k config/default', { timeout: 150_000 }, async () => {
    // A definition whose storage is first set up by its deletion may stay for five minutes (docs/how-to/uninstall.md).
    await kube.list(images);

    // The namespace and what was in it are gone already; kubectl says which definition it waits for if that takes so long.
    await kubectl(['delete', '--ignore-not-found', '--timeout=100s', '-k', defaultInstall]);

    await eventually(async () => expect(await clusterObjects()).toEqual(before) ?? true, {
      what: 'everything to be gone',
    });
  });

  it('takes another image in a kustomization of its administrator', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'install-test-'));
    const replacements = [
      { name: 'imagestream-operator', newName: 'registry.example.test/iso', newTag: '7' },
    ];
    const kustomization = { resources: [relative(folder, defaultInstall)], images: replacements };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));

    const rendered = await kubectl(['kustomize', folder]);

    expect(rendered).toContain('image: registry.example.test/iso:7\n');
    expect(rendered).not.toContain('image: imagestream-operator');
    await rm(folder, { recursive: true, force: true });
  });

  const inNamespace = ['-n', 'imagestream-operator'];

  /** Runs kubectl, and returns what it printed. A warning is an error. */
  async function kubectl(args: readonly string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await cluster.kubectl(args);
    if (exitCode !== 0 || stderr !== '') throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** What the installation could leave in the cluster. */
  async function clusterObjects(): Promise<string[]> {
    const kinds =
      'namespaces,clusterroles,clusterrolebindings,customresourcedefinitions,apiservices,' +
      'validatingwebhookconfigurations,mutatingwebhookconfigurations,priorityclasses';
    const names = await kubectl(['get', kinds, '-o', 'name']);
    const rules = await kubectl(['get', 'clusterroles', 'view', 'edit', 'admin', '-o', 'yaml']);
    return [...names.trimEnd().split('\n'), ...(rules.match(/image\.openshift\.io/) ?? [])];
  }

  /** The installed objects without what the cluster itself writes into them. */
  async function installedObjects(): Promise<object[]> {
    const list = await kubectl(['get', '-k', defaultInstall, '-o', 'json', '--show-managed-fields']);
    const { items } = JSON.parse(list) as { items: (KubeObject & { status?: object })[] };
    return items.map(({ status: _status, metadata, ...object }) => {
      const { resourceVersion: _version, managedFields = [], ...kept } = metadata;
      const appliers = managedFields.filter(({ operation }) => operation === 'Apply');
      return { ...object, metadata: { ...kept, managedFields: appliers } };
    });
  }
});
