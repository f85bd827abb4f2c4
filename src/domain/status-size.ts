/** Keeps a stream below the size that etcd takes: the oldest images of long histories go before a write would be refused. */
import { truncate } from '../api/conditions.ts';
import type { ImageStream, ImageStreamStatus, NamedTagEventList } from '../api/generated/image-stream.ts';

/** A status that can be stored. */
export interface FittingStatus {
  readonly status: ImageStreamStatus;
  /** True when there is no room for more history. */
  readonly full: boolean;
}

/** etcd refuses requests of more than 1.5 MiB; the rest is for what is not counted here. */
export const maxObjectBytes = 1_300_000;
/** What the API server notes on who wrote which field of a tag, in spec and status, at most. */
const managedBytes = 1_000;
/** Below these numbers a stream is not measured: its histories cannot be what makes it large. */
const smallTags = 20;
const smallItems = 100;
/** A message of a condition is cut to this length before history is given up. */
const shortMessage = 512;
/** Histories longer than this part of the longest are shortened, again and again until all fits. */
const keptShare = 0.9;
/** A stream with more than this share of its room is called full if it was before, so that its condition does not flicker. */
const fullShare = 0.7;

/** The type of the condition that says that a stream's histories were cut. */
export const historyTrimmed = 'HistoryTrimmed';

/** The status with as much of its histories, newest first, as the object has room for. */
export function fitStatus(stream: ImageStream, status: ImageStreamStatus): FittingStatus {
  const tags = status.tags ?? [];
  const items = tags.reduce((sum, entry) => sum + (entry.items?.length ?? 0), 0);
  if (tags.length <= smallTags && items <= smallItems) return { status, full: false };
  const rest = bytesOf({ metadata: stream.metadata, spec: stream.spec, status: { ...status, tags: [] } });
  const entries = tags.length + (stream.spec?.tags?.length ?? 0);
  const room = maxObjectBytes - rest - entries * managedBytes;
  const size = bytesOf(tags);
  if (size <= room) return { status, full: wasFull(stream) && size > room * fullShare };
  return { status: { ...status, tags: fitTags(tags, room) }, full: true };
}

function fitTags(tags: readonly NamedTagEventList[], room: number): NamedTagEventList[] {
  let fitting = tags.map(withShortMessages);
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

function withShortMessages(entry: NamedTagEventList): NamedTagEventList {
  if (entry.conditions === undefined) return entry;
  const conditions = entry.conditions.map((condition) => ({
    ...condition,
    message: truncate(condition.message ?? '', shortMessage),
  }));
  return { ...entry, conditions };
}

function wasFull({ status }: ImageStream): boolean {
  return status?.conditions?.some(({ type }) => type === historyTrimmed) === true;
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
