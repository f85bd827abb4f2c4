/** Whether the cluster is one that the operator may serve: asked once, before anything is watched or written. */
import { imageGroup, storedVersion } from '../api/resources.ts';
import type { KubeClient } from './client.ts';
import { isNotFound } from './errors.ts';

/** A cluster that the operator cannot or must not serve; the message says what to do. */
export class UnsuitableClusterError extends Error {
  constructor(message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = 'UnsuitableClusterError';
  }
}

/**
 * Resolves when the cluster serves our custom resources. Throws {@link UnsuitableClusterError} on a
 * cluster without them, on OpenShift (whose own API server serves the group), and when the API server cannot be reached.
 */
export async function checkCluster(client: KubeClient, server: string, signal: AbortSignal): Promise<void> {
  const serves = async (path: string): Promise<boolean> => {
    try {
      await client.getPath(`/apis/${path}`, signal);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      const reason = error instanceof Error ? error.message : String(error);
      throw new UnsuitableClusterError(
        `The API server ${server} cannot be used: ${reason}. Check the kubeconfig (kubectl cluster-info), or name another one with --kubeconfig.`,
        { cause: error },
      );
    }
  };
  const stored = await serves(`${imageGroup}/${storedVersion}`);
  // Our definitions may have been applied there too, so they alone do not tell.
  if ((await serves('config.openshift.io')) || (!stored && (await serves(`${imageGroup}/v1`)))) {
    throw new UnsuitableClusterError(
      `${server} is an OpenShift cluster, which has image streams of its own. The operator does not start here.`,
    );
  }
  if (stored) return;
  throw new UnsuitableClusterError(
    `${server} does not know ${imageGroup}. Install the custom resource definitions first: kubectl apply --server-side -f crds/`,
  );
}
