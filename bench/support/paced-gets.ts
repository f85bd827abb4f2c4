/** Gets at a fixed rate, whether the ones before are answered or not: what is late makes nothing else late. */
import { setTimeout as delay } from 'node:timers/promises';
import { expectAnswers, type TimedAnswer } from './api-reader.ts';

/** What is asked for and when. */
export interface PacedGets {
  readonly name: string;
  /** Asks for the one with this number. */
  readonly get: (number: number) => Promise<TimedAnswer>;
  /** The number of the first. */
  readonly from: number;
  readonly count: number;
  readonly perSecond: number;
  readonly signal: AbortSignal;
}

/** Resolves, when all are answered, to the milliseconds from the time that each was due to its whole answer. Throws when one failed. */
export async function runPacedGets(gets: PacedGets): Promise<readonly number[]> {
  const { name, get, from, count, perSecond, signal } = gets;
  const running: Promise<TimedAnswer>[] = [];
  const startedAt = performance.now();
  const dueAt = (place: number): number => startedAt + (1_000 * place) / perSecond;
  for (let place = 0; place < count; place++) {
    // A timer may be early by less than a millisecond.
    for (let left = dueAt(place) - performance.now(); left > 0; left = dueAt(place) - performance.now())
      await delay(Math.ceil(left), undefined, { signal });
    running.push(get(from + place));
  }
  const answers = await Promise.all(running);
  signal.throwIfAborted();
  expectAnswers(name, answers);
  return answers.map(({ endedAt }, place) => endedAt - dueAt(place));
}
