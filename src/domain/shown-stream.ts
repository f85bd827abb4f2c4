/**
 * ImageStreams as clients of the reference know them: with the defaults, tag generations, found tags and the time of the last
 * import in `spec` and annotations, where we keep them in `status` or nowhere (semantics 1.2, 1.6, 1.12). And the way back: what
 * was only shown is not stored when it comes back. Pure; what is given is never changed.
 */
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { canonicalJson } from '../api/json.ts';
import { parseTime } from '../api/time.ts';
import { attemptFor, type SourcedTag, sameRequest, sourcedTags } from './import-attempt.ts';
import type { ImportMode } from './import-plan.ts';
import { importGeneration } from './stream-import.ts';
import { changedTags } from './tag-change.ts';
import { dockerImageRepositoryOf } from './tag-resolution.ts';

/** On a stream: when it was last imported from a registry (the reference's key). */
export const repositoryCheckAnnotation = 'openshift.io/image.dockerRepositoryCheck';

/** What is shown where nothing is stored. */
export interface ShownDefaults {
  /** The cluster's setting for tags without a mode of their own. */
  readonly importMode: ImportMode;
  /** Host and port of the cluster's own registry, if there is one. */
  readonly localRegistry: string | undefined;
}

/** The stream as it is shown. */
export function shownStream(stream: ImageStream, defaults: ShownDefaults): ImageStream {
  const { metadata, spec = {}, status } = stream;
  const tags = shownTags(stream, defaults);
  const checked = lastCheck(stream);
  const annotations =
    checked === undefined
      ? {}
      : { annotations: { ...metadata.annotations, [repositoryCheckAnnotation]: checked } };
  return {
    ...stream,
    metadata: { ...metadata, ...annotations },
    spec: {
      ...spec,
      lookupPolicy: { ...spec.lookupPolicy, local: spec.lookupPolicy?.local ?? false },
      ...(tags.length === 0 ? {} : { tags }),
    },
    status: {
      ...status,
      // Of a stream that was made just now the operator has not written it yet.
      dockerImageRepository:
        status?.dockerImageRepository || dockerImageRepositoryOf(stream, defaults.localRegistry),
    },
  };
}

/** The tags of the spec as they are shown, by name. */
function shownTags(stream: ImageStream, defaults: ShownDefaults): TagReference[] {
  const own = stream.spec?.tags ?? [];
  const names = new Set(own.map(({ name }) => name));
  const found = sourcedTags(stream).filter(({ name }) => !names.has(name));
  const entries = new Map((stream.status?.tags ?? []).map((entry) => [entry.tag, entry]));
  return [...own, ...found]
    .map((tag) => shownTag(stream, { tag, entry: entries.get(tag.name) }, defaults))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface TagWithEntry {
  readonly tag: TagReference;
  readonly entry: NamedTagEventList | undefined;
}

function shownTag(
  stream: ImageStream,
  { tag, entry }: TagWithEntry,
  { importMode }: ShownDefaults,
): TagReference {
  return {
    ...tag,
    // A stored 0 asks for an import; the reference counts it at once.
    generation: tag.generation || shownGeneration(stream, { tag, entry }),
    importPolicy: { ...tag.importPolicy, importMode: tag.importPolicy?.importMode || importMode },
    referencePolicy: { ...tag.referencePolicy, type: tag.referencePolicy?.type || 'Source' },
  };
}

/** What is being imported is ahead of what has been observed, as clients see by these numbers; all else is level with it. */
function shownGeneration(stream: ImageStream, { tag, entry }: TagWithEntry): number {
  const { generation = 1 } = stream.metadata;
  if (!tag.from || entry === undefined) return generation;
  const isAnswered =
    entry.lastImport !== undefined && sameRequest(entry.lastImport, attemptFor(stream, tag as SourcedTag));
  if (!isAnswered) return generation;
  const [item] = entry.items ?? [];
  const failure = entry.conditions?.find(({ type }) => type === 'ImportSuccess');
  return Math.max(item?.generation ?? 0, failure?.generation ?? 0) || generation;
}

/** When something was last imported from a registry. */
function lastCheck({ status }: ImageStream): string | undefined {
  const times = [
    status?.repositoryImport?.attemptedAt,
    ...(status?.tags ?? []).map(({ lastImport }) =>
      lastImport?.from?.kind === 'DockerImage' && lastImport.reference !== true
        ? lastImport.attemptedAt
        : undefined,
    ),
  ];
  return times.reduce(
    (latest, time) => ((parseTime(time) ?? 0) > (parseTime(latest) ?? 0) ? time : latest),
    undefined,
  );
}

/**
 * What is to be stored of a stream that a client has sent. `present` is the stored one, undefined when there is none yet. What
 * equals what is shown and is not stored stays so; generations are counted as in the reference: a client can only ask again, by 0.
 */
export function storedStream(
  sent: ImageStream,
  present: ImageStream | undefined,
  defaults: ShownDefaults,
): ImageStream {
  const { status: _status, ...stream } = sent;
  if (present === undefined)
    return { ...stream, ...withTags(sent, (sent.spec?.tags ?? []).map(withoutGeneration)) };
  const shown = shownStream(present, defaults);
  const tags = storedTags(sent, { present, shown });
  const { spec = {} } = stream;
  const { lookupPolicy, ...rest } = spec;
  const isDefaultLookup =
    present.spec?.lookupPolicy === undefined && isSame(lookupPolicy, shown.spec?.lookupPolicy);
  const kept = isDefaultLookup || lookupPolicy === undefined ? rest : { ...rest, lookupPolicy };
  return {
    ...stream,
    metadata: storedMetadata(sent, { present, shown }),
    ...(stream.spec === undefined ? {} : withTags({ ...stream, spec: kept }, tags)),
  };
}

interface StoredAndShown {
  readonly present: ImageStream;
  readonly shown: ImageStream;
}

/** Who has written what is the API server's to say: it is not sent back with the versions that were shown. */
function storedMetadata(sent: ImageStream, { present, shown }: StoredAndShown): ImageStream['metadata'] {
  const { managedFields, ...others } = sent.metadata;
  const { annotations, ...metadata } = isSame(managedFields, shown.metadata.managedFields)
    ? others
    : sent.metadata;
  if (!annotations) return metadata;
  const { [repositoryCheckAnnotation]: checked, ...kept } = annotations;
  if (checked === undefined || checked !== shown.metadata.annotations?.[repositoryCheckAnnotation])
    return { ...metadata, annotations };
  const stored = present.metadata.annotations?.[repositoryCheckAnnotation];
  return {
    ...metadata,
    annotations: stored === undefined ? kept : { ...kept, [repositoryCheckAnnotation]: stored },
  };
}

/** In the stored order, with new ones behind. */
function storedTags(sent: ImageStream, { present, shown }: StoredAndShown): TagReference[] {
  const stored = new Map((present.spec?.tags ?? []).map((tag) => [tag.name, tag]));
  const seen = new Map((shown.spec?.tags ?? []).map((tag) => [tag.name, tag]));
  const ranks = new Map([...stored.keys()].map((name, rank) => [name, rank]));
  const rank = ({ name }: TagReference): number => ranks.get(name) ?? ranks.size;
  const known = { stored, seen, next: importGeneration(present) };
  // The last of a name counts, as in the reference.
  return [...new Map((sent.spec?.tags ?? []).map((tag) => [tag.name, tag])).values()]
    .filter((tag) => stored.has(tag.name) || !isSame(tag, seen.get(tag.name)))
    .map((tag) => storedTag(tag, present, known))
    .sort((a, b) => rank(a) - rank(b));
}

interface KnownTags {
  readonly stored: ReadonlyMap<string, TagReference>;
  readonly seen: ReadonlyMap<string, TagReference>;
  /** The generation that asks for an import. */
  readonly next: number;
}

function storedTag(
  sent: TagReference,
  present: ImageStream,
  { stored, seen, next }: KnownTags,
): TagReference {
  const before = stored.get(sent.name);
  const tag = withoutDefaults(withoutGeneration(sent), { before, shown: seen.get(sent.name) });
  if (before === undefined) {
    // Its history may be there already: it is asked for again.
    const isKnown = (present.status?.tags ?? []).some((entry) => entry.tag === sent.name);
    return isKnown || sent.generation === 0 ? { ...tag, generation: next } : tag;
  }
  const { generation } = before;
  if (sent.generation === 0) return { ...tag, generation: next };
  if (generation === undefined || generation === null) return tag;
  const isChanged = changedTags([before], [tag], present.metadata.namespace ?? '').length > 0;
  return { ...tag, generation: isChanged ? next : generation };
}

/** What is to be stored of one tag that a client has sent, but for its generation. `stream` is the stored one, with all of its tags. */
export function storedTagReference(
  sent: TagReference,
  stream: ImageStream | undefined,
  defaults: ShownDefaults,
): TagReference {
  if (stream === undefined) return sent;
  const isSent = ({ name }: TagReference): boolean => name === sent.name;
  const before = stream.spec?.tags?.find(isSent);
  return withoutDefaults(sent, { before, shown: shownStream(stream, defaults).spec?.tags?.find(isSent) });
}

interface TagBefore {
  readonly before: TagReference | undefined;
  readonly shown: TagReference | undefined;
}

function withoutDefaults(tag: TagReference, known: TagBefore): TagReference {
  if (known.shown === undefined) return tag;
  const { importPolicy: _importing, referencePolicy: _consuming, ...rest } = tag;
  const importPolicy = storedImportPolicy(tag, known);
  const referencePolicy = storedReferencePolicy(tag, known);
  return {
    ...rest,
    ...(importPolicy === undefined ? {} : { importPolicy }),
    ...(referencePolicy === undefined ? {} : { referencePolicy }),
  };
}

function storedImportPolicy(
  { importPolicy }: TagReference,
  { before, shown }: TagBefore,
): TagReference['importPolicy'] {
  const stored = before?.importPolicy;
  const isOnlyShown = !stored?.importMode && importPolicy?.importMode === shown?.importPolicy?.importMode;
  if (!isOnlyShown) return importPolicy;
  const { importMode: _mode, ...others } = importPolicy ?? {};
  // An empty mode that is written out stays so.
  const policy = stored?.importMode === '' ? { ...others, importMode: '' as const } : others;
  return Object.keys(policy).length === 0 ? stored && {} : policy;
}

function storedReferencePolicy(
  { referencePolicy }: TagReference,
  { before, shown }: TagBefore,
): TagReference['referencePolicy'] {
  const stored = before?.referencePolicy;
  const isOnlyShown = !stored?.type && referencePolicy?.type === shown?.referencePolicy?.type;
  return isOnlyShown ? stored : referencePolicy;
}

function withoutGeneration(tag: TagReference): TagReference {
  const { generation: _, ...rest } = tag;
  return rest;
}

function withTags(stream: ImageStream, tags: TagReference[]): Pick<ImageStream, 'spec'> {
  if (stream.spec === undefined) return {};
  return {
    spec: stream.spec.tags === undefined && tags.length === 0 ? stream.spec : { ...stream.spec, tags },
  };
}

function isSame(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
