/** The operator's settings: one table of flags, environment variables and defaults, and its help text. */
import { parseArgs } from 'node:util';
import type { ImportMode } from './domain/import-plan.ts';
import type { Platform } from './domain/manifest.ts';
import { type NamedKind, parseNamedKinds } from './domain/named-kind.ts';
import { type LogLevel, logLevels } from './observability/logger.ts';

/** All settings, checked. */
export interface Config {
  /** Path of a kubeconfig; undefined means KUBECONFIG, ~/.kube/config, or the pod's service account. */
  readonly kubeconfig: string | undefined;
  readonly healthHost: string;
  /** 0 lets the system choose. */
  readonly healthPort: number;
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
  return faults.length > 0
    ? { kind: 'invalid', faults }
    : { kind: 'run', config: values as unknown as Config };
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

function parseFlags(
  args: readonly string[],
  known: readonly string[],
  faults: string[],
): Readonly<Record<string, string | boolean | undefined>> {
  const options = Object.fromEntries(known.map((flag) => [flag, { type: 'string' as const }]));
  const { values, tokens } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${token.value}: there are no arguments, only flags`);
    if (token.kind !== 'option') continue;
    if (token.name !== 'help' && !known.includes(token.name))
      faults.push(`${token.rawName}: there is no such flag; see --help`);
    else if (token.name !== 'help' && token.value === undefined)
      faults.push(`${token.rawName}: a value is missing`);
  }
  return values;
}

function integer(text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new Error(`must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function boolean(text: string): boolean {
  return oneOf(text, ['true', 'false'] as const) === 'true';
}

function platform(text: string): Platform {
  const [, os, architecture] = /^([a-z0-9]{1,32})\/([a-z0-9]{1,32})$/.exec(text) ?? [];
  if (os === undefined || architecture === undefined)
    throw new Error('must be os/architecture, such as linux/arm64');
  return { os, architecture };
}

/** A host that pull specs can name: with a dot or a port, or a reader would take it for a part of the path. */
function registryHostName(text: string): string {
  const host = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.?)+(?::\d{1,5})?$/i;
  if (!host.test(text) || !(text === 'localhost' || /[.:]/.test(text)))
    throw new Error('must be a host name with a dot or a port, such as registry.example.com:5000');
  return text;
}

/** Milliseconds of a duration such as 500ms, 30s, 15m or 1h. */
function duration(text: string): number {
  const [, count, unit] = /^(\d{1,6})(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit ?? ''];
  if (unitMs === undefined || Number(count) === 0)
    throw new Error('must be a duration such as 500ms, 30s, 15m or 1h');
  return Number(count) * unitMs;
}

function oneOf<T extends string>(text: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === text);
  if (found === undefined) throw new Error(`must be one of ${allowed.join(', ')}`);
  return found;
}
