/**
 * Reads images once more whose Image objects are missing: after an upgrade from a version that kept none, or when somebody
 * deleted them. Apart from the imports, so that no stream waits for a registry that has them no more.
 */
import type { Logger } from 'pino';
import type { BackoffPolicy } from '../domain/backoff.ts';
import type { ObjectKey } from '../kube/store.ts';
import { WorkQueue, type WorkResult } from '../kube/work-queue.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ImageToRestore, Importer } from './importer.ts';

/** Options of {@link ImageRestorer}. */
export interface ImageRestorerOptions {
  readonly importer: Pick<Importer, 'restore'>;
  /** Hears of the streams whose images are there again. */
  readonly onRestored: (stream: ObjectKey) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const concurrency = 16;
/** Images that wait; who finds no room asks again when the stream is looked at the next time. */
const maxWaiting = 20_000;
/** After failures of the API server; a registry that does not answer is not asked again. */
const backoff: BackoffPolicy = { baseMs: 1_000, maxMs: 60_000 };
/** Time until an image is asked for again. */
const againMs = 300_000;

interface Request {
  readonly stream: ObjectKey;
  readonly image: ImageToRestore;
}

/** Works on what is asked for until it is stopped. */
export class ImageRestorer {
  readonly #options: ImageRestorerOptions;
  readonly #requests = new Map<string, Request>();
  readonly #queue: WorkQueue;
  readonly #abort = new AbortController();
  /** Images that were asked for, and until when they are not asked for again (epoch milliseconds). */
  readonly #tried = new BoundedMap<string, number>(maxWaiting);

  constructor(options: ImageRestorerOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      concurrency,
      work: (key) => this.#work(key),
      onFailure: (key, error) => options.log.warn({ image: key, err: error }, 'image not restored'),
      backoff,
      clock: options.clock,
    });
  }

  /** True when an image was asked for lately, whatever came of it. */
  wasTried(stream: ObjectKey, image: ImageToRestore): boolean {
    return (this.#tried.get(keyOf(stream, image)) ?? 0) > this.#options.clock.now();
  }

  /** Asks for an image of a stream's history. */
  request(stream: ObjectKey, image: ImageToRestore): void {
    const key = keyOf(stream, image);
    if (this.#requests.size >= maxWaiting && !this.#requests.has(key)) return;
    this.#requests.set(key, { stream, image });
    this.#queue.add(key);
  }

  /** Starts the work. */
  start(): void {
    this.#queue.start();
  }

  /** Gives up what is under way: nothing of it is lost. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the operator stops'));
    await this.#queue.drain();
  }

  async #work(key: string): Promise<WorkResult> {
    const request = this.#requests.get(key);
    if (request === undefined) return {};
    const { importer, onRestored, clock, log } = this.#options;
    const isThere = await importer.restore(request.image, this.#abort.signal);
    this.#requests.delete(key);
    this.#tried.set(key, clock.now() + againMs);
    if (!isThere) return {};
    log.info({ image: key }, 'image restored');
    onRestored(request.stream);
    return {};
  }
}

function keyOf(stream: ObjectKey, { pullSpec }: ImageToRestore): string {
  return `${stream} ${pullSpec}`;
}
