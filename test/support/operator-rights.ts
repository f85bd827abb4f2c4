import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';

import type { Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import type { KubeObject } from './resources.ts';

/** The kustomization that an administrator applies. */
export const defaultInstall = fileURLToPath(new URL('../../config/default/', import.meta.url));

/** The kustomization of an operator of one namespace. */
const namespacedInstall = fileURLToPath(new URL('../../config/namespaced/', import.meta.url));

/** The kustomization of the API face. */
const faceInstall = fileURLToPath(new URL('../../config/api/', import.meta.url));
/** The ServiceAccount of the API face, as the API server calls its user. */
const faceUser = 'system:serviceaccount:imagestream-operator:imagestream-operator-api';

/** The operator's ServiceAccount, as the API server calls its user. */
export const operatorUser = 'system:serviceaccount:imagestream-operator:imagestream-operator';

const rightsKinds = [
  'Namespace',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
];

/** How the operator logs in. */
export interface OperatorCredentials {
  readonly token: string;
  /** Only its owner can read it; it goes with the cluster's folder. */
  readonly kubeconfigPath: string;
}

/**
 * Gives a cluster the operator's ServiceAccount with exactly the rights of config/default, without the Deployment,
 * and logs it in.
 */
export async function createOperatorCredentials(cluster: Cluster): Promise<OperatorCredentials> {
  await applyRights(cluster, { folder: defaultInstall, user: operatorUser });
  return requestOperatorCredentials(cluster);
}

/** The same for an operator of one namespace, in which it is and which has to be there, with the rights of config/namespaced. */
export async function createNamespacedCredentials(
  cluster: Cluster,
  namespace: string,
): Promise<OperatorCredentials> {
  const folder = await mkdtemp(join(tmpdir(), 'namespaced-'));
  try {
    const kustomization = { namespace, resources: [relative(folder, namespacedInstall)] };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    const user = `system:serviceaccount:${namespace}:imagestream-operator`;
    await applyRights(cluster, { folder, user, namespace });
    return await requestCredentials(cluster, user);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same for the API face, with the rights of config/api. */
export async function createFaceCredentials(cluster: Cluster): Promise<OperatorCredentials> {
  await applyRights(cluster, { folder: faceInstall, user: faceUser });
  return requestCredentials(cluster, faceUser);
}

async function applyRights(
  cluster: Cluster,
  { folder, user, namespace }: { folder: string; user: string; namespace?: string },
): Promise<void> {
  const objects = loadAll(await kubectl(cluster, ['kustomize', folder])) as KubeObject[];
  const items = objects.filter(({ kind = '' }) => rightsKinds.includes(kind));
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl(cluster, ['apply', '--server-side', '-f', '-'], list);
  // The API server learns of new rights by a watch of its own.
  const place = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace];
  const question = ['auth', 'can-i', 'watch', 'imagestreams', ...place, '--as', user];
  await eventually(async () => (await cluster.kubectl(question)).exitCode === 0, {
    what: `the rights of ${folder} to hold`,
  });
}

/** Logs the operator's ServiceAccount in, which has to be there. */
export function requestOperatorCredentials(cluster: Cluster): Promise<OperatorCredentials> {
  return requestCredentials(cluster, operatorUser);
}

async function requestCredentials(cluster: Cluster, user: string): Promise<OperatorCredentials> {
  const [, , namespace = '', name = ''] = user.split(':');
  // Longer than any test run: nobody renews this token.
  const request = ['create', 'token', name, '--namespace', namespace, '--duration', '6h'];
  const token = (await kubectl(cluster, request)).trim();
  const admin = JSON.parse(await readFile(cluster.kubeconfigPath, 'utf8')) as { users: { name: string }[] };
  const config = { ...admin, users: admin.users.map((each) => ({ ...each, user: { token } })) };
  const kubeconfigPath = join(cluster.dir, `${name}.kubeconfig`);
  await writeFile(kubeconfigPath, JSON.stringify(config), { mode: 0o600 });
  return { token, kubeconfigPath };
}

/** What the operator tried and was not allowed to do, according to its log: `create resource "events" in API group ""`. */
export function refusedRequests(logs: readonly object[]): string[] {
  const refusal = new RegExp(`"${operatorUser}" cannot (.+?) (?:in the namespace|at the cluster scope)`);
  const texts = logs.map((line) => JSON.stringify(line).replaceAll('\\"', '"'));
  return [...new Set(texts.flatMap((text) => refusal.exec(text)?.[1] ?? []))];
}

async function kubectl(cluster: Cluster, args: readonly string[], input?: string): Promise<string> {
  const result = await cluster.kubectl(args, input === undefined ? {} : { input });
  if (result.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}
