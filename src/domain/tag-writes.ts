/** What a write of an ImageStreamTag `stream:tag` makes of the stream's spec (semantics 4.1). Pure. */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { canonicalJson, isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { type FieldFault, invalidFault } from './field-fault.ts';
import { importGeneration } from './stream-import.ts';
import { annotationFaults, tagFaults, tagNameFaults } from './stream-validation.ts';
import { changedTags } from './tag-change.ts';
import type { StreamTagName } from './tag-object-name.ts';
import { namedTag, readTag, readTexts } from './tag-shape.ts';

/** The tag that a request names. */
export interface NamedTag extends StreamTagName {
  readonly namespace: string;
  /** `stream:tag` */
  readonly name: string;
}

/** What there is of a tag. */
export interface PresentTag {
  /** Undefined when there is none. */
  readonly stream: ImageStream | undefined;
  /** The tag as an ImageStreamTag of its own declares it; undefined when none does, and when the stream's own spec has the tag. */
  readonly declared: TagReference | undefined;
}

/** What was sent, but for the tag. */
export interface SentMetadata {
  /** Undefined for none, and for a client that does not care. */
  readonly resourceVersion: string | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly all: JsonObject;
}

/** An ImageStreamTag as a client sent it. */
export interface WrittenTag extends SentMetadata {
  /** Undefined when there is none, or null. */
  readonly tag: TagReference | undefined;
}

/** The new tags of the spec, or why there are none. */
export type TagWrite =
  | {
      readonly kind: 'write';
      readonly tags: readonly TagReference[];
      /** The tag as it is among them; undefined when it is not. */
      readonly written: TagReference | undefined;
      /** The tag was in no spec before. */
      readonly isNew: boolean;
      /** Where it comes from is another place, or asked for once more. */
      readonly isChanged: boolean;
    }
  /** It is there, and was to be created. */
  | { readonly kind: 'exists' }
  /** It is not there, and the client has seen it. */
  | { readonly kind: 'absent' }
  /** The client has seen another version than this one. */
  | { readonly kind: 'stale'; readonly resourceVersion: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'invalid'; readonly faults: readonly FieldFault[] };

const annotationsDiffer =
  'tag annotations must not be provided or must be equal to the object meta annotations';

/** Reads what was sent, or says what is no ImageStreamTag. A tag gets the name that the object's name says. */
export function writtenTagOf(body: unknown, name: string): WrittenTag | { readonly problem: string } {
  const metadata = sentMetadataOf(body, 'ImageStreamTag');
  if ('problem' in metadata) return metadata;
  const sent = valueAt(body, ['tag']);
  if (sent === undefined || sent === null) return { ...metadata, tag: undefined };
  const read = readTag(sent, 'ImageStreamTag.tag');
  if ('problem' in read) return read;
  return { ...metadata, tag: namedTag(read.tag, name) };
}

/** Reads the metadata of what was sent as an object of a kind. */
export function sentMetadataOf(body: unknown, kind: string): SentMetadata | { readonly problem: string } {
  const all = valueAt(body, ['metadata']) ?? {};
  if (!isJsonObject(body) || !isJsonObject(all)) return { problem: 'it is no object with metadata' };
  const labels = readTexts(all['labels'], `${kind}.metadata.labels`);
  if ('problem' in labels) return labels;
  const annotations = readTexts(all['annotations'], `${kind}.metadata.annotations`);
  if ('problem' in annotations) return annotations;
  return {
    all,
    labels: labels.texts,
    annotations: annotations.texts,
    resourceVersion: textOf(all['resourceVersion']) || undefined,
  };
}

/** A tag that is created: its annotations, where it has any, are those of the object. */
export function createdTag(
  present: PresentTag,
  target: NamedTag,
  { tag, annotations }: WrittenTag,
): TagWrite {
  const faults = [...nameFaults(target), ...contentFaults(tag, annotations)];
  if (tag?.annotations && canonicalJson(tag.annotations) !== canonicalJson(annotations ?? {}))
    faults.push(invalidFault('tag.annotations', '<map>', annotationsDiffer));
  if (faults.length > 0) return { kind: 'invalid', faults };
  if (countingTag(present, target.tag) !== undefined) return { kind: 'exists' };
  const { stream } = present;
  if (tag === undefined) {
    const tags = stream?.spec?.tags ?? [];
    return { kind: 'write', tags, written: undefined, isNew: false, isChanged: false };
  }
  return withTag(stream, target, { before: undefined, next: annotated(tag, annotations) });
}

/**
 * A tag that is replaced as a whole, or made; without a tag only its annotations are. What somebody has declared in an object of its
 * own is written into the stream's spec, which counts from then on.
 */
export function updatedTag(present: PresentTag, target: NamedTag, sent: WrittenTag): TagWrite {
  const { stream } = present;
  const { tag, annotations } = sent;
  const outdated = staleWrite(stream, sent);
  if (outdated !== undefined) return outdated;
  const before = countingTag(present, target.tag);
  const faults = [
    ...(before === undefined ? nameFaults(target) : []),
    ...(stream === undefined ? [] : metadataFaults(stream, sent)),
    ...contentFaults(tag, annotations),
  ];
  if (faults.length > 0) return { kind: 'invalid', faults };
  const next = tag ?? before;
  if (next === undefined) {
    const message = `imagestreamtag ${target.tag} is not a spec tag in imagestream ${target.namespace}/${target.stream}, cannot be updated`;
    return { kind: 'refused', message };
  }
  return withTag(stream, target, { before, next: annotated(next, annotations) });
}

/** The tag as it counts now: of the stream's own spec, or as it is declared. */
export function countingTag({ stream, declared }: PresentTag, name: string): TagReference | undefined {
  return (stream?.spec?.tags ?? []).find((tag) => tag.name === name) ?? declared;
}

/** Undefined when the client has seen this version of the stream, or does not care. */
export function staleWrite(
  stream: ImageStream | undefined,
  { resourceVersion }: SentMetadata,
): TagWrite | undefined {
  if (resourceVersion === undefined) return undefined;
  if (stream === undefined) return { kind: 'absent' };
  const current = stream.metadata.resourceVersion ?? '';
  return current === resourceVersion ? undefined : { kind: 'stale', resourceVersion: current };
}

/** The tag among the others of the spec, counted when where it comes from has changed. */
export function withTag(
  stream: ImageStream | undefined,
  { namespace }: NamedTag,
  { before, next }: { readonly before: TagReference | undefined; readonly next: TagReference },
): TagWrite {
  const tags = stream?.spec?.tags ?? [];
  const isNew = before === undefined;
  const { generation: _sent, ...uncounted } = next;
  const known = before === undefined ? [] : [before];
  const isChanged = changedTags(known, [next], namespace).length > 0;
  const written =
    before === undefined || isChanged ? withIntent(stream, next) : { ...uncounted, ...generationOf(before) };
  const isAmong = tags.some((other) => other.name === written.name);
  const others = tags.map((other) => (other.name === written.name ? written : other));
  return { kind: 'write', tags: isAmong ? others : [...tags, written], written, isNew, isChanged };
}

/** The tags of the spec without one; undefined when it is not among them. */
export function tagsWithout(stream: ImageStream, name: string): readonly TagReference[] | undefined {
  const tags = stream.spec?.tags ?? [];
  return tags.some((tag) => tag.name === name) ? tags.filter((tag) => tag.name !== name) : undefined;
}

/** What is wrong with the name of a tag that is about to be made. */
export function nameFaults({ tag, name }: NamedTag): FieldFault[] {
  return [...tagNameFaults(tag, 'metadata.name', name)];
}

/** What names an object for good cannot become something else. */
export function immutableFaults(stream: ImageStream, { all }: SentMetadata): FieldFault[] {
  return (['uid', 'creationTimestamp'] as const)
    .filter((member) => (all[member] ?? '') !== '' && all[member] !== stream.metadata[member])
    .filter((member) => member === 'uid' || stream.metadata[member] !== undefined)
    .map((member) => invalidFault(`metadata.${member}`, all[member], 'field is immutable'));
}

/** The stream's labels are shown and not written; none at all are tolerated, as in the reference. */
function metadataFaults(stream: ImageStream, sent: WrittenTag): FieldFault[] {
  const { labels, all } = sent;
  const faults = immutableFaults(stream, { ...sent, all: { uid: all['uid'] } });
  const sameLabels =
    Object.keys(labels ?? {}).length === 0 ||
    canonicalJson(labels) === canonicalJson(stream.metadata.labels ?? {});
  const isOther = (member: string): boolean => {
    const value = all[member];
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
  };
  if (sameLabels && !isOther('ownerReferences') && !isOther('finalizers')) return faults;
  const detail = 'may not update fields other than metadata.annotations';
  return [...faults, invalidFault('metadata', '', detail)];
}

function contentFaults(tag: TagReference | undefined, annotations: WrittenTag['annotations']): FieldFault[] {
  return [...annotationFaults(annotations), ...(tag === undefined ? [] : tagFaults(tag, 'tag'))];
}

/**
 * The reference counts a change of where a tag comes from by the generation that the stream is about to have (semantics 1.6); a
 * client that sends 0 asks for an import of what is there.
 */
function withIntent(stream: ImageStream | undefined, tag: TagReference): TagReference {
  return { ...tag, generation: importGeneration(stream) };
}

function generationOf(before: TagReference | undefined): { generation?: number } {
  const generation = before?.generation;
  return generation === undefined || generation === null ? {} : { generation };
}

function annotated(tag: TagReference, annotations: WrittenTag['annotations']): TagReference {
  const { annotations: _before, ...plain } = tag;
  return annotations === undefined || Object.keys(annotations).length === 0
    ? plain
    : { ...plain, annotations };
}
