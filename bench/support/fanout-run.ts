/** The benchmark of moves: how fast one tag reaches a thousand Deployments, and one change of a status its first one. */
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import type { OperatorCredentials } from '../../test/support/operator-rights.ts';
import { deployments, type ImageStream, imageStreams, type Workload } from '../../test/support/resources.ts';
import { CollectionWatch } from './collection-watch.ts';
import type { ContainerCommand } from './container-command.ts';
import { DerivedState, stateKinds } from './derived-state.ts';
import { apiWrites, settledWrites, writesSince } from './operator-metrics.ts';
import { type PatchResult, runPatchFloor } from './patch-floor.ts';
import { namespacesOf, type StatedStream } from './planned-state.ts';
import { cpuMs } from './process-usage.ts';
import { startContainer } from './start-container.ts';
import { type MemorySamples, sampleRss } from './start-run.ts';
import { createNamespace } from './stream-set.ts';
import { importTemplate } from './template-stream.ts';
import { createFollowers, FollowerTally, prefixOf, pullSpecAt } from './triggered-set.ts';
import type { World } from './world.ts';

const sampleMs = 15_000;
const seenMs = 120_000;
/** The operator's default, and the floor's. */
const concurrency = 16;

/** What the flags say. */
export interface FanoutOptions {
  /** Deployments of one tag. */
  readonly fanout: number;
  /** Deployments of each of the other streams. */
  readonly followers: number;
  readonly changes: number;
  readonly rounds: number;
}

/** One tag that moves, with the floor of the same round. */
export interface FanoutRound {
  /** From the answer to the write of the status to the sight of the first and the last patch. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly operatorCpuMs: number;
  readonly writes: Readonly<Record<string, number>>;
  readonly floorMs: number;
  readonly floorCpuMs: number;
}

/** All figures. */
export interface FanoutResults {
  readonly shape: { readonly streams: number; readonly deployments: number; readonly fanout: number };
  readonly memory: {
    readonly without: MemorySamples;
    readonly with: MemorySamples;
    readonly afterwards: MemorySamples;
  };
  readonly rounds: readonly FanoutRound[];
  /** From the answer to the write of a status to the sight of the first patch, each in milliseconds. */
  readonly latencies: readonly number[];
}

interface Parts extends FanoutOptions {
  /** The first is the one whose tag moves a thousand Deployments. */
  readonly streams: readonly StatedStream[];
  readonly container: ContainerCommand;
  readonly operator: OperatorCredentials;
}

/** Makes the state, and measures. */
export async function runFanout(world: World, parts: Parts): Promise<FanoutResults> {
  const { progress, kube, signal } = world;
  const { streams, container, operator: credentials } = parts;
  const [hot, ...others] = streams;
  if (hot === undefined) throw new Error('there are no streams');
  const start = { container, kubeconfigPath: credentials.kubeconfigPath, signal };
  for (const namespace of namespacesOf(streams)) await createNamespace(kube, namespace);
  const template = await progress.step('let the operator import a stream', () =>
    importTemplate(world, hot, start),
  );
  const state = new DerivedState(world, streams, template);
  for (const kind of stateKinds) await state.write(kind);
  await state.verify();
  const measure = async (name: string): Promise<{ operator: OperatorProcess; rss: MemorySamples }> => {
    const operator = await progress.step(`start the operator ${name}`, () => startContainer(start));
    await settledWrites(operator.healthUrl, signal);
    return { operator, rss: await memoryOf(world, operator) };
  };
  const without = await measure('without Deployments');
  await without.operator.stop();
  await createFollowers(world, [
    { stream: hot, count: parts.fanout },
    { stream: hot, count: parts.fanout, asFloor: true },
    ...others.map((stream) => ({ stream, count: parts.followers })),
  ]);
  const { operator, rss } = await measure('with them');
  try {
    await using watch = await CollectionWatch.open(world.cluster.facts, deployments);
    const latencies = await runLatencies(world, parts, { watch, others });
    const rounds: FanoutRound[] = [];
    for (let number = 1; number <= parts.rounds; number++)
      rounds.push(await runRound(world, parts, { number, operator, watch, hot }));
    const afterwards = await memoryOf(world, operator);
    const total = parts.fanout + others.length * parts.followers;
    return {
      shape: { streams: streams.length, deployments: total, fanout: parts.fanout },
      memory: { without: without.rss, with: rss, afterwards },
      rounds,
      latencies,
    };
  } finally {
    await operator.stop();
  }
}

function memoryOf({ progress, signal }: World, { pid }: OperatorProcess): Promise<MemorySamples> {
  return progress.step('measure its memory', () => sampleRss(pid, { ms: sampleMs, signal }));
}

/** Moves the tags of other streams, one after the other, each when all Deployments of the one before have moved. */
async function runLatencies(
  world: World,
  { changes, followers }: Parts,
  { watch, others }: { readonly watch: CollectionWatch<Workload>; readonly others: readonly StatedStream[] },
): Promise<readonly number[]> {
  const latencies: number[] = [];
  await world.progress.counted(`move the tags of ${changes} streams`, changes, async (done) => {
    for (let i = 0; i < changes; i++) {
      // Spread over all streams, the next one never beside the last one.
      const stream = others[(i * 7_919) % others.length];
      if (stream === undefined) continue;
      const { firstMs } = await moveTag(world, watch, { stream, followers });
      latencies.push(firstMs);
      done();
    }
  });
  return latencies;
}

async function runRound(
  world: World,
  parts: Parts,
  {
    number,
    operator,
    watch,
    hot,
  }: {
    readonly number: number;
    readonly operator: OperatorProcess;
    readonly watch: CollectionWatch<Workload>;
    readonly hot: StatedStream;
  },
): Promise<FanoutRound> {
  const { progress, signal } = world;
  const { fanout } = parts;
  const before = await settledWrites(operator.healthUrl, signal);
  const cpuBefore = await cpuMs(operator.pid);
  const { firstMs, lastMs } = await progress.step(
    `round ${number}: the tag of ${fanout} Deployments moves`,
    () => moveTag(world, watch, { stream: hot, followers: fanout }),
  );
  const operatorCpuMs = (await cpuMs(operator.pid)) - cpuBefore;
  await settledWrites(operator.healthUrl, signal);
  const writes = writesSince(before, await apiWrites(operator.healthUrl));
  const floor = await progress.step(`round ${number}: the floor`, () =>
    runFloorOf(world, parts, { number, operator, hot }),
  );
  return { firstMs, lastMs, operatorCpuMs, writes, floorMs: floor.ms, floorCpuMs: floor.cpuMs };
}

/** The same patches of Deployments without triggers, while the operator stands still. */
async function runFloorOf(
  { kube, cluster, signal }: World,
  { container, operator: { token } }: Parts,
  {
    number,
    operator,
    hot,
  }: { readonly number: number; readonly operator: OperatorProcess; readonly hot: StatedStream },
): Promise<PatchResult> {
  const prefix = prefixOf({ stream: hot, asFloor: true });
  const all = await kube.list(deployments, { namespace: hot.namespace });
  const workloads = all.filter(({ metadata: { name } }) => name.startsWith(prefix));
  const image = `registry.example/floor@sha256:${String(number).padStart(64, '0')}`;
  operator.kill('SIGSTOP');
  try {
    return await runPatchFloor(cluster.facts, {
      token,
      nodeFlags: container.flags,
      concurrency,
      workloads,
      image,
      signal,
    });
  } finally {
    operator.kill('SIGCONT');
  }
}

/** Turns the history of the first tag round, as an import of the older image would, and waits for all that follow. */
async function moveTag(
  { kube, signal }: World,
  watch: CollectionWatch<Workload>,
  { stream, followers }: { readonly stream: StatedStream; readonly followers: number },
): Promise<{ readonly firstMs: number; readonly lastMs: number }> {
  const present = await kube.get(imageStreams, { namespace: stream.namespace, name: stream.name });
  const tally = new FollowerTally(stream, { image: pullSpecAt(present, 1), count: followers });
  const seen = watch.seen(tally.isComplete, { timeoutMs: seenMs, signal });
  // Only what came first is of interest.
  seen.catch(() => undefined);
  const place = { namespace: stream.namespace, name: stream.name, subresource: 'status' };
  await kube.patch(imageStreams, place, { status: turned(present) });
  const at = performance.now();
  const lastAt = await seen;
  return { firstMs: tally.firstAt - at, lastMs: lastAt - at };
}

function turned({ status }: ImageStream): object {
  const tags = (status?.tags ?? []).map((entry, i) =>
    i === 0 ? { ...entry, items: (entry.items ?? []).toReversed() } : entry,
  );
  return { tags };
}
