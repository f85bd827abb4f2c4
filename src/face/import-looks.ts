/** What an ImageStreamImport only looks at: the face asks the registries itself, and writes nothing. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { JsonObject } from '../api/json.ts';
import type { ImageRoom, Look, RegistryLooks, SeenImage, SeenImages } from '../controllers/registry-looks.ts';
import type { Platform } from '../domain/manifest.ts';
import {
  badNameStatus,
  type ImportItem,
  importedImage,
  lateStatus,
  lookStatus,
  lookupOf,
  successStatus,
  tooLongStatus,
} from '../domain/stream-import.ts';
import type { WantedRepository } from '../domain/stream-import-request.ts';
import { byPriority } from '../domain/tag-priority.ts';
import { abortable } from '../runtime/abortable.ts';
import type { Deadline } from './deadline.ts';

/** Options of {@link ImportLooks}. */
export interface ImportLooksOptions {
  readonly looks: Pick<RegistryLooks, 'image' | 'tags'>;
  /** For Legacy imports of tags without annotations about it. */
  readonly platform: Platform;
  /** Tags of a repository that are imported; the others are named. */
  readonly repositoryTagLimit: number;
}

/** The request on whose behalf is looked. */
export interface LookContext {
  readonly namespace: string;
  /** As it is; undefined when there is none. */
  readonly stream: ImageStream | undefined;
  readonly deadline: Deadline;
  readonly room: ImageRoom;
}

/** The tags of a repository, or what is wrong with it. */
export type Listing =
  | { readonly tags: readonly string[]; readonly additionalTags: readonly string[] }
  | { readonly status: JsonObject };

/** Images of a request that are looked up at the same time. */
const parallelLooks = 5;

/** Looks for requests. */
export class ImportLooks {
  readonly #options: ImportLooksOptions;

  constructor(options: ImportLooksOptions) {
    this.#options = options;
  }

  /** The tags of a repository that count, the most important first. */
  async list(
    { from, reference, importPolicy }: WantedRepository,
    { namespace, deadline }: LookContext,
  ): Promise<Listing> {
    const { looks, repositoryTagLimit } = this.#options;
    const { signal } = deadline;
    const listing = looks.tags(reference, importPolicy.insecure === true, { namespace, signal });
    const look = await inTime(listing, deadline);
    if (look === undefined) return { status: lateStatus(deadline.timeMs, 'look') };
    if (look.kind === 'failed') return { status: lookStatus(look.failure, from) };
    if (look.kind === 'too long') return { status: tooLongStatus() };
    const tags = byPriority(look.value);
    return { tags: tags.slice(0, repositoryTagLimit), additionalTags: tags.slice(repositoryTagLimit) };
  }

  /** Looks images up, a few at a time, and gives what the answer says of each; the same question is asked once. */
  async images(
    items: readonly ImportItem[],
    context: LookContext,
  ): Promise<ReadonlyMap<ImportItem, JsonObject>> {
    const shown = new Map<ImportItem, JsonObject>();
    const asked: Asked = new Map();
    const waiting = items.values();
    const worker = async (): Promise<void> => {
      for (const item of waiting) shown.set(item, await this.#image(item, context, asked));
    };
    await Promise.all(Array.from({ length: parallelLooks }, worker));
    return shown;
  }

  async #image({ image, tag }: ImportItem, context: LookContext, asked: Asked): Promise<JsonObject> {
    const { namespace, stream, deadline, room } = context;
    const shownTag = tag === '' ? {} : { tag };
    const planned = lookupOf(stream, image, this.#options.platform);
    if (planned === undefined) return { ...shownTag, status: badNameStatus(image) };
    const withTexts = image.includeManifest;
    const question = JSON.stringify([planned, withTexts]);
    const known = asked.get(question);
    const looker = { namespace, signal: deadline.signal };
    const asking = known ?? this.#options.looks.image(planned, looker, { room, withTexts });
    asked.set(question, asking);
    const look = await inTime(asking, deadline);
    if (look === undefined) return { ...shownTag, status: lateStatus(deadline.timeMs, 'look') };
    if (look.kind === 'failed') return { ...shownTag, status: lookStatus(look.failure, image.from) };
    // It takes its room each time that it is shown.
    const hasRoom =
      look.kind === 'found' &&
      (known === undefined || (await inTime(room.take(look.value.length), deadline)) === true);
    if (!hasRoom) return { ...shownTag, status: tooLongStatus() };
    return { ...shownTag, status: successStatus, ...shownImages(look.value) };
  }
}

type Asked = Map<string, Promise<Look<SeenImages>>>;

/** What the work comes to; undefined when the time is over. Throws the signal's reason when the client is gone. */
async function inTime<T>(work: Promise<T>, deadline: Deadline): Promise<T | undefined> {
  try {
    return await abortable(work, deadline.signal);
  } catch (error) {
    if (deadline.isLate) return undefined;
    throw error;
  }
}

function shownImages({ image, members }: SeenImages): JsonObject {
  return {
    image: shownImage(image),
    ...(members.length === 0 ? {} : { manifests: members.map(shownImage) }),
  };
}

function shownImage({ image, texts }: SeenImage): JsonObject {
  const { metadata, ...content } = importedImage(image, image.dockerImageReference ?? '');
  return {
    metadata: { ...metadata, creationTimestamp: null },
    ...content,
    ...(texts === undefined ? {} : { dockerImageManifest: texts.manifest }),
    ...(texts === undefined || texts.config === '' ? {} : { dockerImageConfig: texts.config }),
  };
}
