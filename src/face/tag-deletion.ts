/** Deletion of a tag: out of the spec, and its object, with which its history goes. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageGroup, imageStreams, imageStreamTags } from '../api/resources.ts';
import { type NamedTag, tagsWithout } from '../domain/tag-writes.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, undefinedIfNotFound } from '../kube/errors.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { DeclaredTags } from './declared-tags.ts';
import { type DeleteOptions, readDeleteOptions } from './delete-options.ts';
import { type Exchange, sendJson } from './exchange.ts';
import { maxObservationMs, observed } from './observed-stream.ts';
import { maxWriteAttempts, writeSpecTags } from './spec-tags.ts';
import { conflict, notFound, serverTimeout } from './status.ts';
import { type TagKind, tagKindOf, targetOf } from './tag-kinds.ts';

/** Options of {@link TagDeletion}. */
export interface TagDeletionOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly declared: DeclaredTags;
}

const pauseMs = 50;

/** Answers deletions of ImageStreamTags and ImageTags. */
export class TagDeletion {
  readonly #options: TagDeletionOptions;

  constructor(options: TagDeletionOptions) {
    this.#options = options;
  }

  /** Deletes the tag that a request names, and answers when it is gone, or after two seconds. */
  async serve(exchange: Exchange): Promise<void> {
    const kind = tagKindOf(exchange);
    const tag = targetOf(exchange, kind, exchange.info.name ?? '');
    const options = await readDeleteOptions(exchange);
    const stream = await this.#outOfSpec(exchange, { kind, tag }, options);
    if (!options.dryRun) await this.#withHistory(exchange, tag, stream);
    const { uid } = stream.metadata;
    const details = { name: tag.name, group: imageGroup, kind: kind.resource, uid };
    sendJson(exchange.response, 200, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details,
    });
  }

  /** The stream without the tag in its spec. Throws 404 when nothing has the tag, and 409 when it is not the one that is meant. */
  async #outOfSpec(
    exchange: Exchange,
    { kind: { resource }, tag }: { readonly kind: TagKind; readonly tag: NamedTag },
    options: DeleteOptions,
  ): Promise<ImageStream> {
    const { client, declared } = this.#options;
    const { signal, info } = exchange;
    const { namespace, stream: name } = tag;
    for (let attempt = 1; ; attempt++) {
      const present = await client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
      if (present === undefined) throw notFound('imagestreams', name);
      checkPreconditions(present, { resource, name: tag.name, options });
      const tags = tagsWithout(present, tag.tag);
      if (tags === undefined) {
        const isThere =
          hasHistory(present, tag.tag) || (await declared.of(present, tag.tag, signal)) !== undefined;
        if (!isThere) throw notFound(resource, tag.name);
        return present;
      }
      try {
        return await writeSpecTags(
          client,
          exchange,
          { namespace, name, present, dryRun: options.dryRun },
          tags,
        );
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === maxWriteAttempts) throw serverTimeout(resource, info.verb);
      }
    }
  }

  /**
   * The operator takes the deletion of a tag's object for the end of the tag once it knows that the spec has it no more; before that it
   * makes the object anew. So it is waited for, and what comes back in that time goes again.
   */
  async #withHistory({ signal }: Exchange, tag: NamedTag, written: ImageStream): Promise<void> {
    const { client, clock } = this.#options;
    const until = clock.now() + maxObservationMs;
    const { namespace, name, uid } = written.metadata;
    let stream: ImageStream | undefined = await observed(client, written, { clock, signal, until });
    for (;;) {
      await this.#deleteObject(tag, signal);
      stream = await client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
      if (stream === undefined || stream.metadata.uid !== uid) return;
      // Somebody wants it again.
      if (tagsWithout(stream, tag.tag) !== undefined) return;
      if (!hasHistory(stream, tag.tag) || clock.now() >= until) return;
      await sleep(clock, pauseMs, signal);
      signal.throwIfAborted();
    }
  }

  async #deleteObject(tag: NamedTag, signal: AbortSignal): Promise<void> {
    const { client, declared } = this.#options;
    const object = await declared.object(tag.namespace, tag, signal);
    if (object === undefined) return;
    const { namespace, name, uid = '' } = object.metadata;
    try {
      await client.delete(imageStreamTags, { namespace, name }, { uid }, signal);
    } catch (error) {
      // It went by itself, or another one came.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

function hasHistory(stream: ImageStream, tag: string): boolean {
  return (stream.status?.tags ?? []).some((entry) => entry.tag === tag);
}

/** Both are the stream's, of which the tag is a part. */
function checkPreconditions(
  { metadata }: ImageStream,
  {
    resource,
    name,
    options,
  }: { readonly resource: string; readonly name: string; readonly options: DeleteOptions },
): void {
  if (options.uid !== undefined && options.uid !== metadata.uid)
    throw conflict(resource, name, 'the UID precondition was not met');
  const { resourceVersion = '' } = metadata;
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion)
    throw conflict(
      resource,
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
}
