// npm run chaos: kills the operator at random moments, and looks whether anybody notices.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runProgram, wholeNumber } from '../bench/support/command-line.ts';
import { ensureAssets } from '../test/support/assets.ts';
import { runChaos } from '../test/support/chaos/chaos-run.ts';
import { type Trouble, troubles } from '../test/support/chaos/chaos-script.ts';

const crds = fileURLToPath(new URL('../crds/', import.meta.url));
const maxSeed = 2 ** 32;

const usage = `npm run chaos [-- --rounds N] [--seed N]

Makes a script of what people do with streams, tags and workloads, does it once with an operator that nobody disturbs, and once with
operators that are killed (SIGKILL) in each round at a random moment, while connections are cut, stopped and slowed down, and the API
server and the registry are restarted. Both have to come to what the script says, and to the same.

  --rounds N        rounds, each with one kill at least (default 100)
  --seed N          the script and its troubles; the moments within a run are not the same twice (default: a new one)
  --apps N          streams that most happens to (default 3)
  --fanout N        Deployments that follow one tag from the beginning (default 30)
  --check-every N   rounds between two comparisons (default 10)
  --trouble NAME    only this one, and again for more of them: ${troubles.join(', ')}
  --keep-logs       leave the logs behind also when all is well
  --help            this text

A hundred rounds take ten to twenty minutes. Ctrl-C ends all programs. A run of more than six hours ends with the operator's token.
`;

interface Options {
  readonly rounds: number;
  readonly seed: number;
  readonly apps: number;
  readonly fanOut: number;
  readonly checkEvery: number;
  readonly troubles?: readonly Trouble[];
  readonly keepsLogs: boolean;
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  const assets = await ensureAssets({ signal });
  const startedAt = performance.now();
  const elapsed = (): string => `${Math.round((performance.now() - startedAt) / 1_000)} s`.padStart(7);
  const onProgress = (text: string): void => console.log(`${elapsed()}  ${text}`);
  console.log(`seed ${options.seed}`);
  const { differences, folder, killed, writes } = await runChaos({
    ...options,
    assets,
    crds,
    signal,
    onProgress,
  });
  onProgress(`${options.rounds} rounds, ${killed} operators killed, ${writes} writes to workloads`);
  if (differences.length > 0 || options.keepsLogs) console.log(`logs: ${folder}`);
  if (differences.length === 0) return;
  const again = `npm run chaos -- --rounds ${options.rounds} --seed ${options.seed}`;
  throw new Error(`${differences.join('\n')}\n\nagain, with the same other flags: ${again}`);
}

/** Undefined when help was asked for. Throws a sentence. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(1 + Math.floor(Math.random() * (maxSeed - 1))) },
      apps: { type: 'string', default: '3' },
      fanout: { type: 'string', default: '30' },
      'check-every': { type: 'string', default: '10' },
      trouble: { type: 'string', multiple: true },
      'keep-logs': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const chosen = values.trouble?.map((text) => {
    const trouble = troubles.find((known) => known === text);
    if (trouble === undefined) throw new Error(`--trouble ${text}: must be one of ${troubles.join(', ')}`);
    return trouble;
  });
  return {
    rounds: wholeNumber('--rounds', values.rounds),
    seed: wholeNumber('--seed', values.seed),
    apps: wholeNumber('--apps', values.apps),
    fanOut: wholeNumber('--fanout', values.fanout),
    checkEvery: wholeNumber('--check-every', values['check-every']),
    ...(chosen && { troubles: chosen }),
    keepsLogs: values['keep-logs'],
  };
}

await runProgram({ usage, readOptions, main });
