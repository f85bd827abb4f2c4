/** Keeps a stream below the size that etcd takes: the oldest images of long histories go before a write would be refused. */
import { lastAppliedKey } from '../api/annotations.ts';
import type { ImageStream, ImageStreamStatus, NamedTagEventList } from '../api/generated/image-stream.ts';

/** A status that can be stored. */
export interface FittingStatus {
  readonly status: ImageStreamStatus;
  /** True when there is no room for more history. */
  readonly full: boolean;
}

/** etcd refuses requests of more than 1.5 MiB; the rest is for what is not counted here. */
export const maxObjectBytes = 1280 * 1024;
/** What the API server notes on who wrote which field, for each tag in spec or status (measured: 270 for both together). */
const managedBytes = 200;
/** Below these numbers a stream is not measured: its histories cannot be what makes it large. */
const smallTags = 20;
const smallItems = 100;
/** Messages of conditions are cut to this number of bytes before history is given up. */
const shortMessage = 512;
/** And to this one when a stream has no room even without history. */
const shortestMessage = 128;
/** Histories longer than this part of the longest are shortened, again and again until all fits. */
const keptShare = 0.9;
/**
 * A stream with more than this share of its room is called full if it was before, so that its condition does not flicker:
 * two images for each tag that become one may leave no more.
 */
const fullShare = 0.5;

/** The type of the condition that says that a stream's histories were cut. */
export const historyTrimmed = 'HistoryTrimmed';

/** The status with as much of its histories, newest first, as the object has room for. */
export function fitStatus(stream: ImageStream, status: ImageStreamStatus): FittingStatus {
  const tags = status.tags ?? [];
  const items = tags.reduce((sum, entry) => sum + (entry.items?.length ?? 0), 0);
  if (tags.length <= smallTags && items <= smallItems) return { status, full: false };
  const most = maxObjectBytes - bytesWithoutTags(stream, status);
  const room = most - (tags.length + (stream.spec?.tags?.length ?? 0)) * managedBytes;
  const short = bytesOf(tags) <= room ? tags : tags.map((entry) => withMessagesOf(entry, shortMessage));
  const size = bytesOf(short);
  if (size <= room) {
    const full = wasFull(stream) && size > room * fullShare;
    return { status: short === tags ? status : { ...status, tags: short }, full };
  }
  const fitting = withShortHistories(short, room);
  // Before the API server refuses an object it gives up what it notes on writers.
  const fits = bytesOf(fitting) <= most;
  const shortest = fits ? fitting : fitting.map((entry) => withMessagesOf(entry, shortestMessage));
  return { status: { ...status, tags: shortest }, full: true };
}

/**
 * The size of what stays as it is, as the store has it: without the notes of the API server and of kubectl, and without
 * conditions, which say how it went. There is room for these above the bound.
 */
function bytesWithoutTags({ metadata, spec }: ImageStream, status: ImageStreamStatus): number {
  const { managedFields: _, annotations, ...rest } = metadata;
  const { [lastAppliedKey]: _applied, ...kept } = annotations ?? {};
  const measured = { ...status, tags: [], conditions: [] };
  return bytesOf({ metadata: { ...rest, annotations: kept }, spec, status: measured });
}

function withShortHistories(tags: readonly NamedTagEventList[], room: number): NamedTagEventList[] {
  let fitting = [...tags];
  let longest = Math.max(...fitting.map(({ items }) => items?.length ?? 0));
  while (longest > 1 && bytesOf(fitting) > room) {
    const most = Math.max(1, Math.floor(longest * keptShare));
    fitting = fitting.map((entry) =>
      entry.items === undefined ? entry : { ...entry, items: entry.items.slice(0, most) },
    );
    longest = most;
  }
  return fitting;
}

/** A tag whose messages have at most so many bytes. */
function withMessagesOf(entry: NamedTagEventList, most: number): NamedTagEventList {
  if (entry.conditions === undefined) return entry;
  const conditions = entry.conditions.map((condition) => {
    const message = cutToBytes(condition.message ?? '', most);
    return message === (condition.message ?? '') ? condition : { ...condition, message };
  });
  return { ...entry, conditions };
}

function cutToBytes(text: string, most: number): string {
  if (utf8Length(text) <= most) return text;
  const ellipsis = '…';
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(most - utf8Length(ellipsis)));
  return text.slice(0, read) + ellipsis;
}

function wasFull({ status }: ImageStream): boolean {
  return status?.conditions?.some(({ type }) => type === historyTrimmed) === true;
}

/** Bytes of a value as JSON. */
function bytesOf(value: unknown): number {
  return utf8Length(JSON.stringify(value));
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
