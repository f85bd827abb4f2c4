/** Patterns of people for names of hosts and the like: `*` and `?`, nothing else. */

/**
 * True when the whole text fits the pattern: `*` stands for any number of characters (also none, also dots and
 * slashes), `?` for exactly one, everything else for itself. Upper and lower case differ.
 *
 * The pattern may come from anybody: the work is at most the product of the two lengths, with no regular expression
 * behind it whose tries could multiply.
 */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let lastStar = -1;
  let lastStarEnd = 0;
  while (t < text.length) {
    const wanted = pattern[p];
    if (wanted === '*') {
      lastStar = p;
      lastStarEnd = t;
      p += 1;
    } else if (wanted === '?' || wanted === text[t]) {
      p += 1;
      t += 1;
    } else if (lastStar >= 0) {
      // Only the last star needs to give way: whatever an earlier one could take, the last one can take too.
      lastStarEnd += 1;
      t = lastStarEnd;
      p = lastStar + 1;
    } else return false;
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
