/** Many open watches of one collection, of which nothing but the number of events is looked at. */
import { Agent, request } from 'undici';
import type { ClusterFacts } from '../../test/support/cluster.ts';

const newline = 10;
const seenMs = 300_000;

/** Watches, each with a connection of its own. */
export class WatchCrowd implements AsyncDisposable {
  readonly #agent: Agent;
  /** Events of each watch. */
  readonly #counts: number[] = [];
  readonly #over = Promise.withResolvers<never>();
  #seen: { readonly events: number; readonly resolve: () => void } | undefined;

  private constructor(agent: Agent) {
    this.#agent = agent;
    this.#over.promise.catch(() => undefined);
  }

  /** Opens them; each first gets an event for everything that is there. */
  static async open(facts: ClusterFacts, path: string, count: number): Promise<WatchCrowd> {
    const agent = new Agent({ connect: { ca: facts.ca }, bodyTimeout: 0 });
    const crowd = new WatchCrowd(agent);
    try {
      await Promise.all(Array.from({ length: count }, (_, i) => crowd.#watch(facts, path, i)));
      return crowd;
    } catch (error) {
      await agent.destroy();
      throw error;
    }
  }

  /** Resolves when each of them has had so many events since it was opened. Throws when that takes minutes, or one ends. */
  async seen(events: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#seen = { events, resolve };
    this.#look();
    const over = AbortSignal.any([signal, AbortSignal.timeout(seenMs)]);
    const giveUp = (): void => {
      const fewest = Math.min(...this.#counts);
      const tooFew = `a watch had ${fewest} of ${events} events after ${seenMs / 1_000} s`;
      reject(signal.aborted ? signal.reason : new Error(tooFew));
    };
    over.addEventListener('abort', giveUp);
    try {
      await Promise.race([promise, this.#over.promise]);
    } finally {
      over.removeEventListener('abort', giveUp);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #watch(facts: ClusterFacts, path: string, number: number): Promise<void> {
    const { statusCode, body } = await request(`${facts.url}${path}?watch=true&timeoutSeconds=3600`, {
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${facts.tokens['admin'] ?? ''}` },
    });
    if (statusCode !== 200) throw new Error(`a watch was refused: ${statusCode} ${await body.text()}`);
    this.#counts[number] = 0;
    body.on('data', (chunk: Buffer) => {
      let lines = 0;
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) lines++;
      this.#counts[number] = (this.#counts[number] ?? 0) + lines;
      if (lines > 0) this.#look();
    });
    body.on('error', (error) => this.#over.reject(error));
    body.on('end', () => this.#over.reject(new Error('a watch ended too early')));
  }

  #look(): void {
    const { events = 0, resolve } = this.#seen ?? {};
    if (this.#counts.every((count) => count >= events)) resolve?.();
  }
}
