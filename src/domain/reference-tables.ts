/**
 * The tables that `oc get` and `kubectl get` show: the server makes them, so they are the reference's to the letter
 * (semantics 4.7). Objects are views of `v1` as JSON; what is missing in one, or of another shape, is an empty cell.
 */
import { arrayOf, isJsonObject, textOf, valueAt } from '../api/json.ts';
import { parseTime } from '../api/time.ts';

/** A column, as in `columnDefinitions` of a Table of `meta.k8s.io/v1`. */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  /** `name` for the column that identifies the object, else ''. */
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: number;
}

/** How a kind of object is shown. */
export interface ReferenceTable {
  readonly columns: readonly TableColumn[];
  /** The cells of an object, one a column, also for `-o wide`; `now` in epoch milliseconds. Never throws. */
  readonly row: (object: unknown, now: number) => readonly unknown[];
}

/** Characters that the list of a stream's tags should take. */
const tagBudget = 40;
/** Of the budget: how much has to be unused, and by how much the list may then be too long. */
const tagMargin = tagBudget / 4;

const minuteSeconds = 60;
const hourMs = 3_600_000;
const dayHours = 24;

const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name that the object is asked for by.',
  priority: 0,
};
const referenceText = 'The pull spec of the image.';
const updatedText = 'How long ago the image got there.';
const imageNameText = 'The name of the image: the digest of its manifest.';

/** ImageStreams. */
export const imageStreamTable: ReferenceTable = {
  columns: [
    nameColumn,
    textColumn('Image Repository', 'Where the images of the stream can be pulled from.'),
    textColumn('Tags', 'The tags of the stream, newest first; when they are many, only the first of them.'),
    textColumn('Updated', 'How long ago a tag of the stream last got an image.'),
  ],
  row: imageStreamRow,
};

/** ImageStreamTags. */
export const imageStreamTagTable: ReferenceTable = {
  columns: [
    nameColumn,
    textColumn('Image Reference', referenceText),
    textColumn('Updated', updatedText),
    textColumn('Image Name', imageNameText, 1),
  ],
  row: (object, now) => [
    nameOf(object),
    textAt(object, ['image', 'dockerImageReference']),
    createdCell(object, now),
    textAt(object, ['image', 'metadata', 'name']),
  ],
};

/** ImageTags. */
export const imageTagTable: ReferenceTable = {
  columns: [
    nameColumn,
    textColumn('Spec', 'How the tag gets its image: Tag, Ref, Scheduled, Track or Push.'),
    textColumn('Status', 'The image or source of the tag, or why it has none yet.'),
    { ...textColumn('History', 'How many entries the history of the tag has.'), type: 'integer' },
    textColumn('Updated', 'How long ago the image of the tag or one of its conditions changed.'),
  ],
  row: imageTagRow,
};

/** ImageStreamImages. */
export const imageStreamImageTable: ReferenceTable = {
  columns: [
    nameColumn,
    textColumn('Updated', updatedText),
    textColumn('Image Reference', referenceText, 1),
    textColumn('Image Name', imageNameText, 1),
  ],
  row: (object, now) => [
    nameOf(object),
    createdCell(object, now),
    textAt(object, ['image', 'dockerImageReference']),
    textAt(object, ['image', 'metadata', 'name']),
  ],
};

/** Images. */
export const imageTable: ReferenceTable = {
  columns: [nameColumn, textColumn('Image Reference', referenceText)],
  row: (object) => [nameOf(object), textAt(object, ['dockerImageReference'])],
};

function textColumn(name: string, description: string, priority = 0): TableColumn {
  return { name, type: 'string', format: '', description, priority };
}

function imageStreamRow(stream: unknown, now: number): readonly unknown[] {
  // When each tag last got an image; of a tag that is there twice the last entry counts.
  const tags = new Map<string, number | undefined>();
  for (const entry of arrayOf(valueAt(stream, ['status', 'tags']))) {
    const tag = textOf(valueAt(entry, ['tag']));
    const [newest] = arrayOf(valueAt(entry, ['items']));
    if (tag !== undefined) tags.set(tag, newestTime([valueAt(newest, ['created'])]));
  }
  const repository =
    textAt(stream, ['status', 'publicDockerImageRepository']) ||
    textAt(stream, ['spec', 'dockerImageRepository']) ||
    textAt(stream, ['status', 'dockerImageRepository']);
  const names = [...tags].sort(newestFirst).map(([tag]) => tag);
  const updated = [...tags.values()].reduce(later, undefined);
  return [nameOf(stream), repository, tagsCell(names), agoCell(updated, now)];
}

/** Tags without an image come last. Whole seconds are compared, as times have no more, and then names. */
function newestFirst(
  [leftTag, leftTime]: readonly [string, number | undefined],
  [rightTag, rightTime]: readonly [string, number | undefined],
): number {
  const [left, right] = [secondOf(leftTime), secondOf(rightTime)];
  if (left !== right) return left < right ? 1 : -1;
  return leftTag < rightTag ? -1 : 1;
}

function secondOf(time: number | undefined): number {
  return time === undefined ? Number.NEGATIVE_INFINITY : Math.round(time / 1_000);
}

/** As many tags as fit the budget, at least one, and how many others there are. */
function tagsCell(tags: readonly string[]): string {
  let left = tagBudget;
  let shown = 0;
  for (const { length } of tags) {
    if (shown > 0 && !fits(length, left)) break;
    shown += 1;
    left -= length + 1;
  }
  const others = tags.length - shown;
  return tags.slice(0, shown).join(',') + (others > 0 ? ` + ${others} more...` : '');
}

/**
 * Whether one more tag is shown with so much of the budget left. A tag costs its length and a separator; one that is too
 * long is shown all the same if, without it, more than a margin would be unused beside a separator, and it exceeds the
 * budget by a margin at most.
 */
function fits(length: number, left: number): boolean {
  const excess = length + 1 - left;
  return excess <= 0 || (left - 1 > tagMargin && excess <= tagMargin);
}

function imageTagRow(object: unknown, now: number): readonly unknown[] {
  const spec = valueAt(object, ['spec']);
  const items = arrayOf(valueAt(object, ['status', 'items']));
  const conditions = arrayOf(valueAt(object, ['status', 'conditions']));
  const [event] = items;
  const changed = newestTime([
    valueAt(event, ['created']),
    ...conditions.map((condition) => valueAt(condition, ['lastTransitionTime'])),
  ]);
  return [
    nameOf(object),
    specCell(spec, event),
    statusCell(spec, event, conditions),
    items.length === 0 ? null : items.length,
    agoCell(changed, now),
  ];
}

/**
 * How a tag gets its image. It was pushed when there is an image but no source, or when the newest event is newer than the
 * spec; the events of a tag that tracks another one have generations of that one, and say nothing.
 */
function specCell(spec: unknown, event: unknown): string {
  const intent = intentOf(spec);
  if (intent === 'Track') return intent;
  const lead = generationLead(spec, event);
  const isUnasked = intent === '' && lead === 0 && eventSource(event) !== '';
  return lead > 0 || isUnasked ? 'Push' : intent;
}

/** What the spec alone says; '' without a source. */
function intentOf(spec: unknown): '' | 'Tag' | 'Ref' | 'Scheduled' | 'Track' {
  const from = valueAt(spec, ['from']);
  if (!isJsonObject(from)) return '';
  if (from['kind'] === 'ImageStreamTag' && !textAt(from, ['name']).includes(':')) return 'Track';
  if (valueAt(spec, ['importPolicy', 'scheduled']) === true) return 'Scheduled';
  return valueAt(spec, ['reference']) === true ? 'Ref' : 'Tag';
}

function statusCell(spec: unknown, event: unknown, conditions: readonly unknown[]): string {
  const failure = conditions.findLast(isFailedImport);
  if (failure !== undefined) return `ImportFailed (${textAt(failure, ['reason'])})`;
  if (generationLead(spec, event) < 0) return 'Importing';
  const source = specSource(spec);
  return source.ok ? eventSource(event) || source.text : source.problem;
}

function isFailedImport(condition: unknown): boolean {
  return valueAt(condition, ['type']) === 'ImportSuccess' && valueAt(condition, ['status']) === 'False';
}

/** The source that the spec names, as it is shown ('' for none), or what is wrong with it. */
function specSource(
  spec: unknown,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string } {
  const from = valueAt(spec, ['from']);
  if (!isJsonObject(from)) return { ok: true, text: '' };
  const name = textAt(from, ['name']);
  const namespace = textAt(from, ['namespace']);
  switch (from['kind']) {
    case 'DockerImage':
      return { ok: true, text: name };
    case 'ImageStreamTag':
      return { ok: true, text: namespace === '' ? `istag/${name}` : `istag ${namespace}/${name}` };
    case 'ImageStreamImage': {
      const at = name.indexOf('@');
      return at < 0
        ? { ok: false, problem: 'InvalidRefName' }
        : { ok: true, text: `image/${name.slice(at + 1)}` };
    }
    default:
      return { ok: false, problem: 'InvalidRefKind' };
  }
}

/** What an event of a history brought: the image, or the pull spec of one that is only referred to. */
function eventSource(event: unknown): string {
  const image = textAt(event, ['image']);
  return image === '' ? textAt(event, ['dockerImageReference']) : `image/${image}`;
}

/** By how much the generation of an event is ahead of the spec's; 0 where one of them has none. */
function generationLead(spec: unknown, event: unknown): number {
  const [wanted, seen] = [generationOf(spec), generationOf(event)];
  return wanted > 0 && seen > 0 ? seen - wanted : 0;
}

function generationOf(value: unknown): number {
  const generation = valueAt(value, ['generation']);
  return typeof generation === 'number' ? generation : 0;
}

function nameOf(object: unknown): string {
  return textAt(object, ['metadata', 'name']);
}

/** The text behind a row of member names, '' for anything else. */
function textAt(value: unknown, path: readonly string[]): string {
  return textOf(valueAt(value, path)) ?? '';
}

function createdCell(object: unknown, now: number): string {
  return agoCell(newestTime([valueAt(object, ['metadata', 'creationTimestamp'])]), now);
}

function newestTime(texts: readonly unknown[]): number | undefined {
  return texts.map((text) => parseTime(textOf(text))).reduce(later, undefined);
}

function later(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}

/** '' without a time. */
function agoCell(time: number | undefined, now: number): string {
  return time === undefined ? '' : `${durationText(now - time)} ago`;
}

/** A duration in its largest fitting unit. A time in the future counts as now. */
function durationText(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1_000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < minuteSeconds) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / minuteSeconds);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  return longDurationText(durationMs / hourMs);
}

/** An hour and more. Hours are rounded, greater units cut off; years count only hours that are over. */
function longDurationText(exactHours: number): string {
  const hours = Math.round(exactHours);
  const days = Math.floor(hours / dayHours);
  if (hours === 1) return 'About an hour';
  if (hours < 2 * dayHours) return `${hours} hours`;
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.floor(days / 7)} weeks`;
  if (days < 2 * 365) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(exactHours / dayHours / 365)} years`;
}
