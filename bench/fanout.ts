/** npm run bench:fanout: how fast a tag that moves reaches the Deployments that follow it. */
import { parseArgs } from 'node:util';
import { runProgram, wholeNumber } from './support/command-line.ts';
import { type FanoutOptions, runFanout } from './support/fanout-run.ts';
import { latencyRows, memoryRows, roundRows } from './support/fanout-tables.ts';
import { machineLine, openBench, operatorMiB, writeFigures } from './support/open-bench.ts';
import { planState } from './support/planned-state.ts';

const usage = `npm run bench:fanout [-- --fanout N] [--json FILE]

Starts a Kubernetes API server and a registry on loopback, makes streams and Deployments that follow them, and measures
how fast the operator patches those when a tag moves, and what it takes to remember them.

  --streams N       streams beside the one with the many Deployments (default 1000)
  --followers N     Deployments of each of these streams (default 10)
  --fanout N        Deployments of the one (default 1000)
  --rounds N        moves of its tag, each with its floor (default 5)
  --changes N       moves of tags of the other streams, one after the other (default 300)
  --json FILE       also write all figures to a file
  --help            this text

The operator runs as in its container image: the bundle, the Dockerfile's flags, a container of ${operatorMiB} MiB, and the rights
of config/. The floor is a process that does nothing but send the same patches, with the same concurrency. A tag is moved
by a write to the status of its stream. There is no controller manager, so nothing rolls out.
`;

interface Options extends FanoutOptions {
  readonly streams: number;
  readonly json: string | undefined;
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const opened = await openBench(stack, signal, async () => ({ prepared: undefined }));
  const { world, container, operator } = opened;
  const { progress } = world;
  const streams = planState({ streams: options.streams + 1, tagsPerStream: 1 });
  progress.line(machineLine(container.flags));
  const results = await runFanout(world, { ...options, streams, container, operator });
  for (const rows of [roundRows(results), latencyRows(results), memoryRows(results)]) progress.table(rows);
  await writeFigures(options.json, results);
}

/** Undefined when help was asked for. Throws a sentence. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '1000' },
      followers: { type: 'string', default: '10' },
      fanout: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '5' },
      changes: { type: 'string', default: '300' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  return {
    streams: wholeNumber('--streams', values.streams),
    followers: wholeNumber('--followers', values.followers),
    fanout: wholeNumber('--fanout', values.fanout),
    rounds: wholeNumber('--rounds', values.rounds),
    changes: wholeNumber('--changes', values.changes),
    json: values.json,
  };
}

await runProgram({ usage, readOptions, main });
