/** What every case of the benchmark runs in: a cluster with a registry, and nothing else. */
import { fileURLToPath } from 'node:url';
import { ensureAssets } from '../../test/support/assets.ts';
import { type Cluster, startCluster } from '../../test/support/cluster.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import type { Progress } from './progress.ts';

const crdFolder = fileURLToPath(new URL('../../crds/', import.meta.url));

/** A cluster that is up. */
export interface World {
  readonly cluster: Cluster;
  /** As the admin. */
  readonly kube: KubeClient;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Starts it, with more flags for the API server; whatever happens, `stack` ends it. */
export async function startWorld(
  stack: AsyncDisposableStack,
  progress: Progress,
  apiServerArgs: readonly string[] = [],
): Promise<World> {
  const { signal } = progress;
  // Without a step: building the programs for the first time shows its own progress.
  const assets = await ensureAssets({ signal });
  const cluster = await progress.step('etcd, kube-apiserver and a registry', () =>
    // The controller manager would only take part of the processors.
    startCluster({ assets, signal, crds: crdFolder, controllerManager: false, apiServerArgs }),
  );
  stack.defer(() => cluster.stop());
  const kube = cluster.client();
  stack.use(kube);
  return { cluster, kube, progress, signal };
}
