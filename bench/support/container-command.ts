/** The operator as its container image runs it: the bundle, the flags of the Dockerfile, and the memory of a container. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const dockerfile = fileURLToPath(new URL('../../Dockerfile', import.meta.url));
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
  const flags = (JSON.parse(entrypoint) as string[])
    .filter((part) => part.startsWith('--'))
    .map((flag) => withoutPercentage(flag, memoryMiB));
  const variables = [...text.matchAll(/^ENV (\w+)=(\S+)$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
  return { command: [...flags, join(folder, 'main.mjs')], flags, environment: Object.fromEntries(variables) };
}

function withoutPercentage(flag: string, memoryMiB: number): string {
  if (!flag.startsWith(percentageFlag)) return flag;
  const share = Number(flag.slice(percentageFlag.length)) / 100;
  return `--max-old-space-size=${Math.floor(memoryMiB * share)}`;
}
