/** The pinned Helm, as a person would run it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ensureAssets } from './assets.ts';

/** The folder of the chart. */
export const chartFolder = fileURLToPath(new URL('../../charts/imagestream-operator/', import.meta.url));

export interface HelmResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs Helm to its end. A failing command is a result too. */
export type Helm = (args: readonly string[]) => Promise<HelmResult>;

/** Finds or builds Helm. What it keeps goes into the folder; it talks to the cluster of the kubeconfig. */
export async function prepareHelm(folder: string, kubeconfigPath: string): Promise<Helm> {
  const program = join(await ensureAssets({ programs: ['helm'] }), 'helm');
  const env = {
    ...process.env,
    KUBECONFIG: kubeconfigPath,
    HELM_CACHE_HOME: join(folder, 'cache'),
    HELM_CONFIG_HOME: join(folder, 'config'),
    HELM_DATA_HOME: join(folder, 'data'),
  };
  const options = { env, maxBuffer: 64 * 1024 ** 2, timeout: 120_000 };
  return (args) =>
    new Promise((resolve) => {
      execFile(program, [...args], options, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : Number(error.code ?? 1);
        resolve({ stdout, stderr, exitCode });
      });
    });
}
