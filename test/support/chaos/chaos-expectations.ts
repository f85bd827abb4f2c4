/** Compares what there is with what the model says, in as few words as a person needs. Pure. */
import { type ChaosModel, type Entry, nameOf, roleOf, type StreamKey, type TagModel } from './chaos-model.ts';

/** A tag of a status. */
export interface ObservedTag {
  /** Images, oldest first. */
  readonly history: readonly string[];
  /** Of its condition, if it has one. */
  readonly problem: string | undefined;
}

/** An ImageStreamTag. */
export interface ObservedTagObject {
  readonly image: string | undefined;
  /** Whether it shows the tag as it was written: that goes when the tag leaves the spec. */
  readonly hasTag: boolean;
  readonly belongsTo: 'its stream' | 'another one';
}

/** A workload. */
export interface ObservedWorkload {
  /** A blank before it has one. */
  readonly image: string;
  /** How often its spec was changed since it was created. */
  readonly changes: number;
}

/** What was found in the cluster. */
export interface Observed {
  /** Tags by stream. */
  readonly streams: ReadonlyMap<StreamKey, ReadonlyMap<string, ObservedTag>>;
  /** By `<role>/<stream>:<tag>`. */
  readonly tagObjects: ReadonlyMap<string, ObservedTagObject>;
  /** By name. */
  readonly workloads: ReadonlyMap<string, ObservedWorkload>;
  /** Images that have an Image. */
  readonly images: ReadonlySet<string>;
  /** What should be there for a moment only: kept Jobs, for example. */
  readonly leftovers: readonly string[];
}

/** Writes of images to a workload as the API server noted them. */
export interface WorkloadWrites {
  /** The images of those that were answered with success, oldest first. */
  readonly heard: readonly string[];
  /** Those of which nobody knows whether they were made: the connection or the operator was gone. */
  readonly unheard: number;
}

/** What is wrong at a quiet moment; nothing when all is as it should be. */
export function differences(model: ChaosModel, observed: Observed): readonly string[] {
  return [
    ...[...model.streams].flatMap(([key, { tags }]) => streamDifferences(key, tags, observed)),
    ...superfluous('stream', observed.streams.keys(), new Set(model.streams.keys())),
    ...tagObjectDifferences(model, observed),
    ...workloadDifferences(model, observed),
    ...observed.leftovers.map((text) => `left over: ${text}`),
  ];
}

/** What two runs of one script ended with, and should have in common: histories differ in what the script allows only. */
export function outcomeOf({ streams, tagObjects, workloads }: Observed): Readonly<Record<string, string>> {
  const tags = [...streams].flatMap(([key, found]) =>
    [...found].map(([tag, { history }]) => [`tag ${key}:${tag}`, history.at(-1) ?? 'nothing'] as const),
  );
  const objects = [...tagObjects].map(
    ([name, { image, hasTag }]) =>
      [`object ${name}`, `${image ?? 'nothing'}${hasTag ? '' : ', kept'}`] as const,
  );
  const images = [...workloads].map(([name, { image }]) => [`workload ${name}`, image] as const);
  return Object.fromEntries([...tags, ...objects, ...images]);
}

/** The lines in which two such outcomes differ. */
export function outcomeDifferences(
  calm: Readonly<Record<string, string>>,
  disturbed: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(calm), ...Object.keys(disturbed)])].sort();
  return names
    .filter((name) => calm[name] !== disturbed[name])
    .map(
      (name) => `${name}: ${disturbed[name] ?? 'not there'}, undisturbed it is ${calm[name] ?? 'not there'}`,
    );
}

/** True when a history (oldest first) holds all that is certain, in order, and nothing but what may be. */
export function isPossible(entries: readonly Entry[], history: readonly string[]): boolean {
  // How much of the history may have been there after each entry.
  let lengths = new Set([0]);
  for (const { image, isCertain } of entries) {
    const after = new Set<number>();
    for (const length of lengths) {
      const newest = history[length - 1];
      if (!isCertain || newest === image) after.add(length);
      if (history[length] === image && newest !== image) after.add(length + 1);
    }
    lengths = after;
  }
  return lengths.has(history.length);
}

/**
 * What is wrong with the writes to a workload: each has to be a move of its tag that comes later than the one before. `changes`
 * is undefined where it says nothing, as for a Job, which is another object each time. When the API server was killed it may not
 * have noted what it did.
 */
export function writeDifferences(
  name: string,
  images: readonly string[],
  {
    heard,
    unheard,
    changes,
    wasKilled,
  }: WorkloadWrites & { readonly changes: number | undefined; readonly wasKilled: boolean },
): readonly string[] {
  const problems: string[] = [];
  let next = 0;
  for (const image of heard) {
    next = images.indexOf(image, next) + 1;
    if (next === 0) {
      problems.push(
        `${name}: written twice or out of order: [${heard.join(', ')}] for [${images.join(', ')}]`,
      );
      break;
    }
  }
  if (changes === undefined) return problems;
  if (changes < heard.length) problems.push(`${name}: ${heard.length} writes, but only ${changes} changes`);
  if (!wasKilled && changes > heard.length + unheard)
    problems.push(`${name}: ${changes} changes, but only ${heard.length} writes and ${unheard} unheard ones`);
  if (changes > images.length)
    problems.push(`${name}: ${changes} changes for ${images.length} moves of its tag`);
  return problems;
}

function streamDifferences(
  key: StreamKey,
  tags: ReadonlyMap<string, TagModel>,
  observed: Observed,
): readonly string[] {
  const found = observed.streams.get(key);
  if (found === undefined) return [`stream ${key}: not there`];
  const wanted = [...tags].filter(([, { entries, source }]) => entries.length > 0 || source !== undefined);
  return [
    ...wanted.flatMap(([name, tag]) => {
      const text = `tag ${key}:${name}`;
      const { history, problem } = found.get(name) ?? { history: [], problem: undefined };
      if (tag.entries.length === 0) {
        if (history.length > 0) return [`${text}: has ${history.join(', ')} without leave`];
        return problem === undefined ? [`${text}: does not say why it has no image`] : [];
      }
      const missing = history.filter((image) => !observed.images.has(image));
      return [
        ...historyDifferences(text, tag.entries, history),
        ...(problem === undefined ? [] : [`${text}: ${problem}`]),
        ...missing.map((image) => `${text}: there is no Image of ${image}`),
        ...twinDifferences(text, tag, { history, found }),
      ];
    }),
    ...superfluous(`tag of ${key}`, found.keys(), new Set(wanted.map(([name]) => name))),
  ];
}

function historyDifferences(
  text: string,
  entries: readonly Entry[],
  history: readonly string[],
): readonly string[] {
  const last = entries.at(-1)?.image ?? '';
  if (isPossible([...entries.slice(0, -1), { image: last, isCertain: true }], history)) return [];
  const wanted = entries.map(({ image, isCertain }) => `${image}${isCertain ? '' : '?'}`).join(', ');
  return [`${text}: the history is [${history.join(', ')}], not [${wanted}] (? may be missing)`];
}

/** Both are written together. */
function twinDifferences(
  text: string,
  { source, isTwin }: TagModel,
  {
    history,
    found,
  }: { readonly history: readonly string[]; readonly found: ReadonlyMap<string, ObservedTag> },
): readonly string[] {
  if (source?.kind !== 'link' || !isTwin) return [];
  const [own, other] = [history, found.get(source.tag)?.history ?? []].map((images) => images.join(', '));
  return own === other ? [] : [`${text}: its history is [${own}], that of ${source.tag} is [${other}]`];
}

function tagObjectDifferences(model: ChaosModel, observed: Observed): readonly string[] {
  const wanted = new Map<string, TagModel>();
  for (const [key, { tags }] of model.streams) {
    for (const [name, tag] of tags)
      if (tag.entries.length > 0 || tag.source !== undefined) wanted.set(`${key}:${name}`, tag);
  }
  const problems = [...wanted].flatMap(([name, { entries, source }]) => {
    const text = `ImageStreamTag ${name}`;
    const found = observed.tagObjects.get(name);
    if (found === undefined) return [`${text}: not there`];
    const image = entries.at(-1)?.image;
    return [
      ...(found.image === image
        ? []
        : [`${text}: shows ${found.image ?? 'nothing'}, not ${image ?? 'nothing'}`]),
      ...(found.hasTag === (source !== undefined)
        ? []
        : [`${text}: shows a tag that is not in the spec, or not`]),
      ...(found.belongsTo === 'its stream' ? [] : [`${text}: belongs to a stream that is gone`]),
    ];
  });
  return [...problems, ...superfluous('ImageStreamTag', observed.tagObjects.keys(), wanted)];
}

function workloadDifferences(model: ChaosModel, observed: Observed): readonly string[] {
  const problems = [...model.workloads].flatMap(([name, { images, stream, tag }]) => {
    const found = observed.workloads.get(name);
    if (found === undefined) return [`workload ${name}: not there`];
    const image = images.at(-1) ?? ' ';
    if (found.image === image) return [];
    return [
      `workload ${name} of ${roleOf(stream)}/${nameOf(stream)}:${tag}: runs ${found.image}, not ${image}`,
    ];
  });
  return [...problems, ...superfluous('workload', observed.workloads.keys(), model.workloads)];
}

function superfluous(
  what: string,
  found: Iterable<string>,
  wanted: { has(name: never): boolean },
): readonly string[] {
  return [...found]
    .filter((name) => !wanted.has(name as never))
    .map((name) => `${what} ${name}: is too many`);
}
