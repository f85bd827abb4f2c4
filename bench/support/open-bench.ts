/** What the benchmarks of the whole operator begin and end with: a folder, the bundle, a cluster, the operator's rights; the figures. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOperatorCredentials, type OperatorCredentials } from '../../test/support/operator-rights.ts';
import { createTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { machine, plainMaps } from './command-line.ts';
import { type ContainerCommand, containerCommand } from './container-command.ts';
import { Progress } from './progress.ts';
import { startWorld, type World, type WorldOptions } from './world.ts';

/** Of the operator's Deployment in config/. */
export const operatorMiB = 512;

/** A benchmark that can begin. */
export interface OpenedBench<T> {
  readonly world: World;
  /** Of the operator. */
  readonly container: ContainerCommand;
  /** With the bundles of operator and face. */
  readonly bundle: string;
  readonly operator: OperatorCredentials;
  readonly prepared: T;
}

/** Opens it; whatever happens, `stack` ends it. `prepare` is called before the cluster starts, with a folder for files. */
export async function openBench<T>(
  stack: AsyncDisposableStack,
  signal: AbortSignal,
  prepare: (folder: string) => Promise<{ readonly world?: WorldOptions; readonly prepared: T }>,
): Promise<OpenedBench<T>> {
  const folder = await createTemporaryFolder();
  stack.defer(() => folder.remove());
  const progress = new Progress(signal);
  const bundle = join(folder.path, 'bundle');
  const container = await progress.step('build the bundle', () =>
    containerCommand({ folder: bundle, memoryMiB: operatorMiB }),
  );
  const { world: options, prepared } = await prepare(folder.path);
  const world = await startWorld(stack, progress, options);
  const operator = await createOperatorCredentials(world.cluster);
  return { world, container, bundle, operator, prepared };
}

/** One line on the machine, and on Node's flags where there are some. */
export function machineLine(flags: readonly string[] = []): string {
  const { model, processors, node } = machine();
  return [
    `${processors} processors (${model})`,
    `Node ${node}`,
    ...(flags.length > 0 ? [flags.join(' ')] : []),
  ].join(', ');
}

/** Writes figures where the flag `--json` says, if it does; maps as objects. */
export async function writeFigures(path: string | undefined, figures: object): Promise<void> {
  if (path === undefined) return;
  await writeFile(path, `${JSON.stringify({ machine: machine(), ...figures }, plainMaps, 2)}\n`);
}
