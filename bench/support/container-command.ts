/** Operator and API face as their containers run them: the bundle, Node's flags of the manifests, and the container's memory. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { load } from 'js-yaml';

const dockerfile = fileURLToPath(new URL('../../Dockerfile', import.meta.url));
const faceDeployment = fileURLToPath(new URL('../../config/api/face/deployment.yaml', import.meta.url));
const buildScript = fileURLToPath(new URL('../../scripts/build.ts', import.meta.url));
const percentageFlag = '--max-old-space-size-percentage=';

/** What `OperatorProcess` is started with. */
export interface ContainerCommand {
  /** Node's flags and the bundle. */
  readonly command: readonly string[];
  /** Node's flags alone. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Builds the bundle into a folder and reads how the Dockerfile starts it. V8's share of the memory becomes a number, for
 * the memory of this machine is not that of the container. Throws when the Dockerfile does not have what is looked for.
 */
export async function containerCommand(options: {
  /** Gets the bundle. */
  readonly folder: string;
  /** Memory of the container. */
  readonly memoryMiB: number;
}): Promise<ContainerCommand> {
  const { folder, memoryMiB } = options;
  await promisify(execFile)(process.execPath, [buildScript, '--outdir', folder]);
  const text = await readFile(dockerfile, 'utf8');
  const [, entrypoint] = /^ENTRYPOINT (\[.*\])$/m.exec(text) ?? [];
  if (entrypoint === undefined) throw new Error(`${dockerfile} has no ENTRYPOINT in JSON: mend this file`);
  const flags = flagsOf(JSON.parse(entrypoint) as string[], memoryMiB);
  return { command: [...flags, join(folder, 'main.mjs')], flags, environment: environmentOf(text) };
}

/** The face of a bundle of {@link containerCommand}, as its Deployment starts it in a container of the memory that stands there. */
export async function faceCommand(
  folder: string,
): Promise<ContainerCommand & { readonly memoryMiB: number }> {
  const { spec } = load(await readFile(faceDeployment, 'utf8')) as DeploymentOfFace;
  const [container] = spec.template.spec.containers;
  const { command = [], resources } = container ?? {};
  const [, mebibytes] = /^(\d+)Mi$/.exec(resources?.limits.memory ?? '') ?? [];
  if (mebibytes === undefined) throw new Error(`${faceDeployment} has no limit in Mi: mend this file`);
  const memoryMiB = Number(mebibytes);
  const flags = flagsOf(command, memoryMiB);
  const bundle = join(folder, basename(command.at(-1) ?? ''));
  const environment = environmentOf(await readFile(dockerfile, 'utf8'));
  return { command: [...flags, bundle], flags, environment, memoryMiB };
}

interface DeploymentOfFace {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly command?: readonly string[];
          readonly resources: { readonly limits: { readonly memory: string } };
        }[];
      };
    };
  };
}

function flagsOf(command: readonly string[], memoryMiB: number): readonly string[] {
  return command.filter((part) => part.startsWith('--')).map((flag) => withoutPercentage(flag, memoryMiB));
}

/** Variables that the image sets. */
function environmentOf(text: string): Readonly<Record<string, string>> {
  const variables = text.matchAll(/^ENV (\w+)=(\S+)$/gm);
  return Object.fromEntries([...variables].map(([, name = '', value = '']) => [name, value]));
}

function withoutPercentage(flag: string, memoryMiB: number): string {
  if (!flag.startsWith(percentageFlag)) return flag;
  const share = Number(flag.slice(percentageFlag.length)) / 100;
  return `--max-old-space-size=${Math.floor(memoryMiB * share)}`;
}
