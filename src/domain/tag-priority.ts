/** The order in which the tags of a repository matter (the reference's, semantics 2.4). */

interface RankedTag {
  readonly tag: string;
  readonly rank: number;
  readonly numbers: readonly number[];
  readonly preRelease: string;
  readonly prefixed: boolean;
}

const versionPattern = /^(v?)(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?$/;

/** Tags by priority: `latest`, then `5.1` forms newest first, then `5.1.2` forms newest first, then the rest by name. */
export function byPriority(tags: readonly string[]): readonly string[] {
  return tags
    .map(rankTag)
    .sort(compare)
    .map(({ tag }) => tag);
}

function rankTag(tag: string): RankedTag {
  if (tag === 'latest') return { tag, rank: 0, numbers: [], preRelease: '', prefixed: false };
  const [, v, major, minor, patch, preRelease = ''] = versionPattern.exec(tag) ?? [];
  if (major === undefined) return { tag, rank: 3, numbers: [], preRelease: '', prefixed: false };
  const numbers = [Number(major), Number(minor), Number(patch ?? 0)];
  return { tag, rank: patch === undefined ? 1 : 2, numbers, preRelease, prefixed: v !== '' };
}

function compare(a: RankedTag, b: RankedTag): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  for (const [i, number] of a.numbers.entries()) {
    const other = b.numbers[i] ?? 0;
    if (number !== other) return other - number;
  }
  if (a.preRelease !== b.preRelease) return comparePreReleases(a.preRelease, b.preRelease);
  if (a.prefixed !== b.prefixed) return a.prefixed ? 1 : -1;
  return a.tag < b.tag ? -1 : 1;
}

/** A release before its pre-releases, and those newest first (semver 2.0, 11). */
function comparePreReleases(a: string, b: string): number {
  if (a === '' || b === '') return a === '' ? -1 : 1;
  const [left, right] = [a.split('.'), b.split('.')];
  for (const [i, part] of left.entries()) {
    const other = right[i];
    if (other === undefined) return -1;
    if (part === other) continue;
    const [n, m] = [/^\d+$/.test(part), /^\d+$/.test(other)];
    if (n && m) return Number(other) - Number(part);
    if (n !== m) return n ? 1 : -1;
    return part < other ? 1 : -1;
  }
  return 1;
}
