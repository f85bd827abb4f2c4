// A cluster for one test file: for what must not happen to the one that the whole run shares.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, inject } from 'vitest';

import { type Cluster, startCluster } from './cluster.ts';
import { SharedCluster } from './fixture.ts';

/** The project's definitions. */
export const crds = fileURLToPath(new URL('../../crds/', import.meta.url));

/** A cluster with the definitions and without an operator, up while the tests of the file run. */
export interface OwnCluster {
  readonly cluster: Cluster;
  /** Its view for scenarios. */
  readonly view: SharedCluster;
}

/** Starts a cluster before the tests of the calling file and stops it after them; it is there within them only. */
export function useOwnCluster(): OwnCluster {
  let own: OwnCluster | undefined;
  const started = (): OwnCluster => {
    if (own === undefined) throw new Error('the cluster of this file is not up');
    return own;
  };
  beforeAll(async () => {
    const cluster = await startCluster({ assets: inject('cluster').assets, crds });
    own = { cluster, view: new SharedCluster(cluster.facts) };
  });
  afterAll(async () => {
    await own?.view.close();
    await own?.cluster.stop();
  });
  return {
    get cluster() {
      return started().cluster;
    },
    get view() {
      return started().view;
    },
  };
}
