/** The figures of the benchmark of the API face as tables, with the goals beside them. */
import type { GetsSide } from './face-gets.ts';
import type { FaceResults } from './face-run.ts';
import { percentile } from './percentile.ts';
import { megabytes, seconds } from './progress.ts';
import { memoryText, spreadOf } from './start-run.ts';

type Row = Readonly<Record<string, string>>;

/** Gets of tags at a fixed rate, beside the floor. */
export function getRows({ gets, rate }: FaceResults): readonly Row[] {
  const row = (name: string, side: GetsSide): Row => ({
    [`${rate} gets a second`]: name,
    count: String(side.latencies.length),
    median: milliseconds(percentile(side.latencies, 0.5)),
    p90: milliseconds(percentile(side.latencies, 0.9)),
    'p99 (goal 25 ms)': milliseconds(percentile(side.latencies, 0.99)),
    most: milliseconds(percentile(side.latencies, 1)),
    'CPU a get, of the face': `${milliseconds(side.cpuMs / side.latencies.length)}, ${milliseconds(side.faceCpuMs / side.latencies.length)}`,
    'others used': processors(side.foreign),
  });
  return [row('tags, by the face', gets.face), row('floor: their streams, as stored', gets.stored)];
}

/** Lists, each beside that of the stored streams. */
export function listRows({ lists, shape }: FaceResults): readonly Row[] {
  return lists.map(({ collection, rounds, faceBytes, storedBytes, foreign }) => ({
    [`list of ${shape.streams} streams`]: collection.name,
    rounds: String(rounds.length),
    face: milliseconds(spreadOf(rounds.map(({ faceMs }) => faceMs)).median),
    stored: milliseconds(spreadOf(rounds.map(({ storedMs }) => storedMs)).median),
    'ratio: median, least, most': ratios(rounds.map(({ faceMs, storedMs }) => faceMs / storedMs)),
    goal: collection.goal === undefined ? '' : String(collection.goal),
    'CPU of the face': milliseconds(spreadOf(rounds.map(({ faceCpuMs }) => faceCpuMs)).median),
    'size, stored': `${(faceBytes / 1024 ** 2).toFixed(1)}, ${(storedBytes / 1024 ** 2).toFixed(1)} MB`,
    'others used': processors([foreign]),
  }));
}

/** Gets that are all sent at once. */
export function burstRows({ bursts, burst }: FaceResults): readonly Row[] {
  return bursts.map(({ answered, ms, storedMs, problem }, i) => ({
    [`${burst} gets at once`]: `round ${i + 1}`,
    'answered 200 (goal: all)': `${answered}${problem === '' ? '' : `, else: ${problem.slice(0, 80)}`}`,
    'to the last answer': seconds(ms),
    'floor: their streams, as stored': seconds(storedMs),
  }));
}

/** Memory of the face's process. */
export function memoryRows({ memory, watches, shape }: FaceResults): readonly Row[] {
  const rows = memory.map(({ name, rss, peak }) => ({
    'memory of the face': name,
    'at the end': megabytes(rss),
    'peak (goal 150 MB)': megabytes(peak),
  }));
  const rest = {
    'memory of the face': `at rest, ${shape.watches} watches open`,
    'at the end': memoryText(watches.rest),
    'peak (goal 150 MB)': '',
  };
  return [...rows, rest];
}

/** The watches that were open. */
export function watchRows({ watches, shape }: FaceResults): readonly Row[] {
  return [
    {
      'open watches': String(shape.watches),
      [`each has seen ${shape.streams} streams`]: seconds(watches.openedMs),
      'told to come again': String(watches.refused),
      'each has seen the changes': seconds(watches.changesMs),
    },
  ];
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

function ratios(numbers: readonly number[]): string {
  const { median, min, max } = spreadOf(numbers);
  return [median, min, max].map((ratio) => ratio.toFixed(2)).join(', ');
}

function processors(foreign: readonly number[]): string {
  return (foreign.reduce((sum, each) => sum + each, 0) / foreign.length).toFixed(2);
}
