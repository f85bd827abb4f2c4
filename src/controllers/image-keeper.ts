/** Writes Image objects once, and hands the metadata of an image on to those who show it. */
import type { Logger } from 'pino';
import type { Image } from '../api/generated/image.ts';
import { images } from '../api/resources.ts';
import { imageObjectName } from '../domain/image-object.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isForbidden, isNotFound, isRefused, isTooLarge } from '../kube/errors.ts';
import { RegistryError } from '../registry/errors.ts';
import type { Clock } from '../runtime/clock.ts';

/** Options of {@link ImageKeeper}. */
export interface ImageKeeperOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** False where there are to be no Image objects: then only what was stored just now is at hand. True unless told. */
  readonly keepsObjects?: boolean;
  /** Uses that are remembered; for tests. */
  readonly maxUses?: number;
}

/** What was just written is shown next: it is held that long, by characters of JSON. Nothing else of an image is. */
const maxRecentLength = 4 * 1024 * 1024;
/** Uses that are remembered, also when nobody sweeps. */
const maxUses = 100_000;

/** The Image objects of the cluster. */
export class ImageKeeper {
  /** False where there are no Image objects. */
  readonly keepsObjects: boolean;
  readonly #options: ImageKeeperOptions;
  readonly #recent = new Map<string, { readonly image: Image; readonly length: number }>();
  #recentLength = 0;
  /** When an import last found each image in use (epoch milliseconds), the oldest first, until {@link forgetUses}. */
  readonly #used = new Map<string, number>();
  /** Time of the last use that found no room: whatever is not known may have been used then. */
  #unknownSince = 0;
  #toldForbidden = false;

  constructor(options: ImageKeeperOptions) {
    this.#options = options;
    this.keepsObjects = options.keepsObjects ?? true;
  }

  /**
   * Creates the object of an image; one that is there stays as it is. Throws a {@link RegistryError} when the API server does
   * not accept it, and a `KubeApiError` when it cannot be asked.
   */
  async store(image: Image, signal: AbortSignal): Promise<void> {
    this.#noteUse(image.metadata.name);
    this.#remember(image);
    if (!this.keepsObjects) return;
    try {
      await this.#options.client.create(images, image, signal);
    } catch (error) {
      if (isConflict(error)) return;
      if (isForbidden(error)) return this.#tellForbidden(error);
      if (!isRefused(error) && !isTooLarge(error)) throw error;
      throw new RegistryError('image-refused', `the API server does not accept the Image: ${error.message}`);
    }
  }

  /** Creates an Image once more that was stored just now; false when its content is not at hand any more. */
  async storeAgain(name: string, signal: AbortSignal): Promise<boolean> {
    const image = this.#recent.get(name)?.image;
    if (image === undefined) return false;
    await this.store(image, signal);
    return true;
  }

  /** The Image of a digest that was stored just now. */
  recent(digest: string): Image | undefined {
    return this.#recent.get(imageObjectName(digest))?.image;
  }

  /** The Image of a digest; undefined when there is none. */
  async read(digest: string, signal: AbortSignal): Promise<Image | undefined> {
    const name = imageObjectName(digest);
    const recent = this.#recent.get(name)?.image;
    if (recent !== undefined || !this.keepsObjects) return recent;
    try {
      return await this.#options.client.get(images, { name }, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isForbidden(error)) throw error;
      this.#tellForbidden(error);
      return undefined;
    }
  }

  /** False when an Image is known to be missing. */
  async exists(digest: string, signal: AbortSignal): Promise<boolean> {
    if (!this.keepsObjects) return true;
    try {
      await this.#options.client.get(images, { name: imageObjectName(digest) }, signal);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (!isForbidden(error)) throw error;
      this.#tellForbidden(error);
      return true;
    }
  }

  /** True when an import has found the image since a time: a history may be about to hold it. */
  usedSince(name: string, time: number): boolean {
    return (this.#used.get(name) ?? this.#unknownSince) >= time;
  }

  /** Images whose use is remembered. */
  get uses(): number {
    return this.#used.size;
  }

  /** Forgets the uses before a time. */
  forgetUses(before: number): void {
    for (const [name, time] of this.#used) if (time < before) this.#used.delete(name);
  }

  #noteUse(name: string): void {
    const { clock, maxUses: bound = maxUses } = this.#options;
    this.#used.delete(name);
    this.#used.set(name, clock.now());
    const [oldest] = this.#used;
    if (this.#used.size <= bound || oldest === undefined) return;
    this.#used.delete(oldest[0]);
    this.#unknownSince = oldest[1];
  }

  #remember(image: Image): void {
    const { name } = image.metadata;
    const length = JSON.stringify(image).length;
    this.#forget(name);
    this.#recent.set(name, { image, length });
    this.#recentLength += length;
    for (const oldest of this.#recent.keys()) {
      if (this.#recentLength <= maxRecentLength) return;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    this.#recentLength -= this.#recent.get(name)?.length ?? 0;
    this.#recent.delete(name);
  }

  /** Images are of use, but no tag waits for them. */
  #tellForbidden(error: unknown): void {
    if (this.#toldForbidden) return;
    this.#toldForbidden = true;
    this.#options.log.warn(
      { err: error },
      'no Image objects: the operator lacks the right to read and create them',
    );
  }
}
