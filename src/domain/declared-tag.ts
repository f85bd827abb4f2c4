/** Whose the tag of an ImageStreamTag is: its author's, who declares it so, or the operator's, which shows the stream's there. Pure. */
import { fieldManager, imageStreamTagAnnotation } from '../api/annotations.ts';
import type { TagReference } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { arrayOf, isJsonObject, textOf, valueAt } from '../api/json.ts';
import { shownAnnotations } from './tag-object.ts';
import { parseTagObjectName, type StreamTagName } from './tag-object-name.ts';

/** Who has written an object, as the API server notes it. */
export interface Writers {
  /** Somebody else than the operator has written the tag. */
  readonly isDeclared: boolean;
  /** The operator has written something. */
  readonly isKept: boolean;
  /** The fields of the operator's that others have written; undefined for none. */
  readonly foreign: readonly string[] | undefined;
}

/** The fields that only the operator writes. */
const ownFields = ['image', 'conditions', 'generation', 'updated', 'lookupPolicy'];

/** Reads `managedFields` of an ImageStreamTag. */
export function writersOf(managedFields: unknown): Writers {
  let [isDeclared, isKept] = [false, false];
  const foreign = new Set<string>();
  for (const entry of arrayOf(managedFields)) {
    const isOwn = textOf(valueAt(entry, ['manager'])) === fieldManager;
    const fields = valueAt(entry, ['fieldsV1']);
    isKept ||= isOwn;
    if (isOwn || !isJsonObject(fields)) continue;
    isDeclared ||= fields['f:tag'] !== undefined;
    for (const field of ownFields) if (fields[`f:${field}`] !== undefined) foreign.add(field);
  }
  return { isDeclared, isKept, foreign: foreign.size === 0 ? undefined : [...foreign] };
}

/** The stream and the tag that an object's name stands for; undefined for a name that stands for none. */
export function tagNameOfObject({ metadata, tag }: ImageStreamTag): StreamTagName | undefined {
  return parseTagObjectName(metadata.name, {
    tag: tag?.name,
    full: metadata.annotations?.[imageStreamTagAnnotation],
  });
}

/**
 * The tag that an object declares; undefined for one that the operator keeps, and for a name that stands for no tag. Its annotations
 * are those of the object, unless the tag has its own (semantics 4.1).
 */
export function declaredTagOf(object: ImageStreamTag): TagReference | undefined {
  const { tag, metadata } = object;
  const name = tagNameOfObject(object)?.tag;
  if (!tag || name === undefined || !writersOf(metadata.managedFields).isDeclared) return undefined;
  const annotations = tag.annotations ?? shownAnnotations(metadata.annotations);
  return { ...tag, name, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
}
