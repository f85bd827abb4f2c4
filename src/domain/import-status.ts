/** Folds the outcomes of imports into a stream's status. Pure: same stream, outcomes and time, same status. */
import { type Condition, setCondition } from '../api/conditions.ts';
import type {
  ImageStream,
  ImageStreamStatus,
  NamedTagEventList,
  TagEventCondition,
} from '../api/generated/image-stream.ts';
import { formatTime } from '../api/time.ts';
import { type BackoffPolicy, backoffMs } from './backoff.ts';
import {
  type ImportAttempt,
  isCurrentAttempt,
  type LastImport,
  sameRequest,
  tagGeneration,
} from './import-attempt.ts';
import { describeFailure, type ImportFailure, isRetried } from './import-failure.ts';
import type { PlannedRepository } from './import-plan.ts';
import { readyConditions } from './ready-condition.ts';
import { addTagEvent } from './tag-history.ts';
import { summarizeTags } from './tag-summary.ts';
import { type TagTransition, transitionsOf } from './tag-transition.ts';

/** What came out of the work for one tag. */
export type TagOutcome = { readonly tag: string; readonly attempt: ImportAttempt } & (
  | {
      readonly kind: 'resolved';
      readonly dockerImageReference: string;
      readonly image: string;
      /** What the tag's name stood for in the registry: the image, or the index that it was taken from. */
      readonly digest: string | undefined;
    }
  | { readonly kind: 'failed'; readonly failure: ImportFailure }
);

/** What came out of listing the repository behind a stream. */
export type RepositoryOutcome = { readonly planned: PlannedRepository } & (
  | { readonly kind: 'listed'; readonly tags: readonly string[]; readonly additionalTags: number }
  | { readonly kind: 'failed'; readonly failure: ImportFailure }
);

/** Everything that was done for a stream at once. */
export interface ImportOutcomes {
  readonly tags: readonly TagOutcome[];
  readonly repository?: RepositoryOutcome | undefined;
}

/** A folded status and what changed with it. */
export interface FoldedStatus {
  readonly status: ImageStreamStatus;
  readonly transitions: readonly TagTransition[];
}

/** What folding depends on besides stream and outcomes. */
export interface FoldSettings {
  /** History items kept for a tag. */
  readonly historyLimit: number;
  /** Waiting times of failed imports. */
  readonly retry: BackoffPolicy;
}

const importSuccess = 'ImportSuccess';

/**
 * The status after the outcomes. An outcome whose tag asks for something else by now is left out: the
 * next plan sees the new wish. A failure leaves the tag's history alone (last known good).
 */
export function foldOutcomes(
  stream: ImageStream,
  outcomes: ImportOutcomes,
  now: number,
  settings: FoldSettings,
): FoldedStatus {
  const entries = new Map((stream.status?.tags ?? []).map((entry) => [entry.tag, entry]));
  const transitions: TagTransition[] = [];
  for (const outcome of outcomes.tags) {
    if (!isCurrentAttempt(stream, outcome.tag, outcome.attempt)) continue;
    const before = entries.get(outcome.tag) ?? { tag: outcome.tag };
    const after = foldTag(stream, before, outcome, { now, settings });
    entries.set(outcome.tag, after);
    transitions.push(...transitionsOf(before, after));
  }
  const repositoryImport = foldRepository(stream, outcomes.repository, { now, settings });
  transitions.push(...listingFailure(stream.status?.repositoryImport, repositoryImport));
  const tags = [...entries.values()].sort((a, b) => (a.tag < b.tag ? -1 : 1));
  const summary = summarizeTags(tags);
  const { repositoryImport: _, ...kept } = stream.status ?? {};
  const status: ImageStreamStatus = {
    ...kept,
    dockerImageRepository: stream.spec?.dockerImageRepository ?? '',
    observedGeneration: stream.metadata.generation ?? 0,
    ...(tags.length > 0 ? { tags } : {}),
    ...(repositoryImport === undefined ? {} : { repositoryImport }),
    ...(summary.text === '' ? {} : { tagSummary: summary.text }),
    ...(summary.lastUpdated === undefined ? {} : { lastUpdated: summary.lastUpdated }),
  };
  return { status: { ...status, conditions: readyConditions(stream, status, now) }, transitions };
}

interface FoldContext {
  readonly now: number;
  readonly settings: FoldSettings;
}

function foldTag(
  stream: ImageStream,
  before: NamedTagEventList,
  outcome: TagOutcome,
  context: FoldContext,
): NamedTagEventList {
  const attempted: LastImport = { ...outcome.attempt, attemptedAt: formatTime(context.now) };
  const { conditions, ...rest } = before;
  if (outcome.kind === 'resolved') {
    const event = {
      created: formatTime(context.now),
      dockerImageReference: outcome.dockerImageReference,
      image: outcome.image,
      generation: tagGeneration(stream, outcome.tag),
    };
    const items = addTagEvent(before.items ?? [], event, context.settings.historyLimit);
    const digest = outcome.digest === undefined ? {} : { digest: outcome.digest };
    // A success clears the conditions, as in the reference: there is never an ImportSuccess of True.
    return { ...rest, items: [...items], lastImport: { ...attempted, ...digest } };
  }
  const { digest } = before.lastImport ?? {};
  // Another wish has no failures yet.
  const sameWish = sameRequest(before.lastImport ?? {}, outcome.attempt) ? before.lastImport : undefined;
  return {
    ...rest,
    conditions: failedCondition(stream, conditions, outcome, context.now),
    lastImport: {
      ...attempted,
      ...failureCount(stream, outcome.tag, { before: sameWish, failure: outcome.failure }, context),
      // The digest of the last success stays: a scheduled check goes on from it.
      ...(digest === undefined ? {} : { digest }),
    },
  };
}

type RepositoryImport = NonNullable<ImageStreamStatus['repositoryImport']>;

/** A failed listing keeps the tags of the last good one. */
function foldRepository(
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
  const { tags, additionalTags } = before?.from === from ? before : {};
  return {
    ...attempted,
    ...(tags === undefined ? {} : { tags }),
    ...(additionalTags === undefined ? {} : { additionalTags }),
    ...failureCount(stream, '', { before, failure: outcome.failure }, context),
    ...describeFailure(outcome.failure, from),
  };
}

function listingFailure(
  before: RepositoryImport | undefined,
  after: RepositoryImport | undefined,
): readonly TagTransition[] {
  if (after?.message === undefined || after.message === before?.message) return [];
  return [{ kind: 'listing failed', reason: after.reason ?? '', message: after.message }];
}

/** One failure more, and when to try again: not at all where only an edit helps. */
function failureCount(
  stream: ImageStream,
  tag: string,
  { before, failure }: { before: { failures?: number } | undefined; failure: ImportFailure },
  { now, settings }: FoldContext,
): { failures: number; retryAt?: string } {
  const failures = (before?.failures ?? 0) + 1;
  if (!isRetried(failure)) return { failures };
  const key = `${stream.metadata.namespace}/${stream.metadata.name}:${tag}`;
  const wait = Math.max(backoffMs(settings.retry, failures, key), failure.retryAfterMs ?? 0);
  return { failures, retryAt: formatTime(now + wait) };
}

function failedCondition(
  stream: ImageStream,
  conditions: readonly TagEventCondition[] | undefined,
  { attempt, failure }: Extract<TagOutcome, { kind: 'failed' }>,
  now: number,
): TagEventCondition[] {
  const { reason, message } = describeFailure(failure, attempt.from?.name ?? '');
  const [condition] = setCondition(
    (conditions ?? []).filter((candidate) => candidate.type === importSuccess) as Condition[],
    { type: importSuccess, status: 'False', reason, message },
    now,
  );
  if (condition === undefined) return [];
  return [{ ...condition, generation: stream.metadata.generation ?? 0 }];
}
