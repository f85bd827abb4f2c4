/** What a state costs its API server: bytes in etcd, and memory. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { KubeObject, Resource } from '../../src/api/resources.ts';
import { imageStreams, imageStreamTags, images, resourcePath } from '../../src/api/resources.ts';
import type { Cluster } from '../../test/support/cluster.ts';
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
  const etcd = await etcdBytes(await programOf(cluster, 'kube-apiserver'));
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

/** A program of the cluster that runs now. */
interface Program {
  readonly pid: number;
  readonly args: readonly string[];
}

async function programOf(cluster: Cluster, name: string): Promise<Program> {
  for (const pid of cluster.pids) {
    const [path = '', ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    if (basename(path) === name) return { pid, args };
  }
  throw new Error(`${name} does not run`);
}

/** etcd's own HTTP gateway, which speaks JSON; numbers are texts there. */
async function etcdBytes({ args }: Program): Promise<number> {
  const flag = '--etcd-servers=';
  const url = args.find((arg) => arg.startsWith(flag))?.slice(flag.length);
  const ask = async <T>(path: string, question: object): Promise<T> => {
    const options = { method: 'POST', body: JSON.stringify(question), headersTimeout: readLimitMs } as const;
    const { statusCode, body } = await request(`${url}/v3/${path}`, options);
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`etcd's ${path}: ${statusCode} ${text}`);
    return JSON.parse(text) as T;
  };
  const { header } = await ask<{ header: { revision: string } }>('maintenance/status', {});
  await ask('kv/compaction', { revision: header.revision, physical: true });
  await ask('maintenance/defragment', {});
  return Number((await ask<{ dbSize: string }>('maintenance/status', {})).dbSize);
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
