/** What the status says of the repository behind a stream. */
import type { ImageStream, ImageStreamStatus } from '../api/generated/image-stream.ts';
import { formatTime } from '../api/time.ts';
import { describeFailure } from './import-failure.ts';
import type { RepositoryOutcome } from './import-outcome.ts';
import { type FoldContext, failureCount } from './tag-status.ts';
import type { TagTransition } from './tag-transition.ts';

type RepositoryImport = NonNullable<ImageStreamStatus['repositoryImport']>;

/** A failed listing keeps the tags of the last good one. */
export function foldRepository(
  stream: ImageStream,
  outcome: RepositoryOutcome | undefined,
  context: FoldContext,
): RepositoryImport | undefined {
  const before = stream.status?.repositoryImport;
  if (!stream.spec?.dockerImageRepository) return undefined;
  if (outcome === undefined || stream.spec.dockerImageRepository !== outcome.planned.from) return before;
  const { from, insecure, requested } = outcome.planned;
  const attempted = {
    from,
    ...(insecure ? { insecure } : {}),
    ...(requested === undefined ? {} : { requested }),
    attemptedAt: formatTime(context.now),
  };
  if (outcome.kind === 'listed') {
    return { ...attempted, tags: [...outcome.tags], additionalTags: outcome.additionalTags };
  }
  // Another repository has no tags and no failures yet.
  const same = before?.from === from ? before : undefined;
  const { tags, additionalTags } = same ?? {};
  return {
    ...attempted,
    ...(tags === undefined ? {} : { tags }),
    ...(additionalTags === undefined ? {} : { additionalTags }),
    ...failureCount(stream, '', { before: same, failure: outcome.failure }, context),
    ...describeFailure(outcome.failure, from),
  };
}

/** The change that people hear of when a listing failed, or failed in another way. */
export function listingFailure(
  before: RepositoryImport | undefined,
  after: RepositoryImport | undefined,
): readonly TagTransition[] {
  if (after?.message === undefined || after.message === before?.message) return [];
  return [{ kind: 'listing failed', reason: after.reason ?? '', message: after.message }];
}
