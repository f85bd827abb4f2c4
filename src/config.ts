/** The operator's settings: one table of flags, environment variables and defaults, and its help text. */
import type { ImportMode } from './domain/import-plan.ts';
import type { Platform } from './domain/manifest.ts';
import { type NamedKind, parseNamedKinds } from './domain/named-kind.ts';
import { type LogLevel, logLevels } from './observability/logger.ts';
import {
  boolean,
  duration,
  integer,
  objectName,
  oneOf,
  parseFlags,
  platform,
  registryHostName,
} from './setting-text.ts';

/** All settings, checked. */
export interface Config {
  /** Path of a kubeconfig; undefined means KUBECONFIG, ~/.kube/config, or the pod's service account. */
  readonly kubeconfig: string | undefined;
  readonly healthHost: string;
  /** 0 lets the system choose. */
  readonly healthPort: number;
  /** The one namespace that is served; undefined: all of them. */
  readonly namespace: string | undefined;
  readonly logLevel: LogLevel;
  readonly importMode: ImportMode;
  readonly platform: Platform;
  readonly historyLimit: number;
  /** Host and port; undefined when no registry serves the cluster's streams. */
  readonly localRegistry: string | undefined;
  /** Milliseconds. */
  readonly imageGracePeriod: number;
  /** Milliseconds. */
  readonly schedulePeriod: number;
  readonly repositoryTagLimit: number;
  /** Path of the registry policy; undefined means that there is none. */
  readonly registryPolicy: string | undefined;
  /** Path of a PEM bundle. */
  readonly registryCa: string | undefined;
  readonly trustedRealms: readonly string[];
  readonly allowPrivateRegistries: boolean;
  readonly allowLinkLocal: boolean;
  /** Undefined: nobody can notify. 0 lets the system choose. */
  readonly notificationPort: number | undefined;
  readonly notificationHost: string;
  /** Path of a file with one secret a line. */
  readonly notificationSecretFile: string | undefined;
  /** Milliseconds. */
  readonly retryMin: number;
  /** Milliseconds. */
  readonly retryMax: number;
  /** Kinds of others that triggers serve. */
  readonly workloadKinds: readonly NamedKind[];
  readonly importConcurrency: number;
  readonly triggerConcurrency: number;
  readonly leaderElect: boolean;
  /** Undefined: that of the kubeconfig's context, in a pod that of the pod. */
  readonly leaseNamespace: string | undefined;
  readonly leaseName: string;
  /** Milliseconds. */
  readonly leaseDuration: number;
  /** Milliseconds, shorter than the duration. */
  readonly leaseRenewDeadline: number;
  /** Milliseconds, at most half of the deadline. */
  readonly leaseRetryPeriod: number;
  /** Parts of the namespaces, with a Lease each. */
  readonly shards: number;
  /** Most Leases that one process holds. */
  readonly shardLeases: number;
}

/** A setting: how it is given, what it means, how its text becomes a value. `parse` throws a sentence. */
export interface Setting<T> {
  readonly flag: string;
  readonly env: string;
  /** As a person would write it; undefined when the setting may be absent. */
  readonly fallback: string | undefined;
  readonly help: string;
  readonly parse: (text: string) => T;
}

/** The table; the README shows the same one, and a test compares them. */
export const settings: { readonly [K in keyof Config]-?: Setting<Exclude<Config[K], undefined>> } = {
  kubeconfig: {
    flag: 'kubeconfig',
    env: 'IMAGESTREAM_KUBECONFIG',
    fallback: undefined,
    help: 'kubeconfig file; without it KUBECONFIG, ~/.kube/config, or the service account of the pod',
    parse: (text) => text,
  },
  healthHost: {
    flag: 'health-host',
    env: 'IMAGESTREAM_HEALTH_HOST',
    fallback: '0.0.0.0',
    help: 'address on which /livez, /readyz and /metrics are served',
    parse: (text) => text,
  },
  healthPort: {
    flag: 'health-port',
    env: 'IMAGESTREAM_HEALTH_PORT',
    fallback: '8080',
    help: 'port of /livez, /readyz and /metrics; 0 picks a free one',
    parse: (text) => integer(text, 0, 65_535),
  },
  namespace: {
    flag: 'namespace',
    env: 'IMAGESTREAM_NAMESPACE',
    fallback: undefined,
    help: 'serve this namespace alone, with rights in it alone and without Image objects; without it all namespaces',
    parse: (text) => objectName(text),
  },
  logLevel: {
    flag: 'log-level',
    env: 'IMAGESTREAM_LOG_LEVEL',
    fallback: 'info',
    help: `least level that is logged: ${logLevels.join(', ')}`,
    parse: (text) => oneOf(text, logLevels),
  },
  importMode: {
    flag: 'import-mode',
    env: 'IMAGESTREAM_IMPORT_MODE',
    fallback: 'Legacy',
    help: 'for tags without importPolicy.importMode: Legacy keeps one platform of an index, PreserveOriginal the index',
    parse: (text) => oneOf(text, ['Legacy', 'PreserveOriginal'] as const),
  },
  platform: {
    flag: 'platform',
    env: 'IMAGESTREAM_PLATFORM',
    fallback: 'linux/amd64',
    help: 'what a Legacy import keeps of an index, as os/architecture; annotations of a tag say otherwise',
    parse: (text) => platform(text),
  },
  schedulePeriod: {
    flag: 'schedule-period',
    env: 'IMAGESTREAM_SCHEDULE_PERIOD',
    fallback: '15m',
    help: 'time between two checks of a tag with importPolicy.scheduled',
    parse: (text) => duration(text),
  },
  repositoryTagLimit: {
    flag: 'repository-tag-limit',
    env: 'IMAGESTREAM_REPOSITORY_TAG_LIMIT',
    fallback: '50',
    help: 'tags of spec.dockerImageRepository that are imported, by priority',
    parse: (text) => integer(text, 1, 1_000),
  },
  registryPolicy: {
    flag: 'registry-policy',
    env: 'IMAGESTREAM_REGISTRY_POLICY',
    fallback: undefined,
    help: 'YAML file with mirrors, blocked, allowed and insecure registries and request budgets; read again when it changes',
    parse: (text) => text,
  },
  registryCa: {
    flag: 'registry-ca',
    env: 'IMAGESTREAM_REGISTRY_CA',
    fallback: undefined,
    help: 'PEM file with certificate authorities for registries, beside those of the system',
    parse: (text) => text,
  },
  trustedRealms: {
    flag: 'trusted-realms',
    env: 'IMAGESTREAM_TRUSTED_REALMS',
    fallback: '',
    help: 'token servers (host names, separated by commas) that may get credentials though they are of another domain than the registry',
    parse: (text) =>
      text
        .split(',')
        .map((host) => host.trim().toLowerCase())
        .filter((host) => host !== ''),
  },
  workloadKinds: {
    flag: 'workload-kinds',
    env: 'IMAGESTREAM_WORKLOAD_KINDS',
    fallback: '',
    help: 'other kinds that triggers serve, as resource.version.group=path of the pod spec or image, separated by commas: rollouts.v1alpha1.argoproj.io=spec.template.spec',
    parse: parseNamedKinds,
  },
  allowPrivateRegistries: {
    flag: 'allow-private-registries',
    env: 'IMAGESTREAM_ALLOW_PRIVATE_REGISTRIES',
    fallback: 'true',
    help: 'true lets streams name registries on private and loopback addresses',
    parse: (text) => boolean(text),
  },
  allowLinkLocal: {
    flag: 'allow-link-local',
    env: 'IMAGESTREAM_ALLOW_LINK_LOCAL',
    fallback: 'false',
    help: 'true lets streams name registries on link-local addresses, where clouds keep their metadata',
    parse: (text) => boolean(text),
  },
  notificationPort: {
    flag: 'notification-port',
    env: 'IMAGESTREAM_NOTIFICATION_PORT',
    fallback: undefined,
    help: 'port on which registries announce pushes; without it there is none',
    parse: (text) => integer(text, 0, 65_535),
  },
  notificationHost: {
    flag: 'notification-host',
    env: 'IMAGESTREAM_NOTIFICATION_HOST',
    fallback: '0.0.0.0',
    help: 'address on which registries announce pushes',
    parse: (text) => text,
  },
  notificationSecretFile: {
    flag: 'notification-secret-file',
    env: 'IMAGESTREAM_NOTIFICATION_SECRET_FILE',
    fallback: undefined,
    help: 'file with the secrets that announcements must show, one a line, of 16 characters at least; read again when it changes',
    parse: (text) => text,
  },
  historyLimit: {
    flag: 'history-limit',
    env: 'IMAGESTREAM_HISTORY_LIMIT',
    fallback: '50',
    help: 'history items that a tag keeps, newest first',
    parse: (text) => integer(text, 1, 1_000),
  },
  localRegistry: {
    flag: 'local-registry',
    env: 'IMAGESTREAM_LOCAL_REGISTRY',
    fallback: undefined,
    help: 'host and port of a registry that serves the streams as namespace/stream; tags with referencePolicy Local then name it',
    parse: (text) => registryHostName(text),
  },
  imageGracePeriod: {
    flag: 'image-grace-period',
    env: 'IMAGESTREAM_IMAGE_GRACE_PERIOD',
    fallback: '1h',
    help: 'time for which an Image object stays after the last history that reached it',
    parse: (text) => duration(text),
  },
  retryMin: {
    flag: 'retry-min',
    env: 'IMAGESTREAM_RETRY_MIN',
    fallback: '30s',
    help: 'wait after the first failed import of a tag; it doubles with each further one',
    parse: (text) => duration(text),
  },
  retryMax: {
    flag: 'retry-max',
    env: 'IMAGESTREAM_RETRY_MAX',
    fallback: '15m',
    help: 'longest wait after failed imports of a tag',
    parse: (text) => duration(text),
  },
  importConcurrency: {
    flag: 'import-concurrency',
    env: 'IMAGESTREAM_IMPORT_CONCURRENCY',
    fallback: '500',
    help: 'streams that are imported at the same time; most of them wait for their registries',
    parse: (text) => integer(text, 1, 5_000),
  },
  triggerConcurrency: {
    flag: 'trigger-concurrency',
    env: 'IMAGESTREAM_TRIGGER_CONCURRENCY',
    fallback: '16',
    help: 'workloads that are patched at the same time',
    parse: (text) => integer(text, 1, 1_000),
  },
  leaderElect: {
    flag: 'leader-elect',
    env: 'IMAGESTREAM_LEADER_ELECT',
    fallback: 'true',
    help: 'true lets several replicas run, of which the one that holds a Lease does the work; false is for a single one',
    parse: (text) => boolean(text),
  },
  leaseNamespace: {
    flag: 'lease-namespace',
    env: 'IMAGESTREAM_LEASE_NAMESPACE',
    fallback: undefined,
    help: 'namespace of the Lease; without it that of the kubeconfig’s context, in a pod the one of the pod',
    parse: (text) => objectName(text),
  },
  leaseName: {
    flag: 'lease-name',
    env: 'IMAGESTREAM_LEASE_NAME',
    fallback: 'imagestream-operator',
    help: 'name of the Lease',
    parse: (text) => objectName(text),
  },
  leaseDuration: {
    flag: 'lease-duration',
    env: 'IMAGESTREAM_LEASE_DURATION',
    fallback: '15s',
    help: 'time after which another replica takes over from one that was lost',
    parse: (text) => duration(text),
  },
  leaseRenewDeadline: {
    flag: 'lease-renew-deadline',
    env: 'IMAGESTREAM_LEASE_RENEW_DEADLINE',
    fallback: '10s',
    help: 'time without a renewed Lease after which the leader writes nothing more and ends; shorter than the duration',
    parse: (text) => duration(text),
  },
  leaseRetryPeriod: {
    flag: 'lease-retry-period',
    env: 'IMAGESTREAM_LEASE_RETRY_PERIOD',
    fallback: '2s',
    help: 'time between two attempts to have or to renew the Lease; at most half of the deadline',
    parse: (text) => duration(text),
  },
  shards: {
    flag: 'shards',
    env: 'IMAGESTREAM_SHARDS',
    fallback: '1',
    help: 'parts into which the namespaces are divided, with a Lease each, so that several replicas work at the same time',
    parse: (text) => integer(text, 1, 64),
  },
  shardLeases: {
    flag: 'shard-leases',
    env: 'IMAGESTREAM_SHARD_LEASES',
    fallback: '1',
    help: 'most of these Leases that one replica holds',
    parse: (text) => integer(text, 1, 64),
  },
};

/** What the command line asks for. */
export type Invocation =
  | { readonly kind: 'run'; readonly config: Config }
  | { readonly kind: 'help'; readonly text: string }
  /** All faults at once, a sentence each. */
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

/** Reads the settings: a flag wins over its environment variable, that over the default. */
export function parseInvocation(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation {
  const table = Object.entries(settings) as [keyof Config, Setting<unknown>][];
  const faults: string[] = [];
  const flags = parseFlags(
    args,
    table.map(([, { flag }]) => flag),
    faults,
  );
  if (flags['help'] === true) return { kind: 'help', text: helpText() };
  const values: Partial<Record<keyof Config, unknown>> = {};
  for (const [key, setting] of table) {
    const given = flags[setting.flag];
    const text = typeof given === 'string' ? given : (env[setting.env] ?? setting.fallback);
    try {
      values[key] = text === undefined ? undefined : setting.parse(text);
    } catch (error) {
      const name = typeof given === 'string' ? `--${setting.flag}` : setting.env;
      faults.push(`${name}: ${(error as Error).message}, not ${JSON.stringify(text)}`);
    }
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith('IMAGESTREAM_') && !table.some(([, { env: known }]) => known === name)) {
      faults.push(`${name}: there is no such setting`);
    }
  }
  const config = values as unknown as Config;
  if (faults.length === 0) faults.push(...leaseFaults(config));
  return faults.length > 0 ? { kind: 'invalid', faults } : { kind: 'run', config };
}

/** A leader has to give up before the others take over, and to try more than once before it does. */
function leaseFaults({ leaseDuration, leaseRenewDeadline, leaseRetryPeriod }: Config): readonly string[] {
  const faults: string[] = [];
  if (leaseRenewDeadline >= leaseDuration)
    faults.push('--lease-renew-deadline: must be shorter than --lease-duration');
  if (leaseRetryPeriod * 2 > leaseRenewDeadline)
    faults.push('--lease-retry-period: must be at most half of --lease-renew-deadline');
  return faults;
}

/** What `--help` prints. */
export function helpText(): string {
  const lines = Object.values(settings).map(({ flag, env, fallback, help }) => {
    const given = fallback === undefined || fallback === '' ? '' : ` (default ${fallback})`;
    return `  --${flag} VALUE\n      ${help}${given}\n      environment: ${env}`;
  });
  return `imagestream-operator: OpenShift's image streams on any Kubernetes

usage: npm start -- [flags]        in a checkout
       imagestream-operator [flags] in the container image

Watches ImageStreams, imports their tags and keeps workloads with the annotation
image.openshift.io/triggers on the images that the tags stand for. The custom
resource definitions must be there: kubectl apply --server-side -f crds/

${lines.join('\n')}
  --help
      this text
`;
}
