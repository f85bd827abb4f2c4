/** `imagestreams/layers`: what the images of a stream are made of (semantics 4.5). The right to it is the right to pull. */
import { imageStreams, images } from '../api/resources.ts';
import { imageObjectName } from '../domain/image-object.ts';
import { digestProblem } from '../domain/image-reference.ts';
import { historyImages, type ImageLayers, imageLayers, streamLayers } from '../domain/stream-layers.ts';
import { isStreamName } from '../domain/stream-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, undefinedIfNotFound } from '../kube/errors.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { type Exchange, sendJson } from './exchange.ts';
import type { OwnerBudget } from './owner-budget.ts';
import { notFound, StatusError } from './status.ts';
import { served } from './versions.ts';

/** Options of {@link LayersOfStreams}. */
export interface LayersOfStreamsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** A stream may have thousands of images: not all of a caller's questions are answered at a time. */
  readonly budget: OwnerBudget;
}

const parallelReads = 16;
/** An Image may be on its way. */
const missingMs = 250;
/** Images of a stream, with those of its indexes. */
const maxImages = 10_000;
/** Layers of all of these together. */
const maxLayers = 100_000;

type Found = Map<string, ImageLayers | undefined>;

/** Answers reads. */
export class LayersOfStreams {
  readonly #options: LayersOfStreamsOptions;

  constructor(options: LayersOfStreamsOptions) {
    this.#options = options;
  }

  /** The ImageStreamLayers of the stream that a request names. */
  async serve(exchange: Exchange): Promise<void> {
    await this.#options.budget.run(exchange.caller.user, () => this.#answer(exchange));
  }

  async #answer({ info: { namespace = '', name = '' }, response, signal }: Exchange): Promise<void> {
    const { client, clock } = this.#options;
    if (!isStreamName(name)) throw notFound('imagestreams', name);
    const stream = await client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
    if (stream === undefined) throw notFound('imagestreams', name);
    const found: Found = new Map();
    await this.#read(found, historyImages(stream), signal);
    // Those of an index within an index are not read: nobody has shown that these are theirs.
    await this.#read(found, new Set([...found.values()].flatMap((image) => image?.manifests ?? [])), signal);
    const missing = [...found].filter(([, image]) => image === undefined).map(([digest]) => digest);
    if (missing.length > 0) {
      await sleep(clock, missingMs, signal);
      signal.throwIfAborted();
      for (const digest of missing) found.delete(digest);
      await this.#read(found, new Set(missing), signal);
    }
    const { managedFields: _, ...metadata } = stream.metadata;
    sendJson(response, 200, {
      kind: 'ImageStreamLayers',
      apiVersion: served,
      metadata,
      ...streamLayers(found),
    });
  }

  /** A few at a time. Throws when there are too many to be listed. */
  async #read(found: Found, digests: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const wanted = [...digests].filter((digest) => !found.has(digest));
    if (found.size + wanted.length > maxImages) throw tooMuch(`${maxImages} images`);
    let layers = [...found.values()].reduce((sum, image) => sum + (image?.layers.length ?? 0), 0);
    const waiting = wanted.values();
    const worker = async (): Promise<void> => {
      for (const digest of waiting) {
        const image = await this.#image(digest, signal);
        layers += image?.layers.length ?? 0;
        if (layers > maxLayers) throw tooMuch(`${maxLayers} layers`);
        found.set(digest, image);
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallelReads, wanted.length) }, worker));
  }

  async #image(digest: string, signal: AbortSignal): Promise<ImageLayers | undefined> {
    // It comes from a status that others may have written.
    if (digestProblem(digest) !== undefined) return undefined;
    try {
      return imageLayers(await this.#options.client.get(images, { name: imageObjectName(digest) }, signal));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return undefined;
    }
  }
}

function tooMuch(what: string): StatusError {
  return new StatusError(500, 'InternalError', `Internal error occurred: the stream has more than ${what}`);
}
