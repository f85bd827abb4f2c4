/** What a tag stands for right now, for those who run it. */
import type { ImageStream } from '../api/generated/image-stream.ts';

/**
 * The pull spec of a stream's tag: `repository@sha256:…`, or for a reference-only tag the pull spec as
 * written. The newest history item counts, whatever its conditions say (last known good, semantics 1.10).
 */
export function resolvePullSpec(stream: ImageStream | undefined, tag: string): string | undefined {
  const newest = stream?.status?.tags?.find((entry) => entry.tag === tag)?.items?.[0];
  return newest?.dockerImageReference;
}
