/**
 * ImageStreamTags, ImageTags, ImageStreamImages and Images as the reference shows them (semantics 4.1 to 4.3
 * and 4.6), made from the stored ImageStream and Image. What is given is never changed; the views share
 * parts of it.
 */
import type { Image } from '../api/generated/image.ts';
import type {
  ImageStream,
  NamedTagEventList,
  TagEvent,
  TagEventCondition,
  TagReference,
} from '../api/generated/image-stream.ts';
import { arrayOf, isJsonObject, textOf, valueAt } from '../api/json.ts';
import type { ObjectMeta } from '../api/objects.ts';
import { digestProblem } from './image-reference.ts';
import type { StreamTagName } from './tag-object-name.ts';
import { resolvePullSpec } from './tag-resolution.ts';

/** What the views depend on beside the stored objects. */
export interface ViewSettings {
  /** Host and port of the cluster's own registry, for tags with the reference policy `Local`. */
  readonly localRegistry: string | undefined;
}

/** A view, or the resource and the name that the 404 in its place has to name. */
export type FoundView<View, Missing extends string> =
  | { readonly view: View }
  | { readonly missing: Missing; readonly name: string };

/** An Image inside of another view: without a kind of its own, raw manifest and raw configuration. */
export type ViewedImageContent = Omit<
  Image,
  'apiVersion' | 'kind' | 'dockerImageManifest' | 'dockerImageConfig'
>;

/** What every view has. */
interface Viewed<Kind extends string> {
  readonly apiVersion: typeof viewedVersion;
  readonly kind: Kind;
  readonly metadata: ObjectMeta;
}

/** The ImageStreamTag `stream:tag`. Its uid, resourceVersion and labels are the stream's. */
export interface ViewedImageStreamTag extends Viewed<'ImageStreamTag'> {
  /** The tag as the spec has it; null for one that only the history has. */
  readonly tag: TagReference | null;
  /** That of the newest item of the history. */
  readonly generation: number;
  readonly lookupPolicy: { readonly local: boolean };
  readonly conditions?: readonly TagEventCondition[];
  readonly image: ViewedImageContent;
}

/** A tag's history and conditions, without what the operator keeps beside them. */
export type ViewedHistory = Pick<NamedTagEventList, 'tag' | 'conditions'> & { readonly items: TagEvent[] };

/** The ImageTag `stream:tag`: all that spec and status say of a tag. */
export interface ViewedImageTag extends Viewed<'ImageTag'> {
  readonly spec: TagReference | null;
  readonly status: ViewedHistory | null;
  /** Null in lists, and for a tag whose image nobody has. */
  readonly image: ViewedImageContent | null;
}

/** The ImageStreamImage `stream@id`. */
export interface ViewedImageStreamImage extends Viewed<'ImageStreamImage'> {
  readonly image: ViewedImageContent;
}

/** An Image under the name that is its digest. */
export type ViewedImage = Omit<Image, 'apiVersion' | 'kind' | 'metadata'> & Viewed<'Image'>;

/** The version of all views; what is stored speaks another one. */
const viewedVersion = 'image.openshift.io/v1';

/**
 * The answer to a GET of the ImageStreamTag `stream:tag`. `stream` has all of its tags; `image` is the
 * stored Image of the tag's newest item, undefined when it is gone. A tag without items is not found, and
 * neither is one whose newest item has no digest: a tag that only records a pull spec.
 */
export function imageStreamTagView(
  stream: ImageStream,
  tag: string,
  image: Image | undefined,
  { localRegistry }: ViewSettings,
): FoundView<ViewedImageStreamTag, 'imagestreamtags' | 'images'> {
  const facts = factsOf(stream, tag);
  if (!hasImage(facts)) return { missing: 'imagestreamtags', name: tagNameOf(stream, tag) };
  if (image === undefined) return { missing: 'images', name: facts.newest.image };
  return { view: streamTagOf(facts, image, localRegistry) };
}

/**
 * The answer to a write of the ImageStreamTag `stream:tag`, and what an update starts from: unlike with a
 * GET, the tag may have no image yet. Without one, the time is that of the stream's creation.
 */
export function writtenImageStreamTagView(
  stream: ImageStream,
  tag: string,
  image: Image | undefined,
  { localRegistry }: ViewSettings,
): ViewedImageStreamTag {
  const facts = factsOf(stream, tag);
  if (hasImage(facts)) return streamTagOf(facts, image, localRegistry);
  return streamTagOf({ ...facts, newest: undefined }, undefined, localRegistry);
}

/** A stream's entries in a list of ImageStreamTags: tags with an image, of which name and pull spec are shown. */
export function imageStreamTagList(
  stream: ImageStream,
  { localRegistry }: ViewSettings,
): ViewedImageStreamTag[] {
  return allFactsOf(stream)
    .filter(hasImage)
    .map((facts) => streamTagOf(facts, undefined, localRegistry));
}

/** The answer to a GET of the ImageTag `stream:tag`, of which spec or status is there. `image` is that of the newest item, if any. */
export function imageTagView(
  stream: ImageStream,
  tag: string,
  image: Image | undefined,
  settings: ViewSettings,
): FoundView<ViewedImageTag, 'imagetags'> {
  const view = writtenImageTagView(stream, tag, image, settings);
  return view.spec === null && view.status === null
    ? { missing: 'imagetags', name: view.metadata.name }
    : { view };
}

/** The answer to a write of the ImageTag `stream:tag`, of which there may be nothing any more. */
export function writtenImageTagView(
  stream: ImageStream,
  tag: string,
  image: Image | undefined,
  { localRegistry }: ViewSettings,
): ViewedImageTag {
  const facts = factsOf(stream, tag);
  if (image === undefined || !hasImage(facts)) return tagOf(facts, null);
  const dockerImageReference = pullSpecOf(facts, localRegistry);
  return tagOf(facts, { ...imageContentOf(image), dockerImageReference });
}

/** A stream's entries in a list of ImageTags: every tag of spec or status, by name, without images. */
export function imageTagList(stream: ImageStream): ViewedImageTag[] {
  return allFactsOf(stream).map((facts) => tagOf(facts, null));
}

/**
 * The ImageStreamImage of a stream under the name that was asked for (`stream@id`). Its pull spec is that of
 * whoever imported the image first, as in the reference.
 */
export function imageStreamImageView(
  stream: ImageStream,
  requestedName: string,
  image: Image,
): ViewedImageStreamImage {
  const content = imageContentOf(image);
  return {
    apiVersion: viewedVersion,
    kind: 'ImageStreamImage',
    metadata: {
      name: requestedName,
      ...membersOf(metadataOf(stream), ['namespace', 'annotations']),
      ...membersOf(content.metadata, ['creationTimestamp']),
    },
    image: content,
  };
}

/**
 * The digests that `id` may mean in a stream: it is the start of one, or of its hexadecimal digits. Looked
 * through are all histories, and the images of the indexes in them, which `manifestsOf` gives (none for what
 * is no index). The reference takes any of several; here those of a history come first.
 */
export function findImages(
  stream: ImageStream,
  id: string,
  manifestsOf: (digest: string) => readonly string[],
): readonly string[] {
  if (id === '') return [];
  const digests = new Set<string>();
  for (const { entry } of allFactsOf(stream)) {
    for (const item of itemsOf(entry)) if (item.image !== '') digests.add(item.image);
  }
  for (const digest of digests) for (const member of manifestsOf(digest)) digests.add(member);
  return [...digests].filter((digest) => startsWithId(digest, id));
}

/** A stored Image under the reference's name for it. */
export function imageView(image: Image): ViewedImage {
  return { ...image, apiVersion: viewedVersion, kind: 'Image', metadata: imageMetadataOf(image) };
}

/** Splits `stream:tag`; for any other form gives the message of the 400, which names the resource. */
export function parseTagName(
  name: string,
  resource: 'ImageStreamTags' | 'ImageTags' = 'ImageStreamTags',
): StreamTagName | { readonly message: string } {
  const [stream, tag, ...rest] = name.split(':');
  if (!stream || !tag || rest.length > 0 || name.includes('@')) {
    return { message: `${resource} must be retrieved with <name>:<tag>` };
  }
  return { stream, tag };
}

/** Splits `stream@id`; for any other form gives the message of the 400. */
export function parseImageName(
  name: string,
): { readonly stream: string; readonly id: string } | { readonly message: string } {
  const [stream, id, ...rest] = name.split('@');
  if (!stream || !id || rest.length > 0) {
    return { message: 'ImageStreamImages must be retrieved with <name>@<id>' };
  }
  return { stream, id };
}

/** What a stream says of one of its tags. */
interface TagFacts {
  readonly stream: ImageStream;
  readonly tag: string;
  readonly reference: TagReference | undefined;
  readonly entry: NamedTagEventList | undefined;
  /** The newest item of its history. */
  readonly newest: TagEvent | undefined;
}

function factsOf(stream: ImageStream, tag: string): TagFacts {
  const known = allFactsOf(stream).find((facts) => facts.tag === tag);
  return known ?? { stream, tag, reference: undefined, entry: undefined, newest: undefined };
}

/** One for each tag of spec or status, by name. */
function allFactsOf(stream: ImageStream): TagFacts[] {
  const references = byName<TagReference>(valueAt(stream, ['spec', 'tags']), 'name');
  const entries = byName<NamedTagEventList>(valueAt(stream, ['status', 'tags']), 'tag');
  return [...new Set([...references.keys(), ...entries.keys()])].sort().map((tag) => {
    const entry = entries.get(tag);
    return { stream, tag, reference: references.get(tag), entry, newest: itemsOf(entry, 1)[0] };
  });
}

/** The objects of a list by the member that names them; of two with one name the last counts. */
function byName<Named>(list: unknown, member: string): ReadonlyMap<string, Named> {
  const found = new Map<string, Named>();
  for (const item of arrayOf(list)) {
    const name = valueAt(item, [member]);
    if (typeof name === 'string') found.set(name, item as Named);
  }
  return found;
}

/** The newest items of a history, with the members that the reference has. */
function itemsOf(entry: NamedTagEventList | undefined, limit = Number.POSITIVE_INFINITY): TagEvent[] {
  return arrayOf(entry?.items)
    .slice(0, limit)
    .filter(isJsonObject)
    .map(({ created, dockerImageReference, image, generation }) => ({
      created: textOf(created) ?? '',
      dockerImageReference: textOf(dockerImageReference) ?? '',
      image: textOf(image) ?? '',
      generation: typeof generation === 'number' ? generation : 0,
    }));
}

function hasImage(facts: TagFacts): facts is TagFacts & { readonly newest: TagEvent } {
  return facts.newest !== undefined && facts.newest.image !== '';
}

function streamTagOf(
  facts: TagFacts,
  image: Image | undefined,
  localRegistry: string | undefined,
): ViewedImageStreamTag {
  const { stream, tag, reference, entry, newest } = facts;
  const { creationTimestamp, ...shared } = membersOf(metadataOf(stream), [
    'namespace',
    'uid',
    'resourceVersion',
    'creationTimestamp',
    'labels',
  ]);
  const created = newest === undefined || newest.created === '' ? creationTimestamp : newest.created;
  return {
    apiVersion: viewedVersion,
    kind: 'ImageStreamTag',
    metadata: {
      name: tagNameOf(stream, tag),
      ...shared,
      ...(created === undefined ? {} : { creationTimestamp: created }),
      annotations: textsOf(reference?.annotations),
    },
    tag: reference === undefined ? null : { ...reference },
    generation: newest?.generation ?? 0,
    lookupPolicy: { local: valueAt(stream, ['spec', 'lookupPolicy', 'local']) === true },
    ...conditionsOf(entry),
    image: taggedImageOf(facts, image, localRegistry),
  };
}

function tagOf(
  { stream, tag, reference, entry }: TagFacts,
  image: ViewedImageContent | null,
): ViewedImageTag {
  return {
    apiVersion: viewedVersion,
    kind: 'ImageTag',
    metadata: { ...metadataOf(stream), name: tagNameOf(stream, tag) },
    spec: reference === undefined ? null : { ...reference },
    status: entry === undefined ? null : { tag, items: itemsOf(entry), ...conditionsOf(entry) },
    image,
  };
}

/** Left out where there are none, as in the reference. */
function conditionsOf(entry: NamedTagEventList | undefined): { conditions?: TagEventCondition[] } {
  const conditions = arrayOf(entry?.conditions).filter(isJsonObject);
  return conditions.length === 0 ? {} : { conditions: conditions as unknown as TagEventCondition[] };
}

/** The image of a tag, with the tag's annotations over its own; without an Image only name and pull spec. */
function taggedImageOf(
  facts: TagFacts,
  image: Image | undefined,
  localRegistry: string | undefined,
): ViewedImageContent {
  const dockerImageReference = pullSpecOf(facts, localRegistry);
  if (image === undefined) return { metadata: { name: facts.newest?.image ?? '' }, dockerImageReference };
  const content = { ...imageContentOf(image), dockerImageReference };
  const added = textsOf(facts.reference?.annotations);
  if (Object.keys(added).length === 0) return content;
  const annotations = { ...textsOf(content.metadata.annotations), ...added };
  return { ...content, metadata: { ...content.metadata, annotations } };
}

/** What other kinds show of an Image: without the manifest and who has written it, under its digest. */
export function imageContentOf(image: Image): ViewedImageContent {
  const {
    apiVersion: _version,
    kind: _kind,
    dockerImageManifest: _manifest,
    dockerImageConfig: _config,
    ...content
  } = image;
  // Who has written it says nothing about the tag.
  const { managedFields: _managed, ...metadata } = imageMetadataOf(image);
  return { ...content, metadata };
}

/** The Image's own metadata, under the digest that the stored name stands for. */
function imageMetadataOf(image: Image): ObjectMeta {
  const metadata = metadataOf(image);
  const digest = metadata.name.replace('-', ':');
  return digestProblem(digest) === undefined ? { ...metadata, name: digest } : metadata;
}

/** What consumers of a tag get. The stream is handed on with this tag alone: long lists stay cheap. */
function pullSpecOf({ stream, tag, reference, newest }: TagFacts, localRegistry: string | undefined): string {
  const alone: ImageStream = {
    ...stream,
    metadata: metadataOf(stream),
    spec: { ...stream.spec, tags: reference === undefined ? [] : [reference] },
    status: { tags: [{ tag, items: newest === undefined ? [] : [newest] }] },
  };
  return resolvePullSpec(alone, tag, localRegistry) ?? '';
}

function tagNameOf(stream: ImageStream, tag: string): string {
  return `${metadataOf(stream).name}:${tag}`;
}

/** The metadata of an object, of which nothing need be there. */
function metadataOf({ metadata }: ImageStream | Image): ObjectMeta {
  return isJsonObject(metadata) ? { ...metadata, name: textOf(metadata.name) ?? '' } : { name: '' };
}

/** The members with these names that an object has. */
function membersOf<Value extends object, Name extends keyof Value>(
  value: Value,
  names: readonly Name[],
): Partial<Pick<Value, Name>> {
  const members = names.map((name) => [name, value[name]] as const);
  const present = members.filter(([, member]) => member !== undefined && member !== null);
  return Object.fromEntries(present) as Partial<Pick<Value, Name>>;
}

/** The members that are texts. */
function textsOf(value: unknown): Record<string, string> {
  if (!isJsonObject(value)) return {};
  const texts = Object.entries(value).filter(([, text]) => typeof text === 'string');
  return Object.fromEntries(texts) as Record<string, string>;
}

function startsWithId(digest: string, id: string): boolean {
  if (digest.startsWith(id)) return true;
  return digestProblem(digest) === undefined && digest.slice(digest.indexOf(':') + 1).startsWith(id);
}
