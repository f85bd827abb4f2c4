/** Generations that a client of a stream's status leaves to the server (semantics 1.6). Pure. */
import type { ImageStream, NamedTagEventList } from '../api/generated/image-stream.ts';

/** The stream with a generation for the newest item of each history that has none: 0, or nothing. */
export function withItemGenerations(sent: ImageStream, present: ImageStream): ImageStream {
  const { status } = sent;
  if (!Array.isArray(status?.tags)) return sent;
  return { ...sent, status: { ...status, tags: status.tags.map((entry) => counted(entry, present)) } };
}

function counted(entry: NamedTagEventList, { metadata, spec, status }: ImageStream): NamedTagEventList {
  const [newest, ...older] = Array.isArray(entry?.items) ? entry.items : [];
  if (newest === undefined || newest.generation) return entry;
  const before = status?.tags?.find(({ tag }) => tag === entry.tag)?.items?.[0];
  const own = spec?.tags?.find(({ name }) => name === entry.tag)?.generation ?? undefined;
  const isChanged = before !== undefined && before.image !== newest.image;
  const generation = (isChanged ? own : undefined) ?? metadata.generation ?? 0;
  return { ...entry, items: [{ ...newest, generation }, ...older] };
}
