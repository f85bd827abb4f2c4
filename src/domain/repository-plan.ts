/** When the tags of the repository behind a stream (`spec.dockerImageRepository`) have to be listed. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { parseTime } from '../api/time.ts';
import { type ImageReference, parseImageReference } from './image-reference.ts';
import { insecureRepositoryAnnotation, requestedImport } from './import-attempt.ts';
import type { ImportFailure } from './import-failure.ts';
import type { ImportReason } from './import-reason.ts';

/** A repository whose tags are to be listed. */
export interface PlannedRepository {
  readonly reason: ImportReason;
  /** As it is in the spec. */
  readonly from: string;
  readonly insecure: boolean;
  readonly requested: string | undefined;
  /** What to list, or why it cannot be. */
  readonly target: ImageReference | ImportFailure;
}

/** Whether the repository behind a stream has to be listed now (epoch milliseconds), and why. */
export function planRepository(stream: ImageStream, now: number): PlannedRepository | undefined {
  const from = stream.spec?.dockerImageRepository;
  if (!from) return undefined;
  const insecure = stream.metadata.annotations?.[insecureRepositoryAnnotation] === 'true';
  const requested = requestedImport(stream);
  const reason = repositoryReason(stream, { from, insecure, requested, now });
  return reason === undefined
    ? undefined
    : { reason, from, insecure, requested, target: repositoryTarget(from) };
}

/** When a failed listing is tried again (epoch milliseconds). */
export function repositoryRetry({ spec, status }: ImageStream): number | undefined {
  return spec?.dockerImageRepository ? parseTime(status?.repositoryImport?.retryAt) : undefined;
}

function repositoryReason(
  stream: ImageStream,
  wanted: { from: string; insecure: boolean; requested: string | undefined; now: number },
): ImportReason | undefined {
  const last = stream.status?.repositoryImport;
  if (last === undefined) return 'new tag';
  if (last.from !== wanted.from || (last.insecure === true) !== wanted.insecure) return 'source changed';
  if (wanted.requested !== undefined && wanted.requested !== last.requested) return 'import requested';
  const retryAt = parseTime(last.retryAt);
  return retryAt !== undefined && retryAt <= wanted.now ? 'retry after failure' : undefined;
}

function repositoryTarget(from: string): ImageReference | ImportFailure {
  const parsed = parseImageReference(from);
  const invalid = (problem: string): ImportFailure => ({
    code: 'invalid-reference',
    detail: `spec.dockerImageRepository: Invalid value: ${JSON.stringify(from)}: ${problem}`,
  });
  if (!parsed.ok) return invalid(parsed.problem);
  if (parsed.reference.tag !== undefined) return invalid('the repository name may not contain a tag');
  if (parsed.reference.digest !== undefined) return invalid('the repository name may not contain an ID');
  return parsed.reference;
}
