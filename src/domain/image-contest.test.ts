import { describe, expect, it } from 'vitest';
import { afterPeace, type ContestLimits, type ImageContest, jobLimits, judgeWrite } from './image-contest.ts';

const minute = 60_000;

/** Plays wishes to write at times (in minutes); `ok` is a look that finds the images in place. Returns what was done. */
function play(
  events: readonly (readonly [atMinute: number, images: string])[],
  limits?: ContestLimits,
): readonly string[] {
  let contest: ImageContest | undefined;
  return events.map(([at, images]) => {
    const now = at * minute;
    if (images === 'ok') {
      contest = afterPeace(contest, now, limits);
      return 'peace';
    }
    const verdict = judgeWrite(contest, images, now, limits);
    contest = verdict.contest;
    if (verdict.kind === 'write') return 'write';
    return `${verdict.begins ? 'begin to rest' : 'rest'} until ${verdict.until / minute}`;
  });
}

describe('images that somebody else changes', () => {
  it('are put back three times in ten minutes, then left alone for an hour', () => {
    expect(
      play([
        [0, 'a'],
        [1, 'a'],
        [2, 'a'],
        [3, 'a'],
        [4, 'a'],
        [5, 'a'],
        [63, 'a'],
      ]),
    ).toEqual([
      'write',
      'write',
      'write',
      'write',
      'begin to rest until 64',
      'rest until 64',
      'rest until 64',
    ]);
  });

  it('are tried once after the rest', () => {
    const fight = [0, 1, 2, 3, 4].map((at) => [at, 'a'] as const);
    expect(play([...fight, [64, 'a'], [65, 'a'], [66, 'a']]).slice(5)).toEqual([
      'write',
      'begin to rest until 125',
      'rest until 125',
    ]);
  });

  it('are put back for ever when it is now and then', () => {
    const edits = Array.from({ length: 20 }, (_, i) => [i * 4, 'a'] as const);
    expect(new Set(play(edits))).toEqual(new Set(['write']));
  });

  it('are set once more when a tag moves, and then left alone at once', () => {
    const fight = [0, 1, 2, 3, 4].map((at) => [at, 'a'] as const);
    expect(play([...fight, [5, 'b'], [6, 'b'], [20, 'c'], [21, 'c']]).slice(5)).toEqual([
      'write',
      'begin to rest until 66',
      'write',
      'begin to rest until 81',
    ]);
  });

  it('are judged anew when there was peace for ten minutes', () => {
    const fight = [0, 1, 2, 3, 4].map((at) => [at, 'a'] as const);
    expect(play([...fight, [5, 'ok'], [14, 'a'], [15, 'a']]).slice(5)).toEqual(['peace', 'write', 'write']);
    expect(play([...fight, [5, 'b'], [6, 'ok'], [7, 'b']]).slice(5)).toEqual([
      'write',
      'peace',
      'begin to rest until 67',
    ]);
  });

  it('are written at each move of a tag', () => {
    expect(
      play([
        [0, 'a'],
        [0.1, 'b'],
        [0.2, 'c'],
        [0.3, 'd'],
        [0.4, 'e'],
      ]),
    ).toEqual(['write', 'write', 'write', 'write', 'write']);
  });

  it('of Jobs are written anew three times in a day, however long each runs', () => {
    const rounds = [0, 60, 120, 180, 240].map((at) => [at, 'a'] as const);
    expect(play(rounds, jobLimits)).toEqual([
      'write',
      'write',
      'write',
      'write',
      `begin to rest until ${240 + 24 * 60}`,
    ]);
    expect(new Set(play(rounds))).toEqual(new Set(['write']));
  });
});
