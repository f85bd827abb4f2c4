import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { createNamespace, type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { freePorts, type PickPorts } from '../support/free-ports.ts';
import { isAlive } from '../support/process-owner.ts';
import { startRegistry } from '../support/registry-server.ts';
import {
  configMaps,
  customResourceDefinitions,
  deployment,
  deployments,
  namespaces,
  replicaSets,
} from '../support/resources.ts';

describe('the shared cluster', () => {
  let cluster: SharedCluster;
  beforeAll(() => {
    cluster = sharedCluster();
  });
  afterAll(async () => {
    await cluster.close();
  });

  it('rolls a Deployment out to a ReplicaSet with its image', async () => {
    const { kube } = cluster;
    await using namespace = await createNamespace(kube);
    const created = await kube.create(
      deployments,
      deployment({ namespace: namespace.name, name: 'web', containers: { main: 'example.test/web:1' } }),
    );

    const owned = await eventually(
      async () => (await kube.list(replicaSets, { namespace: namespace.name }))[0],
      { what: 'a ReplicaSet' },
    );

    expect(owned.metadata.ownerReferences?.[0]).toMatchObject({
      kind: 'Deployment',
      uid: created.metadata.uid,
    });
    expect(owned.spec.template.spec.containers).toMatchObject([
      { name: 'main', image: 'example.test/web:1' },
    ]);
  });

  it('collects what a deleted object owned', async () => {
    const { kube } = cluster;
    await using namespace = await createNamespace(kube);
    const address = { namespace: namespace.name, name: 'owner' };
    const owner = await kube.create(configMaps, { metadata: address });
    const ownerReference = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'owner',
      uid: owner.metadata.uid ?? '',
    };
    const dependent = { namespace: namespace.name, name: 'dependent' };
    await kube.create(configMaps, { metadata: { ...dependent, ownerReferences: [ownerReference] } });

    await kube.delete(configMaps, address);

    await eventually(async () => (await kube.find(configMaps, dependent)) === undefined, {
      what: 'the dependent to be collected',
    });
  });

  it('deletes a namespace completely', async () => {
    const { kube } = cluster;
    const { name } = await createNamespace(kube);
    await kube.create(deployments, deployment({ namespace: name, name: 'web' }));

    await kube.delete(namespaces, { name });

    await eventually(async () => (await kube.find(namespaces, { name })) === undefined, {
      what: `namespace ${name} to be gone`,
      timeoutMs: 40_000,
    });
    expect(await kube.list(replicaSets, { namespace: name })).toEqual([]);
  });

  it('knows its users: rights for the admin, none for alice', async () => {
    const asAlice = await cluster.kubectl(['get', 'secrets', '--all-namespaces'], { user: 'alice' });
    const asAdmin = await cluster.kubectl(['get', 'namespace', 'default', '-o', 'name']);

    expect(asAlice).toMatchObject({ exitCode: 1, stdout: '' });
    expect(asAlice.stderr).toContain('User "alice" cannot list resource "secrets"');
    expect(asAdmin).toEqual({ exitCode: 0, stdout: 'namespace/default\n', stderr: '' });
  });

  it('tells its version, so that kubectl has nothing to warn of', async () => {
    const { stdout, stderr } = await cluster.kubectl(['version', '-o', 'json']);

    const { clientVersion, serverVersion } = JSON.parse(stdout);
    expect(serverVersion.gitVersion).toMatch(/^v1\.\d+\.\d+$/);
    expect(clientVersion.gitVersion).toBe(serverVersion.gitVersion);
    expect(stderr).toBe('');
  });

  it('serves the custom resources of crds/', async () => {
    const definitions = await cluster.kube.list(customResourceDefinitions);
    for (const { metadata, spec } of definitions) {
      const { exitCode, stderr } = await cluster.kubectl(['get', metadata.name, '--all-namespaces']);
      expect({ name: spec.names.plural, exitCode, stderr }).toMatchObject({ exitCode: 0 });
    }
  });
});

describe('a cluster of one test', () => {
  let own: Cluster;
  beforeAll(async () => {
    own = await startCluster({
      assets: inject('cluster').assets,
      users: [{ name: 'carol', groups: ['painters'] }],
    });
  });
  afterAll(async () => {
    await own.stop();
  });

  it('runs beside the shared one with ports, data and folder of its own', async () => {
    await using shared = sharedCluster();
    await using kube = own.client();
    await using namespace = await createNamespace(kube);

    expect(own.url).not.toBe(shared.facts.url);
    expect(own.dir).not.toBe(shared.facts.dir);
    expect(own.registry.host).not.toBe(shared.registryHost);
    expect(await shared.kube.find(namespaces, { name: namespace.name })).toBeUndefined();
  });

  it('lets users log in with their groups', async () => {
    const result = await own.kubectl(['auth', 'whoami', '-o', 'json'], { user: 'carol' });

    expect(JSON.parse(result.stdout).status.userInfo).toMatchObject({
      username: 'carol',
      groups: ['painters', 'system:authenticated'],
    });
  });

  it('refuses connections while its API server is stopped, and has its data when it is back', async () => {
    await using kube = own.client();
    const address = { namespace: 'default', name: 'kept' };
    await kube.create(configMaps, { metadata: address, data: { key: 'value' } });

    await own.stopApiServer();
    await expect(kube.get(configMaps, address)).rejects.toThrow();
    await own.startApiServer();

    expect(await kube.get(configMaps, address)).toMatchObject({ data: { key: 'value' } });
  });

  it('still rolls out after a restart of its API server', async () => {
    await using kube = own.client();
    await own.restartApiServer();
    await kube.create(deployments, deployment({ namespace: 'default', name: 'after' }));

    await eventually(
      async () => (await kube.list(replicaSets, { namespace: 'default', labelSelector: 'app=after' }))[0],
      { what: 'a ReplicaSet', timeoutMs: 40_000 },
    );
  });
});

describe('starting', () => {
  it.each([
    { of: 'etcd', position: 0 },
    { of: 'kube-apiserver', position: 2 },
  ])('picks other ports when that of $of is taken', async ({ position }) => {
    // It accepts connections and never answers, so that waiting for an answer must not hold the start up.
    const squatter = await listen(0);
    const taken = portOf(squatter);
    const picked: number[][] = [];
    const takenFirst: PickPorts = async (count) => {
      const free = await freePorts(count);
      picked.push(picked.length === 0 ? free.with(position, taken) : free);
      return picked.at(-1) ?? [];
    };

    const cluster = await startCluster({
      assets: inject('cluster').assets,
      controllerManager: false,
      registry: false,
      pickPorts: takenFirst,
    });

    expect(picked.map((ports) => ports[position] === taken)).toEqual([true, false]);
    expect(cluster.url).toBe(`https://127.0.0.1:${picked[1]?.[2]}`);
    await cluster.stop();
    squatter.close();
  });

  it('fails with the end of the log, and leaves nothing, when a program does not come up', async () => {
    let picked: number[] = [];
    const start = startCluster({
      assets: inject('cluster').assets,
      apiServerArgs: ['--no-such-flag'],
      pickPorts: async (count) => {
        picked = await freePorts(count);
        return picked;
      },
    });

    await expect(start).rejects.toThrow(/kube-apiserver exited \(code 1\).*unknown flag: --no-such-flag/s);

    for (const port of picked) (await listen(port)).close();
  });

  it('can be aborted', async () => {
    const interrupt = new AbortController();
    const start = startCluster({
      assets: inject('cluster').assets,
      signal: interrupt.signal,
      onProgress: () => interrupt.abort(new Error('enough')),
    });

    await expect(start).rejects.toThrow('enough');
  });
});

describe('when the process that started a cluster is killed', () => {
  it.skipIf(process.platform !== 'linux')('no program of it stays', async () => {
    const script = fileURLToPath(new URL('../support/run-cluster.ts', import.meta.url));
    const starter = spawn(process.execPath, [script, inject('cluster').assets], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await new Promise<string[]>((resolve) => {
      createInterface(starter.stdout).once('line', (text) => resolve([text]));
    });
    const { pids, dir }: { pids: number[]; dir: string } = JSON.parse(line ?? '{}');
    expect(pids).toHaveLength(4);
    expect(pids.map(isAlive)).toEqual([true, true, true, true]);

    starter.kill('SIGKILL');

    await eventually(() => pids.every((pid) => !isAlive(pid)), { what: `the end of ${pids.join(', ')}` });
    // Its folder is removed by the next start, whose it may be.
    const registry = await startRegistry({ assets: inject('cluster').assets });
    await expect(readFile(`${dir}/tokens.csv`)).rejects.toThrow('ENOENT');
    await registry.close();
  });
});

async function listen(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
