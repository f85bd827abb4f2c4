/** The floor of a fan-out: the patches that no operator can do without, sent bare by a fresh process. */
import type { ClusterFacts } from '../../test/support/cluster.ts';
import { deployments, type Workload } from '../../test/support/resources.ts';
import { runWorker } from './floor.ts';

/** What the process is told. */
export interface PatchPlan {
  readonly api: { readonly url: string; readonly ca: string; readonly token: string };
  readonly concurrency: number;
  readonly patches: readonly { readonly path: string; readonly body: string }[];
}

/** What it tells. */
export interface PatchResult {
  /** From the first request to the last answer; the connections are open and the code is warm. */
  readonly ms: number;
  /** Processor time of all of it. */
  readonly cpuMs: number;
}

/** Sets the image of the first container of some Deployments, with the patch that the operator sends. */
export async function runPatchFloor(
  facts: ClusterFacts,
  options: {
    readonly token: string;
    readonly nodeFlags: readonly string[];
    readonly concurrency: number;
    readonly workloads: readonly Workload[];
    readonly image: string;
    readonly signal: AbortSignal;
  },
): Promise<PatchResult> {
  const { token, nodeFlags, concurrency, workloads, image, signal } = options;
  const patches = workloads.map(({ metadata: { namespace, name, uid, resourceVersion }, spec }) => {
    const containers = [{ name: spec.template.spec.containers[0]?.name, image }];
    return {
      path: `/apis/${deployments.apiVersion}/namespaces/${namespace}/${deployments.plural}/${name}?fieldManager=imagestream-operator`,
      body: JSON.stringify({
        metadata: { uid, resourceVersion },
        spec: { template: { spec: { containers } } },
      }),
    };
  });
  const plan: PatchPlan = { api: { url: facts.url, ca: facts.ca, token }, concurrency, patches };
  const worker = new URL('patch-floor-worker.ts', import.meta.url);
  return runWorker<PatchResult>({ worker, nodeFlags, plan, signal });
}
