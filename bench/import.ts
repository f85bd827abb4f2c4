/** npm run bench:import: what imports cost, against a real API server and a real registry on this machine. */
import { parseArgs } from 'node:util';
import { runProgram, wholeNumber } from './support/command-line.ts';
import { deadRegistryRow, runDeadRegistryCase } from './support/dead-registry-case.ts';
import { medianRound, type NewTagsCase, newTagsRow, runNewTagsCase } from './support/new-tags-case.ts';
import { machineLine, writeFigures } from './support/open-bench.ts';
import { Progress } from './support/progress.ts';
import { runScheduledCase, scheduledRow } from './support/scheduled-case.ts';
import { startWorld, type World } from './support/world.ts';

const usage = `npm run bench:import [-- --case NAME ...] [--json FILE]

Starts a Kubernetes API server and a registry on loopback, and measures the operator's imports against them.

  --case NAME       only this case; may be given several times:
                      streams    500 streams of 1 new tag each
                      tags       100 streams of 5 new tags each
                      one        1 stream of 100 new tags
                      scheduled  5,000 scheduled tags that do not change: the cost of their checks
                      dead       100 streams of a live registry beside 50 of one that never answers
  --rounds N        rounds of the cases with new tags, each the operator and then the floor (default 3)
  --period TIME     period of the case scheduled (default 30s)
  --periods N       periods that the case scheduled is measured for (default 2)
  --json FILE       also write all figures to a file
  --help            this text

New tags: the time is from the operator's log line "operator ready" to the last image that a watch sees in a
status. The floor is the same work done bare by a process of its own, 50 tags at a time: the GETs of manifest
and configuration, and the writes that the operator did to streams, ImageStreamTags and Images. "CPU of all" is
the processor time of operator (or floor), API server, etcd and registry together. "others used" says how many
processors other programs kept busy in the two halves of a round: compare ratios, and only of quiet runs.
`;

const newTagsCases: readonly NewTagsCase[] = [
  { name: 'streams', shape: { streams: 500, tagsPerStream: 1 }, referenceSeconds: 98 },
  { name: 'tags', shape: { streams: 100, tagsPerStream: 5 }, referenceSeconds: 20 },
  { name: 'one', shape: { streams: 1, tagsPerStream: 100 }, referenceSeconds: 49 },
];
const caseNames = [...newTagsCases.map(({ name }) => name), 'scheduled', 'dead'];

interface Options {
  readonly cases: readonly string[];
  readonly rounds: number;
  readonly period: string;
  readonly periods: number;
  readonly json: string | undefined;
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const results: Record<string, unknown> = {};
  const world = await startWorld(stack, new Progress(signal));
  await runCases(world, options, results);
  await writeFigures(options.json, results);
}

async function runCases(world: World, options: Options, results: Record<string, unknown>): Promise<void> {
  const { progress } = world;
  progress.line(machineLine());
  const rows: Record<string, string>[] = [];
  for (const benchCase of newTagsCases.filter(({ name }) => options.cases.includes(name))) {
    progress.line(`\n${benchCase.name}`);
    const rounds = await runNewTagsCase(world, benchCase, options.rounds);
    results[benchCase.name] = rounds;
    rows.push(...rounds.map((round, i) => newTagsRow(benchCase, round, String(i + 1))));
    const median = medianRound(rounds);
    if (median !== undefined && rounds.length > 1) rows.push(newTagsRow(benchCase, median, 'median'));
  }
  progress.table(rows);
  if (options.cases.includes('scheduled')) {
    progress.line('scheduled');
    const run = await runScheduledCase(world, options);
    results['scheduled'] = run;
    progress.table([scheduledRow(run)]);
  }
  if (options.cases.includes('dead')) {
    progress.line('dead');
    const run = await runDeadRegistryCase(world);
    results['dead'] = run;
    progress.table([deadRegistryRow(run)]);
  }
}

/** Undefined when help was asked for. Throws a sentence. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true },
      rounds: { type: 'string', default: '3' },
      period: { type: 'string', default: '30s' },
      periods: { type: 'string', default: '2' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const cases = values.case ?? caseNames;
  const unknown = cases.find((name) => !caseNames.includes(name));
  if (unknown !== undefined) throw new Error(`--case ${unknown}: must be one of ${caseNames.join(', ')}`);
  const { period, json } = values;
  const rounds = wholeNumber('--rounds', values.rounds);
  return { cases, rounds, period, periods: wholeNumber('--periods', values.periods), json };
}

await runProgram({ usage, readOptions, main });
