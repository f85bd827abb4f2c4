/** What a command line, its environment and a file ask of a program, by the table of settings, and the help text. */
import { parseArgs } from 'node:util';
import type { AllSettings, Configs, Program } from './config.ts';
import { type Setting, settings, settingsOf } from './settings.ts';
import { type FileSettings, readSettingsFile } from './settings-file.ts';

/** What the command line asks for. */
export type Invocation<C> =
  | { readonly kind: 'run'; readonly config: C }
  | { readonly kind: 'help'; readonly text: string }
  /** All faults at once, a sentence each. */
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

/**
 * Reads the settings of a program: a flag wins over its environment variable, that over the file that the setting `config`
 * names, that over the default. What a file or the variables say to the other program is passed over, so that both may get
 * the same ones.
 */
export function parseInvocation<P extends Program>(
  program: P,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation<Configs[P]> {
  const table = settingsOf(program);
  const faults: string[] = [];
  const flags = parseFlags(
    args,
    table.map(([, { flag }]) => flag),
    faults,
  );
  if (flags['help'] === true) return { kind: 'help', text: helpText(program) };
  const given = ({ flag, env: variable }: Setting<unknown>): string | undefined => {
    const value = flags[flag];
    return typeof value === 'string' ? value : env[variable];
  };
  const path = given(settings.configFile);
  const file = path === undefined ? noFile : readSettingsFile(path, program);
  faults.push(...file.faults);
  const values: Record<string, unknown> = {};
  for (const [key, setting] of table) {
    const text = given(setting) ?? (file.values.has(key) ? undefined : setting.fallback);
    try {
      values[key] = text === undefined ? file.values.get(key) : setting.parse(text);
    } catch (error) {
      const name = typeof flags[setting.flag] === 'string' ? `--${setting.flag}` : setting.env;
      faults.push(`${name}: ${(error as Error).message}, not ${JSON.stringify(text)}`);
    }
  }
  const known = new Set<string>(Object.values(settings).map((setting) => setting.env));
  for (const name of Object.keys(env)) {
    if (name.startsWith('IMAGESTREAM_') && !known.has(name)) faults.push(`${name}: there is no such setting`);
  }
  faults.push(...contradictions(values));
  return faults.length > 0
    ? { kind: 'invalid', faults }
    : { kind: 'run', config: values as unknown as Configs[P] };
}

const noFile: FileSettings = { values: new Map(), faults: [] };

function flagOf(name: keyof typeof settings): string {
  return `--${settings[name].flag}`;
}

/** What is wrong between settings that are right by themselves. */
function contradictions(values: Partial<AllSettings>): readonly string[] {
  const { certificateFile, keyFile } = values;
  const { leaseDuration = Infinity, leaseRenewDeadline, leaseRetryPeriod = 0 } = values;
  const faults: string[] = [];
  if ((certificateFile === undefined) !== (keyFile === undefined))
    faults.push(`${flagOf('certificateFile')} and ${flagOf('keyFile')} go together: one of them is missing`);
  // A leader has to give up before the others take over, and to try more than once before it does.
  if (leaseRenewDeadline === undefined) return faults;
  if (leaseRenewDeadline >= leaseDuration)
    faults.push(`${flagOf('leaseRenewDeadline')}: must be shorter than ${flagOf('leaseDuration')}`);
  if (leaseRetryPeriod * 2 > leaseRenewDeadline)
    faults.push(`${flagOf('leaseRetryPeriod')}: must be at most half of ${flagOf('leaseRenewDeadline')}`);
  return faults;
}

/** What each program is, and how it is started. */
const introductions: Readonly<Record<Program, string>> = {
  operator: `imagestream-operator: OpenShift's image streams on any Kubernetes

usage: npm start -- [flags]        in a checkout
       imagestream-operator [flags] in the container image

Watches ImageStreams, imports their tags and keeps workloads with the annotation
image.openshift.io/triggers on the images that the tags stand for. The custom
resource definitions must be there: kubectl apply --server-side -f crds/`,
  face: `imagestream-operator API face: image.openshift.io/v1 for the unmodified oc

usage: npm run start:api -- [flags]

Serves image.openshift.io/v1 behind the aggregation layer of the cluster. It asks
registries by itself where an import only looks: give the settings about
registries to the operator and to the face alike.`,
};

function helpText(program: Program): string {
  const lines = settingsOf(program).map(([, { flag, env, fallback, help }]) => {
    const given = fallback === undefined || fallback === '' ? '' : ` (default ${fallback})`;
    return `  --${flag} VALUE\n      ${help}${given}\n      environment: ${env}`;
  });
  return `${introductions[program]}

${lines.join('\n')}
  --help
      this text

A flag wins over its variable, that over the key of the same name in the file of
--config (without the dashes: log-level: debug), that over the default.
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
