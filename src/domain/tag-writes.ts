/** What a write of an ImageStreamTag `stream:tag` makes of the stream's spec (semantics 4.1). Pure. */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { canonicalJson, isJsonObject, textOf, valueAt } from '../api/json.ts';
import { importGeneration } from './stream-import.ts';

/** An ImageStreamTag as a client sent it. */
export interface WrittenTag {
  /** Undefined when there is none, or null. */
  readonly tag: TagReference | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly resourceVersion: string | undefined;
}

/** The new tags of the spec, or why there are none. */
export type TagWrite =
  | { readonly kind: 'write'; readonly tags: readonly TagReference[]; readonly isNew: boolean }
  | { readonly kind: 'exists' }
  | { readonly kind: 'refused'; readonly message: string };

/** Where the stream is, or will be. */
export interface StreamPlace {
  readonly namespace?: string;
  readonly name: string;
}

/** Reads what was sent; undefined for what is no object. A tag gets the name that the object's name says. */
export function writtenTagOf(body: unknown, tag: string): WrittenTag | undefined {
  if (!isJsonObject(body)) return undefined;
  const sent = body['tag'];
  const annotations = valueAt(body, ['metadata', 'annotations']);
  const resourceVersion = textOf(valueAt(body, ['metadata', 'resourceVersion']));
  return {
    tag: isJsonObject(sent) ? { ...sent, name: tag } : undefined,
    annotations: isJsonObject(annotations) ? (annotations as Record<string, string>) : undefined,
    resourceVersion: resourceVersion === '' ? undefined : resourceVersion,
  };
}

/** A tag that is created: its annotations, where it has any, are those of the object. */
export function createdTag(
  stream: ImageStream | undefined,
  name: string,
  { tag, annotations }: WrittenTag,
): TagWrite {
  const tags = stream?.spec?.tags ?? [];
  if (tags.some((other) => other.name === name)) return { kind: 'exists' };
  if (tag === undefined) return { kind: 'write', tags, isNew: false };
  if (tag.annotations && canonicalJson(tag.annotations) !== canonicalJson(annotations ?? {}))
    return {
      kind: 'refused',
      message: 'tag annotations must not be provided or must be equal to the object meta annotations',
    };
  const added = withIntent(stream, annotated(tag, annotations));
  return { kind: 'write', tags: [...tags, added], isNew: true };
}

/** A tag that is replaced as a whole, or made; without a tag only its annotations are. */
export function updatedTag(
  stream: ImageStream | undefined,
  name: string,
  { tag, annotations }: WrittenTag,
  place: StreamPlace,
): TagWrite {
  const tags = stream?.spec?.tags ?? [];
  const present = tags.find((other) => other.name === name);
  if (tag === undefined && present === undefined) {
    const { namespace, name: streamName } = stream?.metadata ?? place;
    const message = `imagestreamtag ${name} is not a spec tag in imagestream ${namespace}/${streamName}, cannot be updated`;
    return { kind: 'refused', message };
  }
  const next = annotated(tag ?? (present as TagReference), annotations);
  const written =
    tag === undefined || isSame(present, next)
      ? { ...next, ...generationOf(present) }
      : withIntent(stream, next);
  const others = tags.map((other) => (other.name === name ? written : other));
  return {
    kind: 'write',
    tags: present === undefined ? [...tags, written] : others,
    isNew: present === undefined,
  };
}

/** The tags of the spec without one; undefined when it is not among them. */
export function tagsWithout(stream: ImageStream, name: string): readonly TagReference[] | undefined {
  const tags = stream.spec?.tags ?? [];
  return tags.some((tag) => tag.name === name) ? tags.filter((tag) => tag.name !== name) : undefined;
}

/**
 * The reference counts a change of where a tag comes from by the generation that the stream is about to have (semantics 1.6); a
 * client that sends 0 asks for an import of what is there.
 */
function withIntent(stream: ImageStream | undefined, tag: TagReference): TagReference {
  return { ...tag, generation: importGeneration(stream) };
}

/** What makes a tag another one: an annotation or a schedule does not. */
function intentOf({ from, reference, importPolicy }: TagReference): object {
  return { from, reference: reference ?? false, importMode: importPolicy?.importMode ?? null };
}

function isSame(present: TagReference | undefined, next: TagReference): boolean {
  if (present === undefined || next.generation === 0) return false;
  return canonicalJson(intentOf(present)) === canonicalJson(intentOf(next));
}

function generationOf(present: TagReference | undefined): { generation?: number } {
  const generation = present?.generation;
  return generation === undefined || generation === null ? {} : { generation };
}

function annotated(tag: TagReference, annotations: WrittenTag['annotations']): TagReference {
  const { annotations: _before, ...plain } = tag;
  return annotations === undefined || Object.keys(annotations).length === 0
    ? plain
    : { ...plain, annotations };
}
