/** Tags that ImageStreamTags declare as objects: they are a stream's as those of its spec are, and the views show them so. */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { textOf } from '../api/json.ts';
import { imageStreamTags, type KubeObject } from '../api/resources.ts';
import { declaredTagOf, tagNameOfObject, writersOf } from '../domain/declared-tag.ts';
import { withDeclaredTags } from '../domain/effective-stream.ts';
import { type StreamTagName, tagObjectName } from '../domain/tag-object-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, undefinedIfNotFound } from '../kube/errors.ts';
import { ListItems } from './list-items.ts';

const pageSize = 500;
const parallelReads = 8;
/** Declared tags that a list shows with their source; of further ones it shows the images. */
const maxDeclared = 2_000;
/** Objects that declare something of which a list remembers the names. */
const maxNames = 20_000;
const maxAttempts = 5;

/** Reads and takes back declarations. */
export class DeclaredTags {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** The stored object of a tag, whoever has made it; undefined when there is none. */
  async object(
    namespace: string,
    { stream, tag }: StreamTagName,
    signal: AbortSignal,
  ): Promise<ImageStreamTag | undefined> {
    const name = tagObjectName(stream, tag);
    const object = await this.#client
      .get(imageStreamTags, { namespace, name }, signal)
      .catch(undefinedIfNotFound);
    const of = object === undefined ? undefined : tagNameOfObject(object);
    // Two tags with one name would be a coincidence; what is of another tag is none of this one.
    return of?.stream === stream && of.tag === tag ? object : undefined;
  }

  /** The tag as an object declares it; undefined when the stream's own spec has it, which counts then. */
  async of(stream: ImageStream, tag: string, signal: AbortSignal): Promise<TagReference | undefined> {
    if ((stream.spec?.tags ?? []).some(({ name }) => name === tag)) return undefined;
    const { namespace = '', name } = stream.metadata;
    const object = await this.object(namespace, { stream: name, tag }, signal);
    return object === undefined ? undefined : declaredTagOf(object);
  }

  /** A stream with one of its tags as it counts. */
  async with(stream: ImageStream, tag: string, signal: AbortSignal): Promise<ImageStream> {
    const declared = await this.of(stream, tag, signal);
    return declared === undefined ? stream : withDeclaredTags(stream, [declared]);
  }

  /** For a list of the streams of a namespace, or of all. */
  ofList(namespace: string | undefined, signal: AbortSignal): DeclaredTagList {
    return new DeclaredTagList(this.#client, namespace, signal);
  }

  /** Takes the tag out of the object that declares it: the operator keeps the object then, and with it the tag's history. */
  async takeBack(namespace: string, of: StreamTagName, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const object = await this.object(namespace, of, signal);
      if (object === undefined || declaredTagOf(object) === undefined) return;
      const { name, uid, resourceVersion } = object.metadata;
      const document = { metadata: { uid, resourceVersion }, tag: null };
      try {
        await this.#client.patch(imageStreamTags, { namespace, name }, { type: 'merge', document }, signal);
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error) || attempt === maxAttempts) throw error;
      }
    }
  }
}

/**
 * The declared tags of the streams of one list. Nothing is asked for while each tag with a status is in its spec; else whose the objects
 * are is read from their metadata, once, and those that declare something as a whole.
 */
export class DeclaredTagList {
  readonly #client: KubeClient;
  readonly #namespace: string | undefined;
  readonly #signal: AbortSignal;
  #declaring: Promise<ReadonlySet<string>> | undefined;
  #reads = 0;

  constructor(client: KubeClient, namespace: string | undefined, signal: AbortSignal) {
    this.#client = client;
    this.#namespace = namespace;
    this.#signal = signal;
  }

  /** Streams with the tags that are declared for them and have a status. */
  async with(streams: readonly ImageStream[]): Promise<readonly ImageStream[]> {
    const wanted = new Set(streams.flatMap(tagsBesideSpec));
    if (wanted.size === 0) return streams;
    this.#declaring ??= this.#readDeclaring();
    const declaring = await this.#declaring;
    const places = [...wanted].filter((place) => declaring.has(place)).slice(0, maxDeclared - this.#reads);
    this.#reads += places.length;
    const found = new Map<string, TagReference[]>();
    const waiting = places.values();
    const worker = async (): Promise<void> => {
      for (const place of waiting) {
        const [namespace = '', name = ''] = place.split('/');
        const object = await this.#client
          .get(imageStreamTags, { namespace, name }, this.#signal)
          .catch(undefinedIfNotFound);
        const of = object === undefined ? undefined : tagNameOfObject(object);
        const tag = object === undefined ? undefined : declaredTagOf(object);
        if (of === undefined || tag === undefined) continue;
        const key = `${namespace}/${of.stream}`;
        found.set(key, [...(found.get(key) ?? []), tag]);
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallelReads, places.length) }, worker));
    return streams.map((stream) => {
      const { namespace = '', name } = stream.metadata;
      return withDeclaredTags(stream, found.get(`${namespace}/${name}`) ?? []);
    });
  }

  /** `namespace/name` of the objects that declare something. */
  async #readDeclaring(): Promise<ReadonlySet<string>> {
    const places = new Set<string>();
    const namespace = this.#namespace === undefined ? {} : { namespace: this.#namespace };
    let next: string | undefined;
    do {
      const options = { limit: pageSize, continue: next, ...namespace };
      const page = await this.#client.openMetadataPage(imageStreamTags, options, this.#signal);
      next = await eachItem(page, ({ metadata }) => {
        if (writersOf(metadata.managedFields).isDeclared)
          places.add(`${metadata.namespace ?? ''}/${metadata.name}`);
      });
    } while (next && places.size < maxNames);
    return places;
  }
}

/** Shows the objects of a page, one at a time: their annotations may have any length. Resolves to where the next page begins. */
async function eachItem(
  page: AsyncIterable<Buffer>,
  see: (object: KubeObject) => void,
): Promise<string | undefined> {
  const list = new ListItems(({ bytes, place }) => {
    if (place === 'item') see(JSON.parse(bytes.toString()) as KubeObject);
  });
  for await (const chunk of page) list.push(chunk);
  list.end();
  return textOf(list.metadata['continue']);
}

/** The objects of the tags that a stream's status has and its spec does not. */
function tagsBesideSpec({ metadata, spec, status }: ImageStream): readonly string[] {
  const own = new Set((spec?.tags ?? []).map(({ name }) => name));
  const { namespace = '', name } = metadata;
  return (status?.tags ?? [])
    .filter(({ tag }) => !own.has(tag))
    .map(({ tag }) => `${namespace}/${tagObjectName(name, tag)}`);
}
