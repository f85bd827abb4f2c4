/**
 * Tags that follow another tag of their own stream, like symbolic links: through chains, to the same result whatever the
 * order. (The reference visits them in a random order and may leave the end of a chain behind: semantics 1.7 and 7.5.)
 */
import type { ImageStream, NamedTagEventList, TagEvent } from '../api/generated/image-stream.ts';
import { sourcedTags } from './import-attempt.ts';
import { followedTag } from './tag-source.ts';

/** Where the links of a following tag lead. */
export type LinkEnd =
  | { readonly kind: 'item'; readonly item: TagEvent }
  /** Nothing there yet: the first tag on the way that has no image and follows nobody. */
  | { readonly kind: 'nothing'; readonly missing: string }
  | { readonly kind: 'circle'; readonly tags: readonly string[] };

/** Per following tag of a stream where its links lead, given the status entries by tag. */
export function followLinks(
  stream: ImageStream,
  entries: ReadonlyMap<string, NamedTagEventList>,
): ReadonlyMap<string, LinkEnd> {
  const links = linksOf(stream);
  const ends = new Map<string, LinkEnd>();
  for (const tag of links.keys()) ends.set(tag, endOf(tag, links, entries));
  return ends;
}

/** Following tags with the tags that they name. */
function linksOf(stream: ImageStream): ReadonlyMap<string, string> {
  const links = new Map<string, string>();
  for (const tag of sourcedTags(stream)) {
    const target = followedTag(stream, tag);
    if (target !== undefined) links.set(tag.name, target);
  }
  return links;
}

/**
 * The image at the end of the links. Where the last tag has none, the last one on the way that has an image counts: whoever
 * followed a tag that is gone keeps what it has, and those behind it see that.
 */
function endOf(
  tag: string,
  links: ReadonlyMap<string, string>,
  entries: ReadonlyMap<string, NamedTagEventList>,
): LinkEnd {
  const way = [tag];
  const seen = new Set(way);
  for (let next = links.get(tag); next !== undefined; next = links.get(next)) {
    if (seen.has(next)) return { kind: 'circle', tags: way.slice(way.indexOf(next)) };
    seen.add(next);
    way.push(next);
  }
  for (const stop of way.toReversed()) {
    const item = stop === tag ? undefined : entries.get(stop)?.items?.[0];
    if (item !== undefined) return { kind: 'item', item };
  }
  return { kind: 'nothing', missing: way.at(-1) ?? tag };
}
