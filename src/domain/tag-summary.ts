/** The text of the TAGS and UPDATED columns. A printer column shows only one element of a list, so it stands in the status. */
import type { NamedTagEventList } from '../api/generated/image-stream.ts';

/** Characters that the list of tags should take, as in the reference's table (semantics 4.7). */
const budget = 40;

/** Tags newest first, joined by commas and cut to about 40 characters; and when a tag last got an image. */
export function summarizeTags(tags: readonly NamedTagEventList[]): {
  text: string;
  lastUpdated: string | undefined;
} {
  const filled = tags.filter((entry) => entry.items?.[0] !== undefined).sort(newestFirst);
  let left = budget;
  const shown: string[] = [];
  for (const { tag } of filled) {
    if (!fits(tag.length, left, shown.length)) break;
    shown.push(tag);
    left -= tag.length + 1;
  }
  const more = filled.length - shown.length;
  const text = shown.join(',') + (more > 0 ? ` + ${more} more...` : '');
  return { text, lastUpdated: filled[0]?.items?.[0]?.created };
}

/** At least one tag; one that overflows still when a quarter was unused and it overshoots by at most a quarter. */
function fits(length: number, left: number, shown: number): boolean {
  if (shown === 0 || length <= left) return true;
  return left > budget / 4 && length - left <= budget / 4;
}

function newestFirst(a: NamedTagEventList, b: NamedTagEventList): number {
  const [left, right] = [a.items?.[0]?.created ?? '', b.items?.[0]?.created ?? ''];
  if (left !== right) return left < right ? 1 : -1;
  return a.tag < b.tag ? -1 : 1;
}
