/** Generations that a client of a stream's status leaves to the server (semantics 1.6). Pure. */
import type { ImageStream, NamedTagEventList, TagEvent } from '../api/generated/image-stream.ts';
import { isJsonObject } from '../api/json.ts';

/** The stream with a generation for the newest item of each history that has none: 0, or nothing. */
export function withItemGenerations(sent: ImageStream, present: ImageStream): ImageStream {
  const { status } = sent;
  if (!Array.isArray(status?.tags)) return sent;
  return { ...sent, status: { ...status, tags: status.tags.map((entry) => counted(entry, present)) } };
}

function counted(entry: NamedTagEventList, present: ImageStream): NamedTagEventList {
  const [newest, ...older] = Array.isArray(entry?.items) ? entry.items : [];
  if (!isJsonObject(newest) || newest.generation) return entry;
  const generation = generationOf(newest, entry.tag, present);
  return { ...entry, items: [{ ...newest, generation }, ...older] };
}

/** That of the tag for another image, else that of the stream. */
function generationOf(newest: TagEvent, tag: string, { metadata, spec, status }: ImageStream): number {
  const before = status?.tags?.find((entry) => entry.tag === tag)?.items?.[0];
  const isChanged = before !== undefined && before.image !== newest.image;
  const own = isChanged ? spec?.tags?.find(({ name }) => name === tag)?.generation : undefined;
  return own ?? metadata.generation ?? 0;
}
