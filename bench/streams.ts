/** npm run bench:streams: what ten thousand streams cost, on a real API server with etcd and a real registry. */
import { parseArgs } from 'node:util';
import { AuditLog } from '../test/support/audit-log.ts';
import { operatorUser } from '../test/support/operator-rights.ts';
import { runProgram, wholeNumber } from './support/command-line.ts';
import { machineLine, openBench, operatorMiB, writeFigures } from './support/open-bench.ts';
import { planState } from './support/planned-state.ts';
import { runStreams, type StreamsOptions } from './support/streams-run.ts';
import { changeRows, costRows, startRows, sweepRows } from './support/streams-tables.ts';

const usage = `npm run bench:streams [-- --streams N] [--tags N] [--json FILE]

Starts a Kubernetes API server and a registry on loopback, makes a state as an operator would have left it that has run
for long, and measures what the operator then takes to start, to have it in memory and to change it.

  --streams N       streams, with two history items for each tag (default 10000; etcd's own limit is near 25,000)
  --tags N          tags of each stream (default 5)
  --changes N       streams that are changed one after the other; a fifth of them in each of two other ways (default 50)
  --starts N        starts, each after a crash of the one before, and each with its floor (default 2)
  --idle SECONDS    time after a start in which nothing may be asked of registries or written (default 60)
  --hold            leave it all up at the end, until Ctrl-C
  --json FILE       also write all figures to a file
  --help            this text

The operator runs as in its container image: the bundle, the Dockerfile's flags, a container of ${operatorMiB} MiB, and the rights
of config/. The floor of a start is a process that does nothing but list the same objects in the same pages and parse
them. The writes are counted by the API server's audit log, the requests by the registry's log.
`;

interface Options extends StreamsOptions {
  readonly streams: number;
  readonly tags: number;
  readonly json: string | undefined;
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const opened = await openBench(stack, signal, async (folder) => {
    const audit = await AuditLog.create({ folder, user: operatorUser });
    return { world: { apiServerArgs: audit.flags }, prepared: { audit } };
  });
  const { world, container, operator, prepared } = opened;
  const { progress } = world;
  const streams = planState({ streams: options.streams, tagsPerStream: options.tags });
  progress.line(machineLine(container.flags));
  await runStreams(world, { ...options, ...prepared, streams, container, operator }, async (results) => {
    for (const rows of [startRows(results), sweepRows(results), changeRows(results), costRows(results)])
      progress.table(rows);
    await writeFigures(options.json, results);
  });
}

/** Undefined when help was asked for. Throws a sentence. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '10000' },
      tags: { type: 'string', default: '5' },
      changes: { type: 'string', default: '50' },
      starts: { type: 'string', default: '2' },
      idle: { type: 'string', default: '60' },
      hold: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const [streams, changes] = [
    wholeNumber('--streams', values.streams),
    wholeNumber('--changes', values.changes),
  ];
  if (streams < 2 * changes)
    throw new Error(`--streams ${streams}: must be twice the --changes (${changes}) at least`);
  return {
    streams,
    tags: wholeNumber('--tags', values.tags),
    changes,
    starts: wholeNumber('--starts', values.starts),
    idleMs: wholeNumber('--idle', values.idle) * 1_000,
    hold: values.hold,
    json: values.json,
  };
}

await runProgram({ usage, readOptions, main });
