/** npm run bench:scale: memory, starts, steady requests and lag with ten thousand streams and Deployments. */
import { parseArgs } from 'node:util';
import { AuditLog } from '../test/support/audit-log.ts';
import { operatorUser } from '../test/support/operator-rights.ts';
import { TokenServer } from '../test/support/token-server.ts';
import { durationMs, runProgram, wholeNumber } from './support/command-line.ts';
import { openBench, operatorMiB, writeFigures } from './support/open-bench.ts';
import { planState } from './support/planned-state.ts';
import { machineRow } from './support/program-versions.ts';
import { runScale, type ScaleOptions } from './support/scale-run.ts';
import { puller } from './support/scale-state.ts';
import { lagRows, requestRows, scaleStartRows, stateRows, usageRows } from './support/scale-tables.ts';

/** Lifetime of Docker Hub's tokens. */
const tokenSeconds = 300;

const usage = `npm run bench:scale [-- --streams N] [--deployments N] [--json FILE]

Starts a Kubernetes API server and a registry on loopback, makes streams and Deployments that follow them as an operator
would have left them, and measures what the operator takes to start over them, to keep them up to date, and to bring a
push to a status and to the Deployments behind it.

  --streams N       streams, with two history items for each tag (default 10000)
  --tags N          tags of each stream (default 5)
  --scheduled N     tags of each stream that are looked at by the schedule (default 1)
  --deployments N   Deployments with a trigger (default 10000)
  --fanout N        those of them that follow one tag (default 1000)
  --starts N        starts, each with its floor before it (default 2)
  --idle TIME       time after a start in which nothing may be written or downloaded (default 60s)
  --rest TIME       time over which requests and processor are measured at the default period (default 90s)
  --period TIME     a shorter period, in which all scheduled tags are looked at (default 60s)
  --periods N       such periods that are measured (default 2)
  --pushes N        pushes that are announced, and as many that the schedule finds (default 100)
  --rounds N        pushes to the tag of the many Deployments (default 5)
  --open            the registry lets everybody in; without it, it wants an account and bearer tokens
  --json FILE       also write all figures to a file
  --help            this text

The operator runs as in its container: the bundle, the Dockerfile's flags, a container of ${operatorMiB} MiB, the rights of
config/, and a Lease. Its requests are counted by the logs of API server and registry, the tokens by their server. The
floor of a start is a process that does nothing but list the same objects in the same pages and parse them. Each
scheduled tag has a repository or a tag of its own, so that no two share a look, and no token outlives a period. Tables
go to standard output, all else to standard error.
`;

interface Options extends ScaleOptions {
  readonly streams: number;
  readonly tags: number;
  readonly isOpen: boolean;
  readonly json: string | undefined;
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const opened = await openBench(stack, signal, async (folder) => {
    const audit = await AuditLog.create({ folder, user: operatorUser, reads: true });
    const tokenServer = options.isOpen ? undefined : await startTokenServer(stack, options);
    const registryAuth = tokenServer && ({ kind: 'token', server: tokenServer } as const);
    return { world: { apiServerArgs: audit.flags, registryAuth }, prepared: { audit, tokenServer } };
  });
  const { world, container, operator, prepared } = opened;
  const { progress } = world;
  const streams = planState({ streams: options.streams, tagsPerStream: options.tags });
  const on = { ...(await machineRow()), 'flags of Node.js': container.flags.join(' ') };
  const results = await runScale(world, { ...options, ...prepared, streams, container, operator });
  progress.table([on]);
  for (const rows of [stateRows, scaleStartRows, requestRows, usageRows, lagRows])
    progress.table(rows(results));
  await writeFigures(options.json, { ...results, machine: on });
}

/** No token lives until the next look at its tag, in a short period no more than in one of the default. */
async function startTokenServer(
  stack: AsyncDisposableStack,
  { periodMs }: ScaleOptions,
): Promise<TokenServer> {
  const expiresIn = Math.min(tokenSeconds, Math.floor(periodMs / 1_000));
  return stack.use(await TokenServer.start({ users: [puller], expiresIn }));
}

/** Undefined when help was asked for. Throws a sentence. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '10000' },
      tags: { type: 'string', default: '5' },
      scheduled: { type: 'string', default: '1' },
      deployments: { type: 'string', default: '10000' },
      fanout: { type: 'string', default: '1000' },
      starts: { type: 'string', default: '2' },
      idle: { type: 'string', default: '60s' },
      rest: { type: 'string', default: '90s' },
      period: { type: 'string', default: '60s' },
      periods: { type: 'string', default: '2' },
      pushes: { type: 'string', default: '100' },
      rounds: { type: 'string', default: '5' },
      open: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const number = (name: CountFlag): number => wholeNumber(`--${name}`, values[name]);
  return checked({
    streams: number('streams'),
    tags: number('tags'),
    scheduled: number('scheduled'),
    deployments: number('deployments'),
    fanout: number('fanout'),
    starts: number('starts'),
    idleMs: durationMs('--idle', values.idle),
    restMs: durationMs('--rest', values.rest),
    periodMs: durationMs('--period', values.period),
    periods: number('periods'),
    pushes: number('pushes'),
    rounds: number('rounds'),
    isOpen: values.open,
    json: values.json,
  });
}

type CountFlag =
  | 'streams'
  | 'tags'
  | 'scheduled'
  | 'deployments'
  | 'fanout'
  | 'starts'
  | 'periods'
  | 'pushes'
  | 'rounds';

/** Throws a sentence when the numbers do not go together. */
function checked(options: Options): Options {
  const { streams, tags, scheduled, deployments, fanout, pushes } = options;
  if (scheduled > tags) throw new Error(`--scheduled ${scheduled}: a stream has but ${tags} tags`);
  const followed = Math.min(streams - 1, deployments - fanout);
  if (followed < 2 * pushes)
    throw new Error(
      `--pushes ${pushes}: each push takes a stream with a Deployment of its own, and two times ${pushes} are needed; there are ${Math.max(0, followed)}`,
    );
  return options;
}

await runProgram({ usage, readOptions, main });
