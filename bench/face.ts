/** npm run bench:face: what the API face costs beside the custom resource behind it, on a real API server with etcd. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Aggregation } from '../test/support/aggregation.ts';
import { runProgram, wholeNumber } from './support/command-line.ts';
import { type ContainerCommand, faceCommand } from './support/container-command.ts';
import { type FaceOptions, runFace } from './support/face-run.ts';
import { burstRows, getRows, listRows, memoryRows, watchRows } from './support/face-tables.ts';
import { machineLine, openBench, writeFigures } from './support/open-bench.ts';
import { planState } from './support/planned-state.ts';

/** That the face lets a user have. */
const maxWatches = 200;

const usage = `npm run bench:face [-- --rounds N] [--json FILE]

Starts a Kubernetes API server with an aggregation layer and a registry on loopback, makes a state as an operator would have
left it, gives image.openshift.io/v1 to the API face, and measures reads through the API server: of the face, and of the
custom resource behind it.

  --streams N       streams, a hundred in a namespace, with two history items for each tag (default 1000)
  --tags N          tags of each stream (default 5)
  --rate N          gets of imagestreamtags a second (default 50)
  --seconds N       seconds of these gets, and as many of those of the stored streams (default 60)
  --rounds N        rounds of each list and of the gets at once (default 9)
  --burst N         gets at once (default 1000)
  --watches N       watches of all streams that are open at the end (default 50)
  --profile FOLDER  have Node write a CPU profile of the face into that folder
  --json FILE       also write all figures to a file
  --help            this text

The face runs as in its container: the bundle, the Deployment's flags and memory, and the rights of config/. The gets are sent
when they are due, whether the ones before are answered or not, and timed from then on; slices of five seconds alternate
between the face and the stored streams. "others used" says how many processors other programs kept busy: compare only
quiet runs.
`;

interface Options extends FaceOptions {
  readonly streams: number;
  readonly tags: number;
  readonly profile: string | undefined;
  readonly json: string | undefined;
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const opened = await openBench(stack, signal, async (folder) => {
    const aggregation = await Aggregation.create(folder);
    return { world: { apiServerArgs: aggregation.flags }, prepared: { aggregation } };
  });
  const { world, container, bundle, operator, prepared } = opened;
  const { progress } = world;
  const faceContainer = await withProfile(await faceCommand(bundle), options.profile);
  const streams = planState({ streams: options.streams, tagsPerStream: options.tags });
  progress.line(machineLine(faceContainer.flags));
  const parts = { ...options, ...prepared, streams, container, operator, faceContainer };
  const results = await runFace(world, parts);
  for (const rows of [getRows, listRows, burstRows, watchRows, memoryRows]) progress.table(rows(results));
  await writeFigures(options.json, results);
}

async function withProfile(
  container: ContainerCommand,
  folder: string | undefined,
): Promise<ContainerCommand> {
  if (folder === undefined) return container;
  await mkdir(folder, { recursive: true });
  const profile = ['--cpu-prof', `--cpu-prof-dir=${resolve(folder)}`];
  return { ...container, command: [...profile, ...container.command] };
}

/** Undefined when help was asked for. Throws a sentence. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '1000' },
      tags: { type: 'string', default: '5' },
      rate: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '60' },
      rounds: { type: 'string', default: '9' },
      burst: { type: 'string', default: '1000' },
      watches: { type: 'string', default: '50' },
      profile: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const watches = wholeNumber('--watches', values.watches);
  if (watches > maxWatches)
    throw new Error(`--watches ${watches}: the face lets a user have ${maxWatches} at most`);
  return {
    streams: wholeNumber('--streams', values.streams),
    tags: wholeNumber('--tags', values.tags),
    rate: wholeNumber('--rate', values.rate),
    seconds: wholeNumber('--seconds', values.seconds),
    rounds: wholeNumber('--rounds', values.rounds),
    burst: wholeNumber('--burst', values.burst),
    watches,
    profile: values.profile,
    json: values.json,
  };
}

await runProgram({ usage, readOptions, main });
