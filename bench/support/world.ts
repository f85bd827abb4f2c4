/** What every case of the benchmark runs in: a cluster with a registry, and nothing else. */
import { fileURLToPath } from 'node:url';
import { ensureAssets } from '../../test/support/assets.ts';
import { type Cluster, startCluster } from '../../test/support/cluster.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import type { RegistryAuth } from '../../test/support/registry-server.ts';
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

/** How it differs from others. */
export interface WorldOptions {
  /** More flags for the API server. */
  readonly apiServerArgs?: readonly string[];
  /** Who gets into the registry; everybody unless told. */
  readonly registryAuth?: RegistryAuth | undefined;
}

/** Starts it; whatever happens, `stack` ends it. */
export async function startWorld(
  stack: AsyncDisposableStack,
  progress: Progress,
  options: WorldOptions = {},
): Promise<World> {
  const { signal } = progress;
  // Without a step: building the programs for the first time shows its own progress.
  const assets = await ensureAssets({ signal });
  const cluster = await progress.step('etcd, kube-apiserver and a registry', () =>
    // The controller manager would only take part of the processors.
    startCluster({ assets, signal, crds: crdFolder, controllerManager: false, ...options }),
  );
  stack.defer(() => cluster.stop());
  const kube = cluster.client();
  stack.use(kube);
  return { cluster, kube, progress, signal };
}
