/** Writes of ImageStreamTags: each is one write of the stream's spec, as in the reference. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { isJsonObject, textOf, valueAt } from '../api/json.ts';
import { imageGroup, imageStreams, imageStreamTags, storedVersion } from '../api/resources.ts';
import { parseTagName, writtenImageStreamTagView } from '../domain/reference-views.ts';
import { tagObjectName } from '../domain/tag-object-name.ts';
import { createdTag, type TagWrite, tagsWithout, updatedTag, writtenTagOf } from '../domain/tag-writes.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { DerivedViews } from './derived-views.ts';
import { type Exchange, readBody, sendJson } from './exchange.ts';
import { mergePatched } from './merge-patch.ts';
import { badRequest, notFound, StatusError } from './status.ts';
import { served } from './versions.ts';

/** Options of {@link TagWrites}. */
export interface TagWritesOptions {
  readonly client: KubeClient;
  readonly views: DerivedViews;
  readonly localRegistry: string | undefined;
}

/** The reference tries as often. */
const maxAttempts = 10;
const mergeTypes = ['application/merge-patch+json', 'application/strategic-merge-patch+json'];

/** A stream's tag that a request names. */
interface Target {
  readonly namespace: string;
  readonly stream: string;
  readonly tag: string;
  /** `stream:tag` */
  readonly name: string;
}

type Decide = (stream: ImageStream | undefined) => TagWrite;

/** Answers writes. */
export class TagWrites {
  readonly #options: TagWritesOptions;

  constructor(options: TagWritesOptions) {
    this.#options = options;
  }

  /** Creates, updates, patches or deletes the ImageStreamTag that a request names. */
  async serve(exchange: Exchange): Promise<void> {
    switch (exchange.info.verb) {
      case 'create':
        return this.#create(exchange);
      case 'update':
        return this.#update(exchange, parsed(await readBody(exchange.request)));
      case 'patch':
        return this.#patch(exchange);
      default:
        return this.#delete(exchange);
    }
  }

  async #create(exchange: Exchange): Promise<void> {
    const body = parsed(await readBody(exchange.request));
    const name = textOf(valueAt(body, ['metadata', 'name'])) ?? '';
    const target = targetOf(exchange, name);
    const sent = writtenTagOf(body, target.tag);
    if (sent === undefined)
      throw badRequest('the object provided is unrecognized (must be of type ImageStreamTag)');
    const { stream } = await this.#write(exchange, target, (present) =>
      createdTag(present, target.tag, sent),
    );
    return this.#answer(exchange, 201, { target, stream });
  }

  async #update(exchange: Exchange, body: unknown): Promise<void> {
    const target = targetOf(exchange, exchange.info.name ?? '');
    const sent = writtenTagOf(body, target.tag);
    if (sent === undefined)
      throw badRequest('the object provided is unrecognized (must be of type ImageStreamTag)');
    const named = valueAt(body, ['metadata', 'name']);
    if (named !== undefined && named !== target.name)
      throw badRequest(
        `the name of the object (${textOf(named) ?? ''}) does not match the name on the URL (${target.name})`,
      );
    const { stream, isNew } = await this.#write(exchange, target, (present) => {
      if (sent.resourceVersion !== undefined) checkVersion(present, target, sent.resourceVersion);
      return updatedTag(present, target.tag, sent);
    });
    return this.#answer(exchange, isNew ? 201 : 200, { target, stream });
  }

  /** On what a GET shows, or would show if the tag had an image already. */
  async #patch(exchange: Exchange): Promise<void> {
    const [type = ''] = (exchange.request.headers['content-type'] ?? '').split(';');
    if (!mergeTypes.includes(type.trim()))
      throw new StatusError(
        415,
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${mergeTypes.join(', ')}`,
      );
    const patch = parsed(await readBody(exchange.request));
    const target = targetOf(exchange, exchange.info.name ?? '');
    const stream = await this.#stream(target, exchange.signal);
    const isThere = [
      stream?.spec?.tags?.map(({ name }) => name),
      stream?.status?.tags?.map(({ tag }) => tag),
    ].some((names) => names?.includes(target.tag));
    if (stream === undefined || !isThere) throw notFound('imagestreamtags', target.name);
    const { metadata, tag } = writtenImageStreamTagView(stream, target.tag, undefined, this.#options);
    // What a client did not name may change meanwhile: only a version of its own is compared.
    const { resourceVersion: _, ...unversioned } = metadata;
    return this.#update(exchange, mergePatched({ metadata: unversioned, tag }, patch));
  }

  /** Takes the tag out of the spec, and its object, with which its history goes. */
  async #delete(exchange: Exchange): Promise<void> {
    const { signal, url, response } = exchange;
    const target = targetOf(exchange, exchange.info.name ?? '');
    const { namespace, tag, name } = target;
    const stream = await this.#stream(target, signal);
    if (stream === undefined) throw notFound('imagestreams', target.stream);
    const tags = tagsWithout(stream, tag);
    const hasHistory = (stream.status?.tags ?? []).some((entry) => entry.tag === tag);
    if (tags === undefined && !hasHistory) throw notFound('imagestreamtags', name);
    if (!isDryRun(url)) {
      if (tags !== undefined) await this.#patchTags(stream, tags, signal);
      await this.#deleteObject(namespace, tagObjectName(target.stream, tag), signal);
    }
    const details = { name, group: imageGroup, kind: 'imagestreamtags', uid: stream.metadata.uid };
    sendJson(response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
  }

  async #deleteObject(namespace: string, name: string, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    try {
      const { metadata } = await client.get(imageStreamTags, { namespace, name }, signal);
      await client.delete(imageStreamTags, { namespace, name }, { uid: metadata.uid ?? '' }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Until the write is to the stream that was decided on. */
  async #write(
    { signal, url }: Exchange,
    target: Target,
    decide: Decide,
  ): Promise<{ readonly stream: ImageStream; readonly isNew: boolean }> {
    for (let attempt = 1; ; attempt++) {
      const present = await this.#stream(target, signal);
      const write = decide(present);
      if (write.kind === 'exists') throw alreadyExists(target.name);
      if (write.kind === 'refused') throw badRequest(write.message);
      const { tags, isNew } = write;
      const spec = { ...present?.spec, tags: [...tags] };
      if (isDryRun(url)) return { stream: { ...(present ?? newStream(target)), spec }, isNew };
      try {
        const stream =
          present === undefined
            ? await this.#options.client.create(imageStreams, { ...newStream(target), spec }, signal)
            : await this.#patchTags(present, tags, signal);
        return { stream, isNew };
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === maxAttempts) throw busy(target.name);
      }
    }
  }

  #patchTags(
    { metadata: { namespace, name, uid, resourceVersion } }: ImageStream,
    tags: readonly TagReference[],
    signal: AbortSignal,
  ): Promise<ImageStream> {
    const document = { metadata: { uid, resourceVersion }, spec: { tags } };
    return this.#options.client.patch(imageStreams, { namespace, name }, { type: 'merge', document }, signal);
  }

  async #stream({ namespace, stream }: Target, signal: AbortSignal): Promise<ImageStream | undefined> {
    try {
      return await this.#options.client.get(imageStreams, { namespace, name: stream }, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #answer(
    { response, signal }: Exchange,
    code: number,
    { target, stream }: { readonly target: Target; readonly stream: ImageStream },
  ): Promise<void> {
    const entry = stream.status?.tags?.find(({ tag }) => tag === target.tag);
    const image: Image | undefined = await this.#options.views.image(entry?.items?.[0]?.image, signal);
    sendJson(response, code, writtenImageStreamTagView(stream, target.tag, image, this.#options));
  }
}

function newStream({ namespace, stream: name }: Target): ImageStream {
  return { apiVersion: `${imageGroup}/${storedVersion}`, kind: 'ImageStream', metadata: { namespace, name } };
}

function targetOf({ info: { namespace = '' } }: Exchange, name: string): Target {
  const parsedName = parseTagName(name);
  if ('message' in parsedName) throw badRequest(parsedName.message);
  return { namespace, name, ...parsedName };
}

function checkVersion(
  stream: ImageStream | undefined,
  { stream: name, name: full }: Target,
  version: string,
): void {
  if (stream === undefined) throw notFound('imagestreams', name);
  const { resourceVersion } = stream.metadata;
  if (version === resourceVersion) return;
  throw new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on imagestreamtags.${imageGroup} ${JSON.stringify(full)}: another caller has updated the resource version to ${resourceVersion}`,
    { name: full, group: imageGroup, kind: 'imagestreamtags' },
  );
}

/** In the singular, as the reference says it. */
function alreadyExists(name: string): StatusError {
  const message = `imagestreamtag.${imageGroup} ${JSON.stringify(name)} already exists`;
  return new StatusError(409, 'AlreadyExists', message, { name, group: imageGroup, kind: 'imagestreamtag' });
}

function busy(name: string): StatusError {
  const message = `The update operation cannot be fulfilled on imagestreamtags.${imageGroup} ${JSON.stringify(name)}: others keep changing the stream`;
  return new StatusError(500, 'ServerTimeout', message, { retryAfterSeconds: 2 });
}

/** Throws for a value that there is not. */
function isDryRun(url: URL): boolean {
  const values = url.searchParams.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All'))
    throw new StatusError(
      422,
      'Invalid',
      `dryRun: Unsupported value: ${JSON.stringify(values)}: supported values: "All"`,
    );
  return values.length > 0;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const version = valueAt(value, ['apiVersion']);
    const isOther = isJsonObject(value) && version !== undefined && version !== served;
    if (!isOther) return value;
    throw badRequest(
      `the API version in the data (${textOf(version) ?? ''}) does not match the expected API version (${served})`,
    );
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw badRequest(
      `the object provided is unrecognized (must be of type ImageStreamTag): ${(error as Error).message}`,
    );
  }
}
