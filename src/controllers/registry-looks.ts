/** Looks into registries on behalf of a namespace, as its imports do, and writes nothing (semantics 2.1, `import: false`). */
import type { Image } from '../api/generated/image.ts';
import { imageObjectName } from '../domain/image-object.ts';
import type { ImageReference } from '../domain/image-reference.ts';
import type { ImportFailure } from '../domain/import-failure.ts';
import type { PlannedLookup } from '../domain/import-plan.ts';
import type { RegistryPolicy } from '../domain/registry-policy.ts';
import { RegistryError, toImportFailure } from '../registry/errors.ts';
import type { ImageLookup, ImageTexts } from './image-lookup.ts';
import type { RegistryAccesses } from './registry-access.ts';

/** An image that was seen, with its texts when these were asked for. */
export interface SeenImage {
  readonly image: Image;
  readonly texts: ImageTexts | undefined;
}

/** What a pull spec stands for: an image, or an index with the images in it. */
export interface SeenImages {
  readonly digest: string;
  readonly image: SeenImage;
  /** In the order of the index. */
  readonly members: readonly SeenImage[];
  /** Of all of it, in characters of JSON. */
  readonly length: number;
}

/** What came of a look. */
export type Look<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: ImportFailure }
  /** There is an image, and no room for it. */
  | { readonly kind: 'too long' };

/** On whose behalf is looked. */
export interface Looker {
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** Options of {@link RegistryLooks}. */
export interface RegistryLooksOptions {
  readonly lookup: ImageLookup;
  readonly accesses: RegistryAccesses;
  readonly policy: () => RegistryPolicy;
}

/** Where images are held at the same time. */
export interface ImageRoom {
  /** False when there is no room for so many characters of JSON; may wait for it. */
  take(length: number): Promise<boolean>;
}

/** How images are wanted. */
export interface LookOptions {
  readonly room: ImageRoom;
  /** Manifest and configuration come along. */
  readonly withTexts: boolean;
}

/** Ends a look; no failure of the registry. */
class NoRoomError extends Error {}

/** Looks. Everything that a registry does is an outcome; what is thrown is the signal's reason, or of the API server. */
export class RegistryLooks {
  readonly #options: RegistryLooksOptions;

  constructor(options: RegistryLooksOptions) {
    this.#options = options;
  }

  /** What the administrator says about registries now. */
  get policy(): RegistryPolicy {
    return this.#options.policy();
  }

  /** What a pull spec stands for, with all that there is to know of it. */
  image(planned: PlannedLookup, looker: Looker, { room, withTexts }: LookOptions): Promise<Look<SeenImages>> {
    const { namespace, signal } = looker;
    return looked(() =>
      this.#options.accesses.with(namespace, signal, async (access) => {
        const seen = new Map<string, SeenImage>();
        const keep = async (image: Image, texts: ImageTexts | undefined): Promise<void> => {
          const isWhole = !withTexts || texts !== undefined;
          if (!isWhole || !(await room.take(lengthOf({ image, texts })))) throw new NoRoomError();
          seen.set(image.metadata.name, { image, texts });
        };
        const { image: digest } = await this.#options.lookup.find(
          planned,
          { access, signal },
          keep,
          withTexts,
        );
        return seenImages(digest, seen);
      }),
    );
  }

  /** The tags of a repository, in the registry's order. */
  tags(
    reference: ImageReference,
    insecure: boolean,
    { namespace, signal }: Looker,
  ): Promise<Look<readonly string[]>> {
    return looked(() =>
      this.#options.accesses.with(namespace, signal, (access) =>
        this.#options.lookup.list(reference, insecure, { access, signal }),
      ),
    );
  }
}

async function looked<T>(work: () => Promise<T>): Promise<Look<T>> {
  try {
    return { kind: 'found', value: await work() };
  } catch (error) {
    if (error instanceof NoRoomError) return { kind: 'too long' };
    if (error instanceof RegistryError) return { kind: 'failed', failure: toImportFailure(error) };
    throw error;
  }
}

function seenImages(digest: string, seen: ReadonlyMap<string, SeenImage>): SeenImages {
  const image = seen.get(imageObjectName(digest));
  if (image === undefined) throw new Error(`The image ${digest} was found and not handed on.`);
  const members = (image.image.dockerImageManifests ?? []).flatMap(
    (entry) => seen.get(imageObjectName(entry.digest)) ?? [],
  );
  const length = [image, ...members].reduce((sum, each) => sum + lengthOf(each), 0);
  return { digest, image, members, length };
}

function lengthOf(seen: SeenImage): number {
  return JSON.stringify(seen).length;
}
