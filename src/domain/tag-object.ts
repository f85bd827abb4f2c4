/** What the ImageStreamTags of a stream have to say: one for each tag, with its current image and what is wrong with it. */
import type {
  ImageStream,
  NamedTagEventList,
  TagEventCondition,
  TagReference,
} from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { canonicalJson } from '../api/json.ts';
import { maxTags } from './effective-stream.ts';
import { resolvePullSpec } from './tag-resolution.ts';

/** What an ImageStreamTag has to hold, but for the metadata of its image. */
export interface TagObjectContent {
  /** The tag as the stream's spec has it; undefined for one that the spec does not have. */
  readonly tag: TagReference | undefined;
  readonly generation: number | undefined;
  readonly lookupPolicy: { readonly local: boolean };
  readonly conditions: readonly TagEventCondition[];
  readonly image: { readonly digest: string; readonly dockerImageReference: string } | undefined;
  /** Of the tag: shown on the object and on the image. */
  readonly annotations: Readonly<Record<string, string>>;
  /** When the tag got its image (RFC 3339). */
  readonly updated: string | undefined;
  /** A declared tag that the stream has no room for. */
  readonly isBeyond?: boolean;
}

/** The type of the condition of a declared tag that the stream's own spec overrules. */
export const effectiveCondition = 'Effective';

/** Annotations of tags that would mean something else on the object than on the tag. */
const reservedPrefixes = [
  'kubectl.kubernetes.io/',
  'imagestream-operator/',
  'image.openshift.io/dockerLayersOrder',
];
/** What the API server takes as a key: a name of at most 63 characters, behind a DNS name of at most 253 or none. */
const annotationKey =
  /^(?:(?=[^/]{1,253}\/)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
/** Characters of annotations that are shown; all annotations of an object may have 256 KiB. */
const maxAnnotationsLength = 65_536;

/**
 * The contents by tag: for every tag that has been answered, by an image or by a failure, and for every one that asks for
 * nothing. `stream` has all of its tags, `own` those that its own spec has.
 */
export function tagObjectContents(
  stream: ImageStream,
  own: readonly TagReference[],
  localRegistry: string | undefined,
): ReadonlyMap<string, TagObjectContent> {
  const entries = new Map((stream.status?.tags ?? []).map((entry) => [entry.tag, entry]));
  const references = new Map((stream.spec?.tags ?? []).map((tag) => [tag.name, tag]));
  for (const { name, from } of references.values()) {
    if (!entries.has(name) && !from) entries.set(name, { tag: name });
  }
  const ownTags = new Map(own.map((tag) => [tag.name, tag]));
  const contents = new Map<string, TagObjectContent>();
  for (const [name, entry] of entries) {
    const reference = references.get(name);
    const dockerImageReference = resolvePullSpec(stream, name, localRegistry);
    contents.set(name, contentOf(stream, entry, { reference, own: ownTags.get(name), dockerImageReference }));
  }
  return contents;
}

/**
 * The condition of a declared tag that does not count: it differs from the one of the stream's own spec, or the stream has too
 * many. Undefined for one that counts.
 */
export function overruledCondition(
  stream: ImageStream,
  content: TagObjectContent,
  declared: TagReference | undefined,
): TagEventCondition | undefined {
  if (declared === undefined) return undefined;
  if (content.tag === undefined) return content.isBeyond ? beyondCondition(stream) : undefined;
  if (canonicalJson(shownTag(declared)) === canonicalJson(shownTag(content.tag))) return undefined;
  return {
    type: effectiveCondition,
    status: 'False',
    reason: 'DefinedInStream',
    message:
      `the spec of the ImageStream ${stream.metadata.name} has the tag ${content.tag.name} too, and counts; remove the tag ` +
      'there to let this ImageStreamTag decide, or delete this one',
    generation: stream.metadata.generation ?? 0,
  };
}

/** What the object of a declared tag holds that the stream has no room for. */
export function contentBeyond(stream: ImageStream): TagObjectContent {
  return {
    tag: undefined,
    generation: undefined,
    lookupPolicy: { local: stream.spec?.lookupPolicy?.local ?? false },
    conditions: [],
    image: undefined,
    annotations: {},
    updated: undefined,
    isBeyond: true,
  };
}

function beyondCondition(stream: ImageStream): TagEventCondition {
  return {
    type: effectiveCondition,
    status: 'False',
    reason: 'TooManyTags',
    message:
      `the ImageStream ${stream.metadata.name} has ${maxTags} tags already, and no more count; delete tags that nobody uses, or ` +
      'declare this one for another stream',
    generation: stream.metadata.generation ?? 0,
  };
}

/**
 * A text that is the same for an object that need not be written: of what one should hold, and of what one holds. The
 * metadata of the image does not count, for it follows from the digest.
 */
export function comparableContent(
  content: TagObjectContent,
  {
    owner,
    overruled,
    isDeclared,
  }: { owner: string; overruled: TagEventCondition | undefined; isDeclared: boolean },
): string {
  const { tag, generation, lookupPolicy, conditions, image, annotations, updated } = content;
  return comparable({
    tag: isDeclared || tag === undefined ? undefined : shownTag(tag),
    generation,
    local: lookupPolicy.local,
    conditions: overruled === undefined ? conditions : [...conditions, overruled],
    digest: image?.digest,
    dockerImageReference: image?.dockerImageReference,
    // They are compared where they stand on the image: a pull spec that is only recorded has none.
    annotations: image === undefined || image.digest === '' ? {} : annotations,
    updated,
    owner,
  });
}

/** The same text for an object as it is stored. */
export function storedContent(
  object: ImageStreamTag,
  { owner, isDeclared }: { owner: string | undefined; isDeclared: boolean },
): string {
  const { image } = object;
  return comparable({
    tag: isDeclared || !object.tag ? undefined : object.tag,
    generation: object.generation,
    local: object.lookupPolicy?.local ?? false,
    conditions: object.conditions ?? [],
    digest: image === undefined ? undefined : (image.metadata?.name ?? ''),
    dockerImageReference: image?.dockerImageReference,
    annotations: shownAnnotations(image?.metadata?.annotations),
    updated: object.updated,
    owner,
  });
}

/** A tag as its object shows it: nothing that is empty. */
export function shownTag(tag: TagReference): TagReference {
  return JSON.parse(canonicalJson(tag)) as TagReference;
}

/** The annotations of a tag that may stand on other objects. */
export function shownAnnotations(
  annotations: Readonly<Record<string, string>> | null | undefined,
): Readonly<Record<string, string>> {
  const shown: Record<string, string> = {};
  let left = maxAnnotationsLength;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    if (!annotationKey.test(key) || reservedPrefixes.some((prefix) => key.startsWith(prefix))) continue;
    // Only what is shown takes room: an object that shows all that may be shown is read back as it is.
    left -= key.length + value.length;
    if (left < 0) break;
    shown[key] = value;
  }
  return shown;
}

interface Comparable {
  readonly tag: object | undefined;
  readonly generation: number | undefined;
  readonly local: boolean;
  readonly conditions: readonly TagEventCondition[];
  readonly digest: string | undefined;
  readonly dockerImageReference: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  readonly updated: string | undefined;
  readonly owner: string | undefined;
}

function comparable({ conditions, ...rest }: Comparable): string {
  // Since when a tag is overruled stands on its object only.
  const timeless = conditions.map((condition) =>
    condition.type === effectiveCondition ? { ...condition, lastTransitionTime: undefined } : condition,
  );
  return canonicalJson({ ...rest, conditions: timeless });
}

function contentOf(
  stream: ImageStream,
  { items, conditions }: NamedTagEventList,
  {
    reference,
    own,
    dockerImageReference,
  }: {
    reference: TagReference | undefined;
    own: TagReference | undefined;
    dockerImageReference: string | undefined;
  },
): TagObjectContent {
  const newest = items?.[0];
  return {
    tag: own,
    generation: newest?.generation,
    lookupPolicy: { local: stream.spec?.lookupPolicy?.local ?? false },
    conditions: conditions ?? [],
    image:
      newest === undefined || dockerImageReference === undefined
        ? undefined
        : { digest: newest.image, dockerImageReference },
    annotations: shownAnnotations(reference?.annotations),
    updated: newest?.created,
  };
}
