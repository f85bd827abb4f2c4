/** etcd behind the API server, by its own HTTP gateway, which speaks JSON: numbers and bytes are texts there. */
import { Agent, request } from 'undici';
import type { KubeObject, Resource } from '../../src/api/resources.ts';
import type { Cluster } from '../../test/support/cluster.ts';
import { programOf } from './cluster-program.ts';

/** Defragmentation answers when it is done. */
const answerMs = 300_000;

/** Where a custom resource is stored. */
export function storageKey(
  { group, plural }: Resource<KubeObject>,
  { namespace, name }: { readonly namespace?: string; readonly name: string },
): string {
  return ['/registry', group, plural, ...(namespace === undefined ? [] : [namespace]), name].join('/');
}

/** The store of a cluster. */
export class Etcd implements AsyncDisposable {
  readonly #url: string;
  readonly #agent: Agent;

  private constructor(url: string, connections: number) {
    this.#url = url;
    this.#agent = new Agent({ connections, headersTimeout: answerMs });
  }

  /** Finds it. It opens as many connections as it has questions at a time, up to that many. */
  static async of(cluster: Cluster, connections = 1): Promise<Etcd> {
    const { args } = await programOf(cluster, 'kube-apiserver');
    const flag = '--etcd-servers=';
    const url = args.find((arg) => arg.startsWith(flag))?.slice(flag.length);
    if (url === undefined) throw new Error(`the API server has no flag ${flag}`);
    return new Etcd(url, connections);
  }

  /** The text under a key. Throws when there is none. */
  async get(key: string): Promise<string> {
    const { kvs: [found] = [] } = await this.#ask<{ kvs?: { value: string }[] }>('kv/range', {
      key: encoded(key),
    });
    if (found === undefined) throw new Error(`etcd has nothing under ${key}`);
    return Buffer.from(found.value, 'base64').toString();
  }

  /** Writes a text. */
  async put(key: string, value: string): Promise<void> {
    await this.#ask('kv/put', { key: encoded(key), value: encoded(value) });
  }

  /** Bytes of the database that are in use, after compaction and defragmentation. */
  async usedBytes(): Promise<number> {
    const { header } = await this.#ask<{ header: { revision: string } }>('maintenance/status', {});
    await this.#ask('kv/compaction', { revision: header.revision, physical: true });
    await this.#ask('maintenance/defragment', {});
    return Number((await this.#ask<{ dbSize: string }>('maintenance/status', {})).dbSize);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #ask<T>(path: string, question: object): Promise<T> {
    const { statusCode, body } = await request(`${this.#url}/v3/${path}`, {
      dispatcher: this.#agent,
      method: 'POST',
      body: JSON.stringify(question),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`etcd's ${path}: ${statusCode} ${text}`);
    return JSON.parse(text) as T;
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
