/** The benchmark of scale: starts over a large state, rest, scheduled checks, and pushes that reach Deployments. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { resourcePath } from '../../src/api/resources.ts';
import { workloadKinds } from '../../src/controllers/workloads.ts';
import type { AuditLog } from '../../test/support/audit-log.ts';
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import type { OperatorCredentials } from '../../test/support/operator-rights.ts';
import type { TokenServer } from '../../test/support/token-server.ts';
import type { ContainerCommand } from './container-command.ts';
import { type ListFloor, runListFloor } from './list-floor.ts';
import { looksDone } from './operator-metrics.ts';
import { namespacesOf, type StatedStream } from './planned-state.ts';
import { peakRssBytes } from './process-usage.ts';
import { type PushLag, PushLags, type PushReceiver } from './push-lag.ts';
import { measureQuiet, type QuietRun } from './quiet-run.ts';
import { makeScaleState, planFollowers, type ScaleShape } from './scale-state.ts';
import { type StartOptions, startContainer, whileRunning } from './start-container.ts';
import { measureStart, type StartRun } from './start-run.ts';
import { measureCost, type StateCost } from './state-cost.ts';
import type { Followers } from './triggered-set.ts';
import type { World } from './world.ts';

const sampleMs = 15_000;
/** A push that nobody announces is waited for longer, by the schedule. */
const announcedMs = 120_000;
/** Pushes that nobody announces are made in this part of a period. */
const shareOfPeriods = 4;
const secret = 'secret-of-the-benchmark';
const leaseNamespace = 'imagestream-operator';

/** What the flags say. */
export interface ScaleOptions extends ScaleShape {
  readonly starts: number;
  readonly idleMs: number;
  readonly restMs: number;
  readonly periodMs: number;
  readonly periods: number;
  /** Pushes of each kind. */
  readonly pushes: number;
  /** Pushes to the tag of many Deployments. */
  readonly rounds: number;
}

/** All figures. */
export interface ScaleResults {
  readonly shape: ScaleShape & {
    readonly streams: number;
    readonly tags: number;
    readonly namespaces: number;
    readonly hasTokens: boolean;
  };
  /** Of everything together. */
  readonly cost: StateCost;
  readonly starts: readonly { readonly run: StartRun; readonly floor: ListFloor }[];
  /** With the settings' own period. */
  readonly rest: QuietRun;
  readonly announced: readonly PushLag[];
  readonly fanouts: readonly PushLag[];
  /** With the short period. */
  readonly checks: QuietRun & { readonly periodMs: number; readonly periods: number };
  readonly polled: readonly PushLag[];
  /** The most memory of each operator that lived longer than its start. */
  readonly peaks: { readonly announced: number; readonly checks: number };
}

interface Parts extends ScaleOptions {
  readonly streams: readonly StatedStream[];
  /** With reads. */
  readonly audit: AuditLog;
  readonly container: ContainerCommand;
  readonly operator: OperatorCredentials;
  /** Of the registry; undefined when it lets everybody in. */
  readonly tokenServer: TokenServer | undefined;
}

/** Makes the state, and measures. */
export async function runScale(world: World, parts: Parts): Promise<ScaleResults> {
  const { progress } = world;
  const { streams, tokenServer } = parts;
  const start = await startOptions(world, parts);
  await makeScaleState(world, streams, { shape: parts, start, hasAccounts: tokenServer !== undefined });
  const cost = await progress.step('restart the API server, and measure it', () => measureCost(world));
  const atRest = await runAtRest(world, parts, start);
  const checking = await runChecks(world, parts, start);
  const { scheduled, deployments, fanout } = parts;
  const shape = {
    streams: streams.length,
    tags: streams[0]?.tags.length ?? 0,
    namespaces: namespacesOf(streams).length,
    hasTokens: tokenServer !== undefined,
    scheduled,
    deployments,
    fanout,
  };
  const peaks = { announced: atRest.peak, checks: checking.peak };
  const { starts, rest, announced, fanouts } = atRest;
  const { checks, polled } = checking;
  return { shape, cost, starts, rest, announced, fanouts, checks, polled, peaks };
}

/** The starts; the last operator is then measured at rest, and hears of pushes. */
async function runAtRest(
  world: World,
  parts: Parts,
  start: StartOptions,
): Promise<Pick<ScaleResults, 'starts' | 'rest' | 'announced' | 'fanouts'> & { readonly peak: number }> {
  const { progress } = world;
  const starts: { readonly run: StartRun; readonly floor: ListFloor }[] = [];
  let running: OperatorProcess | undefined;
  try {
    for (let number = 1; number <= parts.starts; number++) {
      // By SIGTERM, as Kubernetes does it: the Lease is then free at once.
      await running?.stop();
      const name = `start ${number}`;
      const floor = await progress.step(`${name}: the floor`, () => floorOf(world, parts));
      const { audit, idleMs } = parts;
      const looks = looksOf(parts);
      const started = await measureStart(world, name, { audit, start, idleMs, sampleMs, looks });
      running = started.operator;
      starts.push({ run: started.run, floor });
    }
    if (running === undefined) throw new Error('there was no start');
    const quiet = { ...parts, operator: running, ms: parts.restMs };
    const rest = await progress.step('at rest', () => measureQuiet(world, quiet));
    const { announced, fanouts } = await runAnnounced(world, parts, receiverOf(running));
    return { starts, rest, announced, fanouts, peak: await peakRssBytes(running.pid) };
  } finally {
    await running?.stop();
  }
}

/** An operator with the short period: its checks, and pushes that only they find. */
async function runChecks(
  world: World,
  parts: Parts,
  start: StartOptions,
): Promise<Pick<ScaleResults, 'checks' | 'polled'> & { readonly peak: number }> {
  const { progress, signal } = world;
  const { periodMs, periods, audit, tokenServer } = parts;
  const args = [...(start.args ?? []), '--schedule-period', `${periodMs}ms`];
  const operator = await progress.step(`start with a period of ${periodMs / 1_000} s`, () =>
    startContainer({ ...start, args }),
  );
  try {
    // Each source has its turn at a place of its own in every period, so there is no first one to wait for.
    await progress.step('until it has looked at everything', () =>
      whileRunning(operator, looksDone(operator.healthUrl, { looks: looksOf(parts), signal })),
    );
    const quiet = { operator, audit, tokenServer, ms: periods * periodMs };
    const run = await progress.step(`measure ${periods} periods`, () => measureQuiet(world, quiet));
    const polled = await runPolled(world, parts);
    return { checks: { ...run, periodMs, periods }, polled, peak: await peakRssBytes(operator.pid) };
  } finally {
    await operator.stop();
  }
}

/** Announced pushes, each when all has come of the one before. */
async function runAnnounced(
  world: World,
  parts: Parts,
  receiver: PushReceiver,
): Promise<Pick<ScaleResults, 'announced' | 'fanouts'>> {
  const { progress } = world;
  const { pushes, rounds } = parts;
  await using lags = await PushLags.open(world, { receiver, timeoutMs: announcedMs });
  const announced: PushLag[] = [];
  const chosen = chosenOf(parts, 'announced');
  await progress.counted(`push ${pushes} tags and announce it`, chosen.length, async (done) => {
    for (const { stream, count } of chosen) {
      announced.push(await lags.measure({ stream, age: 'next', followers: count }));
      done();
    }
  });
  const fanouts: PushLag[] = [];
  await progress.counted(`push ${rounds} times for ${parts.fanout} Deployments`, rounds, async (done) => {
    for (let round = 0; round < rounds; round++) {
      const age = round % 2 === 0 ? 'next' : 'current';
      fanouts.push(await lags.measure({ stream: hotStream(parts), age, followers: parts.fanout }));
      done();
    }
  });
  return { announced, fanouts };
}

/** Pushes that nobody announces, over a part of a period: the turns of their tags are spread over all of it. */
async function runPolled(world: World, parts: Parts): Promise<readonly PushLag[]> {
  const { progress, signal } = world;
  const { periodMs, pushes } = parts;
  await using lags = await PushLags.open(world, { timeoutMs: 2 * periodMs + announcedMs });
  return await progress.counted(`push ${pushes} tags and wait for the schedule`, pushes, (done) =>
    Promise.all(
      chosenOf(parts, 'polled').map(async ({ stream, count }, i) => {
        await delay((i * periodMs) / pushes / shareOfPeriods, undefined, { signal });
        const lag = await lags.measure({ stream, age: 'next', followers: count });
        done();
        return lag;
      }),
    ),
  );
}

function hotStream({ streams: [hot] }: Parts): StatedStream {
  if (hot === undefined) throw new Error('there are no streams');
  return hot;
}

/** Streams for pushes, spread over all that have Deployments; those of the two kinds are different ones. */
function chosenOf(parts: Parts, kind: 'announced' | 'polled'): readonly Followers[] {
  const followed = planFollowers(parts.streams, parts)
    .slice(1)
    .filter(({ count }) => count > 0);
  const offset = kind === 'announced' ? 0 : 1;
  return Array.from(
    { length: parts.pushes },
    (_, i) => followed[Math.floor(((2 * i + offset) * followed.length) / (2 * parts.pushes))],
  ).filter((each) => each !== undefined);
}

/** The lists of the start, of which most kinds are empty. */
function floorOf({ cluster, signal }: World, { operator, container }: Parts): Promise<ListFloor> {
  const paths = workloadKinds.map(({ resource }) => resourcePath(resource, {}));
  return runListFloor(cluster.facts, { token: operator.token, nodeFlags: container.flags, paths, signal });
}

function looksOf({ streams, deployments }: Parts) {
  return { imagestream: streams.length, trigger: deployments };
}

/** As the Deployment has it, and with a receiver of announced pushes. */
async function startOptions(
  { cluster, signal }: World,
  { container, operator: { kubeconfigPath } }: Parts,
): Promise<StartOptions> {
  const secretFile = join(cluster.dir, 'notification-secret');
  await writeFile(secretFile, secret, { mode: 0o600 });
  const receiver = { host: '127.0.0.1', port: '0', 'secret-file': secretFile };
  const args = Object.entries(receiver).flatMap(([name, value]) => [`--notification-${name}`, value]);
  return {
    container,
    kubeconfigPath,
    signal,
    elects: true,
    args: ['--lease-namespace', leaseNamespace, ...args],
  };
}

function receiverOf({ logs }: OperatorProcess): PushReceiver {
  const line = logs.find(({ msg }) => msg === 'receiving push notifications');
  return { port: Number(line?.['port']), secret };
}
