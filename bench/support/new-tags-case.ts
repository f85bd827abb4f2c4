/** New tags: the time until all of them are imported, beside the floor of the same run. */
import { countRequests, markLog, totalOf } from './access-log.ts';
import { runFloor } from './floor.ts';
import { type PlannedStream, planStreams, pushDistinct, type Shape } from './image-set.ts';
import { ImportWatch } from './import-watch.ts';
import { type OperatorRun, runOperator } from './operator-run.ts';
import { type Load, startLoadMeter } from './process-usage.ts';
import { seconds } from './progress.ts';
import {
  createNamespace,
  createStreams,
  deleteStreams,
  readWritten,
  statusWrites,
  type WrittenState,
} from './stream-set.ts';
import type { World } from './world.ts';

/** A case, with the time that OpenShift needs for it. */
export interface NewTagsCase {
  readonly name: string;
  readonly shape: Shape;
  readonly referenceSeconds: number;
}

/** The floor's part of a round. */
interface FloorRun {
  readonly ms: number;
  readonly cpuMs: number;
  readonly requests: number;
  readonly load: Load;
}

/** One round: the operator, then the floor. */
export interface NewTagsRound {
  readonly operator: OperatorRun;
  readonly floor: FloorRun;
}

/** Tags in flight, of the floor: the operator's default for streams. */
const floorConcurrency = 50;
const timeoutMs = 180_000;

/** Runs all rounds of a case over the same images. */
export async function runNewTagsCase(
  world: World,
  { name, shape }: NewTagsCase,
  rounds: number,
): Promise<readonly NewTagsRound[]> {
  const { progress, cluster, kube, signal } = world;
  const streams = planStreams(shape, name);
  const namespace = `bench-${name}`;
  await createNamespace(kube, namespace);
  await progress.step(`push ${shape.streams * shape.tagsPerStream} images`, () =>
    pushDistinct(cluster.registry, streams, signal),
  );
  const results: NewTagsRound[] = [];
  for (let round = 1; round <= rounds; round++) {
    await recreate(world, namespace, streams);
    const operator = await progress.step(`round ${round}: operator`, () =>
      runOperator(world, { namespace, wanted: wantedOf(streams), timeoutMs }),
    );
    const written = await readWritten(kube, namespace);
    await recreate(world, namespace, streams);
    const floor = await progress.step(`round ${round}: floor`, () =>
      measureFloor(world, namespace, { streams, written }),
    );
    results.push({ operator, floor });
  }
  await deleteStreams(kube, namespace);
  return results;
}

/** One line per round for the table. */
export function newTagsRow(
  { name, shape, referenceSeconds }: NewTagsCase,
  { operator, floor }: NewTagsRound,
  round: string,
): Record<string, string> {
  const tags = shape.streams * shape.tagsPerStream;
  return {
    case: `${name}: ${shape.streams} × ${shape.tagsPerStream}`,
    round,
    operator: seconds(operator.ms),
    floor: seconds(floor.ms),
    'operator/floor': (operator.ms / floor.ms).toFixed(2),
    'CPU of all, ratio': (operator.load.ownCpuMs / floor.load.ownCpuMs).toFixed(2),
    OpenShift: `${referenceSeconds} s`,
    'registry requests a tag': (totalOf(operator.requests) / tags).toFixed(2),
    'API writes': Object.entries(operator.writes)
      .map(([method, count]) => `${count} ${method}`)
      .join(', '),
    'operator CPU': seconds(operator.cpuMs),
    'floor CPU': seconds(floor.cpuMs),
    'peak RSS': `${Math.round(operator.peakRssBytes / 1024 ** 2)} MB`,
    'others used': `${operator.load.foreign.toFixed(1)} / ${floor.load.foreign.toFixed(1)} CPU`,
  };
}

/** The round whose ratio is in the middle. */
export function medianRound(rounds: readonly NewTagsRound[]): NewTagsRound | undefined {
  const sorted = rounds.toSorted((a, b) => a.operator.ms / a.floor.ms - b.operator.ms / b.floor.ms);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

async function recreate(world: World, namespace: string, streams: readonly PlannedStream[]): Promise<void> {
  const { kube, cluster, signal } = world;
  await deleteStreams(kube, namespace);
  await createStreams(kube, streams, { namespace, host: cluster.registry.host, signal });
}

async function measureFloor(
  world: World,
  namespace: string,
  { streams, written }: { streams: readonly PlannedStream[]; written: WrittenState },
): Promise<FloorRun> {
  const { cluster, kube, signal } = world;
  const { registry, facts } = cluster;
  const writes = await statusWrites(kube, namespace, written);
  await using watch = await ImportWatch.open(facts, { namespace, wanted: wantedOf(streams) });
  const since = await markLog(registry.logPath);
  const meter = await startLoadMeter(cluster.pids);
  const { startedAt, endedAt, cpuMs, processCpuMs } = await runFloor(
    {
      registry: registry.url,
      api: { url: facts.url, ca: facts.ca, token: cluster.token('admin') },
      concurrency: floorConcurrency,
      streams: streams.flatMap(({ name, repository, tags }) => {
        const write = writes.get(name);
        return write === undefined ? [] : { repository, tags, write };
      }),
      objects: written.objects,
    },
    signal,
  );
  const all = await meter.stop(processCpuMs);
  // The operator, too, is measured from where it is ready.
  const load = { ...all, ownCpuMs: all.ownCpuMs - (processCpuMs - cpuMs) };
  const { lastAt } = await watch.imported({ timeoutMs, signal });
  const requests = totalOf(await countRequests(registry.logPath, { since, userAgent: 'floor' }));
  return { ms: Math.max(lastAt, endedAt) - startedAt, cpuMs, requests, load };
}

function wantedOf(streams: readonly PlannedStream[]): ReadonlyMap<string, number> {
  return new Map(streams.map(({ name, tags }) => [name, tags.length]));
}
