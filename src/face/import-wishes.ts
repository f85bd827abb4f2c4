/**
 * What an ImageStreamImport keeps: written as wishes into the spec of its stream, which the operator fulfils. The request waits
 * for its answer, so that there is one importer in the cluster.
 */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { JsonObject } from '../api/json.ts';
import { imageStreams } from '../api/resources.ts';
import type { ImageRoom } from '../controllers/registry-looks.ts';
import {
  type ImportItem,
  type ImportOutcomeView,
  type ImportWish,
  importedImage,
  importGeneration,
  lateStatus,
  outcomeOf,
  tagsToImport,
} from '../domain/stream-import.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict } from '../kube/errors.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Deadline } from './deadline.ts';
import type { DerivedViews } from './derived-views.ts';
import type { Exchange } from './exchange.ts';
import { maxWriteAttempts, writeSpecTags } from './spec-tags.ts';

/** Options of {@link ImportWishes}. */
export interface ImportWishesOptions {
  readonly client: KubeClient;
  readonly views: Pick<DerivedViews, 'image'>;
  readonly clock: Clock;
}

/** The stream that the wishes are for. */
export interface WishedStream {
  readonly namespace: string;
  readonly name: string;
  /** As it was read; it is made when it was not there. */
  readonly present: ImageStream | undefined;
  /** Reads it again after a conflict; throws when the client does not want another version. */
  readonly reread: () => Promise<ImageStream | undefined>;
}

/** What came of wishes. */
export interface FulfilledWishes {
  readonly stream: ImageStream;
  /** What the answer says of each. */
  readonly shown: ReadonlyMap<ImportItem, JsonObject>;
}

const firstPauseMs = 25;
const maxPauseMs = 500;
/** Images that are read at the same time. */
const parallelReads = 5;

type KeptItem = ImportItem & { readonly keptAs: string };

/** Has imports made by the operator. */
export class ImportWishes {
  readonly #options: ImportWishesOptions;

  constructor(options: ImportWishesOptions) {
    this.#options = options;
  }

  /** Writes the wishes of items that are kept, and waits for what comes of them. */
  async fulfil(
    exchange: Exchange,
    target: WishedStream,
    items: readonly ImportItem[],
    { deadline, room }: { readonly deadline: Deadline; readonly room: ImageRoom },
  ): Promise<FulfilledWishes> {
    const kept = items.filter((item): item is KeptItem => item.keptAs !== undefined);
    const written = await this.#write(exchange, target, kept);
    const { stream, outcomes } = await this.#wait(written, kept, deadline);
    const shown = new Map<ImportItem, JsonObject>();
    const waiting = kept.values();
    const worker = async (): Promise<void> => {
      for (const item of waiting) {
        const outcome = outcomes.get(item.keptAs) ?? { status: lateStatus(deadline.timeMs, 'import') };
        const images = await this.#images(stream, { item, outcome, room }, exchange.signal);
        shown.set(item, { tag: item.tag, status: outcome.status, ...images });
      }
    };
    await Promise.all(Array.from({ length: parallelReads }, worker));
    return { stream, shown };
  }

  async #write(
    exchange: Exchange,
    { namespace, name, present: first, reread }: WishedStream,
    kept: readonly KeptItem[],
  ): Promise<{ readonly stream: ImageStream; readonly generation: number }> {
    const wishes = kept.map(({ image, keptAs }): ImportWish => ({ ...image, tag: keptAs }));
    let present = first;
    for (let attempt = 1; ; attempt++) {
      const generation = importGeneration(present);
      if (present !== undefined && wishes.length === 0) return { stream: present, generation };
      const tags = tagsToImport(present, wishes);
      try {
        const written = { namespace, name, present, dryRun: false };
        return { stream: await writeSpecTags(this.#options.client, exchange, written, tags), generation };
      } catch (error) {
        if (!isConflict(error) || attempt === maxWriteAttempts) throw error;
      }
      present = await reread();
    }
  }

  /** Until the operator has answered all of it, or the time is over: then some of it has no outcome. */
  async #wait(
    { stream, generation }: { readonly stream: ImageStream; readonly generation: number },
    kept: readonly KeptItem[],
    deadline: Deadline,
  ): Promise<{
    readonly stream: ImageStream;
    readonly outcomes: ReadonlyMap<string, ImportOutcomeView | undefined>;
  }> {
    const { client, clock } = this.#options;
    const { namespace, name } = stream.metadata;
    let after = stream;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      const outcomes = new Map(kept.map(({ keptAs }) => [keptAs, outcomeOf(after, keptAs, generation)]));
      const isComplete = [...outcomes.values()].every((outcome) => outcome !== undefined);
      if (isComplete || deadline.isLate) return { stream: after, outcomes };
      await sleep(clock, pauseMs, deadline.signal);
      if (deadline.isLate) continue;
      deadline.signal.throwIfAborted();
      after = await client.get(imageStreams, { namespace, name }, deadline.client);
    }
  }

  /** The images as they are stored; of an index that was kept whole also those in it. */
  async #images(
    stream: ImageStream,
    {
      item: { keptAs },
      outcome: { digest },
      room,
    }: { readonly item: KeptItem; readonly outcome: ImportOutcomeView; readonly room: ImageRoom },
    signal: AbortSignal,
  ): Promise<JsonObject> {
    const image = await this.#options.views.image(digest, signal);
    // It is imported, with or without room to show it in time.
    const hasRoom = (shown: Image): Promise<boolean> =>
      room.take(JSON.stringify(shown).length).catch(() => {
        signal.throwIfAborted();
        return false;
      });
    if (image === undefined || !(await hasRoom(image))) return {};
    const entry = stream.status?.tags?.find(({ tag }) => tag === keptAs);
    const shown = { image: importedImage(image, entry?.items?.[0]?.dockerImageReference ?? '') };
    const members: Image[] = [];
    for (const { digest: member } of image.dockerImageManifests ?? []) {
      const read = await this.#options.views.image(member, signal);
      if (read !== undefined && (await hasRoom(read))) members.push(read);
    }
    if (members.length === 0) return shown;
    const manifests = members.map((read) => importedImage(read, read.dockerImageReference ?? ''));
    return { ...shown, manifests };
  }
}
