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
import { type Clock, nextTurn, sleep } from '../runtime/clock.ts';
import type { ImageKeeper } from './image-keeper.ts';

/** Options of {@link ImageSweeper}. */
export interface ImageSweeperOptions {
  readonly client: KubeClient;
  readonly streams: Store<ImageStream>;
  readonly keeper: ImageKeeper;
  /** Milliseconds for which an Image stays after it was last reached. */
  readonly graceMs: number;
  /** Unreached Images that are held; for tests. */
  readonly maxUnreached?: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Called after each pass, which reads the names of all Images. */
  readonly onPass?: () => void;
}

const pageSize = 500;
/** Streams that are read in one go. */
const streamsPerTurn = 100;
/** Indexes are read whole: that many of the largest size that etcd takes are still an answer that the client reads. */
const indexPageSize = 40;
/** Unreached Images that are held from one pass to the next; the others have their turn when these are gone. */
const maxUnreached = 100_000;

/** Sweeps again and again; the streams must be in the store before. */
export class ImageSweeper {
  readonly #options: ImageSweeperOptions;
  #unreachedSince: ReadonlyMap<string, number> = new Map();
  /** The last name that found room: when there is not enough, the next pass goes on behind it. */
  #last = '';

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
        this.#options.onPass?.();
      } catch (error) {
        if (signal.aborted) return;
        const hint = isForbidden(error) ? 'the operator lacks the right to list or delete images' : undefined;
        log.warn({ err: error, hint }, 'images not swept, the next pass tries again');
      }
    }
  }

  /** One pass: reads what indexes list, lists the names of all Images, and deletes those that were unreached for long enough. */
  async pass(signal: AbortSignal): Promise<void> {
    const { clock, graceMs, keeper, log } = this.#options;
    const indexes = await this.#indexes(signal);
    const candidates = await this.#unreached(reachableNames(await this.#roots(), indexes), signal);
    // The list takes its time, and histories change.
    const reached = candidates.length === 0 ? new Set() : reachableNames(await this.#roots(), indexes);
    const unreached = candidates.filter(({ name }) => !reached.has(name));
    const now = clock.now();
    const plan = planSweep(unreached, this.#unreachedSince, { now, graceMs });
    const unreachedSince = new Map(plan.unreachedSince);
    this.#unreachedSince = unreachedSince;
    let deleted = 0;
    for (const image of plan.garbage) {
      // Its time starts anew if it does not go: it must not keep the place of others for ever.
      unreachedSince.delete(image.name);
      if (await this.#delete(image, now - graceMs, signal)) deleted++;
    }
    keeper.forgetUses(now - graceMs);
    if (deleted > 0) log.info({ deleted, unreached: unreached.length }, 'images swept');
  }

  /** What histories hold, as names of Images. One that moves between two streams meanwhile is in use for the keeper. */
  async #roots(): Promise<Set<string>> {
    const { streams } = this.#options;
    const roots = new Set<string>();
    let read = 0;
    for (const key of streams.keys()) {
      // To read ten thousand takes longer than a request should wait.
      if (++read % streamsPerTurn === 0) await nextTurn();
      const items = (streams.get(key)?.status?.tags ?? []).flatMap((entry) => entry.items ?? []);
      for (const { image } of items) if (image !== '') roots.add(imageObjectName(image));
    }
    return roots;
  }

  /**
   * The Images that are not reached, as many as are held: those of the last pass, then the ones behind the last name that
   * found room, then those from the beginning.
   */
  async #unreached(reached: ReadonlySet<string>, signal: AbortSignal): Promise<readonly SweptImage[]> {
    const { client, maxUnreached: bound = maxUnreached } = this.#options;
    const [known, behind, before]: [SweptImage[], SweptImage[], SweptImage[]] = [[], [], []];
    let next: string | undefined;
    do {
      const page = await client.listMetadataPage(images, { limit: pageSize, continue: next }, signal);
      for (const { metadata } of page.items) {
        const { name, resourceVersion = '', creationTimestamp, deletionTimestamp } = metadata;
        if (reached.has(name) || deletionTimestamp !== undefined) continue;
        const others = name > this.#last ? behind : before;
        const list = this.#unreachedSince.has(name) ? known : others;
        if (list.length < bound)
          list.push({ name, resourceVersion, createdAt: parseTime(creationTimestamp) ?? 0 });
      }
      next = page.metadata.continue;
    } while (next);
    const added = [...behind, ...before].slice(0, bound - known.length);
    this.#last = added.at(-1)?.name ?? this.#last;
    return [...known, ...added];
  }

  /** Of every index, whether it is reached or not. */
  async #indexes(signal: AbortSignal): Promise<IndexMembers> {
    const { client } = this.#options;
    const members = new Map<string, readonly string[]>();
    let next: string | undefined;
    do {
      const options = { limit: indexPageSize, continue: next, labelSelector: indexLabel };
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

  /** Unless an import has found it. True when it is gone for good. */
  async #delete({ name, resourceVersion }: SweptImage, since: number, signal: AbortSignal): Promise<boolean> {
    const { client, keeper, metrics } = this.#options;
    if (keeper.usedSince(name, since)) return false;
    try {
      await client.delete(images, { name }, { resourceVersion }, signal);
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return false;
      // Without an answer it may be gone all the same.
      await this.#giveBack(name, since, signal);
      throw error;
    }
    if (await this.#giveBack(name, since, signal)) return false;
    metrics.sweptImages.inc();
    return true;
  }

  /** An import that found the Image while it was deleted was told that it is there. True when there was one. */
  async #giveBack(name: string, since: number, signal: AbortSignal): Promise<boolean> {
    const { keeper, log } = this.#options;
    if (!keeper.usedSince(name, since)) return false;
    let isKept = false;
    let failure: unknown;
    try {
      isKept = await keeper.storeAgain(name, signal);
    } catch (error) {
      failure = error;
    }
    if (isKept) log.info({ image: name }, 'image kept: an import found it while it was deleted');
    else
      log.warn(
        { image: name, err: failure },
        'image deleted while an import found it: it is read again when a tag has to show it',
      );
    return true;
  }
}
