/** ImageStreamMappings: an image that somebody has pushed gets into the history of a tag (semantics 4.4). */
import { createHash } from 'node:crypto';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { textOf, valueAt } from '../api/json.ts';
import { imageStreams, images } from '../api/resources.ts';
import { type BackoffPolicy, backoffMs } from '../domain/backoff.ts';
import { forbiddenFault, requiredFault } from '../domain/field-fault.ts';
import { missingBytes, type PushContext, type PushedImage, pushedImage } from '../domain/pushed-image.ts';
import { pushedTag } from '../domain/pushed-tag.ts';
import { historyImages, runnableMembers } from '../domain/stream-layers.ts';
import { isStreamName } from '../domain/stream-name.ts';
import { dockerImageRepositoryOf, newestItem } from '../domain/tag-resolution.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, undefinedIfNotFound } from '../kube/errors.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Access } from './access.ts';
import type { DerivedViews } from './derived-views.ts';
import { type Exchange, isDryRun, managerOf, sendJson } from './exchange.ts';
import { indexMembers } from './index-members.ts';
import { readObject } from './sent-body.ts';
import { badRequest, conflict, hasChanged, invalid, notFound } from './status.ts';

/** Options of {@link StreamMappings}. */
export interface StreamMappingsOptions {
  readonly client: KubeClient;
  readonly views: DerivedViews;
  readonly access: Access;
  readonly clock: Clock;
  readonly localRegistry: string | undefined;
  /** History items that a tag keeps: as the operator's setting. */
  readonly historyLimit: number;
}

/** The reference tries as often. */
const maxAttempts = 10;
/** Between these, so that those who push at the same time do not meet again. */
const pauses: BackoffPolicy = { baseMs: 10, maxMs: 1_000 };

/** Answers creations. */
export class StreamMappings {
  readonly #options: StreamMappingsOptions;

  constructor(options: StreamMappingsOptions) {
    this.#options = options;
  }

  /** Keeps the image, and puts it in front of the history of its tag. */
  async serve(exchange: Exchange): Promise<void> {
    const { info, response } = exchange;
    const { namespace = '' } = info;
    const mapping = await readObject(exchange, 'ImageStreamMapping');
    const place = textOf(valueAt(mapping, ['metadata', 'namespace'])) ?? '';
    if (place !== '' && place !== namespace)
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    const name = textOf(valueAt(mapping, ['metadata', 'name'])) ?? '';
    if (name === '') throw invalid('ImageStreamMapping', name, [requiredFault('metadata.name')]);
    const stream = await this.#stream({ namespace, name }, exchange.signal);
    const parsed = pushedImage(mapping, this.#context(stream));
    if (!parsed.ok) throw invalid('ImageStreamMapping', name, parsed.faults);
    const { push } = parsed;
    await this.#checkShown(exchange, stream, push);
    const isNew = await this.#keep(exchange, push);
    // An image of the cluster's own registry is where the stream is, whoever else has it.
    const isHere = !isNew && push.isManaged && this.#options.localRegistry !== undefined;
    const dockerImageReference = isHere
      ? `${this.#ownRepository(stream)}@${push.digest}`
      : push.dockerImageReference;
    await this.#write(exchange, stream, { ...push, dockerImageReference });
    // It may have been swept in between, when nothing else held it.
    if (!isNew) await this.#keep(exchange, push);
    sendJson(response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
  }

  #context(stream: ImageStream): PushContext {
    return {
      hash: (algorithm, text) => createHash(algorithm).update(text).digest('hex'),
      now: this.#options.clock.now(),
      ownRepository: this.#ownRepository(stream),
    };
  }

  #ownRepository(stream: ImageStream): string | undefined {
    const { localRegistry } = this.#options;
    return localRegistry === undefined ? undefined : dockerImageRepositoryOf(stream, localRegistry);
  }

  /**
   * Who names an image gets to read its Image by the tag: that is for those who show what it is made of, who have it in the stream
   * already, or who may read all Images. Throws 422, and tells nobody which images there are.
   */
  async #checkShown(exchange: Exchange, stream: ImageStream, { digest, image }: PushedImage): Promise<void> {
    const wanted = image === undefined ? [digest] : runnableMembers(image);
    const unknown = await this.#unknownOf(stream, wanted, exchange.signal);
    const all = { verb: 'get', resource: 'images', namespace: undefined, name: undefined } as const;
    const mayRead =
      unknown.length > 0 &&
      (await this.#options.access.ask(exchange.caller, { ...all, subresource: undefined })).allowed;
    const isThere =
      image !== undefined || (await this.#options.views.storedImage(digest, exchange.signal)) !== undefined;
    if (isThere && (unknown.length === 0 || mayRead)) return;
    const [first = ''] = unknown;
    const fault =
      image === undefined
        ? missingBytes
        : forbiddenFault(
            missingBytes.field,
            `the index lists ${first}, which is not in the stream: push that image first`,
          );
    throw invalid('ImageStreamMapping', stream.metadata.name, [fault]);
  }

  /** Those that are neither in a history of the stream nor in an index of one. */
  async #unknownOf(
    stream: ImageStream,
    digests: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const held = historyImages(stream);
    const rest = digests.filter((digest) => !held.has(digest));
    if (rest.length === 0) return [];
    const members = await indexMembers(stream, (digest) => this.#options.views.image(digest, signal));
    const listed = new Set([...members.values()].flat());
    return rest.filter((digest) => !listed.has(digest));
  }

  /** Creates the Image; false when there is one, which stays as it is. */
  async #keep(exchange: Exchange, { image }: PushedImage): Promise<boolean> {
    if (image === undefined) return false;
    const options = { dryRun: isDryRun(exchange), ...managerOf(exchange) };
    try {
      await this.#options.client.create(images, image, exchange.signal, options);
      return true;
    } catch (error) {
      if (!isConflict(error)) throw error;
      return false;
    }
  }

  /** Again when somebody else was faster, as long as that was not another push to the tag. */
  async #write(exchange: Exchange, read: ImageStream, push: PushedImage): Promise<void> {
    const { signal } = exchange;
    const { client, clock, historyLimit } = this.#options;
    const { namespace = '', name } = read.metadata;
    const how = { dryRun: isDryRun(exchange), ...managerOf(exchange) };
    let stream = read;
    for (let attempt = 1; ; attempt++) {
      const pushed = pushedTag(stream, push, { now: clock.now(), historyLimit });
      if (pushed.kind === 'refused') throw invalid('ImageStreamMapping', name, [pushed.fault]);
      if (pushed.kind === 'nothing') return;
      const { uid, resourceVersion } = stream.metadata;
      const document = { metadata: { uid, resourceVersion }, status: { tags: pushed.status.tags } };
      try {
        const place = { namespace, name, subresource: 'status' } as const;
        await client.patch(imageStreams, place, { type: 'merge', document, ...how }, signal);
        return;
      } catch (error) {
        if (!isConflict(error)) throw error;
        await sleep(clock, backoffMs(pauses, attempt, `${push.tag} ${push.digest}`), signal);
        signal.throwIfAborted();
        const latest = await this.#stream({ namespace, name }, signal);
        if (attempt === maxAttempts || hasMoved(stream, latest, push.tag))
          throw conflict('imagestreams', name, hasChanged);
        stream = latest;
      }
    }
  }

  async #stream(place: { namespace: string; name: string }, signal: AbortSignal): Promise<ImageStream> {
    const { client } = this.#options;
    const stream = isStreamName(place.name)
      ? await client.get(imageStreams, place, signal).catch(undefinedIfNotFound)
      : undefined;
    if (stream === undefined) throw notFound('imagestreams', place.name);
    return stream;
  }
}

function hasMoved(before: ImageStream, after: ImageStream, tag: string): boolean {
  const [was, is] = [newestItem(before, tag), newestItem(after, tag)];
  if (was === undefined) return false;
  return was.image !== is?.image || was.dockerImageReference !== is.dockerImageReference;
}
