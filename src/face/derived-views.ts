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
import type { Exchange } from './exchange.ts';
import { indexMembers } from './index-members.ts';
import { objectPage, pageSize } from './object-page.ts';
import { selectedName } from './request-info.ts';
import { badRequest, notFound, StatusError } from './status.ts';
import type { TableShape } from './tables.ts';
import { served, toServed } from './versions.ts';
import { sendView } from './view-answer.ts';

/** Options of {@link DerivedViews}. */
export interface DerivedViewsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly declared: DeclaredTags;
  readonly defaults: ShownDefaults;
  /** Host and port of the registry that serves the cluster's streams. */
  readonly localRegistry: string | undefined;
}

/** What a digest, or its hexadecimal digits, may begin with. */
const digestStart = /^(?:[a-z0-9]+(?:[+._-][a-z0-9]+)*:?)?[a-f0-9]*$/;

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
    const wanted = nameSelectorOf(url);
    const items: KubeObject[] = [];
    const { client, defaults } = this.#options;
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
      const page = await objectPage(client, imageStreams, options, signal);
      for (const stream of await declared.with(page.items)) items.push(...of(shownStream(stream, defaults)));
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
    const members = await indexMembers(stream, (digest) => this.image(digest, signal));
    return findImages(stream, id, (digest) => members.get(digest) ?? [])[0];
  }

  /** A named tag with its stream and the newest image of its history, where there is one. */
  async #tag(
    { info: { namespace = '' }, signal }: Exchange,
    parsed: ReturnType<typeof parseTagName>,
  ): Promise<{ readonly stream: ImageStream; readonly tag: string; readonly image: Image | undefined }> {
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

  /** The stored Image of a digest; undefined when there is none. */
  async image(digest: string | undefined, signal: AbortSignal): Promise<Image | undefined> {
    // It comes from a URL, or from a status that others may have written.
    if (digest === undefined || digestProblem(digest) !== undefined) return undefined;
    const name = imageObjectName(digest);
    return this.#options.client.get(images, { name }, signal).catch(undefinedIfNotFound);
  }

  async #answer(exchange: Exchange, table: TableShape, document: unknown): Promise<void> {
    sendView(exchange, document, { table, now: this.#options.clock.now() });
  }
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
