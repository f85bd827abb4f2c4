/** The ImageStreamTag that the operator applies: everything that is its to say about a tag, and nothing else. */
import { imageStreamTagAnnotation, streamLabel } from '../api/annotations.ts';
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { imageGroup, storedVersion } from '../api/resources.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { imageObjectName, layersOrderAnnotation, omittedAnnotation } from '../domain/image-object.ts';
import { overruledCondition, shownTag, type TagObjectContent } from '../domain/tag-object.ts';

/** What a document is made of. */
export interface DocumentParts {
  /** With all of its tags. */
  readonly stream: ImageStream;
  readonly name: string;
  readonly tag: string;
  readonly content: TagObjectContent;
  readonly known: KnownTagObject | undefined;
  readonly image: Image | undefined;
  /** RFC 3339. */
  readonly now: string;
}

/** Label values have at most 63 characters of a narrow set; names of streams fit into it but for their length. */
const maxLabelLength = 63;

/** The document to apply. `tag` is left out where it is declared: that is another author's. */
export function tagObjectDocument(parts: DocumentParts): ImageStreamTag {
  const { stream, content, known, image, now } = parts;
  const isDeclared = known?.declared !== undefined;
  const overruled = overruledCondition(stream, content, known?.declared);
  const lastTransitionTime = known?.ineffectiveSince || now;
  return {
    apiVersion: `${imageGroup}/${storedVersion}`,
    kind: 'ImageStreamTag',
    metadata: metadataOf(parts),
    ...(isDeclared || content.tag === undefined ? {} : { tag: shownTag(content.tag) }),
    ...(content.generation === undefined ? {} : { generation: content.generation }),
    lookupPolicy: content.lookupPolicy,
    conditions: [
      ...content.conditions,
      ...(overruled === undefined ? [] : [{ ...overruled, lastTransitionTime }]),
    ],
    ...(content.image === undefined ? {} : { image: shownImage(content, content.image, image) }),
    ...(content.updated === undefined ? {} : { updated: content.updated }),
  };
}

function metadataOf({ stream, name, tag, content, known }: DocumentParts): ImageStreamTag['metadata'] {
  const { namespace = '', name: streamName, uid = '' } = stream.metadata;
  const isPlain = name === `${streamName}.${tag}`;
  return {
    namespace,
    name,
    // With the version alone an object that is gone would be made anew.
    ...(known === undefined ? {} : { uid: known.uid, resourceVersion: known.resourceVersion }),
    ...(streamName.length > maxLabelLength ? {} : { labels: { [streamLabel]: streamName } }),
    annotations: {
      ...(known?.declared === undefined ? content.annotations : {}),
      ...(isPlain ? {} : { [imageStreamTagAnnotation]: `${streamName}:${tag}` }),
    },
    // In the version of people: what it names lives also when another server serves it.
    ownerReferences: [{ apiVersion: `${imageGroup}/v1`, kind: 'ImageStream', name: streamName, uid }],
  };
}

function shownImage(
  { annotations }: TagObjectContent,
  { digest, dockerImageReference }: NonNullable<TagObjectContent['image']>,
  image: Image | undefined,
): NonNullable<ImageStreamTag['image']> {
  if (digest === '') return { dockerImageReference };
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = image ?? {};
  return {
    ...rest,
    metadata: { name: digest, annotations: { ...metadata?.annotations, ...annotations } },
    dockerImageReference,
  };
}

/** The Image whose metadata an object shows; undefined when it shows another one, or none. */
export function imageShownBy({ image }: ImageStreamTag, digest: string): Image | undefined {
  const { metadata, dockerImageReference, ...rest } = image ?? {};
  if (metadata?.name !== digest || dockerImageReference === undefined) return undefined;
  // The other annotations are of the tag.
  const annotations = Object.fromEntries(
    [layersOrderAnnotation, omittedAnnotation].flatMap((key) => {
      const value = metadata.annotations?.[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  return {
    ...rest,
    apiVersion: `${imageGroup}/${storedVersion}`,
    kind: 'Image',
    metadata: { name: imageObjectName(digest), annotations },
    dockerImageReference,
  };
}
