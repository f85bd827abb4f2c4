/** What a state costs its API server: bytes in etcd, and memory. */
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { KubeObject, Resource } from '../../src/api/resources.ts';
import { imageStreams, imageStreamTags, images, resourcePath } from '../../src/api/resources.ts';
import type { Cluster } from '../../test/support/cluster.ts';
import { programOf } from './cluster-program.ts';
import { Etcd } from './etcd.ts';
import { rssBytes } from './process-usage.ts';
import type { World } from './world.ts';

const readPeriodMs = 2_000;
const readLimitMs = 300_000;
/** Two reads that differ by less are the same. */
const tolerance = 0.01;

/** Memory of the API server in bytes. */
export interface ApiMemory {
  /** What it holds after a garbage collection. */
  readonly apiHeap: number;
  readonly apiRss: number;
}

/** Sizes in bytes. */
export interface StateCost extends ApiMemory {
  /** The database after compaction and defragmentation: what is in use and nothing else. */
  readonly etcd: number;
}

/**
 * Restarts the API server, so that it holds what is there and nothing of how it came to be, and measures when it has
 * read everything.
 */
export async function measureCost({ cluster, signal }: World): Promise<StateCost> {
  await using store = await Etcd.of(cluster);
  const etcd = await store.usedBytes();
  await cluster.restartApiServer();
  // A kind is read, in all of its versions, when somebody asks for it first.
  await using api = new PatientClient(cluster);
  for (const resource of [imageStreams, imageStreamTags, images]) await firstPage(api, resource);
  const apiHeap = await settledHeap(api, signal);
  const { pid } = await programOf(cluster, 'kube-apiserver');
  return { etcd, apiHeap, apiRss: await rssBytes(pid) };
}

/** What the API server has now. */
export async function apiMemory({ cluster, signal }: World): Promise<ApiMemory> {
  await using api = new PatientClient(cluster);
  const apiRss = await rssBytes((await programOf(cluster, 'kube-apiserver')).pid);
  return { apiHeap: await settledHeap(api, signal), apiRss };
}

/** Reads from an API server that is busy with its memory, and may take minutes. */
class PatientClient implements AsyncDisposable {
  readonly #url: string;
  readonly #authorization: string;
  readonly #agent: Agent;

  constructor(cluster: Cluster) {
    this.#url = cluster.url;
    this.#authorization = `Bearer ${cluster.token('admin')}`;
    const timeouts = { headersTimeout: readLimitMs, bodyTimeout: readLimitMs };
    this.#agent = new Agent({ connect: { ca: cluster.ca }, ...timeouts });
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const { statusCode, body } = await request(this.#url + path, {
      dispatcher: this.#agent,
      headers: { authorization: this.#authorization },
    });
    return { status: statusCode, text: await body.text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

async function firstPage(api: PatientClient, resource: Resource<KubeObject>): Promise<void> {
  const path = `${resourcePath(resource, {})}?limit=1`;
  const { status, text } = await api.get(path);
  if (status === 429) {
    await delay(readPeriodMs);
    return firstPage(api, resource);
  }
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
}

/** The live heap, once it grows no more. */
async function settledHeap(api: PatientClient, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + readLimitMs;
  for (let before = await liveHeap(api); ; ) {
    await delay(readPeriodMs, undefined, { signal });
    const after = await liveHeap(api);
    if (Math.abs(after - before) < before * tolerance) return after;
    if (performance.now() > deadline) throw new Error('the heap of the API server does not settle');
    before = after;
  }
}

/** Makes the API server collect its garbage, and reads what is left. */
async function liveHeap(api: PatientClient): Promise<number> {
  const { status, text } = await api.get('/debug/pprof/heap?gc=1&debug=1');
  const [, bytes] = /^# HeapAlloc = (\d+)$/m.exec(text) ?? [];
  if (bytes === undefined) throw new Error(`the API server does not tell its heap: ${status}`);
  return Number(bytes);
}
