/**
 * Which tags of a stream have to be looked at now, why, and when to look again.
 *
 * Decided from the stream alone, and from when its tags were last looked at: what was last done for a tag stands in the
 * status, so that a restart causes no import and a change of source is seen without `spec.tags[].generation`.
 */
import type { ImageStream, NamedTagEventList } from '../api/generated/image-stream.ts';
import { parseTime } from '../api/time.ts';
import { spread } from './backoff.ts';
import { formatImageReference, type ImageReference, parseImageReference } from './image-reference.ts';
import {
  attemptFor,
  type ImportAttempt,
  type LastImport,
  type SourcedTag,
  sameSource,
  sourcedTags,
} from './import-attempt.ts';
import type { ImportFailure } from './import-failure.ts';
import type { ImportReason } from './import-reason.ts';
import { defaultPlatform, type Platform } from './manifest.ts';
import { type PlannedRepository, planRepository, repositoryRetry } from './repository-plan.ts';
import { nextSlot, slotStart } from './schedule.ts';
import {
  followedTag,
  type LocalSource,
  localSource,
  ownPullSpec,
  resolveSource,
  type SourceStreams,
} from './tag-source.ts';

/** How images of several platforms are kept. */
export type ImportMode = 'Legacy' | 'PreserveOriginal';

/** An image to look up in a registry. */
export interface PlannedLookup {
  readonly reference: ImageReference;
  readonly insecure: boolean;
  readonly importMode: ImportMode;
  /** What a Legacy import keeps of an index. */
  readonly platform: Platform;
  /** The image that the tag has: of that one all is known already. */
  readonly held?: string | undefined;
}

/** Work for one tag. */
export type PlannedTag = {
  readonly tag: string;
  readonly reason: ImportReason;
  readonly attempt: ImportAttempt;
} & (
  | (PlannedLookup & { readonly kind: 'import' })
  /** Only when the tag's digest is another one than `known` there is something to import. */
  | (PlannedLookup & {
      readonly kind: 'check';
      readonly known: string;
      /** When the next check is due, if this one is done (epoch milliseconds). */
      readonly nextCheckAt: number | undefined;
    })
  /** `reference: true`: the pull spec is recorded as it is, nothing is asked of a registry. */
  | { readonly kind: 'record'; readonly pullSpec: string }
  /** The image of another tag, or one out of a history. */
  | { readonly kind: 'copy'; readonly item: CopiedItem }
  | { readonly kind: 'refuse'; readonly failure: ImportFailure }
);

/** What a copy takes from its source. */
export interface CopiedItem {
  readonly dockerImageReference: string;
  readonly image: string;
  /** When the source got it; undefined for an image out of a history, which the tag gets now. */
  readonly created: string | undefined;
}

/** All work for one stream, and when to plan again if nothing happens until then (epoch milliseconds). */
export interface ImportPlan {
  readonly tags: readonly PlannedTag[];
  readonly repository: PlannedRepository | undefined;
  readonly wakeAt: number | undefined;
}

/** Settings that the plan depends on. */
export interface ImportSettings {
  /** For tags that set no `importPolicy.importMode`. */
  readonly importMode: ImportMode;
  /** For Legacy imports of tags without annotations about it. */
  readonly platform: Platform;
  /** Milliseconds between two checks of a scheduled tag. */
  readonly schedulePeriodMs: number;
  /** Host (and port) of the registry that serves the cluster's streams; undefined without one. */
  readonly localRegistry: string | undefined;
}

/** What this process remembers of the checks of a stream; nothing of it has to survive. */
export interface CheckState {
  /** When a tag was last looked at (epoch milliseconds); for an unknown one since when this process lives. */
  checkedAt(tag: string): number;
  /** True when somebody said that the tag's source was pushed. */
  announced(tag: string): boolean;
  /** How many periods lie between two checks of a source whose pushes are announced: 1 to 4. */
  stretch(reference: ImageReference): number;
}

/** What a plan is made from besides the stream and the settings. */
export interface PlanFacts {
  readonly checks: CheckState;
  /** The streams that the tags may copy from. */
  readonly streams: SourceStreams;
}

/** Plans the imports of a stream, with all of its tags, at `now` (epoch milliseconds). Following tags need no plan. */
export function planImports(
  stream: ImageStream,
  now: number,
  settings: ImportSettings,
  { checks, streams }: PlanFacts,
): ImportPlan {
  const tags: PlannedTag[] = [];
  const repository = planRepository(stream, now);
  let wakeAt = repository === undefined ? repositoryRetry(stream) : undefined;
  for (const tag of sourcedTags(stream)) {
    if (followedTag(stream, tag) !== undefined) continue;
    const facts = gatherFacts(stream, tag, { now, settings, checks, streams });
    const reason = importReason(facts);
    if (reason !== undefined)
      tags.push({ tag: tag.name, reason, attempt: facts.attempt, ...planWork(stream, tag, facts, reason) });
    else wakeAt = earliest(wakeAt, earliest(facts.retryAt, facts.nextCheckAt));
  }
  return { tags, repository, wakeAt };
}

/** A tag whose registry wants to be left alone, and for how many milliseconds. */
export interface DeferredTag {
  readonly tag: string;
  readonly waitMs: number;
}

/**
 * When to look at a stream again (epoch milliseconds), given the plan that it would have right after its work: what has
 * become due meanwhile is due at once, unless it was put off just now.
 */
export function nextLook(
  plan: ImportPlan,
  deferred: readonly DeferredTag[],
  now: number,
): number | undefined {
  const putOff = new Set(deferred.map(({ tag }) => tag));
  const due = plan.repository !== undefined || plan.tags.some(({ tag }) => !putOff.has(tag));
  return deferred
    .map(({ waitMs }) => now + waitMs)
    .reduce(earliest, earliest(plan.wakeAt, due ? now : undefined));
}

/**
 * The same, when all of a plan's work was checks that found nothing new: it follows from the plan that was carried out, so
 * that a check of one tag does not cost a look at all of its stream.
 */
export function nextLookAfterChecks(plan: ImportPlan): number | undefined {
  return plan.tags
    .map((tag) => (tag.kind === 'check' ? tag.nextCheckAt : undefined))
    .reduce(earliest, plan.wakeAt);
}

/** The earlier of two times of which either may be missing. */
export function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

type Parsed = ReturnType<typeof parseImageReference>;

interface TagFacts {
  readonly attempt: ImportAttempt;
  readonly last: LastImport | undefined;
  readonly retryAt: number | undefined;
  readonly announced: boolean;
  /** True when a period has begun since the last look at a scheduled tag. */
  readonly checkDue: boolean;
  readonly nextCheckAt: number | undefined;
  readonly now: number;
  readonly parsed: Parsed;
  readonly settings: ImportSettings;
  /** Where in the cluster the tag gets its image from; undefined for one of a registry. */
  readonly source: LocalSource | undefined;
  readonly streams: SourceStreams;
  readonly held: string | undefined;
}

/** In this order; the first that holds is the reason that people read. */
const checkChain: readonly ((facts: TagFacts) => ImportReason | undefined)[] = [
  ({ last }) => (last === undefined ? 'new tag' : undefined),
  ({ last, attempt }) => (sameSource(last ?? {}, attempt) ? undefined : 'source changed'),
  ({ last, attempt }) =>
    attempt.requested !== undefined && attempt.requested !== last?.requested ? 'import requested' : undefined,
  ({ last, attempt }) =>
    wantsGeneration(attempt.generation, last?.generation) ? 'generation set' : undefined,
  ({ announced }) => (announced ? 'push announced' : undefined),
  ({ retryAt, now }) => (retryAt !== undefined && retryAt <= now ? 'retry after failure' : undefined),
  (facts) => (hasComeAbout(facts) ? 'source available' : undefined),
  ({ checkDue }) => (checkDue ? 'scheduled check' : undefined),
];

function importReason(facts: TagFacts): ImportReason | undefined {
  for (const check of checkChain) {
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

/** A source in the cluster that was not there at the last try, and is now. */
function hasComeAbout({ last, source, streams }: TagFacts): boolean {
  return source !== undefined && (last?.failures ?? 0) > 0 && resolveSource(source, streams).ok;
}

interface PlanContext extends PlanFacts {
  readonly now: number;
  readonly settings: ImportSettings;
}

function gatherFacts(stream: ImageStream, tag: SourcedTag, context: PlanContext): TagFacts {
  const { now, settings, checks, streams } = context;
  const status = stream.status?.tags?.find((entry) => entry.tag === tag.name);
  const last = status?.lastImport;
  const { parsed, phase } = sourceFacts(tag);
  const follows = parsed.ok && isFollowed(tag, parsed.reference, last);
  const schedule = follows
    ? scheduleOf(parsed.reference, last, { ...context, tag: tag.name, phase })
    : undefined;
  return {
    attempt: attemptFor(stream, tag),
    last,
    retryAt: parseTime(last?.retryAt),
    announced: follows && checks.announced(tag.name),
    // A tag that fails has its own rhythm until it works again.
    checkDue: schedule?.due === true && last?.retryAt === undefined,
    nextCheckAt: last?.retryAt === undefined ? schedule?.nextAt : undefined,
    now,
    parsed,
    settings,
    source: localSource(stream, tag),
    streams,
    held: heldImage(status),
  };
}

function heldImage(status: NamedTagEventList | undefined): string | undefined {
  return status?.items?.[0]?.image || undefined;
}

/** What follows from a tag's source alone, worked out once for each tag object that was read: it never changes. */
const knownSources = new WeakMap<SourcedTag, { readonly parsed: Parsed; readonly phase: number }>();

function sourceFacts(tag: SourcedTag): { readonly parsed: Parsed; readonly phase: number } {
  const known = knownSources.get(tag);
  if (known !== undefined) return known;
  const parsed = parseImageReference(tag.from.name);
  const facts = { parsed, phase: parsed.ok ? spread(formatImageReference(parsed.reference)) : 0 };
  knownSources.set(tag, facts);
  return facts;
}

/** A scheduled tag is followed; one that is pinned to a digest only until it has been imported once. */
function isFollowed(tag: SourcedTag, reference: ImageReference, last: LastImport | undefined): boolean {
  if (tag.importPolicy?.scheduled !== true || tag.from.kind !== 'DockerImage' || tag.reference === true)
    return false;
  return reference.digest === undefined || last?.digest === undefined;
}

function scheduleOf(
  reference: ImageReference,
  last: LastImport | undefined,
  { now, settings, checks, tag, phase }: Omit<PlanContext, 'streams'> & { tag: string; phase: number },
): { due: boolean; nextAt: number } {
  const periodMs = settings.schedulePeriodMs * checks.stretch(reference);
  const lookedAt = Math.max(checks.checkedAt(tag), parseTime(last?.attemptedAt) ?? 0);
  return { due: lookedAt < slotStart(now, periodMs, phase), nextAt: nextSlot(now, periodMs, phase) };
}

type Work = {
  [K in PlannedTag['kind']]: Omit<Extract<PlannedTag, { kind: K }>, 'tag' | 'reason' | 'attempt'>;
}[PlannedTag['kind']];

function planWork(stream: ImageStream, tag: SourcedTag, facts: TagFacts, reason: ImportReason): Work {
  const { parsed, last, attempt, settings, nextCheckAt } = facts;
  const { kind, name } = tag.from;
  if (kind !== 'DockerImage') return planCopy(stream, tag, facts);
  if (!parsed.ok) return refuse('invalid-reference', invalidName(tag, parsed.problem));
  if (tag.reference) return { kind: 'record', pullSpec: name };
  const lookup: PlannedLookup = {
    reference: parsed.reference,
    insecure: tag.importPolicy?.insecure ?? false,
    importMode: tag.importPolicy?.importMode || settings.importMode,
    platform: platformOf(attempt.platform, settings.platform),
    held: facts.held,
  };
  const onlyLook = reason === 'scheduled check' || reason === 'push announced';
  if (!onlyLook || last?.digest === undefined) return { kind: 'import', ...lookup };
  return { kind: 'check', known: last.digest, nextCheckAt, ...lookup };
}

function planCopy(stream: ImageStream, tag: SourcedTag, { source, streams, settings }: TagFacts): Work {
  if (source === undefined) {
    const problem = 'must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>';
    return refuse('invalid-reference', invalidName(tag, problem));
  }
  const found = resolveSource(source, streams);
  if (!found.ok) return { kind: 'refuse', failure: { ...found.failure, notes: notesOn(stream, source) } };
  const dockerImageReference =
    tag.reference === true
      ? found.item.dockerImageReference
      : ownPullSpec(stream, source, found.item, settings.localRegistry);
  const { image, created } = found.item;
  // A copied tag is as old as its source; an image out of a history comes to the tag now (semantics 1.7).
  const item = { dockerImageReference, image, created: source.kind === 'tag' ? created : undefined };
  return { kind: 'copy', item };
}

/** What has to happen for a source to be seen. */
function notesOn(stream: ImageStream, source: LocalSource): readonly string[] {
  const { namespace = '' } = stream.metadata;
  if (source.namespace === namespace) return ['it is taken as soon as it is there'];
  return [
    `it is taken as soon as it is there and shared: system:serviceaccounts:${namespace} must be allowed to get ` +
      `imagestreams/layers of ${source.stream} in ${source.namespace}, for example by a RoleBinding to ` +
      'the ClusterRole system:image-puller there',
  ];
}

function invalidName(tag: SourcedTag, problem: string): string {
  return `spec.tags[${tag.name}].from.name: Invalid value: ${JSON.stringify(tag.from.name)}: ${problem}`;
}

/** `os/architecture`; a half that is missing is the setting's. */
export function platformOf(preferred: string | undefined, fallback: Platform = defaultPlatform): Platform {
  const [os, architecture] = (preferred ?? '').split('/');
  return { os: os || fallback.os, architecture: architecture || fallback.architecture };
}

function refuse(code: ImportFailure['code'], detail: string): Work {
  return { kind: 'refuse', failure: { code, detail } };
}
