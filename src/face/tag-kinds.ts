/** The two kinds by which a tag is written, ImageStreamTag and ImageTag, and what they have in common. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { JsonObject } from '../api/json.ts';
import { withDeclaredTags } from '../domain/effective-stream.ts';
import { createdImageTag, updatedImageTag, writtenImageTagOf } from '../domain/image-tag-writes.ts';
import {
  parseTagName,
  type ViewSettings,
  writtenImageStreamTagView,
  writtenImageTagView,
} from '../domain/reference-views.ts';
import { type ShownDefaults, shownStream, storedTagReference } from '../domain/shown-stream.ts';
import { isStreamName } from '../domain/stream-name.ts';
import { streamNameFaults } from '../domain/stream-validation.ts';
import {
  createdTag,
  type NamedTag,
  type PresentTag,
  type TagWrite,
  updatedTag,
  writtenTagOf,
} from '../domain/tag-writes.ts';
import type { Exchange } from './exchange.ts';
import { mergePatched } from './merge-patch.ts';
import { badRequest, invalid, notFound } from './status.ts';
import { toServed } from './versions.ts';

/** What a write comes to, or why it is no object of the kind. */
export type DecidedWrite = TagWrite | { readonly problem: string };

/** How a kind is named, shown and written. */
export interface TagKind {
  readonly kind: 'ImageStreamTag' | 'ImageTag';
  readonly resource: 'imagestreamtags' | 'imagetags';
  /** The resource as the reference names it when a tag exists already. */
  readonly duplicate: 'imagestreamtag' | 'imagetags';
  /** In messages about names. */
  readonly plural: 'ImageStreamTags' | 'ImageTags';
  /** The member that holds the tag. */
  readonly member: 'tag' | 'spec';
  /** The object as the answer to a write, also of a tag without an image. */
  view(stream: ImageStream, tag: string, image: Image | undefined, settings: ViewSettings): JsonObject;
  create(present: PresentTag, target: NamedTag, body: JsonObject): DecidedWrite;
  /** What equals what is shown, and is not stored, stays so. */
  update(present: PresentTag, target: NamedTag, body: unknown, defaults: ShownDefaults): DecidedWrite;
}

const imageStreamTag: TagKind = {
  kind: 'ImageStreamTag',
  resource: 'imagestreamtags',
  // In the singular, as the reference says it.
  duplicate: 'imagestreamtag',
  plural: 'ImageStreamTags',
  member: 'tag',
  view: (...parts) => ({ ...writtenImageStreamTagView(...parts) }),
  create: (present, target, body) => {
    const sent = writtenTagOf(body, target.tag);
    return 'problem' in sent ? sent : createdTag(present, target, sent);
  },
  update: (present, target, body, defaults) => {
    const sent = writtenTagOf(body, target.tag);
    if ('problem' in sent) return sent;
    const tag = sent.tag && storedTagReference(sent.tag, effectiveStream(present), defaults);
    return updatedTag(present, target, { ...sent, tag });
  },
};

const imageTag: TagKind = {
  kind: 'ImageTag',
  resource: 'imagetags',
  duplicate: 'imagetags',
  plural: 'ImageTags',
  member: 'spec',
  view: (...parts) => toServed(writtenImageTagView(...parts)) as JsonObject,
  create: (present, target, body) => {
    const sent = writtenImageTagOf(body);
    return 'problem' in sent ? sent : createdImageTag(present, target, sent);
  },
  update: (present, target, body, defaults) => {
    const sent = writtenImageTagOf(body);
    if ('problem' in sent) return sent;
    const stream = effectiveStream(present);
    const { name: _known, ...spec } = storedTagReference(
      { ...sent.spec, name: target.tag },
      stream,
      defaults,
    );
    const named = sent.spec && { ...spec, ...('name' in sent.spec ? { name: sent.spec['name'] } : {}) };
    const nowhere = { localRegistry: undefined };
    const view = stream && writtenImageTagView(shownStream(stream, defaults), target.tag, undefined, nowhere);
    return updatedImageTag({ ...present, view }, target, { ...sent, spec: named });
  },
};

/** The stream with the tag that an object of its own declares. */
export function effectiveStream({ stream, declared }: PresentTag): ImageStream | undefined {
  return stream === undefined || declared === undefined ? stream : withDeclaredTags(stream, [declared]);
}

/** The kind of a resource. */
export function tagKindOf({ info: { resource } }: Exchange): TagKind {
  return resource === 'imagetags' ? imageTag : imageStreamTag;
}

/**
 * The tag that a request names. Throws 400 for a name of another form; for one of which the stream cannot be, 422 when it is
 * to be made, else 404.
 */
export function targetOf({ info }: Exchange, { plural }: TagKind, name: string): NamedTag {
  const { namespace = '', verb } = info;
  const parsed = parseTagName(name, plural);
  if ('message' in parsed) throw badRequest(parsed.message);
  if (!isStreamName(parsed.stream)) {
    if (verb !== 'create' && verb !== 'update') throw notFound('imagestreams', parsed.stream);
    throw invalid('ImageStream', parsed.stream, streamNameFaults(namespace, parsed.stream));
  }
  return { namespace, name, ...parsed };
}

/**
 * What an apply makes of a tag: the tag is what was sent, as a whole, where it was sent; labels and annotations are added to those
 * that are there. There are no managed fields of a view by which more could be told.
 */
export function appliedTag({ member }: TagKind, document: JsonObject, sent: JsonObject): JsonObject {
  const metadata = mergePatched(document['metadata'], sent['metadata'] ?? {});
  return { ...document, metadata, ...(Object.hasOwn(sent, member) ? { [member]: sent[member] } : {}) };
}
