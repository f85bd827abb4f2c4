/** The settings of the operator and of the API face: one table of flags, environment variables, keys of a file, and defaults. */
import type { AllSettings, Config, Program, SharedConfig } from './config.ts';
import { parseNamedKinds } from './domain/named-kind.ts';
import { logLevels } from './observability/logger.ts';
import {
  boolean,
  duration,
  integer,
  objectName,
  oneOf,
  platform,
  registryHostName,
} from './setting-values.ts';

/** A setting: how it is given, what it means, how its text becomes a value. `parse` throws a sentence. */
export interface Setting<T, P extends readonly Program[] = readonly Program[]> {
  /** Whose setting it is. */
  readonly programs: P;
  readonly flag: string;
  readonly env: string;
  /** As a person would write it; undefined when the setting may be absent. */
  readonly fallback: string | undefined;
  readonly help: string;
  /** True where values are separated by commas; a file may have a list. */
  readonly isList?: true;
  readonly parse: (text: string) => T;
}

/** That the table says it as the configurations do is checked with the types. */
type ProgramsOf<K> = K extends keyof SharedConfig
  ? typeof both
  : K extends keyof Config
    ? typeof operator
    : typeof face;

const operator = ['operator'] as const;
const face = ['face'] as const;
const both = ['operator', 'face'] as const;

/** The table; the documents show the same one, and a test compares them. */
export const settings: {
  readonly [K in keyof AllSettings]-?: Setting<Exclude<AllSettings[K], undefined>, ProgramsOf<K>>;
} = {
  configFile: {
    programs: both,
    flag: 'config',
    env: 'IMAGESTREAM_CONFIG',
    fallback: undefined,
    help: 'YAML file with settings, by the names of their flags; flags and variables win',
    parse: (text) => text,
  },
  kubeconfig: {
    programs: both,
    flag: 'kubeconfig',
    env: 'IMAGESTREAM_KUBECONFIG',
    fallback: undefined,
    help: 'kubeconfig file; without it KUBECONFIG, ~/.kube/config, or the service account of the pod',
    parse: (text) => text,
  },
  healthHost: {
    programs: operator,
    flag: 'health-host',
    env: 'IMAGESTREAM_HEALTH_HOST',
    fallback: '0.0.0.0',
    help: 'address on which /livez, /readyz and /metrics are served',
    parse: (text) => text,
  },
  healthPort: {
    programs: operator,
    flag: 'health-port',
    env: 'IMAGESTREAM_HEALTH_PORT',
    fallback: '8080',
    help: 'port of /livez, /readyz and /metrics; 0 picks a free one',
    parse: (text) => integer(text, 0, 65_535),
  },
  watchNamespace: {
    programs: operator,
    flag: 'watch-namespace',
    env: 'IMAGESTREAM_WATCH_NAMESPACE',
    fallback: undefined,
    help: 'serve this namespace alone, with rights in it alone and without Image objects; without it all namespaces',
    parse: (text) => objectName(text),
  },
  logLevel: {
    programs: both,
    flag: 'log-level',
    env: 'IMAGESTREAM_LOG_LEVEL',
    fallback: 'info',
    help: `least level that is logged: ${logLevels.join(', ')}`,
    parse: (text) => oneOf(text, logLevels),
  },
  importMode: {
    programs: both,
    flag: 'import-mode',
    env: 'IMAGESTREAM_IMPORT_MODE',
    fallback: 'Legacy',
    help: 'for tags without importPolicy.importMode: Legacy keeps one platform of an index, PreserveOriginal the index',
    parse: (text) => oneOf(text, ['Legacy', 'PreserveOriginal'] as const),
  },
  platform: {
    programs: both,
    flag: 'platform',
    env: 'IMAGESTREAM_PLATFORM',
    fallback: 'linux/amd64',
    help: 'what a Legacy import keeps of an index, as os/architecture; annotations of a tag say otherwise',
    parse: (text) => platform(text),
  },
  schedulePeriod: {
    programs: operator,
    flag: 'schedule-period',
    env: 'IMAGESTREAM_SCHEDULE_PERIOD',
    fallback: '15m',
    help: 'time between two checks of a tag with importPolicy.scheduled',
    parse: (text) => duration(text),
  },
  repositoryTagLimit: {
    programs: both,
    flag: 'repository-tag-limit',
    env: 'IMAGESTREAM_REPOSITORY_TAG_LIMIT',
    fallback: '50',
    help: 'tags of a whole repository that are imported, by priority',
    parse: (text) => integer(text, 1, 1_000),
  },
  registryPolicy: {
    programs: both,
    flag: 'registry-policy',
    env: 'IMAGESTREAM_REGISTRY_POLICY',
    fallback: undefined,
    help: 'YAML file with mirrors, blocked, allowed and insecure registries and request budgets; read again when it changes',
    parse: (text) => text,
  },
  registryCa: {
    programs: both,
    flag: 'registry-ca',
    env: 'IMAGESTREAM_REGISTRY_CA',
    fallback: undefined,
    help: 'PEM file with certificate authorities for registries, beside those of the system',
    parse: (text) => text,
  },
  trustedRealms: {
    programs: both,
    flag: 'trusted-realms',
    env: 'IMAGESTREAM_TRUSTED_REALMS',
    fallback: '',
    help: 'token servers (host names, separated by commas) that may get credentials though they are of another domain than the registry',
    isList: true,
    parse: (text) =>
      text
        .split(',')
        .map((host) => host.trim().toLowerCase())
        .filter((host) => host !== ''),
  },
  workloadKinds: {
    programs: operator,
    flag: 'workload-kinds',
    env: 'IMAGESTREAM_WORKLOAD_KINDS',
    fallback: '',
    help: 'other kinds that triggers serve, as resource.version.group=path of the pod spec or image, separated by commas: rollouts.v1alpha1.argoproj.io=spec.template.spec',
    isList: true,
    parse: parseNamedKinds,
  },
  allowPrivateRegistries: {
    programs: both,
    flag: 'allow-private-registries',
    env: 'IMAGESTREAM_ALLOW_PRIVATE_REGISTRIES',
    fallback: 'true',
    help: 'true lets streams name registries on private and loopback addresses',
    parse: (text) => boolean(text),
  },
  allowLinkLocal: {
    programs: both,
    flag: 'allow-link-local',
    env: 'IMAGESTREAM_ALLOW_LINK_LOCAL',
    fallback: 'false',
    help: 'true lets streams name registries on link-local addresses, where clouds keep their metadata',
    parse: (text) => boolean(text),
  },
  notificationPort: {
    programs: operator,
    flag: 'notification-port',
    env: 'IMAGESTREAM_NOTIFICATION_PORT',
    fallback: undefined,
    help: 'port on which registries announce pushes; without it there is none',
    parse: (text) => integer(text, 0, 65_535),
  },
  notificationHost: {
    programs: operator,
    flag: 'notification-host',
    env: 'IMAGESTREAM_NOTIFICATION_HOST',
    fallback: '0.0.0.0',
    help: 'address on which registries announce pushes',
    parse: (text) => text,
  },
  notificationSecretFile: {
    programs: operator,
    flag: 'notification-secret-file',
    env: 'IMAGESTREAM_NOTIFICATION_SECRET_FILE',
    fallback: undefined,
    help: 'file with the secrets that announcements must show, one a line, of 16 characters at least; read again when it changes',
    parse: (text) => text,
  },
  historyLimit: {
    programs: both,
    flag: 'history-limit',
    env: 'IMAGESTREAM_HISTORY_LIMIT',
    fallback: '50',
    help: 'history items that a tag keeps, newest first',
    parse: (text) => integer(text, 1, 1_000),
  },
  localRegistry: {
    programs: both,
    flag: 'local-registry',
    env: 'IMAGESTREAM_LOCAL_REGISTRY',
    fallback: undefined,
    help: 'host and port of a registry that serves the streams as namespace/stream; tags with referencePolicy Local then name it',
    parse: (text) => registryHostName(text),
  },
  imageGracePeriod: {
    programs: operator,
    flag: 'image-grace-period',
    env: 'IMAGESTREAM_IMAGE_GRACE_PERIOD',
    fallback: '1h',
    help: 'time for which an Image object stays after the last history that reached it',
    parse: (text) => duration(text),
  },
  retryMin: {
    programs: operator,
    flag: 'retry-min',
    env: 'IMAGESTREAM_RETRY_MIN',
    fallback: '30s',
    help: 'wait after the first failed import of a tag; it doubles with each further one',
    parse: (text) => duration(text),
  },
  retryMax: {
    programs: operator,
    flag: 'retry-max',
    env: 'IMAGESTREAM_RETRY_MAX',
    fallback: '15m',
    help: 'longest wait after failed imports of a tag',
    parse: (text) => duration(text),
  },
  importConcurrency: {
    programs: operator,
    flag: 'import-concurrency',
    env: 'IMAGESTREAM_IMPORT_CONCURRENCY',
    fallback: '500',
    help: 'streams that are imported at the same time; most of them wait for their registries',
    parse: (text) => integer(text, 1, 5_000),
  },
  triggerConcurrency: {
    programs: operator,
    flag: 'trigger-concurrency',
    env: 'IMAGESTREAM_TRIGGER_CONCURRENCY',
    fallback: '16',
    help: 'workloads that are patched at the same time',
    parse: (text) => integer(text, 1, 1_000),
  },
  leaderElect: {
    programs: operator,
    flag: 'leader-elect',
    env: 'IMAGESTREAM_LEADER_ELECT',
    fallback: 'true',
    help: 'true lets several replicas run, of which the one that holds a Lease does the work; false is for a single one',
    parse: (text) => boolean(text),
  },
  leaseNamespace: {
    programs: operator,
    flag: 'lease-namespace',
    env: 'IMAGESTREAM_LEASE_NAMESPACE',
    fallback: undefined,
    help: 'namespace of the Lease; without it that of the kubeconfig’s context, in a pod the one of the pod',
    parse: (text) => objectName(text),
  },
  leaseName: {
    programs: operator,
    flag: 'lease-name',
    env: 'IMAGESTREAM_LEASE_NAME',
    fallback: 'imagestream-operator',
    help: 'name of the Lease',
    parse: (text) => objectName(text),
  },
  leaseDuration: {
    programs: operator,
    flag: 'lease-duration',
    env: 'IMAGESTREAM_LEASE_DURATION',
    fallback: '15s',
    help: 'time after which another replica takes over from one that was lost',
    parse: (text) => duration(text),
  },
  leaseRenewDeadline: {
    programs: operator,
    flag: 'lease-renew-deadline',
    env: 'IMAGESTREAM_LEASE_RENEW_DEADLINE',
    fallback: '10s',
    help: 'time without a renewed Lease after which the leader writes nothing more and ends; shorter than the duration',
    parse: (text) => duration(text),
  },
  leaseRetryPeriod: {
    programs: operator,
    flag: 'lease-retry-period',
    env: 'IMAGESTREAM_LEASE_RETRY_PERIOD',
    fallback: '2s',
    help: 'time between two attempts to have or to renew the Lease; at most half of the deadline',
    parse: (text) => duration(text),
  },
  shards: {
    programs: operator,
    flag: 'shards',
    env: 'IMAGESTREAM_SHARDS',
    fallback: '1',
    help: 'parts into which the namespaces are divided, with a Lease each, so that several replicas work at the same time',
    parse: (text) => integer(text, 1, 64),
  },
  shardLeases: {
    programs: operator,
    flag: 'shard-leases',
    env: 'IMAGESTREAM_SHARD_LEASES',
    fallback: '1',
    help: 'most of these Leases that one replica holds',
    parse: (text) => integer(text, 1, 64),
  },
  certificateFile: {
    programs: face,
    flag: 'tls-cert-file',
    env: 'IMAGESTREAM_API_TLS_CERT_FILE',
    fallback: undefined,
    help: 'certificate that the APIService trusts, in PEM, read again when it changes; without it the face makes an authority and a certificate, keeps and renews them, and tells the APIService',
    parse: (text) => text,
  },
  keyFile: {
    programs: face,
    flag: 'tls-private-key-file',
    env: 'IMAGESTREAM_API_TLS_PRIVATE_KEY_FILE',
    fallback: undefined,
    help: 'key of that certificate, in PEM',
    parse: (text) => text,
  },
  namespace: {
    programs: face,
    flag: 'namespace',
    env: 'POD_NAMESPACE',
    fallback: 'imagestream-operator',
    help: 'where the face runs',
    parse: (text) => text,
  },
  service: {
    programs: face,
    flag: 'service',
    env: 'IMAGESTREAM_API_SERVICE',
    fallback: 'imagestream-operator-api',
    help: 'Service by which the API server reaches the face',
    parse: (text) => text,
  },
  host: {
    programs: face,
    flag: 'host',
    env: 'IMAGESTREAM_API_HOST',
    fallback: '0.0.0.0',
    help: 'address to listen on',
    parse: (text) => text,
  },
  port: {
    programs: face,
    flag: 'port',
    env: 'IMAGESTREAM_API_PORT',
    fallback: '8443',
    help: 'port to listen on; 0 picks a free one',
    parse: (text) => integer(text, 0, 65_535),
  },
  metricsHost: {
    programs: face,
    flag: 'metrics-host',
    env: 'IMAGESTREAM_API_METRICS_HOST',
    fallback: '0.0.0.0',
    help: 'address on which /metrics is served',
    parse: (text) => text,
  },
  metricsPort: {
    programs: face,
    flag: 'metrics-port',
    env: 'IMAGESTREAM_API_METRICS_PORT',
    fallback: undefined,
    help: 'port of /metrics, over plain HTTP; 0 picks a free one; without it there is none',
    parse: (text) => integer(text, 0, 65_535),
  },
};

/** The settings of a program, in the order of the table. */
export function settingsOf(program: Program): readonly (readonly [string, Setting<unknown>])[] {
  const table: readonly (readonly [string, Setting<unknown>])[] = Object.entries(settings);
  return table.filter(([, { programs }]) => programs.includes(program));
}
