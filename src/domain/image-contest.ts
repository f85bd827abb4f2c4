/**
 * When to put back images that somebody else changed. A person's edit is put back, as in the reference; but two programs that
 * each put their own value would go on for ever, and every round is a roll-out: after some rounds the operator rests.
 */

/** Rounds within the time of the limits after which it rests. */
const maxRounds = 3;

/** Times in milliseconds. */
export interface ContestLimits {
  /** Within which rounds belong together, and after which all is forgotten. */
  readonly contestMs: number;
  /** For which it rests; then it tries once. */
  readonly restMs: number;
}

/** Ten minutes, and one hour. */
const patchLimits: ContestLimits = { contestMs: 600_000, restMs: 3_600_000 };
/** A day, for each round is a run of the Job, and may take its time. */
export const jobLimits: ContestLimits = { contestMs: 86_400_000, restMs: 86_400_000 };

/** What is remembered of the writes to one object. Times are epoch milliseconds. */
export interface ImageContest {
  /** What was written last, as one text. */
  readonly images: string;
  readonly writtenAt: number;
  /** When what was written had to be put back, the latest ones. */
  readonly rounds: readonly number[];
  /** True after a rest: the next time that it had to be put back it rests again. */
  readonly isWary: boolean;
  /** Since when it rests. */
  readonly restsSince: number | undefined;
}

/** What to do: write, or rest until a time; `begins` when it was not resting before. */
export type ContestVerdict =
  | { readonly kind: 'write'; readonly contest: ImageContest }
  | {
      readonly kind: 'rest';
      readonly contest: ImageContest;
      readonly until: number;
      readonly begins: boolean;
    };

/**
 * Judges a wish to write images to an object that has others. With other images than the last ones, because a tag has moved,
 * it is written in any case, once.
 */
export function judgeWrite(
  before: ImageContest | undefined,
  images: string,
  now: number,
  limits: ContestLimits = patchLimits,
): ContestVerdict {
  const { contestMs, restMs } = limits;
  const last = before !== undefined && !isForgotten(before, now, limits) ? before : undefined;
  if (last === undefined) return write({ images, rounds: [], isWary: false }, now);
  const rounds = last.rounds.filter((at) => now - at < contestMs);
  if (last.images !== images) {
    return write({ images, rounds, isWary: last.isWary || last.restsSince !== undefined }, now);
  }
  if (last.restsSince !== undefined) {
    const until = last.restsSince + restMs;
    if (now < until) return { kind: 'rest', contest: last, until, begins: false };
    return write({ images, rounds: [], isWary: true }, now);
  }
  if (last.isWary || rounds.length >= maxRounds) {
    return { kind: 'rest', contest: { ...last, restsSince: now }, until: now + restMs, begins: true };
  }
  return write({ images, rounds: [...rounds, now], isWary: false }, now);
}

/** What remains to be remembered of an object that has the images that it should have. */
export function afterPeace(
  contest: ImageContest | undefined,
  now: number,
  { contestMs }: ContestLimits = patchLimits,
): ImageContest | undefined {
  if (contest === undefined || now - contest.writtenAt >= contestMs) return undefined;
  // Somebody gave in, or a person set it: what comes next is judged anew.
  return contest.restsSince === undefined ? contest : { ...contest, restsSince: undefined, isWary: true };
}

/** What was left alone for long enough is nobody's matter any more; a rest has its own end. */
function isForgotten(
  { writtenAt, restsSince }: ImageContest,
  now: number,
  { contestMs }: ContestLimits,
): boolean {
  return restsSince === undefined && now - writtenAt >= contestMs;
}

function write(contest: Pick<ImageContest, 'images' | 'rounds' | 'isWary'>, now: number): ContestVerdict {
  return { kind: 'write', contest: { ...contest, writtenAt: now, restsSince: undefined } };
}
