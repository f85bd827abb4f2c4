/** The floor of a start: the lists that no operator can do without, read bare in a fresh process. */
import { imageStreams, imageStreamTags, resourcePath } from '../../src/api/resources.ts';
import type { ClusterFacts } from '../../test/support/cluster.ts';
import { runWorker } from './floor.ts';

/** What the process is told. */
export interface ListPlan {
  readonly api: { readonly url: string; readonly ca: string; readonly token: string };
  /** Collections, read at the same time. */
  readonly paths: readonly string[];
  /** Objects of a page. */
  readonly pageSize: number;
}

/** What it tells. */
export interface ListResult {
  /** Epoch milliseconds of the last answer. */
  readonly endedAt: number;
  readonly objects: number;
  /** Processor time of the process. */
  readonly cpuMs: number;
  /** Its memory at the end, and the most that it had. */
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

/** What the floor took, from the start of its process. */
export interface ListFloor extends Omit<ListResult, 'endedAt'> {
  readonly ms: number;
}

/** Lists streams and ImageStreamTags, and what else is wanted, in pages of 500, as the operator does. */
export async function runListFloor(
  facts: ClusterFacts,
  options: {
    readonly token: string;
    readonly nodeFlags: readonly string[];
    /** Further collections. */
    readonly paths?: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<ListFloor> {
  const { token, nodeFlags, paths = [], signal } = options;
  const plan: ListPlan = {
    api: { url: facts.url, ca: facts.ca, token },
    paths: [...[imageStreams, imageStreamTags].map((resource) => resourcePath(resource, {})), ...paths],
    pageSize: 500,
  };
  const startedAt = Date.now();
  const worker = new URL('list-floor-worker.ts', import.meta.url);
  const { endedAt, ...rest } = await runWorker<ListResult>({ worker, nodeFlags, plan, signal });
  return { ms: endedAt - startedAt, ...rest };
}
