/** Writes of ImageStreamTags: each is one write of the stream's spec, as in the reference. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { canonicalJson, isJsonObject, textOf, valueAt } from '../api/json.ts';
import { imageGroup, imageStreams, imageStreamTags } from '../api/resources.ts';
import { parseTagName, writtenImageStreamTagView } from '../domain/reference-views.ts';
import { tagObjectName } from '../domain/tag-object-name.ts';
import { createdTag, type TagWrite, tagsWithout, updatedTag, writtenTagOf } from '../domain/tag-writes.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, undefinedIfNotFound } from '../kube/errors.ts';
import type { Access } from './access.ts';
import type { DerivedViews } from './derived-views.ts';
import { type Exchange, isDryRun, readBody, sendJson } from './exchange.ts';
import { mergePatched } from './merge-patch.ts';
import { type WrittenStream, writeSpecTags } from './spec-tags.ts';
import { badRequest, checkStreamName, notFound, StatusError } from './status.ts';
import { served } from './versions.ts';

/** Options of {@link TagWrites}. */
export interface TagWritesOptions {
  readonly client: KubeClient;
  readonly views: DerivedViews;
  readonly access: Access;
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
        return this.#update(exchange);
      case 'patch':
        return this.#patch(exchange);
      default:
        return this.#delete(exchange);
    }
  }

  async #create(exchange: Exchange): Promise<void> {
    const body = parsed(await readBody(exchange.request));
    const target = targetOf(exchange, textOf(valueAt(body, ['metadata', 'name'])) ?? '');
    checkPlace(body, target);
    const sent = writtenTagOf(body, target.tag);
    if (sent === undefined) throw unrecognized();
    await this.#checkSource(exchange, target, sent.tag);
    const { stream } = await this.#write(exchange, target, (present) =>
      createdTag(present, target.tag, sent),
    );
    return this.#answer(exchange, 201, { target, stream });
  }

  async #update(exchange: Exchange): Promise<void> {
    const body = parsed(await readBody(exchange.request));
    const target = targetOf(exchange, exchange.info.name ?? '');
    checkPlace(body, target);
    const sent = writtenTagOf(body, target.tag);
    if (sent === undefined) throw unrecognized();
    await this.#checkSource(exchange, target, sent.tag);
    const { stream, isNew } = await this.#write(exchange, target, (present) =>
      updated(present, target, body),
    );
    return this.#answer(exchange, isNew ? 201 : 200, { target, stream });
  }

  /** Of what a GET shows, or would show if the tag had an image already; anew whenever the stream has changed. */
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
    const patchedOf = (stream: ImageStream | undefined): unknown => {
      const isThere = [
        ...(stream?.spec?.tags ?? []).map(({ name }) => name),
        ...(stream?.status?.tags ?? []).map(({ tag }) => tag),
      ].includes(target.tag);
      if (stream === undefined || !isThere) throw notFound('imagestreamtags', target.name);
      const { metadata, tag } = writtenImageStreamTagView(stream, target.tag, undefined, this.#options);
      // Only a version of the client's own is compared.
      const { resourceVersion: _, ...unversioned } = metadata;
      return mergePatched({ metadata: unversioned, tag }, patch);
    };
    const first = patchedOf(await this.#stream(target, exchange.signal));
    checkPlace(first, target);
    await this.#checkSource(exchange, target, writtenTagOf(first, target.tag)?.tag);
    const { stream } = await this.#write(exchange, target, (present) =>
      updated(present, target, patchedOf(present)),
    );
    return this.#answer(exchange, 200, { target, stream });
  }

  /** Takes the tag out of the spec, and its object, with which its history goes. */
  async #delete(exchange: Exchange): Promise<void> {
    const { signal, request, response } = exchange;
    const target = targetOf(exchange, exchange.info.name ?? '');
    const { namespace, tag, name } = target;
    const sent = parsedOptions(await readBody(request));
    const isDry = isDryRun(exchange, valueAt(sent, ['dryRun']));
    for (let attempt = 1; ; attempt++) {
      const stream = await this.#stream(target, signal);
      if (stream === undefined) throw notFound('imagestreams', target.stream);
      const tags = tagsWithout(stream, tag);
      const hasHistory = (stream.status?.tags ?? []).some((entry) => entry.tag === tag);
      if (tags === undefined && !hasHistory) throw notFound('imagestreamtags', name);
      checkUid(target, stream, valueAt(sent, ['preconditions', 'uid']));
      try {
        if (tags !== undefined)
          await this.#writeTags(exchange, { target, present: stream, dryRun: isDry }, tags);
        if (!isDry) await this.#deleteObject(namespace, tagObjectName(target.stream, tag), signal);
        const details = { name, group: imageGroup, kind: 'imagestreamtags', uid: stream.metadata.uid };
        return sendJson(response, 200, {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Success',
          details,
        });
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === maxAttempts) throw busy(name);
      }
    }
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

  /** A source in another namespace is for those who may get its layers (semantics 1.7): the caller, not the face. */
  async #checkSource(exchange: Exchange, target: Target, tag: TagReference | undefined): Promise<void> {
    const { kind, name = '', namespace } = tag?.from ?? {};
    if (kind === 'DockerImage' || !namespace || namespace === target.namespace) return;
    const [stream = ''] = name.split(/[:@]/);
    const subresource = 'layers';
    const info = { verb: 'get', namespace, resource: 'imagestreams', name: stream, subresource } as const;
    await this.#options.access.check(exchange.caller, info);
  }

  /** Until the write is to the stream that was decided on. */
  async #write(
    exchange: Exchange,
    target: Target,
    decide: Decide,
  ): Promise<{ readonly stream: ImageStream; readonly isNew: boolean }> {
    const { signal, caller, info } = exchange;
    const dryRun = isDryRun(exchange);
    for (let attempt = 1; ; attempt++) {
      const present = await this.#stream(target, signal);
      const write = decide(present);
      if (write.kind === 'exists') throw alreadyExists(target.name);
      if (write.kind === 'refused') throw badRequest(write.message);
      const { tags, isNew } = write;
      // Who makes something that was not there needs the right to create it.
      if (isNew && info.verb !== 'create')
        await this.#options.access.check(caller, { ...info, verb: 'create', name: undefined });
      try {
        return { stream: await this.#writeTags(exchange, { target, present, dryRun }, tags), isNew };
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === maxAttempts) throw busy(target.name);
      }
    }
  }

  #writeTags(
    exchange: Exchange,
    {
      target: { namespace, stream: name },
      ...how
    }: { readonly target: Target } & Pick<WrittenStream, 'present' | 'dryRun'>,
    tags: readonly TagReference[],
  ): Promise<ImageStream> {
    return writeSpecTags(this.#options.client, exchange, { namespace, name, ...how }, tags);
  }

  #stream({ namespace, stream: name }: Target, signal: AbortSignal): Promise<ImageStream | undefined> {
    return this.#options.client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
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

function targetOf({ info: { namespace = '' } }: Exchange, name: string): Target {
  const parsedName = parseTagName(name);
  if ('message' in parsedName) throw badRequest(parsedName.message);
  checkStreamName(parsedName.stream);
  return { namespace, name, ...parsedName };
}

function updated(stream: ImageStream | undefined, target: Target, body: unknown): TagWrite {
  const sent = writtenTagOf(body, target.tag);
  if (sent === undefined) throw unrecognized();
  if (sent.resourceVersion !== undefined) checkVersion(stream, target, sent.resourceVersion);
  checkLabels(stream, target, valueAt(body, ['metadata', 'labels']));
  return updatedTag(stream, target.tag, sent, { namespace: target.namespace, name: target.stream });
}

/** What is sent has to be for where it is sent to. */
function checkPlace(body: unknown, { namespace, name }: Target): void {
  const named = valueAt(body, ['metadata', 'name']);
  if (named !== undefined && named !== name)
    throw badRequest(
      `the name of the object (${textOf(named) ?? ''}) does not match the name on the URL (${name})`,
    );
  const place = valueAt(body, ['metadata', 'namespace']);
  if (place !== undefined && place !== '' && place !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Labels are the stream's; none at all are tolerated, as in the reference. */
function checkLabels(stream: ImageStream | undefined, { name }: Target, labels: unknown): void {
  if (labels === undefined || labels === null || stream === undefined) return;
  if (canonicalJson(labels) === canonicalJson(stream.metadata.labels ?? {})) return;
  throw new StatusError(
    422,
    'Invalid',
    `ImageStreamTag.${imageGroup} ${JSON.stringify(name)} is invalid: metadata: Invalid value: "": may not update fields other than metadata.annotations`,
  );
}

function checkUid({ name }: Target, { metadata: { uid = '' } }: ImageStream, wanted: unknown): void {
  if (wanted === undefined || wanted === null || wanted === uid) return;
  throw new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on imagestreamtags.${imageGroup} ${JSON.stringify(name)}: Precondition failed: UID in precondition: ${textOf(wanted) ?? ''}, UID in object meta: ${uid}`,
  );
}

function unrecognized(): StatusError {
  return badRequest('the object provided is unrecognized (must be of type ImageStreamTag)');
}

/** DeleteOptions, of which there need not be any. */
function parsedOptions(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('the DeleteOptions cannot be read');
  }
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
