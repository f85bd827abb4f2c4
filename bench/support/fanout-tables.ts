/** The figures of the benchmark of moves as tables, with the goals beside them. */
import type { FanoutResults, FanoutRound } from './fanout-run.ts';
import { percentile } from './percentile.ts';
import { megabytes, seconds } from './progress.ts';
import { memoryText, spreadOf } from './start-run.ts';

type Row = Readonly<Record<string, string>>;

/** The moves of the tag that many follow, each with its floor, and their medians. */
export function roundRows({ rounds, shape: { fanout } }: FanoutResults): readonly Row[] {
  const row = (name: string, round: Omit<FanoutRound, 'writes'>, writes: string): Row => ({
    round: name,
    'patches a second': rate(fanout, round.lastMs),
    floor: rate(fanout, round.floorMs),
    'of the floor (goal 80 %)': `${((100 * round.floorMs) / round.lastMs).toFixed(0)} %`,
    'first, last patch': `${round.firstMs.toFixed(0)} ms, ${seconds(round.lastMs)}`,
    'CPU, floor': `${seconds(round.operatorCpuMs)}, ${seconds(round.floorCpuMs)}`,
    'API writes': writes,
  });
  const middle = (of: (round: FanoutRound) => number): number => spreadOf(rounds.map(of)).median;
  const median = {
    firstMs: middle(({ firstMs }) => firstMs),
    lastMs: middle(({ lastMs }) => lastMs),
    operatorCpuMs: middle(({ operatorCpuMs }) => operatorCpuMs),
    floorMs: middle(({ floorMs }) => floorMs),
    floorCpuMs: middle(({ floorCpuMs }) => floorCpuMs),
  };
  return [
    ...rounds.map((round, i) => row(String(i + 1), round, countsOf(round.writes))),
    row('median', median, ''),
  ];
}

/** From a change of a status to its first patch. */
export function latencyRows({ latencies }: FanoutResults): readonly Row[] {
  const at = (share: number): string => `${percentile(latencies, share).toFixed(1)} ms`;
  return [
    {
      'status to first patch: moves': String(latencies.length),
      median: at(0.5),
      p90: at(0.9),
      'p99 (goal 100 ms)': at(0.99),
      most: at(1),
    },
  ];
}

/** What the Deployments cost in memory. */
export function memoryRows({ memory, shape }: FanoutResults): readonly Row[] {
  const more = memory.with.median - memory.without.median;
  return [
    {
      'memory without Deployments': memoryText(memory.without),
      [`with ${shape.deployments}`]: memoryText(memory.with),
      'more (goal 100 MB)': megabytes(more),
      'after all moves': memoryText(memory.afterwards),
    },
  ];
}

function rate(count: number, ms: number): string {
  return ((1_000 * count) / ms).toFixed(0);
}

function countsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}
