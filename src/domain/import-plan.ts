/**
 * Which tags of a stream have to be looked at now, why, and when to look again.
 *
 * Decided from the stream alone: what was last done for a tag stands in its status, so that a restart
 * causes no import and a change of source is seen without `spec.tags[].generation`.
 */
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { parseTime } from '../api/time.ts';
import { type ImageReference, parseImageReference } from './image-reference.ts';
import type { ImportFailure } from './import-failure.ts';
import { jsonEqual } from './json-difference.ts';

/** What the status remembers of the last attempt for a tag. */
export type LastImport = NonNullable<NamedTagEventList['lastImport']>;

/** Why a tag is looked at. */
export type ImportReason =
  | 'new tag'
  | 'source changed'
  | 'import requested'
  | 'generation set'
  | 'retry after failure';

/** What an attempt answers: written to the status with its outcome, and compared with the spec before that. */
export type ImportAttempt = Pick<
  LastImport,
  'from' | 'importMode' | 'insecure' | 'reference' | 'requested' | 'generation'
>;

/** How the two sorts of images of several platforms are kept. */
export type ImportMode = 'Legacy' | 'PreserveOriginal';

/** Work for one tag. */
export type PlannedTag = {
  readonly tag: string;
  readonly reason: ImportReason;
  readonly attempt: ImportAttempt;
} & (
  | {
      readonly kind: 'import';
      readonly reference: ImageReference;
      readonly insecure: boolean;
      readonly importMode: ImportMode;
    }
  /** `reference: true`: the pull spec is recorded as it is, nothing is asked of a registry. */
  | { readonly kind: 'record'; readonly pullSpec: string }
  | { readonly kind: 'refuse'; readonly failure: ImportFailure }
);

/** All work for one stream, and when to plan again if nothing happens until then (epoch milliseconds). */
export interface ImportPlan {
  readonly tags: readonly PlannedTag[];
  readonly wakeAt: number | undefined;
}

/** Settings that the plan depends on. */
export interface ImportSettings {
  /** For tags that set no `importPolicy.importMode`. */
  readonly importMode: ImportMode;
}

/** Plans the imports of a stream at `now` (epoch milliseconds). */
export function planImports(stream: ImageStream, now: number, settings: ImportSettings): ImportPlan {
  const tags: PlannedTag[] = [];
  let wakeAt: number | undefined;
  for (const tag of stream.spec?.tags ?? []) {
    if (!hasSource(tag)) continue;
    const facts = gatherFacts(stream, tag, now);
    const reason = importReason(facts);
    if (reason !== undefined)
      tags.push({ tag: tag.name, reason, attempt: facts.attempt, ...planWork(tag, settings) });
    else wakeAt = earliest(wakeAt, facts.retryAt);
  }
  return { tags, wakeAt };
}

/** True when the spec still asks for what an attempt answered; an outcome of another attempt must not be written. */
export function isCurrentAttempt(stream: ImageStream, tagName: string, attempt: ImportAttempt): boolean {
  const tag = stream.spec?.tags?.find((candidate) => candidate.name === tagName);
  return (
    tag !== undefined && hasSource(tag) && jsonEqual(sourceOf(attemptFor(stream, tag)), sourceOf(attempt))
  );
}

/** A tag with a `from`; the others have nothing to be imported from. */
export function hasSource(
  tag: TagReference,
): tag is TagReference & { from: NonNullable<TagReference['from']> } {
  return tag.from !== undefined && tag.from !== null && tag.from.name !== undefined;
}

/** The generation that a history item of this tag gets: the client's own if it counts them, else the stream's. */
export function tagGeneration(stream: ImageStream, tagName: string): number {
  const tag = stream.spec?.tags?.find((candidate) => candidate.name === tagName);
  return tag?.generation ? tag.generation : (stream.metadata.generation ?? 0);
}

interface TagFacts {
  readonly attempt: ImportAttempt;
  readonly last: LastImport | undefined;
  readonly retryAt: number | undefined;
  readonly now: number;
}

/** In this order; the first that holds is the reason that people read. */
const checks: readonly ((facts: TagFacts) => ImportReason | undefined)[] = [
  ({ last }) => (last === undefined ? 'new tag' : undefined),
  ({ last, attempt }) => (jsonEqual(sourceOf(last ?? {}), sourceOf(attempt)) ? undefined : 'source changed'),
  ({ last, attempt }) =>
    attempt.requested !== undefined && attempt.requested !== last?.requested ? 'import requested' : undefined,
  ({ last, attempt }) =>
    wantsGeneration(attempt.generation, last?.generation) ? 'generation set' : undefined,
  ({ retryAt, now }) => (retryAt !== undefined && retryAt <= now ? 'retry after failure' : undefined),
];

function importReason(facts: TagFacts): ImportReason | undefined {
  for (const check of checks) {
    const reason = check(facts);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** A client that sets `spec.tags[].generation` asks again by 0 or by a higher number, as in the reference. */
function wantsGeneration(wanted: number | undefined, honoured: number | undefined): boolean {
  if (wanted === undefined || wanted === honoured) return false;
  return wanted === 0 || wanted > (honoured ?? 0);
}

function gatherFacts(stream: ImageStream, tag: TagReference, now: number): TagFacts {
  const last = stream.status?.tags?.find((entry) => entry.tag === tag.name)?.lastImport;
  return { attempt: attemptFor(stream, tag), last, retryAt: parseTime(last?.retryAt), now };
}

function attemptFor(stream: ImageStream, tag: TagReference): ImportAttempt {
  const { kind, name, namespace } = tag.from ?? {};
  const requested = stream.metadata.annotations?.[importRequestedAnnotation];
  return {
    from: { kind: kind ?? '', name: name ?? '', ...(namespace ? { namespace } : {}) },
    ...(tag.importPolicy?.importMode ? { importMode: tag.importPolicy.importMode } : {}),
    ...(tag.importPolicy?.insecure ? { insecure: true } : {}),
    ...(tag.reference ? { reference: true } : {}),
    ...(requested === undefined ? {} : { requested }),
    ...(tag.generation === undefined || tag.generation === null ? {} : { generation: tag.generation }),
  };
}

/** The part of an attempt that says where the image comes from. */
function sourceOf({ from, importMode, insecure, reference }: Partial<ImportAttempt>): Partial<ImportAttempt> {
  return {
    ...(from === undefined ? {} : { from }),
    ...(importMode === undefined ? {} : { importMode }),
    ...(insecure === undefined ? {} : { insecure }),
    ...(reference === undefined ? {} : { reference }),
  };
}

type Work =
  | Pick<Extract<PlannedTag, { kind: 'import' }>, 'kind' | 'reference' | 'insecure' | 'importMode'>
  | Pick<Extract<PlannedTag, { kind: 'record' }>, 'kind' | 'pullSpec'>
  | Pick<Extract<PlannedTag, { kind: 'refuse' }>, 'kind' | 'failure'>;

function planWork(tag: TagReference, settings: ImportSettings): Work {
  const { kind, name } = tag.from ?? {};
  if (kind !== 'DockerImage') {
    return refuse(
      'unsupported-source',
      `tags that point at an ${kind} are not followed by this version of the operator`,
    );
  }
  const parsed = parseImageReference(name ?? '');
  if (!parsed.ok) {
    const value = JSON.stringify(name);
    return refuse(
      'invalid-reference',
      `spec.tags[${tag.name}].from.name: Invalid value: ${value}: ${parsed.problem}`,
    );
  }
  if (tag.reference) return { kind: 'record', pullSpec: name ?? '' };
  return {
    kind: 'import',
    reference: parsed.reference,
    insecure: tag.importPolicy?.insecure ?? false,
    importMode: tag.importPolicy?.importMode || settings.importMode,
  };
}

function refuse(code: ImportFailure['code'], detail: string): Work {
  return { kind: 'refuse', failure: { code, detail } };
}

/** The earlier of two times of which either may be missing. */
export function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
