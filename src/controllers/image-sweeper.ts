/** Deletes the Image objects that nobody can reach any more: by names and in pages, for there may be a great many. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { images } from '../api/resources.ts';
import { parseTime } from '../api/time.ts';
import { imageObjectName, indexLabel } from '../domain/image-object.ts';
import { type IndexMembers, planSweep, reachableNames, type SweptImage } from '../domain/image-sweep.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isForbidden, isNotFound } from '../kube/errors.ts';
import type { Store } from '../kube/store.ts';
import type { Metrics } from '../observability/metrics.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { ImageKeeper } from './image-keeper.ts';

/** Options of {@link ImageSweeper}. */
export interface ImageSweeperOptions {
  readonly client: KubeClient;
  readonly streams: Store<ImageStream>;
  readonly keeper: ImageKeeper;
  /** Milliseconds for which an Image stays after it was last reached. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const pageSize = 500;
/** Names of unreached Images that are held from one pass to the next; others wait for a later pass. */
const maxUnreached = 100_000;

/** Sweeps again and again; the streams must be in the store before. */
export class ImageSweeper {
  readonly #options: ImageSweeperOptions;
  #unreachedSince: ReadonlyMap<string, number> = new Map();

  constructor(options: ImageSweeperOptions) {
    this.#options = options;
  }

  /** Runs until the signal is aborted; never rejects. Two passes in a grace period. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, graceMs, log } = this.#options;
    for (;;) {
      await sleep(clock, graceMs / 2, signal);
      if (signal.aborted) return;
      try {
        await this.pass(signal);
      } catch (error) {
        if (signal.aborted) return;
        const hint = isForbidden(error) ? 'the operator lacks the right to list or delete images' : undefined;
        log.warn({ err: error, hint }, 'images not swept, the next pass tries again');
      }
    }
  }

  /** One pass: lists the names of all Images, and deletes those that were unreached for long enough. */
  async pass(signal: AbortSignal): Promise<void> {
    const { clock, graceMs, keeper, log, metrics } = this.#options;
    const candidates = await this.#unreached(this.#roots(), signal);
    const unreached = candidates.length === 0 ? [] : await this.#withoutMembers(candidates, signal);
    const now = clock.now();
    const plan = planSweep(unreached, this.#unreachedSince, { now, graceMs });
    this.#unreachedSince = plan.unreachedSince;
    let deleted = 0;
    for (const image of plan.garbage) if (await this.#delete(image, now - graceMs, signal)) deleted++;
    keeper.forgetUses(now - graceMs);
    metrics.sweptImages.inc(deleted);
    if (deleted > 0) log.info({ deleted, unreached: unreached.length }, 'images swept');
  }

  /** What histories hold, as names of Images. */
  #roots(): Set<string> {
    const { streams } = this.#options;
    const roots = new Set<string>();
    for (const key of streams.keys()) {
      const items = (streams.get(key)?.status?.tags ?? []).flatMap((entry) => entry.items ?? []);
      for (const { image } of items) if (image !== '') roots.add(imageObjectName(image));
    }
    return roots;
  }

  async #unreached(roots: ReadonlySet<string>, signal: AbortSignal): Promise<readonly SweptImage[]> {
    const { client } = this.#options;
    const unreached: SweptImage[] = [];
    let next: string | undefined;
    do {
      const page = await client.listMetadataPage(images, { limit: pageSize, continue: next }, signal);
      for (const { metadata } of page.items) {
        const { name, resourceVersion = '', creationTimestamp } = metadata;
        if (roots.has(name) || unreached.length >= maxUnreached) continue;
        unreached.push({ name, resourceVersion, createdAt: parseTime(creationTimestamp) ?? 0 });
      }
      next = page.metadata.continue;
    } while (next);
    return unreached;
  }

  /** Without the images of indexes that are reached. */
  async #withoutMembers(
    candidates: readonly SweptImage[],
    signal: AbortSignal,
  ): Promise<readonly SweptImage[]> {
    const reached = reachableNames(this.#roots(), await this.#indexes(signal));
    return candidates.filter(({ name }) => !reached.has(name));
  }

  async #indexes(signal: AbortSignal): Promise<IndexMembers> {
    const { client } = this.#options;
    const members = new Map<string, readonly string[]>();
    let next: string | undefined;
    do {
      const options = { limit: pageSize, continue: next, labelSelector: indexLabel };
      const page = await client.listPage(images, options, signal);
      for (const { metadata, dockerImageManifests = [] } of page.items)
        members.set(
          metadata.name,
          dockerImageManifests.map(({ digest }) => imageObjectName(digest)),
        );
      next = page.metadata.continue;
    } while (next);
    return members;
  }

  /** Unless an import has found it meanwhile. */
  async #delete({ name, resourceVersion }: SweptImage, since: number, signal: AbortSignal): Promise<boolean> {
    const { client, keeper } = this.#options;
    if (keeper.usedSince(name, since)) return false;
    try {
      await client.delete(images, { name }, resourceVersion, signal);
      return true;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return false;
      throw error;
    }
  }
}
