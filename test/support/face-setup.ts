import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { ensureAssets } from './assets.ts';
import type { ClusterFacts } from './cluster.ts';
import { eventually } from './eventually.ts';
import { startFaceCluster } from './face-fixture.ts';
import { served } from './face-view.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The cluster whose `v1` an API face has: `FaceView.join` makes it usable. */
    readonly faceCluster: ClusterFacts;
  }
}

const userRights = fileURLToPath(new URL('../../config/operator/user-rights.yaml', import.meta.url));

/**
 * Starts a cluster, the operator in it and an API face that has taken `v1` over, for all tests that leave them running; the roles
 * of a namespace have the rights that they come with. Called by vitest once. The function that it returns ends them.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = new AsyncDisposableStack();
  const { aggregation, cluster, view, face } = await startFaceCluster(await ensureAssets(), stack);
  await aggregation.register(view.kube, face.port);
  await eventually(async () => (await view.kube.request('GET', `${served}/imagetags`)).status === 200, {
    what: 'the face to have v1',
  });
  const { stderr } = await view.kubectl(['apply', '-f', userRights]);
  if (stderr !== '') throw new Error(stderr);
  project.provide('faceCluster', cluster.facts);
  return () => stack.disposeAsync();
}
