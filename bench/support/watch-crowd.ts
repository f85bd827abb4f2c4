/** Many open watches of one collection, of which nothing but the number of events is looked at. */
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { ClusterFacts } from '../../test/support/cluster.ts';

const newline = 10;
/** As informers do: what there is comes first, and then a bookmark that ends it. */
const asInformers = new URLSearchParams({
  watch: 'true',
  timeoutSeconds: '3600',
  allowWatchBookmarks: 'true',
  sendInitialEvents: 'true',
  resourceVersionMatch: 'NotOlderThan',
});
const bookmark = '{"type":"BOOKMARK"';
const seenMs = 300_000;
/** As a client waits that was told to come again. */
const busyWaitMs = 1_000;
const maxAttempts = 60;

/** What is watched. */
export interface CrowdOptions {
  readonly facts: ClusterFacts;
  readonly path: string;
  readonly count: number;
  readonly signal: AbortSignal;
}

/** Watches, each with a connection of its own. */
export class WatchCrowd implements AsyncDisposable {
  readonly #agent: Agent;
  /** Events of each watch. */
  readonly #counts: number[] = [];
  readonly #over = Promise.withResolvers<never>();
  #refused = 0;
  #seen: { readonly events: number; readonly resolve: () => void } | undefined;

  private constructor(agent: Agent) {
    this.#agent = agent;
    this.#over.promise.catch(() => undefined);
  }

  /** Opens them; each first gets an event for everything that is there. */
  static async open(options: CrowdOptions): Promise<WatchCrowd> {
    const agent = new Agent({ connect: { ca: options.facts.ca }, bodyTimeout: 0 });
    const crowd = new WatchCrowd(agent);
    try {
      await Promise.all(Array.from({ length: options.count }, (_, i) => crowd.#watch(options, i)));
      return crowd;
    } catch (error) {
      await agent.destroy();
      throw error;
    }
  }

  /** How often one was answered that it should come again. */
  get refused(): number {
    return this.#refused;
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

  async #watch(options: CrowdOptions, number: number): Promise<void> {
    const body = await this.#open(options);
    this.#counts[number] = 0;
    const eventsIn = countEvents();
    body.on('data', (chunk: Buffer) => {
      const events = eventsIn(chunk);
      this.#counts[number] = (this.#counts[number] ?? 0) + events;
      if (events > 0) this.#look();
    });
    body.on('error', (error) => this.#over.reject(error));
    body.on('end', () => this.#over.reject(new Error('a watch ended too early')));
  }

  async #open({ facts, path, signal }: CrowdOptions): Promise<Dispatcher.ResponseData['body']> {
    for (let attempt = 1; ; attempt++) {
      const { statusCode, body } = await request(`${facts.url}${path}?${asInformers.toString()}`, {
        dispatcher: this.#agent,
        headers: { authorization: `Bearer ${facts.tokens['admin'] ?? ''}` },
        headersTimeout: seenMs,
      });
      if (statusCode === 200) return body;
      const text = await body.text();
      if (statusCode !== 429 || attempt === maxAttempts)
        throw new Error(`a watch was refused: ${statusCode} ${text}`);
      this.#refused++;
      await delay(busyWaitMs, undefined, { signal });
    }
  }

  #look(): void {
    const { events = 0, resolve } = this.#seen ?? {};
    if (this.#counts.every((count) => count >= events)) resolve?.();
  }
}

/** Counts the lines of a body that comes in pieces, without bookmarks. */
function countEvents(): (chunk: Buffer) => number {
  let begun = '';
  return (chunk) => {
    let events = 0;
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      begun += chunk.toString('latin1', start, Math.min(end, start + bookmark.length - begun.length));
      if (!begun.startsWith(bookmark)) events++;
      begun = '';
      start = end + 1;
    }
    begun += chunk.toString('latin1', start, start + bookmark.length - begun.length);
    return events;
  };
}
