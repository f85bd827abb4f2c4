/** ImageStreamTags and ImageStreamImages: made from what is stored when somebody asks (semantics 4.1, 4.3). */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageStreams, images, type KubeObject } from '../api/resources.ts';
import { imageObjectName } from '../domain/image-object.ts';
import { digestProblem } from '../domain/image-reference.ts';
import { imageStreamImageTable, imageStreamTagTable, imageTagTable } from '../domain/reference-tables.ts';
import {
  findImages,
  imageStreamImageView,
  imageStreamTagList,
  imageStreamTagView,
  imageTagList,
  imageTagView,
  parseImageName,
  parseTagName,
} from '../domain/reference-views.ts';
import { type ShownDefaults, shownStream } from '../domain/shown-stream.ts';
import { isStreamName } from '../domain/stream-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedIfNotFound } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DeclaredTags } from './declared-tags.ts';
import type { Asked, Exchange } from './exchange.ts';
import { indexMembers } from './index-members.ts';
import { passAnswer } from './passed-answer.ts';
import { selectedName } from './request-info.ts';
import { badRequest, notFound, StatusError } from './status.ts';
import type { StreamRequests } from './stream-requests.ts';
import type { TableShape } from './tables.ts';
import { tagList } from './tag-list.ts';
import { toServed } from './versions.ts';
import { sendView } from './view-answer.ts';

/** Options of {@link DerivedViews}. */
export interface DerivedViewsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly declared: DeclaredTags;
  /** For lists. */
  readonly requests: StreamRequests;
  readonly defaults: ShownDefaults;
  /** Host and port of the registry that serves the cluster's streams. */
  readonly localRegistry: string | undefined;
}

/** What a digest, or its hexadecimal digits, may begin with. */
const digestStart = /^(?:[a-z0-9]+(?:[+._-][a-z0-9]+)*:?)?[a-f0-9]*$/;

/** A named tag with its stream, and the newest image of its history where there is one. */
interface GatheredTag {
  readonly stream: ImageStream;
  readonly tag: string;
  readonly image: Image | undefined;
}

/** What a get of a kind is about, as its name says. */
const namedKinds = new Map<string, 'ImageStreamTags' | 'ImageTags'>([
  ['imagestreamtags', 'ImageStreamTags'],
  ['imagetags', 'ImageTags'],
]);

/** A kind of which every stream has some. */
interface ListedKind {
  readonly kind: string;
  readonly table: TableShape;
  readonly of: (stream: ImageStream) => readonly KubeObject[];
}

/** Answers reads. */
export class DerivedViews {
  readonly #options: DerivedViewsOptions;
  readonly #begun = new WeakMap<Asked['request'], Promise<GatheredTag>>();

  constructor(options: DerivedViewsOptions) {
    this.#options = options;
  }

  /**
   * Begins to read what a get of a tag will need, so that it need not wait for the answer whether the caller may have it.
   * Resolves, whatever came of it, when nothing more is read; undefined for other requests.
   */
  begin(asked: Asked): Promise<unknown> | undefined {
    const { verb, resource, subresource } = asked.info;
    if (verb !== 'get' || subresource !== undefined || !namedKinds.has(resource)) return undefined;
    const begun = this.#readTag(asked);
    this.#begun.set(asked.request, begun);
    return begun.catch(() => undefined);
  }

  /** `imagestreamtags`: one by `stream:tag`, or all of a namespace or of all. */
  async tags(exchange: Exchange): Promise<void> {
    const { name } = exchange.info;
    if (name === undefined) {
      const of = (stream: ImageStream): readonly KubeObject[] => imageStreamTagList(stream, this.#options);
      return this.#list(exchange, { kind: 'ImageStreamTagList', table: imageStreamTagTable, of });
    }
    const { stream, tag, image } = await this.#tag(exchange);
    const found = imageStreamTagView(stream, tag, image, this.#options);
    if ('missing' in found) throw notFound(found.missing, found.name);
    return this.#answer(exchange, imageStreamTagTable, found.view);
  }

  /** `imagetags`: all that spec and status say of a tag, also of one without an image. */
  async fullTags(exchange: Exchange): Promise<void> {
    const { name } = exchange.info;
    if (name === undefined)
      return this.#list(exchange, { kind: 'ImageTagList', table: imageTagTable, of: imageTagList });
    const { stream, tag, image } = await this.#tag(exchange);
    const found = imageTagView(stream, tag, image, this.#options);
    if ('missing' in found) throw notFound(found.missing, found.name);
    return this.#answer(exchange, imageTagTable, toServed(found.view));
  }

  /** `imagestreamimages`: one by `stream@id`. */
  async imageOfStream(exchange: Exchange): Promise<void> {
    const { namespace = '', name = '' } = exchange.info;
    const parsed = parseImageName(name);
    if ('message' in parsed) throw badRequest(parsed.message);
    const { defaults } = this.#options;
    const stored = await this.#stream(namespace, parsed.stream, exchange.signal);
    const stream = shownStream(stored, defaults);
    const digest = await this.#find(stream, parsed.id, exchange.signal);
    const image = await this.image(digest, exchange.signal);
    // In the singular, as the reference says it.
    if (image === undefined) throw notFound('imagestreamimage', name);
    return this.#answer(exchange, imageStreamImageTable, imageStreamImageView(stream, name, image));
  }

  async #list(exchange: Exchange, { kind, table, of }: ListedKind): Promise<void> {
    const { info, url, signal } = exchange;
    const { requests, defaults, clock } = this.#options;
    const wanted = nameSelectorOf(url);
    const declared = this.#options.declared.ofList(info.namespace, signal);
    const ofStream = (stream: ImageStream): readonly KubeObject[] =>
      of(shownStream(stream, defaults)).filter(
        ({ metadata: { name } }) => wanted === undefined || name === wanted,
      );
    const query = { ...labelsOf(url), ...streamOf(wanted) };
    const answer = await requests.send(exchange, { method: 'GET', query });
    const tags = {
      kind,
      table,
      prepare: (found: readonly ImageStream[]) => declared.with(found),
      of: ofStream,
    };
    await passAnswer(exchange, answer, tagList(exchange, tags, clock.now()));
  }

  /** The digest that an id means in a stream; a second look goes into indexes. */
  async #find(stream: ImageStream, id: string, signal: AbortSignal): Promise<string | undefined> {
    if (!digestStart.test(id)) return undefined;
    const [direct] = findImages(stream, id, () => []);
    if (direct !== undefined) return direct;
    const members = await indexMembers(stream, (digest) => this.image(digest, signal));
    return findImages(stream, id, (digest) => members.get(digest) ?? [])[0];
  }

  #tag(exchange: Exchange): Promise<GatheredTag> {
    return this.#begun.get(exchange.request) ?? this.#readTag(exchange);
  }

  async #readTag({ info: { namespace = '', name = '', resource }, signal }: Asked): Promise<GatheredTag> {
    const parsed = parseTagName(name, namedKinds.get(resource));
    if ('message' in parsed) throw badRequest(parsed.message);
    const { declared, defaults } = this.#options;
    const stored = await this.#stream(namespace, parsed.stream, signal);
    const stream = shownStream(await declared.with(stored, parsed.tag, signal), defaults);
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

  /**
   * The stored Image of a digest, as it was a moment ago at most; undefined when there is none. What it says of the image never
   * changes; its labels and annotations may, and it may have been deleted.
   */
  image(digest: string | undefined, signal: AbortSignal): Promise<Image | undefined> {
    const { client } = this.#options;
    return imageOf(digest, (name) => client.getKept(images, { name }, signal));
  }

  /** The same as it is now. */
  storedImage(digest: string | undefined, signal: AbortSignal): Promise<Image | undefined> {
    const { client } = this.#options;
    return imageOf(digest, (name) => client.get(images, { name }, signal));
  }

  async #answer(exchange: Exchange, table: TableShape, document: unknown): Promise<void> {
    sendView(exchange, document, { table, now: this.#options.clock.now() });
  }
}

/** Reads the Image of a digest under its name. */
async function imageOf(
  digest: string | undefined,
  read: (name: string) => Promise<Image>,
): Promise<Image | undefined> {
  // It comes from a URL, or from a status that others may have written.
  if (digest === undefined || digestProblem(digest) !== undefined) return undefined;
  return read(imageObjectName(digest)).catch(undefinedIfNotFound);
}

/** The stream of a tag that a list is to have alone. */
function streamOf(wanted: string | undefined): { fieldSelector?: string } {
  const parsed = wanted === undefined ? undefined : parseTagName(wanted);
  const isStream = parsed !== undefined && !('message' in parsed) && isStreamName(parsed.stream);
  return isStream ? { fieldSelector: `metadata.name=${parsed.stream}` } : {};
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
