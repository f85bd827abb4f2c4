/** What the operator knows of ImageStreamTags, and streams with all the tags that these declare for them. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { canonicalJson } from '../api/json.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { declaredTagOf, tagNameOfObject, writersOf } from '../domain/declared-tag.ts';
import { withDeclaredTags } from '../domain/effective-stream.ts';
import { effectiveCondition, storedContent } from '../domain/tag-object.ts';
import { type ObjectKey, objectKey, Store } from '../kube/store.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import { jsonCodec } from '../runtime/codec.ts';
import { stableHash } from '../runtime/stable-hash.ts';
import { TriggerReports } from './trigger-reports.ts';

/** Index of the store: the stream that an object belongs to by its name. */
const byStream = 'by stream';

/** Deletions that are remembered; the oldest goes first. */
const maxDeletions = 20_000;

/** A store for ImageStreamTags that can tell which ones belong to a stream. */
export function createTagObjectStore(): Store<KnownTagObject> {
  const store = new Store<KnownTagObject>(({ resourceVersion }) => resourceVersion, { codec: jsonCodec() });
  store.addIndex(byStream, ({ namespace, of }) =>
    of === undefined ? [] : [objectKey(namespace, of.stream)],
  );
  return store;
}

/** What is kept of an ImageStreamTag. */
export function keepTagObject(object: ImageStreamTag): KnownTagObject {
  const { namespace = '', name, resourceVersion = '', uid = '', deletionTimestamp } = object.metadata;
  const { isDeclared, isKept, foreign } = writersOf(object.metadata.managedFields);
  const of = tagNameOfObject(object);
  const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === 'ImageStream')?.uid;
  return {
    namespace,
    name,
    resourceVersion,
    uid,
    of,
    declared: declaredTagOf(object),
    owner,
    content: stableHash([storedContent(object, { owner, isDeclared })]),
    hasMetadata: object.image?.dockerImageMetadata !== undefined,
    foreign,
    image: foreign === undefined ? undefined : stableHash([canonicalJson(object.image ?? null)]),
    isKept,
    ineffectiveSince: ineffectiveSince(object),
    deleting: deletionTimestamp !== undefined,
  };
}

function ineffectiveSince({ conditions }: ImageStreamTag): string | undefined {
  const overruled = conditions?.find(({ type }) => type === effectiveCondition);
  return overruled === undefined ? undefined : (overruled.lastTransitionTime ?? '');
}

/** Streams as the rules read them: with the tags that ImageStreamTags declare. */
export class StreamViews {
  /** What there is to say on ImageStreamTags beside what streams hold. */
  readonly reports = new TriggerReports();
  readonly #streams: Store<ImageStream>;
  readonly #tagObjects: Store<KnownTagObject>;
  /** Uids of the streams whose ImageStreamTag of this key was seen to go, and is not there again. */
  readonly #deletions = new BoundedMap<ObjectKey, string>(maxDeletions);
  readonly #views = new WeakMap<ImageStream, { readonly declared: string; readonly view: ImageStream }>();

  constructor(stores: { streams: Store<ImageStream>; tagObjects: Store<KnownTagObject> }) {
    this.#streams = stores.streams;
    this.#tagObjects = stores.tagObjects;
    stores.tagObjects.onChange((key, after, before) => this.#noteDeletion(key, after, before));
  }

  /** True when an ImageStreamTag of this very stream was seen to be deleted, and is not there again. */
  wasDeleted(key: ObjectKey, { metadata }: ImageStream): boolean {
    return this.#deletions.get(key) === metadata.uid;
  }

  /** To be called when the tag of a deleted ImageStreamTag has gone: one of that name that comes later has nothing to do with it. */
  forgetDeletion(key: ObjectKey): void {
    this.#deletions.delete(key);
  }

  /** The stream under a key, with all of its tags. */
  get(key: ObjectKey): ImageStream | undefined {
    const stream = this.#streams.get(key);
    return stream === undefined ? undefined : this.of(stream);
  }

  /** A stream that is at hand, with all of its tags. */
  of(stream: ImageStream): ImageStream {
    const objects = this.objectsOf(stream).filter((object) => object.declared !== undefined);
    if (objects.length === 0) return stream;
    const declared = versionsOf(objects);
    const known = this.#views.get(stream);
    if (known?.declared === declared) return known.view;
    const view = withDeclaredTags(
      stream,
      objects.flatMap((object) => object.declared ?? []),
    );
    this.#views.set(stream, { declared, view });
    return view;
  }

  #noteDeletion(key: ObjectKey, after: KnownTagObject | undefined, before: KnownTagObject | undefined): void {
    this.#deletions.delete(key);
    if (after === undefined && before?.owner !== undefined) this.#deletions.set(key, before.owner);
  }

  /** The ImageStreamTag under a key. */
  object(key: ObjectKey): KnownTagObject | undefined {
    return this.#tagObjects.get(key);
  }

  /** The ImageStreamTags of a stream. */
  objectsOf({ metadata: { namespace, name } }: ImageStream): readonly KnownTagObject[] {
    return this.objectsUnder(objectKey(namespace, name));
  }

  /** The ImageStreamTags of a stream by its key, whether it exists or not. */
  objectsUnder(key: ObjectKey): readonly KnownTagObject[] {
    const keys = this.#tagObjects.keysByIndex(byStream, key);
    return [...keys].flatMap((objectKeyOf) => this.#tagObjects.get(objectKeyOf) ?? []);
  }
}

/** The same text as long as they are the same objects in the same versions. */
export function versionsOf(objects: readonly KnownTagObject[]): string {
  return objects.map(({ name, resourceVersion }) => `${name}@${resourceVersion}`).join();
}
