// Several operators in one cluster: one works, the others wait, and no two of them write at the same time.
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { shardOf } from '../../src/domain/shard.ts';
import { type AuditedWrite, AuditLog } from '../support/audit-log.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { SharedCluster } from '../support/fixture.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import {
  createOperatorCredentials,
  operatorUser,
  refusedRequests,
  requestOperatorCredentials,
} from '../support/operator-rights.ts';
import { crds } from '../support/own-cluster.ts';
import { type KubeObject, resource, roleBindings } from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { shareImages } from '../support/stream-waits.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

const leaseNamespace = 'imagestream-operator';
const leases = resource<KubeObject & { spec: { holderIdentity: string; leaseTransitions: number } }>(
  'coordination.k8s.io/v1',
  'Lease',
  'leases',
);
const shortLease = [
  '--lease-duration',
  '3s',
  '--lease-renew-deadline',
  '2s',
  '--lease-retry-period',
  '500ms',
];

let folder: TemporaryFolder;
let audit: AuditLog;
let cluster: Cluster;
let view: SharedCluster;
let operators = 0;

beforeAll(async () => {
  folder = await createTemporaryFolder();
  audit = await AuditLog.create({ folder: folder.path, user: operatorUser });
  const { assets } = inject('cluster');
  cluster = await startCluster({ assets, crds, apiServerArgs: audit.flags });
  view = new SharedCluster(cluster.facts);
  await createOperatorCredentials(cluster);
});
afterAll(async () => {
  await view?.close();
  await cluster?.stop();
  await folder?.remove();
});

/** An operator with a token of its own, by which the API server tells what it wrote from what the others did. */
interface Replica {
  readonly operator: OperatorProcess;
  /** As in the audit log. */
  readonly credential: string;
}

async function startReplica(args: readonly string[] = shortLease): Promise<Replica> {
  const { token, kubeconfigPath: shared } = await requestOperatorCredentials(cluster);
  const kubeconfigPath = join(cluster.dir, `operator-${++operators}.kubeconfig`);
  await copyFile(shared, kubeconfigPath);
  const flags = ['--retry-min', '500ms', '--lease-namespace', leaseNamespace, ...args];
  const environment = { POD_IP: '127.0.0.1' };
  const operator = await OperatorProcess.start({ kubeconfigPath, args: flags, environment, elects: true });
  onTestFinished(async () => {
    operator.kill('SIGCONT');
    await operator.stop();
  });
  const [, claims = ''] = token.split('.');
  const { jti } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { jti: string };
  return { operator, credential: `JTI=${jti}` };
}

/** One that works and one that waits. */
async function startPair(
  args: readonly string[] = shortLease,
): Promise<[leader: Replica, follower: Replica]> {
  const leader = await startReplica(args);
  await leader.operator.logged('leading', 20_000);
  const follower = await startReplica(args);
  await follower.operator.logged('following', 20_000);
  return [leader, follower];
}

async function health({ operator }: Replica, path: string): Promise<string> {
  const { statusCode, body } = await request(`${operator.healthUrl}${path}`);
  return `${statusCode} ${await body.text()}`;
}

/** Deployments that each follow a tag of their own of one stream; with the names of both. */
async function following(scenario: Scenario, names: readonly string[]): Promise<void> {
  const image = await scenario.push('first', 'first');
  await scenario.createTags(
    'web',
    names.map((name) => scenario.dockerTag(name, 'first')),
  );
  for (const name of names)
    await scenario.createDeployment(name, { web: ' ' }, triggers(trigger(`web:${name}`, 'web')));
  for (const name of names) await scenario.containerHas(name, 'web', scenario.pinned(image.digest));
}

function patchesOf(writes: readonly AuditedWrite[], name: string): readonly AuditedWrite[] {
  return writes.filter((write) => write.kind === 'patch deployments' && write.name === name);
}

describe('of two operators', () => {
  it('one works, the other one is ready and writes nothing, and takes over with what was left when the first is killed', async () => {
    const scenario = await startTestScenario(view);
    const mark = await audit.mark();
    const [leader, follower] = await startPair();
    await following(scenario, ['a']);
    expect(await health(follower, '/readyz')).toMatch(/^200 \[\+\] imagestreams\n/);
    expect(await health(leader, '/metrics')).toContain('imagestream_leader{shard="0"} 1\n');
    expect(await health(follower, '/metrics')).toContain('imagestream_leader{shard="0"} 0\n');
    expect(await health(follower, '/metrics')).toContain('imagestream_queue_depth{controller="trigger"} 0\n');
    const writers = new Set((await audit.since(mark)).map(({ credential }) => credential));
    expect(writers).toEqual(new Set([leader.credential]));

    // It dies in the middle of an import.
    const second = await scenario.push('second', 'second');
    scenario.proxy.forget();
    scenario.proxy.behave(() => ({ kind: 'silent' }));
    await scenario.setTags('web', [scenario.dockerTag('a', 'second')]);
    await eventually(() => scenario.proxy.requests.length > 0, { what: 'the import to begin' });
    leader.operator.kill('SIGKILL');
    scenario.proxy.recover();

    await scenario.containerHas('a', 'web', scenario.pinned(second.digest));
    expect(await health(follower, '/metrics')).toContain('imagestream_leader{shard="0"} 1\n');
    expect(await health(follower, '/metrics')).toContain('imagestream_leader_change_total{shard="0"} 2\n');
    const items = await scenario.tagHas('web', 'a', second.digest);
    expect(items).toHaveLength(2);
    expect(refusedRequests([...leader.operator.logs, ...follower.operator.logs])).toEqual([]);
  });

  it('the other one takes over at once when the first ends in order, however long the Lease is', async () => {
    const scenario = await startTestScenario(view);
    const longLease = [
      '--lease-duration',
      '10m',
      '--lease-renew-deadline',
      '5m',
      '--lease-retry-period',
      '500ms',
    ];
    const [leader, follower] = await startPair(longLease);
    await following(scenario, ['a']);
    const second = await scenario.push('first', 'second');

    const { code, stderr } = await leader.operator.stop();
    await scenario.requestImport('web');

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await scenario.containerHas('a', 'web', scenario.pinned(second.digest));
    expect(follower.operator.logs.map(({ msg }) => msg)).toContain('leading');
    await follower.operator.stop();
    const lease = await view.kube.get(leases, { namespace: leaseNamespace, name: 'imagestream-operator' });
    expect(lease.spec.holderIdentity).toBe('');
  });

  it('each takes push notifications, and the one that works acts on them', async () => {
    const scenario = await startTestScenario(view);
    const secret = 'correct-horse-battery-staple';
    const file = join(folder.path, 'notification-secret');
    await writeFile(file, secret);
    const receiver = [
      '--notification-port=0',
      '--notification-host=127.0.0.1',
      `--notification-secret-file=${file}`,
    ];
    const [leader, follower] = await startPair([...shortLease, ...receiver]);
    const first = await scenario.push('latest', 'first');
    const tag = scenario.dockerTag('latest', 'latest', { importPolicy: { insecure: true, scheduled: true } });
    await scenario.createTags('web', [tag]);
    await scenario.tagHas('web', 'latest', first.digest);
    const second = await scenario.push('latest', 'second');

    const { port } = await follower.operator.logged('receiving push notifications', 5_000);
    const { statusCode, body } = await request(`http://127.0.0.1:${String(port)}/v1/notify/generic`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ images: [scenario.pullSpec('latest')] }),
    });

    expect({ statusCode, answer: await body.json() }).toEqual({ statusCode: 202, answer: { accepted: 1 } });
    await scenario.tagHas('web', 'latest', second.digest);
    expect(await health(leader, '/metrics')).toContain(
      'imagestream_notification_event_total{result="handed on"} 1\n',
    );
  });

  it('one that was stopped beyond its Lease while tags move writes nothing more when it goes on, and ends', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `w${i}`);
    const scenario = await startTestScenario(view);
    const [leader, follower] = await startPair();
    await following(scenario, names);
    const second = await scenario.push('second', 'second');
    const moved = await audit.mark();
    await scenario.setTags(
      'web',
      names.map((name) => scenario.dockerTag(name, 'second')),
    );
    // In the middle of its work: some workloads have moved, others wait.
    await eventually(async () => (await audit.since(moved)).length > 0, { what: 'the first write' });
    leader.operator.kill('SIGSTOP');

    await follower.operator.logged('leading', 20_000);
    const takenOver = await audit.mark();
    for (const name of names) await scenario.containerHas(name, 'web', scenario.pinned(second.digest));
    leader.operator.kill('SIGCONT');

    const { code } = await leader.operator.exited;
    expect(code).toBe(1);
    expect(leader.operator.logs.at(-1)).toMatchObject({
      msg: 'lease lost: nothing is written any more',
      why: 'it could not be renewed in time',
    });
    const late = (await audit.since(takenOver)).filter(({ credential }) => credential === leader.credential);
    // Stopped after it had looked at the clock and before it had sent, it asks for its Lease once more: the version refuses that.
    expect(late.filter(({ kind }) => kind !== 'patch leases 409')).toEqual([]);
    const writes = await audit.since(moved);
    const moves = names.map((name) => patchesOf(writes, name).map(({ kind }) => kind));
    expect(moves).toEqual(names.map(() => ['patch deployments']));
    const authors = new Set(writes.map(({ credential }) => credential));
    expect(authors).toEqual(new Set([leader.credential, follower.credential]));
  });

  it('one that cannot reach the API server gives up in time, and the other one goes on when it is there again', async () => {
    const scenario = await startTestScenario(view);
    const [leader, follower] = await startPair();
    await following(scenario, ['a']);
    const second = await scenario.push('first', 'second');

    await cluster.stopApiServer();
    const { code } = await leader.operator.exited;
    expect(leader.operator.logs.at(-1)).toMatchObject({ msg: 'lease lost: nothing is written any more' });
    await cluster.startApiServer();
    await scenario.requestImport('web');

    expect(code).toBe(1);
    await scenario.containerHas('a', 'web', scenario.pinned(second.digest));
    expect(follower.operator.logs.map(({ msg }) => msg)).toContain('leading');
  });
});

describe('of three operators and two shards', () => {
  const sharded = [...shortLease, '--shards', '2'];
  const shardLease = (shard: number): string => `imagestream-operator-${shard}`;

  /** Rights to the Leases of the shards, as the how-to says. */
  async function allowShardLeases(): Promise<void> {
    const [apiGroup, name] = ['rbac.authorization.k8s.io', 'shards'];
    const lease = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] };
    const resourceNames = [shardLease(0), shardLease(1)];
    await view.kube.create(resource(`${apiGroup}/v1`, 'Role', 'roles'), {
      metadata: { namespace: leaseNamespace, name },
      rules: [{ ...lease, resourceNames, verbs: ['get', 'patch'] }],
    } as KubeObject);
    await view.kube.create(roleBindings, {
      metadata: { namespace: leaseNamespace, name },
      subjects: [{ kind: 'Group', name: `system:serviceaccounts:${leaseNamespace}`, apiGroup }],
      roleRef: { kind: 'Role', name, apiGroup },
    });
  }

  /** The replica that holds the Lease of a shard. */
  async function holderOf(shard: number, replicas: readonly Replica[]): Promise<Replica> {
    return eventually(
      async () => {
        const lease = await view.kube.find(leases, { namespace: leaseNamespace, name: shardLease(shard) });
        return replicas.find(({ operator }) =>
          operator.logs.some(
            ({ msg, identity }) => msg === 'leading' && identity === lease?.spec.holderIdentity,
          ),
        );
      },
      { what: `a holder of shard ${shard}` },
    );
  }

  async function scenarioIn(shard: number): Promise<Scenario> {
    for (;;) {
      const scenario = await startTestScenario(view);
      if (shardOf(scenario.namespace, 2) === shard) return scenario;
    }
  }

  it('two work, each for its namespaces; images of the others are used with their leave only; the third one takes over', async () => {
    await allowShardLeases();
    const [owner, consumer] = [await scenarioIn(0), await scenarioIn(1)];
    const mark = await audit.mark();
    const replicas = [await startReplica(sharded), await startReplica(sharded), await startReplica(sharded)];
    const holders = [await holderOf(0, replicas), await holderOf(1, replicas)] as const;
    expect(holders[0]).not.toBe(holders[1]);

    const image = await owner.push('1', 'first');
    await owner.createStream('source', ['1']);
    await owner.tagHas('source', '1', image.digest);
    const from = { kind: 'ImageStreamTag', namespace: owner.namespace, name: 'source:1' };
    await consumer.createTags('copy', [{ name: 'latest', from }]);
    const entry = trigger('source:1', 'web') as { from: object };
    const foreign = { ...entry, from: { ...entry.from, namespace: owner.namespace } };
    await consumer.createDeployment('web', { web: ' ' }, triggers(foreign));
    const refused = await consumer.tagFails('copy', 'latest');
    expect(refused.message).toContain(`system:serviceaccounts:${consumer.namespace} must be allowed to get`);
    // A workload of the namespace itself moves meanwhile.
    await owner.createDeployment('web', { web: ' ' }, triggers(entry));
    await owner.containerHas('web', 'web', owner.pinned(image.digest));
    expect((await consumer.deployment('web')).spec.template.spec.containers[0]?.image).toBe(' ');

    await shareImages(view.kube, { of: owner.namespace, with: consumer.namespace });
    await consumer.requestImport('copy');
    await consumer.tagHas('copy', 'latest', image.digest);
    await consumer.containerHas('web', 'web', owner.pinned(image.digest));
    expect(await writersIn(owner, mark)).toEqual(new Set([holders[0].credential]));
    expect(await writersIn(consumer, mark)).toEqual(new Set([holders[1].credential]));

    holders[1].operator.kill('SIGKILL');
    await holders[1].operator.exited;
    const lost = await audit.mark();
    const spare = await holderOf(
      1,
      replicas.filter((replica) => !holders.includes(replica)),
    );
    const second = await owner.push('1', 'second');
    await owner.requestImport('source');
    await consumer.containerHas('web', 'web', owner.pinned(second.digest));
    expect(await writersIn(consumer, lost)).toEqual(new Set([spare.credential]));
    expect(await writersIn(owner, lost)).toEqual(new Set([holders[0].credential]));
  });

  async function writersIn({ namespace }: Scenario, mark: number): Promise<ReadonlySet<string>> {
    const writes = (await audit.since(mark)).filter((write) => write.namespace === namespace);
    return new Set(writes.map(({ credential }) => credential));
  }
});
