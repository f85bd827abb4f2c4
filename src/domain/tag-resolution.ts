/** What a tag stands for right now, for those who run it. */
import type { ImageStream, TagEvent } from '../api/generated/image-stream.ts';

/**
 * The repository that serves a stream's images: a place in the cluster's own registry (`localRegistry`, host and port) when
 * there is one, else the repository that the stream stands for as a whole, or '' (semantics 1.5).
 */
export function dockerImageRepositoryOf(stream: ImageStream, localRegistry: string | undefined): string {
  if (localRegistry === undefined) return stream.spec?.dockerImageRepository ?? '';
  return `${localRegistry}/${stream.metadata.namespace}/${stream.metadata.name}`;
}

/** What a tag stands for: the newest item of its history, whatever its conditions say (last known good, semantics 1.10). */
export function newestItem(stream: ImageStream | undefined, tag: string): TagEvent | undefined {
  return stream?.status?.tags?.find((entry) => entry.tag === tag)?.items?.[0];
}

/**
 * The pull spec that consumers of a stream's tag get: `repository@sha256:…`, or for a reference-only tag the pull spec as
 * written. It is that of {@link newestItem}. With the
 * reference policy `Local` it names the cluster's own registry (`localRegistry`); without one that is as `Source`. `stream`
 * has all of its tags.
 */
export function resolvePullSpec(
  stream: ImageStream | undefined,
  tag: string,
  localRegistry: string | undefined,
): string | undefined {
  const newest = newestItem(stream, tag);
  if (stream === undefined || newest === undefined) return undefined;
  if (localRegistry === undefined || newest.image === '') return newest.dockerImageReference;
  const policy = stream.spec?.tags?.find(({ name }) => name === tag)?.referencePolicy?.type;
  if (policy !== 'Local') return newest.dockerImageReference;
  return `${dockerImageRepositoryOf(stream, localRegistry)}@${newest.image}`;
}
