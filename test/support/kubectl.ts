import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { parentDeathBinding } from './parent-death.ts';

export interface KubectlOptions {
  /** Folder with the `kubectl` program. */
  readonly assets: string;
  readonly kubeconfigPath: string;
  /** Folder for its discovery cache, so that it leaves the user's alone. */
  readonly cacheFolder: string;
  readonly args: readonly string[];
  /** Standard input, for `-f -`. */
  readonly input?: string;
}

export interface KubectlResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs kubectl to its end. A failing command is a result too; rejects only when it cannot be started. */
export async function runKubectl(options: KubectlOptions): Promise<KubectlResult> {
  // A `kubectl wait` or `--watch` must not outlive a test run that was killed.
  const bindToParent = parentDeathBinding('KILL');
  const { program, args } = bindToParent({ program: join(options.assets, 'kubectl'), args: options.args });
  const child = spawn(program, args, {
    // KUBERC: a person's own defaults and aliases must not change what a test does.
    env: {
      ...process.env,
      KUBECONFIG: options.kubeconfigPath,
      KUBECACHEDIR: options.cacheFolder,
      KUBERC: 'off',
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve(code ?? 1));
  });
  // A command that reads no input may end before it is written.
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, exitCode };
}
