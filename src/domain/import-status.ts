/** Folds the outcomes of imports into a stream's status. Pure: same stream, outcomes and time, same status. */
import type { ImageStream, ImageStreamStatus, NamedTagEventList } from '../api/generated/image-stream.ts';
import {
  attemptFor,
  isCurrentAttempt,
  type SourcedTag,
  sameRequest,
  sourcedTags,
  wantedTags,
} from './import-attempt.ts';
import type { ImportOutcomes } from './import-outcome.ts';
import { readyConditions } from './ready-condition.ts';
import { foldRepository, listingFailure } from './repository-status.ts';
import { fitStatus } from './status-size.ts';
import { followLinks } from './tag-following.ts';
import { dockerImageRepositoryOf } from './tag-resolution.ts';
import { type FoldContext, type FoldSettings, foldLink, foldTag } from './tag-status.ts';
import { summarizeTags } from './tag-summary.ts';
import { type TagTransition, transitionsOf } from './tag-transition.ts';

/** A folded status and what changed with it. */
export interface FoldedStatus {
  readonly status: ImageStreamStatus;
  readonly transitions: readonly TagTransition[];
}

/** What there is to fold. */
export interface FoldInput extends ImportOutcomes {
  /** The tags that have an ImageStreamTag now; undefined when nobody looks after these. */
  readonly tagObjects?: ReadonlySet<string> | undefined;
  /** The tags whose ImageStreamTag was seen to be deleted. */
  readonly deletedTagObjects?: ReadonlySet<string> | undefined;
}

type Entries = Map<string, NamedTagEventList>;

/**
 * The status of a stream (with all of its tags) after the outcomes. An outcome whose tag asks for something else by now is
 * left out: the next plan sees the new wish. Tags that follow others get what these have, and a tag that is neither asked
 * for nor has an ImageStreamTag any more goes.
 */
export function foldOutcomes(
  stream: ImageStream,
  { tags: outcomes, repository, tagObjects, deletedTagObjects }: FoldInput,
  now: number,
  settings: FoldSettings,
): FoldedStatus {
  const context = { now, settings };
  const before = new Map((stream.status?.tags ?? []).map((entry) => [entry.tag, entry]));
  const entries: Entries = new Map(before);
  const sourced = new Map(sourcedTags(stream).map((tag) => [tag.name, tag]));
  for (const outcome of outcomes) {
    if (!isCurrentAttempt(stream, sourced.get(outcome.tag), outcome.attempt)) continue;
    const entry = entries.get(outcome.tag) ?? { tag: outcome.tag };
    entries.set(outcome.tag, foldTag(stream, entry, outcome, context));
  }
  const repositoryImport = foldRepository(stream, repository, context);
  // First, so that nobody is given what is about to go; by what the repository has now.
  const isDeleted = (tag: string, marked: boolean): boolean =>
    tagObjects?.has(tag) === false && (marked || deletedTagObjects?.has(tag) === true);
  dropUnwanted(withListing(stream, repositoryImport), entries, isDeleted);
  foldLinks(stream, { entries, sourced }, context);
  if (tagObjects !== undefined) noteTagObjects(stream, entries, { before, tagObjects });
  const transitions = [
    ...tagTransitions(before, entries),
    ...listingFailure(stream.status?.repositoryImport, repositoryImport),
  ];
  const tags = [...entries.values()].sort((a, b) => (a.tag < b.tag ? -1 : 1));
  return { status: statusOf(stream, { tags, repositoryImport }, context), transitions };
}

function statusOf(
  stream: ImageStream,
  {
    tags,
    repositoryImport,
  }: { tags: NamedTagEventList[]; repositoryImport: ImageStreamStatus['repositoryImport'] },
  { now, settings }: FoldContext,
): ImageStreamStatus {
  const { text, lastUpdated } = summarizeTags(tags);
  const {
    repositoryImport: _,
    tags: _tags,
    tagSummary: _text,
    lastUpdated: _time,
    ...kept
  } = stream.status ?? {};
  const status: ImageStreamStatus = {
    ...kept,
    dockerImageRepository: dockerImageRepositoryOf(stream, settings.localRegistry),
    observedGeneration: stream.metadata.generation ?? 0,
    ...(tags.length > 0 ? { tags } : {}),
    ...(repositoryImport === undefined ? {} : { repositoryImport }),
    ...(text === '' ? {} : { tagSummary: text }),
    ...(lastUpdated === undefined ? {} : { lastUpdated }),
  };
  const fitting = fitStatus(stream, status);
  return { ...fitting.status, conditions: readyConditions(stream, fitting, now) };
}

function withListing(
  stream: ImageStream,
  repositoryImport: ImageStreamStatus['repositoryImport'],
): ImageStream {
  return repositoryImport === undefined
    ? stream
    : { ...stream, status: { ...stream.status, repositoryImport } };
}

/** Gives the tags that follow others what these have now. */
function foldLinks(
  stream: ImageStream,
  { entries, sourced }: { entries: Entries; sourced: ReadonlyMap<string, SourcedTag> },
  context: FoldContext,
): void {
  const ends = followLinks(stream, entries);
  if (ends.size === 0) return;
  for (const tag of sourced.values()) {
    const end = ends.get(tag.name);
    if (
      end === undefined ||
      (end.kind === 'nothing' && isUnderWay(stream, sourced.get(end.missing), entries))
    )
      continue;
    const before = entries.get(tag.name) ?? { tag: tag.name };
    entries.set(tag.name, foldLink(stream, tag, { before, end }, context));
  }
}

/** A tag that has not been answered yet: nobody who follows it has anything to complain about. */
function isUnderWay(stream: ImageStream, tag: SourcedTag | undefined, entries: Entries): boolean {
  if (tag === undefined) return false;
  const last = entries.get(tag.name)?.lastImport;
  return last === undefined || !sameRequest(last, attemptFor(stream, tag));
}

/**
 * A tag that nobody asks for any more keeps its history (as in the reference), but nothing that is about its source. It
 * goes when there is no history, and when its ImageStreamTag was there and was deleted.
 */
function dropUnwanted(
  stream: ImageStream,
  entries: Entries,
  isDeleted: (tag: string, marked: boolean) => boolean,
): void {
  const sourced = new Set(sourcedTags(stream).map(({ name }) => name));
  const wanted = wantedTags(stream);
  for (const [tag, entry] of entries) {
    if (sourced.has(tag)) continue;
    const { lastImport, conditions, ...rest } = entry;
    const deleted = !wanted.has(tag) && isDeleted(tag, entry.hasImageStreamTag === true);
    if (deleted || (entry.items ?? []).length === 0) entries.delete(tag);
    else if (lastImport !== undefined || conditions !== undefined) entries.set(tag, rest);
  }
}

/**
 * Notes which tags have an ImageStreamTag, so that its deletion is understood also after a restart. That alone is no reason
 * for a write, but for a tag that only its ImageStreamTag holds.
 */
function noteTagObjects(
  stream: ImageStream,
  entries: Entries,
  { before, tagObjects }: { before: ReadonlyMap<string, NamedTagEventList>; tagObjects: ReadonlySet<string> },
): void {
  const changed =
    entries.size !== before.size || [...entries].some(([tag, entry]) => before.get(tag) !== entry);
  const answered = stream.status?.observedGeneration === stream.metadata.generation;
  const wanted = wantedTags(stream);
  // Objects come one after the other: the write is made when they are all there.
  const complete = [...entries.keys()].every((tag) => tagObjects.has(tag));
  for (const [tag, entry] of entries) {
    const { hasImageStreamTag, ...unmarked } = entry;
    const isThere = tagObjects.has(tag);
    if (isThere && hasImageStreamTag !== true) {
      if (changed || !answered || (complete && !wanted.has(tag)))
        entries.set(tag, { ...entry, hasImageStreamTag: true });
    } else if (!isThere && hasImageStreamTag === true && wanted.has(tag) && changed) {
      // It cannot be made again: its absence says nothing any more.
      entries.set(tag, unmarked);
    }
  }
}

function tagTransitions(
  before: ReadonlyMap<string, NamedTagEventList>,
  after: ReadonlyMap<string, NamedTagEventList>,
): readonly TagTransition[] {
  const transitions: TagTransition[] = [];
  for (const [tag, entry] of after) {
    const was = before.get(tag);
    if (was !== entry) transitions.push(...transitionsOf(was ?? { tag }, entry));
  }
  for (const [tag, entry] of before)
    if (!after.has(tag)) transitions.push({ kind: 'dropped', tag, images: entry.items?.length ?? 0 });
  return transitions;
}
