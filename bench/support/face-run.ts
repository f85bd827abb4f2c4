/** The benchmark of the API face: what it takes longer than the custom resource behind it, and its memory. */
import { setTimeout as delay } from 'node:timers/promises';
import { imageStreams, resourcePath } from '../../src/api/resources.ts';
import type { Aggregation } from '../../test/support/aggregation.ts';
import type { OperatorCredentials } from '../../test/support/operator-rights.ts';
import { ApiWriter } from './api-writer.ts';
import type { ContainerCommand } from './container-command.ts';
import { DerivedState, stateKinds } from './derived-state.ts';
import { type Burst, type GetsRun, measureBursts, measureGets } from './face-gets.ts';
import { type ListRun, measureLists } from './face-lists.ts';
import { listedCollections, tagReads } from './face-reads.ts';
import type { FaceScene } from './face-scene.ts';
import { namespacesOf, type StatedStream } from './planned-state.ts';
import { peakRssBytes, resetPeakRss, rssBytes } from './process-usage.ts';
import { startServedFace } from './served-face.ts';
import { type MemorySamples, sampleRss } from './start-run.ts';
import { createNamespace } from './stream-set.ts';
import { importTemplate } from './template-stream.ts';
import { WatchCrowd } from './watch-crowd.ts';
import type { World } from './world.ts';

const restMs = 30_000;
const sampleMs = 15_000;
/** Streams that are changed under open watches. */
const changes = 20;

/** What the flags say. */
export interface FaceOptions {
  /** Gets a second. */
  readonly rate: number;
  /** Of gets from the face, and of gets from the floor. */
  readonly seconds: number;
  /** Of each list, and of the gets at once. */
  readonly rounds: number;
  /** Gets at once. */
  readonly burst: number;
  readonly watches: number;
}

interface Parts extends FaceOptions {
  readonly streams: readonly StatedStream[];
  readonly aggregation: Aggregation;
  /** Of the operator, which imports the first stream. */
  readonly container: ContainerCommand;
  readonly operator: OperatorCredentials;
  readonly faceContainer: ContainerCommand;
}

/** Memory of the face over some part of the benchmark, in bytes. */
export interface MemoryStage {
  readonly name: string;
  /** At its end. */
  readonly rss: number;
  readonly peak: number;
}

/** What open watches were like. */
export interface WatchesRun {
  /** Until each of them had an event for every stream. */
  readonly openedMs: number;
  /** How often one was answered that it should come again. */
  readonly refused: number;
  /** From the first of some changes until each of them had all of these. */
  readonly changesMs: number;
  /** With all of them open and nothing to do. */
  readonly rest: MemorySamples;
}

/** All figures. */
export interface FaceResults {
  readonly shape: { readonly streams: number; readonly tags: number; readonly watches: number };
  readonly rate: number;
  readonly burst: number;
  readonly gets: GetsRun;
  readonly lists: readonly ListRun[];
  readonly bursts: readonly Burst[];
  readonly watches: WatchesRun;
  readonly memory: readonly MemoryStage[];
}

/** Makes the state, gives `v1` to the face, and measures. */
export async function runFace(world: World, parts: Parts): Promise<FaceResults> {
  const { streams, rate, burst, aggregation, faceContainer } = parts;
  await writeState(world, parts);
  const reads = tagReads(streams);
  const face = await world.progress.step('start the face, which takes v1 over', () =>
    startServedFace(world, { aggregation, container: faceContainer, probePath: reads(0).face }),
  );
  try {
    const scene: FaceScene = { world, face, reads };
    const memory: MemoryStage[] = [];
    const stage = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const result = await work();
      memory.push({ name, rss: await rssBytes(face.pid), peak: await peakRssBytes(face.pid) });
      await resetPeakRss(face.pid);
      return result;
    };
    await stage('started', () => Promise.resolve());
    const gets = await stage('gets', () => measureGets(scene, parts));
    const lists = await stage('lists', () => measureLists(scene, parts.rounds));
    const bursts = await stage('gets at once', () => measureBursts(scene, parts));
    const watches = await stage('open watches', () => measureWatches(scene, parts));
    const tags = streams.reduce((sum, stream) => sum + stream.tags.length, 0);
    const shape = { streams: streams.length, tags, watches: parts.watches };
    return { shape, rate, burst, gets, lists, bursts, watches, memory };
  } finally {
    await face.stop();
  }
}

/** As the operator would have left it. */
async function writeState(world: World, { streams, container, operator }: Parts): Promise<void> {
  const { progress, kube, signal } = world;
  const [first] = streams;
  if (first === undefined) throw new Error('there are no streams');
  for (const namespace of namespacesOf(streams)) await createNamespace(kube, namespace);
  const start = { container, kubeconfigPath: operator.kubeconfigPath, signal };
  const template = await progress.step('let the operator import a stream', () =>
    importTemplate(world, first, start),
  );
  const state = new DerivedState(world, streams, template);
  for (const kind of stateKinds) await state.write(kind);
  await state.verify();
}

/** Opens watches of all streams and leaves them open until the memory has been measured. */
async function measureWatches(
  { world, face }: FaceScene,
  { streams, watches }: Pick<Parts, 'streams' | 'watches'>,
): Promise<WatchesRun> {
  const { progress, cluster, signal } = world;
  const path = listedCollections[0]?.face ?? '';
  const openedAt = performance.now();
  await using crowd = await progress.step(`open ${watches} watches`, () =>
    WatchCrowd.open({ facts: cluster.facts, path, count: watches, signal }),
  );
  await progress.step('see all streams in each of them', () => crowd.seen(streams.length, signal));
  const openedMs = performance.now() - openedAt;
  const changed = streams.slice(0, changes);
  const changedAt = performance.now();
  await progress.step(`change ${changed.length} streams`, async () => {
    await annotate(world, changed);
    await crowd.seen(streams.length + changed.length, signal);
  });
  const changesMs = performance.now() - changedAt;
  await progress.step('leave it alone', () => delay(restMs, undefined, { signal }));
  const rest = await progress.step('measure its memory', () => sampleRss(face.pid, { ms: sampleMs, signal }));
  // None of them may have ended meanwhile.
  await crowd.seen(streams.length + changed.length, signal);
  return { openedMs, refused: crowd.refused, changesMs, rest };
}

async function annotate({ cluster }: World, streams: readonly StatedStream[]): Promise<void> {
  await using writer = new ApiWriter(cluster.facts);
  const body = JSON.stringify({ metadata: { annotations: { changed: 'true' } } });
  for (const { namespace, name } of streams)
    await writer.send({ kind: 'merge', path: resourcePath(imageStreams, { namespace, name }), body });
}
