/**
 * A stream with all of its tags: those of its own spec, and those that ImageStreamTags declare for it. Nothing of it is
 * ever written to the stream's spec; all rules below read this one.
 */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';

/** Most tags that a stream has: as many as its own spec may hold. Declared ones beyond do not count. */
export const maxTags = 1_000;

/**
 * The stream as if the declared tags stood in its spec. A tag that its own spec has too is not taken: the stream's counts.
 * The same object comes back when nothing is added.
 */
export function withDeclaredTags(stream: ImageStream, declared: readonly TagReference[]): ImageStream {
  const own = stream.spec?.tags ?? [];
  const names = new Set(own.map(({ name }) => name));
  const added: TagReference[] = [];
  for (const tag of declared) {
    if (names.has(tag.name)) continue;
    names.add(tag.name);
    added.push(tag);
  }
  const room = Math.max(0, maxTags - own.length);
  if (added.length === 0 || room === 0) return stream;
  added.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...stream, spec: { ...stream.spec, tags: [...own, ...added.slice(0, room)] } };
}
