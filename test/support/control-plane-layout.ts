import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Somebody who can log in to the test cluster with a token. */
export interface ClusterUser {
  readonly name: string;
  /** `system:authenticated` comes by itself. */
  readonly groups?: readonly string[];
}

/** The user with all rights that every cluster has. */
export const ADMIN = 'admin';
const CONTROLLER_MANAGER = 'system:kube-controller-manager';
/** How many ports `writeLayout` takes: etcd's two, the API server's, the registry's. */
export const PORT_COUNT = 4;
const LOOPBACK = '127.0.0.1';

/** What the garbage collector's work, rollouts, jobs, namespaces and RBAC of tests need; the rest costs time. */
const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation-controller',
  'deployment-controller',
  'replicaset-controller',
  'replicationcontroller-controller',
  'statefulset-controller',
  'daemonset-controller',
  'job-controller',
  'cronjob-controller',
  'ttl-after-finished-controller',
];

/** Addresses, files and tokens of one control plane. */
export interface ControlPlaneLayout {
  readonly dir: string;
  readonly etcdUrl: string;
  readonly etcdPeerUrl: string;
  readonly apiPort: number;
  readonly registryPort: number;
  readonly url: string;
  /** The API server makes this certificate for itself at its first start; it is its own authority. */
  readonly certificatePath: string;
  readonly certificateKeyPath: string;
  readonly serviceAccountKeyPath: string;
  readonly tokenFilePath: string;
  readonly tokens: ReadonlyMap<string, string>;
}

/** Writes the keys and tokens that the programs read. */
export async function writeLayout(options: {
  readonly dir: string;
  readonly ports: readonly number[];
  readonly users: readonly ClusterUser[];
}): Promise<ControlPlaneLayout> {
  const { dir } = options;
  const [etcdPort = 0, etcdPeerPort = 0, apiPort = 0, registryPort = 0] = options.ports;
  const users = [
    { name: ADMIN, groups: ['system:masters'] },
    { name: CONTROLLER_MANAGER, groups: ['system:masters'] },
    ...options.users,
  ];
  const tokens = new Map(users.map(({ name }) => [name, randomBytes(24).toString('hex')]));
  const layout: ControlPlaneLayout = {
    dir,
    etcdUrl: `http://${LOOPBACK}:${etcdPort}`,
    etcdPeerUrl: `http://${LOOPBACK}:${etcdPeerPort}`,
    apiPort,
    registryPort,
    url: `https://${LOOPBACK}:${apiPort}`,
    certificatePath: join(dir, 'certificates', 'apiserver.crt'),
    certificateKeyPath: join(dir, 'certificates', 'apiserver.key'),
    serviceAccountKeyPath: join(dir, 'service-account.key'),
    tokenFilePath: join(dir, 'tokens.csv'),
    tokens,
  };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = privateKey.export({ type: 'sec1', format: 'pem' });
  await writeFile(layout.serviceAccountKeyPath, keyPem, { mode: 0o600 });
  const lines = users.map(({ name, groups = [] }) => tokenLine(tokens.get(name) ?? '', name, groups));
  await writeFile(layout.tokenFilePath, lines.join(''), { mode: 0o600 });
  return layout;
}

function tokenLine(token: string, name: string, groups: readonly string[]): string {
  return `${token},${name},uid-${name}${groups.length > 0 ? `,"${groups.join(',')}"` : ''}\n`;
}

export function etcdArguments(layout: ControlPlaneLayout): string[] {
  return [
    `--data-dir=${join(layout.dir, 'etcd')}`,
    `--listen-client-urls=${layout.etcdUrl}`,
    `--advertise-client-urls=${layout.etcdUrl}`,
    `--listen-peer-urls=${layout.etcdPeerUrl}`,
    `--initial-advertise-peer-urls=${layout.etcdPeerUrl}`,
    `--initial-cluster=default=${layout.etcdPeerUrl}`,
    // Nothing here has to survive a crash of the machine.
    '--unsafe-no-fsync',
  ];
}

export function apiServerArguments(
  layout: ControlPlaneLayout,
  options: { readonly serviceAccounts: boolean; readonly extra: readonly string[] },
): string[] {
  return [
    `--etcd-servers=${layout.etcdUrl}`,
    `--bind-address=${LOOPBACK}`,
    `--advertise-address=${LOOPBACK}`,
    `--secure-port=${layout.apiPort}`,
    `--cert-dir=${join(layout.dir, 'certificates')}`,
    `--token-auth-file=${layout.tokenFilePath}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    // The API server refuses to publish a loopback address as the endpoint of the service `kubernetes`.
    '--endpoint-reconciler-type=none',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${layout.serviceAccountKeyPath}`,
    `--service-account-signing-key-file=${layout.serviceAccountKeyPath}`,
    // Without the controller manager nobody creates the service accounts that this plugin demands for pods.
    ...(options.serviceAccounts ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...options.extra,
  ];
}

export function controllerManagerArguments(layout: ControlPlaneLayout): string[] {
  return [
    `--kubeconfig=${kubeconfigPath(layout, CONTROLLER_MANAGER)}`,
    `--controllers=${CONTROLLERS.join(',')}`,
    `--service-account-private-key-file=${layout.serviceAccountKeyPath}`,
    `--root-ca-file=${layout.certificatePath}`,
    '--use-service-account-credentials=false',
    '--leader-elect=false',
    // It serves nothing: one port less that could be taken.
    '--secure-port=0',
    // Tests create and delete faster than a cluster's people; the defaults would make them wait.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
}

/** Writes a kubeconfig for each user; the API server's certificate must exist by now. */
export async function writeKubeconfigs(layout: ControlPlaneLayout, ca: string): Promise<void> {
  for (const [user, token] of layout.tokens) {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [
        {
          name: 'test',
          cluster: { server: layout.url, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
        },
      ],
      users: [{ name: user, user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
    };
    await writeFile(kubeconfigPath(layout, user), `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  }
}

/** Where the kubeconfig of this user is. */
export function kubeconfigPath(layout: ControlPlaneLayout, user: string): string {
  return join(layout.dir, `${encodeURIComponent(user)}.kubeconfig`);
}
