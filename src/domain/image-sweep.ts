/**
 * Which Image objects nobody can reach any more: neither a history nor an index that a history holds. Mark and sweep, over
 * names only.
 */

/** An Image, as far as the sweep has to know it. */
export interface SweptImage {
  readonly name: string;
  readonly resourceVersion: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** The members of an index, by the name of its Image. */
export type IndexMembers = ReadonlyMap<string, readonly string[]>;

/** The names that can be reached from those in histories, through indexes in indexes too. */
export function reachableNames(roots: Iterable<string>, indexes: IndexMembers): ReadonlySet<string> {
  const reached = new Set(roots);
  for (const name of reached) for (const member of indexes.get(name) ?? []) reached.add(member);
  return reached;
}

/** What a pass finds: what may be deleted, and since when the other unreached ones have been seen (epoch milliseconds). */
export interface SweepPlan {
  readonly garbage: readonly SweptImage[];
  readonly unreachedSince: ReadonlyMap<string, number>;
}

/**
 * An Image goes when it has been unreached in every pass for the grace period, and is older than that itself. What the
 * pass before found is passed in; an Image that was reached meanwhile starts anew.
 */
export function planSweep(
  unreached: readonly SweptImage[],
  before: ReadonlyMap<string, number>,
  { now, graceMs }: { now: number; graceMs: number },
): SweepPlan {
  const garbage: SweptImage[] = [];
  const unreachedSince = new Map<string, number>();
  for (const image of unreached) {
    const since = before.get(image.name) ?? now;
    unreachedSince.set(image.name, since);
    if (now - since >= graceMs && now - image.createdAt >= graceMs) garbage.push(image);
  }
  return { garbage, unreachedSince };
}
