/** ImageStreamTags, ImageStreamImages and Images: made from what is stored when somebody asks (semantics 4.1, 4.3, 4.6). */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { arrayOf, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { imageStreams, images, type KubeObject, type Resource } from '../api/resources.ts';
import { imageObjectName } from '../domain/image-object.ts';
import { digestProblem } from '../domain/image-reference.ts';
import {
  imageStreamImageTable,
  imageStreamTagTable,
  imageTable,
  imageTagTable,
} from '../domain/reference-tables.ts';
import {
  findImages,
  imageStreamImageView,
  imageStreamTagList,
  imageStreamTagView,
  imageTagList,
  imageTagView,
  imageView,
  parseImageName,
  parseTagName,
} from '../domain/reference-views.ts';
import { isStreamName } from '../domain/stream-name.ts';
import type { KubeClient, ListOptions, ListPage } from '../kube/client.ts';
import { undefinedIfNotFound } from '../kube/errors.ts';
import { BodyTooLargeError } from '../runtime/bounded-body.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DeclaredTags } from './declared-tags.ts';
import { type Exchange, sendJson } from './exchange.ts';
import { selectedName } from './request-info.ts';
import { badRequest, notFound, StatusError } from './status.ts';
import { includeObjectOf, type TableShape, tableOf } from './tables.ts';
import { served, toServed } from './versions.ts';

/** Options of {@link DerivedViews}. */
export interface DerivedViewsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly declared: DeclaredTags;
  /** Host and port of the registry that serves the cluster's streams. */
  readonly localRegistry: string | undefined;
}

const pageSize = 500;
/** Of objects of the largest size that etcd takes. */
const smallPageSize = 40;
/** What a digest, or its hexadecimal digits, may begin with. */
const digestStart = /^(?:[a-z0-9]+(?:[+._-][a-z0-9]+)*:?)?[a-f0-9]*$/;
/** Indexes of a history that are read to find an image within one. */
const maxIndexes = 200;
const parallelReads = 8;

/** A kind of which every stream has some. */
interface ListedKind {
  readonly kind: string;
  readonly table: TableShape;
  readonly of: (stream: ImageStream) => readonly KubeObject[];
}

/** Answers reads. */
export class DerivedViews {
  readonly #options: DerivedViewsOptions;

  constructor(options: DerivedViewsOptions) {
    this.#options = options;
  }

  /** `imagestreamtags`: one by `stream:tag`, or all of a namespace or of all. */
  async tags(exchange: Exchange): Promise<void> {
    const { name } = exchange.info;
    if (name === undefined) {
      const of = (stream: ImageStream): readonly KubeObject[] => imageStreamTagList(stream, this.#options);
      return this.#list(exchange, { kind: 'ImageStreamTagList', table: imageStreamTagTable, of });
    }
    const { stream, tag, image } = await this.#tag(exchange, parseTagName(name));
    const found = imageStreamTagView(stream, tag, image, this.#options);
    if ('missing' in found) throw notFound(found.missing, found.name);
    return this.#answer(exchange, imageStreamTagTable, found.view);
  }

  /** `imagetags`: all that spec and status say of a tag, also of one without an image. */
  async fullTags(exchange: Exchange): Promise<void> {
    const { name } = exchange.info;
    if (name === undefined)
      return this.#list(exchange, { kind: 'ImageTagList', table: imageTagTable, of: imageTagList });
    const { stream, tag, image } = await this.#tag(exchange, parseTagName(name, 'ImageTags'));
    const found = imageTagView(stream, tag, image, this.#options);
    if ('missing' in found) throw notFound(found.missing, found.name);
    return this.#answer(exchange, imageTagTable, toServed(found.view));
  }

  /** `imagestreamimages`: one by `stream@id`. */
  async imageOfStream(exchange: Exchange): Promise<void> {
    const { namespace = '', name = '' } = exchange.info;
    const parsed = parseImageName(name);
    if ('message' in parsed) throw badRequest(parsed.message);
    const stream = await this.#stream(namespace, parsed.stream, exchange.signal);
    const digest = await this.#find(stream, parsed.id, exchange.signal);
    const image = await this.image(digest, exchange.signal);
    // In the singular, as the reference says it.
    if (image === undefined) throw notFound('imagestreamimage', name);
    return this.#answer(exchange, imageStreamImageTable, imageStreamImageView(stream, name, image));
  }

  /** `images`: one by its digest, or all. */
  async images(exchange: Exchange): Promise<void> {
    const { info, url, signal } = exchange;
    if (info.name !== undefined) {
      const image = await this.image(info.name, signal);
      if (image === undefined) throw notFound('images', info.name);
      return this.#answer(exchange, imageTable, toServed(imageView(image)));
    }
    const wanted = nameSelectorOf(url);
    if (wanted !== undefined) {
      const image = await this.image(wanted, signal);
      const items = image === undefined ? [] : [toServed(imageView(image))];
      return this.#answer(exchange, imageTable, {
        kind: 'ImageList',
        apiVersion: served,
        metadata: {},
        items,
      });
    }
    const items: unknown[] = [];
    const limit = limitOf(url);
    let next = url.searchParams.get('continue') ?? undefined;
    let metadata: object = {};
    do {
      const page = await this.#page(
        images,
        { limit: limit ?? pageSize, continue: next, ...labelsOf(url) },
        signal,
      );
      items.push(...page.items.map((image) => toServed(imageView(image))));
      ({ metadata } = page);
      // Who sets no limit wants all of them at once.
      next = limit === undefined ? page.metadata.continue : undefined;
    } while (next);
    return this.#answer(exchange, imageTable, { kind: 'ImageList', apiVersion: served, metadata, items });
  }

  /** Objects may be large: a page that is too long is asked for in a smaller one. */
  async #page<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions,
    signal: AbortSignal,
  ): Promise<ListPage<T>> {
    try {
      return await this.#options.client.listPage(resource, options, signal);
    } catch (error) {
      if (!(error instanceof BodyTooLargeError) || options.limit <= smallPageSize) throw error;
      return this.#options.client.listPage(resource, { ...options, limit: smallPageSize }, signal);
    }
  }

  async #list(exchange: Exchange, { kind, table, of }: ListedKind): Promise<void> {
    const { info, url, signal } = exchange;
    const wanted = nameSelectorOf(url);
    const items: KubeObject[] = [];
    const declared = this.#options.declared.ofList(info.namespace, signal);
    let next: string | undefined;
    let resourceVersion = '';
    do {
      const options = {
        limit: pageSize,
        continue: next,
        ...labelsOf(url),
        ...(info.namespace && { namespace: info.namespace }),
      };
      const page = await this.#page(imageStreams, options, signal);
      for (const stream of await declared.with(page.items)) items.push(...of(stream));
      ({ resourceVersion, continue: next } = page.metadata);
    } while (next);
    const shown = wanted === undefined ? items : items.filter(({ metadata }) => metadata.name === wanted);
    const list = { kind, apiVersion: served, metadata: { resourceVersion }, items: shown };
    return this.#answer(exchange, table, toServed(list));
  }

  /** The digest that an id means in a stream; a second look goes into indexes. */
  async #find(stream: ImageStream, id: string, signal: AbortSignal): Promise<string | undefined> {
    if (!digestStart.test(id)) return undefined;
    const [direct] = findImages(stream, id, () => []);
    if (direct !== undefined) return direct;
    const digests = [
      ...new Set((stream.status?.tags ?? []).flatMap(({ items }) => (items ?? []).map(({ image }) => image))),
    ].slice(0, maxIndexes);
    const members = new Map<string, readonly string[]>();
    const waiting = digests.values();
    const worker = async (): Promise<void> => {
      for (const digest of waiting) {
        const image = await this.image(digest, signal);
        members.set(
          digest,
          arrayOf(image?.dockerImageManifests).flatMap((entry) => textOf(valueAt(entry, ['digest'])) ?? []),
        );
      }
    };
    await Promise.all(Array.from({ length: parallelReads }, worker));
    return findImages(stream, id, (digest) => members.get(digest) ?? [])[0];
  }

  /** A named tag with its stream and the newest image of its history, where there is one. */
  async #tag(
    { info: { namespace = '' }, signal }: Exchange,
    parsed: ReturnType<typeof parseTagName>,
  ): Promise<{ readonly stream: ImageStream; readonly tag: string; readonly image: Image | undefined }> {
    if ('message' in parsed) throw badRequest(parsed.message);
    const stored = await this.#stream(namespace, parsed.stream, signal);
    const stream = await this.#options.declared.with(stored, parsed.tag, signal);
    const { items = [] } = stream.status?.tags?.find(({ tag }) => tag === parsed.tag) ?? {};
    return { stream, tag: parsed.tag, image: await this.image(items[0]?.image, signal) };
  }

  async #stream(namespace: string, name: string, signal: AbortSignal): Promise<ImageStream> {
    if (!isStreamName(name)) throw notFound('imagestreams', name);
    const { client } = this.#options;
    const stream = await client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
    if (stream === undefined) throw notFound('imagestreams', name);
    return stream;
  }

  /** The stored Image of a digest; undefined when there is none. */
  async image(digest: string | undefined, signal: AbortSignal): Promise<Image | undefined> {
    // It comes from a URL, or from a status that others may have written.
    if (digest === undefined || digestProblem(digest) !== undefined) return undefined;
    const name = imageObjectName(digest);
    return this.#options.client.get(images, { name }, signal).catch(undefinedIfNotFound);
  }

  async #answer({ response, form, url }: Exchange, table: TableShape, document: unknown): Promise<void> {
    if (form === 'object') return sendJson(response, 200, document);
    if (form === 'metadata') return sendJson(response, 200, metadataOf(document));
    const shown = { include: includeObjectOf(url), now: this.#options.clock.now() };
    sendJson(response, 200, tableOf(table, document, shown));
  }
}

function metadataOf(document: unknown): JsonObject {
  const apiVersion = 'meta.k8s.io/v1';
  const metadata = valueAt(document, ['metadata']);
  const items = valueAt(document, ['items']);
  if (!Array.isArray(items)) return { kind: 'PartialObjectMetadata', apiVersion, metadata };
  const each = items.map((item) => ({
    kind: 'PartialObjectMetadata',
    apiVersion,
    metadata: valueAt(item, ['metadata']),
  }));
  return { kind: 'PartialObjectMetadataList', apiVersion, metadata, items: each };
}

function limitOf(url: URL): number | undefined {
  const limit = Number(url.searchParams.get('limit') ?? 0);
  return Number.isInteger(limit) && limit > 0 ? Math.min(limit, pageSize) : undefined;
}

function labelsOf(url: URL): { labelSelector?: string } {
  const labelSelector = url.searchParams.get('labelSelector');
  return labelSelector === null || labelSelector === '' ? {} : { labelSelector };
}

/** The name that a field selector asks for. Throws 400 for any other. */
function nameSelectorOf(url: URL): string | undefined {
  const selector = url.searchParams.get('fieldSelector');
  if (selector === null || selector === '') return undefined;
  const name = selectedName({ verb: 'list' }, url);
  if (name !== undefined) return name;
  throw new StatusError(400, 'BadRequest', `field label not supported: ${selector.split(/[=!,]/)[0] ?? ''}`);
}
