/** Sees objects of a kind change: a watch on all of them. */
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import type { ClusterFacts } from '../../test/support/cluster.ts';
import type { KubeObject, ResourceType } from '../../test/support/resources.ts';

interface Waiter<T> {
  readonly isSeen: (object: T) => boolean;
  readonly resolve: (at: number) => void;
}

/** Opens before the changes begin. */
export class CollectionWatch<T extends KubeObject> implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #waiters = new Set<Waiter<T>>();
  readonly #over = Promise.withResolvers<never>();

  private constructor(agent: Agent) {
    this.#agent = agent;
    this.#over.promise.catch(() => undefined);
  }

  /** Watches from now on. */
  static async open<T extends KubeObject>(
    facts: ClusterFacts,
    { apiVersion, plural }: ResourceType<T>,
  ): Promise<CollectionWatch<T>> {
    const agent = new Agent({ connect: { ca: facts.ca }, bodyTimeout: 0 });
    const ask = (query: string): ReturnType<typeof request> =>
      request(`${facts.url}/apis/${apiVersion}/${plural}?${query}`, {
        dispatcher: agent,
        headers: { authorization: `Bearer ${facts.tokens['admin'] ?? ''}` },
      });
    const list = await ask('limit=1');
    const { metadata } = (await list.body.json()) as { metadata: { resourceVersion: string } };
    const { statusCode, body } = await ask(
      `watch=true&timeoutSeconds=3600&resourceVersion=${metadata.resourceVersion}`,
    );
    if (statusCode !== 200) throw new Error(`the watch was refused: ${statusCode} ${await body.text()}`);
    const watch = new CollectionWatch<T>(agent);
    const lines = createInterface({ input: body });
    lines.on('line', (line) => watch.#see((JSON.parse(line) as { object: T }).object));
    // The lines repeat what goes wrong with the body.
    lines.on('error', (error) => watch.#over.reject(error));
    lines.on('close', () => watch.#over.reject(new Error('the watch ended too early')));
    return watch;
  }

  /** Resolves to the time (as of `performance.now`) at which such an object is seen. */
  async seen(
    isSeen: (object: T) => boolean,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const waiter = { isSeen, resolve };
    this.#waiters.add(waiter);
    const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const giveUp = (): void =>
      reject(signal.aborted ? signal.reason : new Error(`no change was seen within ${timeoutMs / 1_000} s`));
    over.addEventListener('abort', giveUp);
    try {
      return await Promise.race([promise, this.#over.promise]);
    } finally {
      over.removeEventListener('abort', giveUp);
      this.#waiters.delete(waiter);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  #see(object: T): void {
    const now = performance.now();
    for (const { isSeen, resolve } of this.#waiters) if (isSeen(object)) resolve(now);
  }
}
