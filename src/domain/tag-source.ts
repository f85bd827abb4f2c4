/**
 * Sources of tags inside of the cluster: other tags, and images out of a stream's history (semantics 1.7).
 *
 * A tag that points at a tag of its own stream follows it like a symbolic link (`tag-following.ts`). One that points into
 * another stream, or at an image, is a copy: it takes what is there once.
 */
import type { ImageStream, TagEvent } from '../api/generated/image-stream.ts';
import type { SourcedTag } from './import-attempt.ts';
import type { ImportFailure } from './import-failure.ts';
import { newestItem } from './tag-resolution.ts';

/** A stream of a namespace. */
export interface StreamName {
  readonly namespace: string;
  readonly stream: string;
}

/** Where in the cluster a tag gets its image from. */
export type LocalSource = StreamName &
  (
    | { readonly kind: 'tag'; readonly tag: string }
    /** `id` is a digest, its hexadecimal part, or the beginning of either. */
    | { readonly kind: 'image'; readonly id: string }
  );

/**
 * The streams that a tag may copy from; undefined for one that is absent and for one that its namespace does not share:
 * nobody learns from the answer which of the two it is.
 */
export type SourceStreams = (source: StreamName) => ImageStream | undefined;

/** What a local source stands for now, or why there is nothing to take. */
export type Resolution =
  | { readonly ok: true; readonly item: TagEvent }
  | { readonly ok: false; readonly failure: ImportFailure };

/** Most images that an ambiguous prefix is answered with. */
const maxShownMatches = 5;

/**
 * The source of a tag inside of the cluster: undefined for one in a registry, and for a name of the wrong form. A name
 * without a stream means the tag's own stream (in the namespace that is named).
 */
export function localSource(stream: ImageStream, { from }: SourcedTag): LocalSource | undefined {
  if (from.kind === 'DockerImage') return undefined;
  const separator = from.kind === 'ImageStreamTag' ? ':' : '@';
  const [first = '', second, ...more] = from.name.split(separator);
  if (more.length > 0 || first === '' || second === '') return undefined;
  const place = {
    namespace: from.namespace || (stream.metadata.namespace ?? ''),
    stream: second === undefined ? stream.metadata.name : first,
  };
  const what = second ?? first;
  return from.kind === 'ImageStreamTag'
    ? { ...place, kind: 'tag', tag: what }
    : { ...place, kind: 'image', id: what };
}

/** True for a source in the stream itself. */
export function isOwn(stream: ImageStream, source: StreamName): boolean {
  return source.stream === stream.metadata.name && source.namespace === (stream.metadata.namespace ?? '');
}

/** The tag of its own stream that a tag follows, like a symbolic link; undefined for every other kind of source. */
export function followedTag(stream: ImageStream, tag: SourcedTag): string | undefined {
  const source = localSource(stream, tag);
  return source?.kind === 'tag' && isOwn(stream, source) ? source.tag : undefined;
}

/** What a source stands for. The newest item of a tag counts, whatever its conditions say. */
export function resolveSource(source: LocalSource, streams: SourceStreams): Resolution {
  const stream = streams(source);
  if (source.kind === 'tag') {
    const item = newestItem(stream, source.tag);
    return item === undefined ? missing(source) : { ok: true, item };
  }
  const items = matchingImages(stream, source.id);
  const [first] = items;
  if (first === undefined) return missing(source);
  const images = new Set(items.map(({ image }) => image));
  if (images.size === 1) return { ok: true, item: first };
  const shown = [...images].slice(0, maxShownMatches).join(', ');
  const detail = `multiple images match the prefix ${JSON.stringify(source.id)}: ${shown}; name more of the digest`;
  return { ok: false, failure: { code: 'source-ambiguous', detail } };
}

/**
 * A pull spec in the cluster's own registry names the stream that it is in: a copy names its own one instead, where the
 * same image is found with the rights of its readers (semantics 1.7). Other pull specs stay as they are.
 */
export function ownPullSpec(
  stream: ImageStream,
  source: StreamName,
  item: TagEvent,
  localRegistry: string | undefined,
): string {
  const { dockerImageReference, image } = item;
  if (localRegistry === undefined || image === '') return dockerImageReference;
  const theirs = `${localRegistry}/${source.namespace}/${source.stream}`;
  const rest = dockerImageReference.startsWith(theirs)
    ? dockerImageReference.slice(theirs.length)
    : undefined;
  if (rest === undefined || !/^[@:]/.test(rest)) return dockerImageReference;
  return `${localRegistry}/${stream.metadata.namespace}/${stream.metadata.name}@${image}`;
}

/** The items of a stream's histories whose digest, or its hexadecimal part, starts with the id. */
export function matchingImages(stream: ImageStream | undefined, id: string): readonly TagEvent[] {
  return (stream?.status?.tags ?? [])
    .flatMap((entry) => entry.items ?? [])
    .filter(({ image }) => hasId(image, id));
}

/** True when the digest, or its hexadecimal part, starts with the id. */
function hasId(image: string, id: string): boolean {
  return image !== '' && (image.startsWith(id) || image.slice(image.indexOf(':') + 1).startsWith(id));
}

function missing(source: LocalSource): Resolution {
  const [kind, name] =
    source.kind === 'tag'
      ? ['imagestreamtag', `${source.stream}:${source.tag}`]
      : ['imagestreamimage', `${source.stream}@${source.id}`];
  const detail = `${kind}.image.openshift.io ${JSON.stringify(`${source.namespace}/${name}`)} not found`;
  return { ok: false, failure: { code: 'source-not-found', detail } };
}
