/** The status of one tag after an outcome. A failure leaves the tag's history alone (last known good). */
import { type Condition, setCondition } from '../api/conditions.ts';
import type {
  ImageStream,
  NamedTagEventList,
  TagEvent,
  TagEventCondition,
} from '../api/generated/image-stream.ts';
import { formatTime } from '../api/time.ts';
import { type BackoffPolicy, backoffMs } from './backoff.ts';
import {
  attemptFor,
  type ImportAttempt,
  type LastImport,
  type SourcedTag,
  sameRequest,
  sameSource,
  tagGeneration,
} from './import-attempt.ts';
import { describeFailure, type ImportFailure, isRetried } from './import-failure.ts';
import type { TagOutcome } from './import-outcome.ts';
import type { LinkEnd } from './tag-following.ts';
import { addTagEvent } from './tag-history.ts';
import { isSameMessage } from './tag-transition.ts';

/** What folding depends on besides stream and outcomes. */
export interface FoldSettings {
  /** History items kept for a tag. */
  readonly historyLimit: number;
  /** Waiting times of failed imports. */
  readonly retry: BackoffPolicy;
  /** Host (and port) of the registry that serves the cluster's streams; undefined without one. */
  readonly localRegistry: string | undefined;
}

/** The settings, and the present time (epoch milliseconds). */
export interface FoldContext {
  readonly now: number;
  readonly settings: FoldSettings;
}

const importSuccess = 'ImportSuccess';
/** Most tags of a circle that are named. */
const maxShownTags = 10;

/** The status of a tag after an outcome of its work. */
export function foldTag(
  stream: ImageStream,
  before: NamedTagEventList,
  outcome: TagOutcome,
  context: FoldContext,
): NamedTagEventList {
  if (outcome.kind === 'failed') return failedTag(stream, before, outcome, context);
  const attempted: LastImport = { ...outcome.attempt, attemptedAt: formatTime(context.now) };
  const { conditions: _, ...rest } = before;
  const event = {
    created: outcome.created ?? formatTime(context.now),
    dockerImageReference: outcome.dockerImageReference,
    image: outcome.image,
    generation: tagGeneration(stream, outcome.tag),
  };
  const items = addTagEvent(before.items ?? [], event, context.settings.historyLimit);
  const digest = outcome.digest === undefined ? {} : { digest: outcome.digest };
  // A success clears the conditions, as in the reference: there is never an ImportSuccess of True.
  return { ...rest, items: [...items], lastImport: { ...attempted, ...digest } };
}

/**
 * The status of a tag that follows another one of its stream. It takes the image with its time; the generation is the
 * source's when the source has moved, and the tag's own when its `from` is new (semantics 1.7). The same object comes back
 * when nothing is new.
 */
export function foldLink(
  stream: ImageStream,
  tag: SourcedTag,
  { before, end }: { readonly before: NamedTagEventList; readonly end: LinkEnd },
  context: FoldContext,
): NamedTagEventList {
  const attempt = attemptFor(stream, tag);
  const sameWish = before.lastImport !== undefined && sameRequest(before.lastImport, attempt);
  if (end.kind === 'item') return linkedTag(stream, { before, item: end.item, attempt, sameWish }, context);
  const failure = linkFailure(stream, tag, end);
  const { message } = describeFailure(failure, tag.from.name);
  if (sameWish && isSameMessage(before.conditions?.[0]?.message, message)) return before;
  return failedTag(stream, before, { tag: tag.name, attempt, kind: 'failed', failure }, context);
}

interface Link {
  readonly before: NamedTagEventList;
  readonly item: TagEvent;
  readonly attempt: ImportAttempt;
  /** The tag asked for the same when it was last looked at. */
  readonly sameWish: boolean;
}

function linkedTag(
  stream: ImageStream,
  { before, item, attempt, sameWish }: Link,
  { now, settings }: FoldContext,
): NamedTagEventList {
  const { conditions: _, ...rest } = before;
  const last = sameWish && !before.lastImport?.failures ? before.lastImport : undefined;
  const [own] = before.items ?? [];
  const moved = own?.image !== item.image || own.dockerImageReference !== item.dockerImageReference;
  if (last !== undefined && !moved) return before;
  const lastImport = last ?? { ...attempt, attemptedAt: formatTime(now) };
  const isNew = before.lastImport === undefined || !sameSource(before.lastImport, attempt);
  if (!isNew && !moved) return { ...rest, lastImport };
  const generation = isNew ? tagGeneration(stream, before.tag) : item.generation;
  const items = addTagEvent(before.items ?? [], { ...item, generation }, settings.historyLimit);
  return { ...rest, items: [...items], lastImport };
}

/** One failure more, and when to try again: not at all where time does not help. */
export function failureCount(
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

function failedTag(
  stream: ImageStream,
  before: NamedTagEventList,
  outcome: Extract<TagOutcome, { kind: 'failed' }>,
  context: FoldContext,
): NamedTagEventList {
  const { conditions, ...rest } = before;
  const { digest } = before.lastImport ?? {};
  // Another wish has no failures yet.
  const sameWish = sameRequest(before.lastImport ?? {}, outcome.attempt) ? before.lastImport : undefined;
  return {
    ...rest,
    conditions: failedCondition(stream, conditions, outcome, context.now),
    lastImport: {
      ...outcome.attempt,
      attemptedAt: formatTime(context.now),
      ...failureCount(stream, outcome.tag, { before: sameWish, failure: outcome.failure }, context),
      // The digest of the last success stays: a scheduled check goes on from it.
      ...(digest === undefined ? {} : { digest }),
    },
  };
}

function linkFailure(
  stream: ImageStream,
  tag: SourcedTag,
  end: Exclude<LinkEnd, { kind: 'item' }>,
): ImportFailure {
  const { name } = stream.metadata;
  if (end.kind === 'nothing') {
    const detail = `imagestreamtag.image.openshift.io ${JSON.stringify(`${name}:${end.missing}`)} not found`;
    return { code: 'source-not-found', detail, notes: ['it is followed as soon as it has an image'] };
  }
  const more = end.tags.length - maxShownTags;
  const tags = end.tags.slice(0, maxShownTags).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const detail =
    `spec.tags[${tag.name}].from.name: Invalid value: ${JSON.stringify(tag.from.name)}: the tags ${tags} follow each ` +
    'other in a circle; point one of them at an image';
  return { code: 'source-circle', detail };
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
