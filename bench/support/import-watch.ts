/** Sees imports arrive: a watch on the streams of a namespace. */
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import type { ClusterFacts } from '../../test/support/cluster.ts';
import { type ImageStream, imageStreams } from '../../test/support/resources.ts';

/** When imports were seen to be there, and what failed. */
export interface ImportsSeen {
  /** Epoch milliseconds at which the last of them was seen. */
  readonly lastAt: number;
  /** Messages of failed tags, a few of them. */
  readonly failures: readonly string[];
}

interface WatchEvent {
  readonly type: string;
  readonly object: ImageStream;
}

const shownFailures = 3;

/** Opens before the imports begin; `imported` waits for them. */
export class ImportWatch implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #done = Promise.withResolvers<ImportsSeen>();
  readonly #missing: Map<string, number>;
  readonly #failures = new Map<string, string>();

  private constructor(agent: Agent, wanted: ReadonlyMap<string, number>) {
    this.#agent = agent;
    this.#missing = new Map(wanted);
    // Somebody who was interrupted does not ask for the result any more.
    this.#done.promise.catch(() => undefined);
  }

  /** Watches a namespace until every stream of `wanted` (name to number of tags) has its images. */
  static async open(
    facts: ClusterFacts,
    options: { readonly namespace: string; readonly wanted: ReadonlyMap<string, number> },
  ): Promise<ImportWatch> {
    const agent = new Agent({ connect: { ca: facts.ca }, bodyTimeout: 0 });
    const path = `/apis/${imageStreams.apiVersion}/namespaces/${options.namespace}/imagestreams`;
    const { statusCode, body } = await request(`${facts.url}${path}?watch=true&timeoutSeconds=3600`, {
      dispatcher: agent,
      headers: { authorization: `Bearer ${facts.tokens['admin'] ?? ''}` },
    });
    if (statusCode !== 200) throw new Error(`the watch was refused: ${statusCode} ${await body.text()}`);
    const watch = new ImportWatch(agent, options.wanted);
    const lines = createInterface({ input: body });
    lines.on('line', (line) => watch.#see(JSON.parse(line) as WatchEvent));
    // The lines repeat what goes wrong with the body.
    lines.on('error', (error) => watch.#done.reject(error));
    lines.on('close', () => watch.#done.reject(new Error('the watch ended too early')));
    return watch;
  }

  /** Resolves when all images are there. Throws, with what failed, when that takes too long or is interrupted. */
  async imported({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<ImportsSeen> {
    const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    over.addEventListener('abort', () => {
      const missing = [...this.#missing.values()].reduce((sum, count) => sum + count, 0);
      const failures = this.#someFailures().join('\n');
      const tooLate = `${missing} tags were not imported after ${timeoutMs / 1000} s\n${failures}`;
      this.#done.reject(signal.aborted ? signal.reason : new Error(tooLate));
    });
    return this.#done.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  #see({ type, object }: WatchEvent): void {
    if (type !== 'MODIFIED' && type !== 'ADDED') return;
    const { name } = object.metadata;
    if (!this.#missing.has(name)) return;
    const tags = object.status?.tags ?? [];
    const imported = tags.filter(({ items }) => (items ?? []).length > 0).length;
    const failed = tags.find(({ conditions }) => conditions?.some(({ status }) => status === 'False'));
    if (failed !== undefined) this.#failures.set(name, failed.conditions?.[0]?.message ?? '');
    const missing = (object.spec?.tags?.length ?? 0) - imported;
    if (missing > 0) {
      this.#missing.set(name, missing);
      return;
    }
    this.#missing.delete(name);
    if (this.#missing.size === 0) this.#done.resolve({ lastAt: Date.now(), failures: this.#someFailures() });
  }

  #someFailures(): string[] {
    return [...new Set(this.#failures.values())].slice(0, shownFailures);
  }
}
