/** Folds the outcomes of imports into a stream's status. Pure: same stream, outcomes and time, same status. */
import { type Condition, setCondition } from '../api/conditions.ts';
import type {
  ImageStream,
  ImageStreamStatus,
  NamedTagEventList,
  TagEventCondition,
} from '../api/generated/image-stream.ts';
import { formatTime, parseTime } from '../api/time.ts';
import { type BackoffPolicy, backoffMs } from './backoff.ts';
import { describeFailure, type ImportFailure, isRetried } from './import-failure.ts';
import {
  hasSource,
  type ImportAttempt,
  isCurrentAttempt,
  type LastImport,
  tagGeneration,
} from './import-plan.ts';
import { jsonEqual } from './json-difference.ts';
import { addTagEvent } from './tag-history.ts';
import { summarizeTags } from './tag-summary.ts';

/** What came out of the work for one tag. */
export type TagOutcome = { readonly tag: string; readonly attempt: ImportAttempt } & (
  | { readonly kind: 'resolved'; readonly dockerImageReference: string; readonly image: string }
  | { readonly kind: 'failed'; readonly failure: ImportFailure }
);

/** A change of a tag that people hear of: in the log, as an event, as a number. */
export type TagTransition =
  | { readonly kind: 'moved'; readonly tag: string; readonly from: string | undefined; readonly to: string }
  | { readonly kind: 'failed'; readonly tag: string; readonly reason: string; readonly message: string }
  | { readonly kind: 'recovered'; readonly tag: string };

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
  outcomes: readonly TagOutcome[],
  now: number,
  settings: FoldSettings,
): FoldedStatus {
  const entries = new Map((stream.status?.tags ?? []).map((entry) => [entry.tag, entry]));
  const transitions: TagTransition[] = [];
  for (const outcome of outcomes) {
    if (!isCurrentAttempt(stream, outcome.tag, outcome.attempt)) continue;
    const before = entries.get(outcome.tag) ?? { tag: outcome.tag };
    const after = foldOutcome(stream, before, outcome, { now, settings });
    entries.set(outcome.tag, after);
    transitions.push(...transitionsOf(before, after));
  }
  const tags = [...entries.values()].sort((a, b) => (a.tag < b.tag ? -1 : 1));
  const summary = summarizeTags(tags);
  const status: ImageStreamStatus = {
    ...stream.status,
    dockerImageRepository: stream.spec?.dockerImageRepository ?? '',
    observedGeneration: stream.metadata.generation ?? 0,
    ...(tags.length > 0 ? { tags } : {}),
    ...(summary.text === '' ? {} : { tagSummary: summary.text }),
    ...(summary.lastUpdated === undefined ? {} : { lastUpdated: summary.lastUpdated }),
  };
  return { status: { ...status, conditions: readyConditions(stream, status, now) }, transitions };
}

/** The earliest time (epoch milliseconds) at which a failed import of the stream's spec is tried again. */
export function nextRetry(stream: ImageStream, status: ImageStreamStatus): number | undefined {
  const wanted = new Set((stream.spec?.tags ?? []).map((tag) => tag.name));
  const times = (status.tags ?? [])
    .filter((entry) => wanted.has(entry.tag))
    .map((entry) => parseTime(entry.lastImport?.retryAt))
    .filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

interface FoldContext {
  readonly now: number;
  readonly settings: FoldSettings;
}

function foldOutcome(
  stream: ImageStream,
  before: NamedTagEventList,
  outcome: TagOutcome,
  { now, settings }: FoldContext,
): NamedTagEventList {
  const attempted: LastImport = { ...outcome.attempt, attemptedAt: formatTime(now) };
  const { conditions, ...rest } = before;
  if (outcome.kind === 'resolved') {
    const event = {
      created: formatTime(now),
      dockerImageReference: outcome.dockerImageReference,
      image: outcome.image,
      generation: tagGeneration(stream, outcome.tag),
    };
    const { items } = addTagEvent(before.items ?? [], event, settings.historyLimit);
    // A success clears the conditions, as in the reference: there is never an ImportSuccess of True.
    return { ...rest, items: [...items], lastImport: attempted };
  }
  const failures = (before.lastImport?.failures ?? 0) + 1;
  const retryAt = retryTime(stream, outcome, failures, { now, settings });
  return {
    ...rest,
    conditions: failedCondition(stream, conditions, outcome, now),
    lastImport: {
      ...attempted,
      failures,
      ...(retryAt === undefined ? {} : { retryAt: formatTime(retryAt) }),
    },
  };
}

type FailedOutcome = Extract<TagOutcome, { kind: 'failed' }>;

function retryTime(
  stream: ImageStream,
  { tag, failure }: FailedOutcome,
  failures: number,
  { now, settings }: FoldContext,
): number | undefined {
  if (!isRetried(failure)) return undefined;
  const key = `${stream.metadata.namespace}/${stream.metadata.name}:${tag}`;
  return now + Math.max(backoffMs(settings.retry, failures, key), failure.retryAfterMs ?? 0);
}

function failedCondition(
  stream: ImageStream,
  conditions: readonly TagEventCondition[] | undefined,
  { attempt, failure }: FailedOutcome,
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

function transitionsOf(before: NamedTagEventList, after: NamedTagEventList): TagTransition[] {
  return [moveOf(before, after), conditionChangeOf(before, after)].filter((change) => change !== undefined);
}

function moveOf(
  { items: old }: NamedTagEventList,
  { tag, items }: NamedTagEventList,
): TagTransition | undefined {
  const [was, is] = [old?.[0], items?.[0]];
  if (is === undefined || jsonEqual(was, { ...is, generation: was?.generation })) return undefined;
  return { kind: 'moved', tag, from: was?.dockerImageReference, to: is.dockerImageReference };
}

function conditionChangeOf(before: NamedTagEventList, after: NamedTagEventList): TagTransition | undefined {
  const { tag } = after;
  const [was, is] = [before.conditions?.[0], after.conditions?.[0]];
  if (is === undefined) return was === undefined ? undefined : { kind: 'recovered', tag };
  if (is.message === was?.message) return undefined;
  return { kind: 'failed', tag, reason: is.reason ?? '', message: is.message ?? '' };
}

function readyConditions(stream: ImageStream, status: ImageStreamStatus, now: number): Condition[] {
  const wanted = (stream.spec?.tags ?? []).filter(hasSource).map((tag) => tag.name);
  const failed = (status.tags ?? []).filter(
    (entry) =>
      wanted.includes(entry.tag) && entry.conditions?.some((condition) => condition.status === 'False'),
  );
  const pending = wanted.filter((tag) => status.tags?.every((entry) => entry.tag !== tag) ?? true);
  const observedGeneration = stream.metadata.generation ?? 0;
  const ready = { type: 'Ready', observedGeneration };
  const conditions = stream.status?.conditions as readonly Condition[] | undefined;
  if (failed.length > 0) {
    const message = failed
      .map((entry) => `tag ${entry.tag}: ${entry.conditions?.[0]?.message ?? ''}`)
      .join('; ');
    return setCondition(conditions, { ...ready, status: 'False', reason: 'ImportFailed', message }, now);
  }
  if (pending.length > 0) {
    const message = `waiting for the import of ${pending.join(', ')}`;
    return setCondition(conditions, { ...ready, status: 'False', reason: 'Importing', message }, now);
  }
  const message = wanted.length === 1 ? '1 tag is up to date' : `${wanted.length} tags are up to date`;
  return setCondition(conditions, { ...ready, status: 'True', reason: 'TagsImported', message }, now);
}
