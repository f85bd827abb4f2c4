/** The benchmark of many streams: makes the state, starts the operator over it, and changes some of it. */
import { once } from 'node:events';
import type { AuditLog } from '../../test/support/audit-log.ts';
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import type { OperatorCredentials } from '../../test/support/operator-rights.ts';
import { type ChangeRun, changeKinds, pushCurrent, runChanges } from './change-case.ts';
import type { ContainerCommand } from './container-command.ts';
import { DerivedState, type StateKind, stateKinds } from './derived-state.ts';
import { type ListFloor, runListFloor } from './list-floor.ts';
import { namespacesOf, type StatedStream } from './planned-state.ts';
import { crash, type MemorySamples, measureStart, type StartRun, sampleRss } from './start-run.ts';
import { type ApiMemory, apiMemory, measureCost, type StateCost } from './state-cost.ts';
import { createNamespace } from './stream-set.ts';
import { measureSweep, type SweepRun } from './sweep-run.ts';
import { importTemplate, type StoredStream } from './template-stream.ts';
import type { World } from './world.ts';

const sampleMs = 15_000;
/** Between the measurement of the memory and the sweeper. */
const sweepMarginMs = 15_000;
/** The changes of the first kind to those of each other kind. */
const shareOfOthers = 5;

/** What the flags say. */
export interface StreamsOptions {
  readonly changes: number;
  readonly starts: number;
  readonly idleMs: number;
  readonly hold: boolean;
}

/** What a kind costs: the difference that its objects made. */
export interface KindCost {
  readonly kind: StateKind;
  readonly objects: number;
  /** Bytes of one as JSON. */
  readonly jsonBytes: number;
  readonly cost: StateCost;
}

/** All figures. */
export interface StreamsResults {
  readonly shape: { readonly streams: number; readonly tags: number };
  readonly costs: {
    readonly derivedTags: number;
    readonly empty: StateCost;
    readonly kinds: readonly KindCost[];
  };
  readonly starts: readonly { readonly run: StartRun; readonly floor: ListFloor }[];
  readonly sweep: SweepRun | undefined;
  readonly changes: readonly ChangeRun[];
  /** The operator's memory after all changes, and the API server's. */
  readonly rssAfterChanges: MemorySamples;
  readonly apiServerAtEnd: ApiMemory;
}

interface Parts extends StreamsOptions {
  readonly streams: readonly StatedStream[];
  readonly audit: AuditLog;
  readonly container: ContainerCommand;
  readonly operator: OperatorCredentials;
}

/** Runs all of it and tells the figures; only then, if that is wanted, everything stays until Ctrl-C. */
export async function runStreams(
  world: World,
  parts: Parts,
  tell: (results: StreamsResults) => Promise<void>,
): Promise<void> {
  const { progress, signal } = world;
  const { streams } = parts;
  const costs = await makeState(world, parts);
  const { operator, starts, sweep } = await runStarts(world, parts);
  try {
    const changes = await changeSome(world, parts);
    const rssAfterChanges = await progress.step('memory after the changes', () =>
      sampleRss(operator.pid, { ms: sampleMs, signal }),
    );
    const apiServerAtEnd = await progress.step('measure the API server once more', () => apiMemory(world));
    const shape = { streams: streams.length, tags: streams[0]?.tags.length ?? 0 };
    await tell({ shape, costs, starts, sweep, changes, rssAfterChanges, apiServerAtEnd });
    if (parts.hold) await hold(world, parts, operator);
  } finally {
    await operator.stop();
  }
}

/** Lets the operator write a first stream, derives the others, and measures what each kind of objects costs. */
async function makeState(world: World, parts: Parts): Promise<StreamsResults['costs']> {
  const { progress, kube } = world;
  const { streams } = parts;
  const [first] = streams;
  if (first === undefined) throw new Error('there are no streams');
  for (const namespace of namespacesOf(streams)) await createNamespace(kube, namespace);
  const template = await progress.step('let the operator import a stream', () =>
    importTemplate(world, first, startOptions(world, parts)),
  );
  const state = new DerivedState(world, streams, template);
  const cost = (what: string): Promise<StateCost> =>
    progress.step(`measure etcd and the API server ${what}`, () => measureCost(world));
  const empty = await cost('without them');
  const kinds: KindCost[] = [];
  let before = empty;
  for (const kind of stateKinds) {
    await state.write(kind);
    const after = await cost(`with ${kind}`);
    const [jsonBytes, each] = sizeOf(template, kind);
    kinds.push({ kind, objects: each * (streams.length - 1), jsonBytes, cost: difference(after, before) });
    before = after;
  }
  await state.verify();
  return { derivedTags: (streams.length - 1) * first.tags.length, empty, kinds };
}

/** The last operator still runs. */
async function runStarts(
  world: World,
  parts: Parts,
): Promise<Pick<StreamsResults, 'starts' | 'sweep'> & { readonly operator: OperatorProcess }> {
  const { progress, cluster, signal } = world;
  const { audit, idleMs, container, operator: credentials } = parts;
  const starts: { readonly run: StartRun; readonly floor: ListFloor }[] = [];
  let sweep: SweepRun | undefined;
  let running: OperatorProcess | undefined;
  try {
    for (let number = 1; number <= parts.starts; number++) {
      if (running !== undefined) await crash(running);
      const name = `start ${number}`;
      const floor = await progress.step(`${name}: the floor`, () =>
        runListFloor(cluster.facts, { token: credentials.token, nodeFlags: container.flags, signal }),
      );
      // The sweeper comes in the middle of this time; it has to come once while somebody looks.
      const graceMs = 2 * (idleMs + sampleMs + sweepMarginMs);
      const args = number === 1 ? ['--image-grace-period', `${graceMs}ms`] : [];
      const start = { ...startOptions(world, parts), args };
      const started = await measureStart(world, name, { audit, start, idleMs, sampleMs });
      running = started.operator;
      starts.push({ run: started.run, floor });
      if (number === 1) sweep = await sweepOf(world, parts, { operator: running, timeoutMs: graceMs });
    }
    if (running === undefined) throw new Error('there was no start');
    return { operator: running, starts, sweep };
  } catch (error) {
    await running?.stop();
    throw error;
  }
}

function sweepOf(
  { progress, signal }: World,
  { streams }: Parts,
  { operator, timeoutMs }: { readonly operator: OperatorProcess; readonly timeoutMs: number },
): Promise<SweepRun> {
  const images = 2 * streams.reduce((sum, { tags }) => sum + tags.length, 0);
  return progress.step('a pass of the sweeper', () => measureSweep(operator, { images, timeoutMs, signal }));
}

/** Each stream is changed in one way only. They are spread over all streams, but for the first. */
async function changeSome(world: World, { streams, changes, audit }: Parts): Promise<readonly ChangeRun[]> {
  const counts = changeKinds.map((_, i) =>
    i === 0 ? changes : Math.max(1, Math.floor(changes / shareOfOthers)),
  );
  const total = counts.reduce((a, b) => a + b, 0);
  const chosen = Array.from(
    { length: total },
    (_, i) => 1 + Math.floor((i * (streams.length - 1)) / total),
  ).flatMap((i) => streams[i] ?? []);
  await pushCurrent(world, chosen);
  const runs: ChangeRun[] = [];
  let next = 0;
  for (const [i, kind] of changeKinds.entries()) {
    const own = chosen.slice(next, next + (counts[i] ?? 0));
    next += own.length;
    runs.push(await runChanges(world, kind, { streams: own, audit }));
  }
  return runs;
}

function startOptions({ signal }: World, { container, operator: { kubeconfigPath } }: Parts) {
  return { container, kubeconfigPath, signal };
}

async function hold(
  { progress, cluster, signal }: World,
  { operator }: Parts,
  { pid, healthUrl }: OperatorProcess,
) {
  progress.line(`\nthe cluster: KUBECONFIG=${cluster.kubeconfigPath}`);
  progress.line(`the operator: process ${pid}, ${healthUrl}/metrics, KUBECONFIG=${operator.kubeconfigPath}`);
  progress.line('all of it stays until Ctrl-C');
  if (!signal.aborted) await once(signal, 'abort');
}

/** Bytes of an object of the kind, and how many of them a stream has. */
function sizeOf(template: StoredStream, kind: StateKind): readonly [jsonBytes: number, perStream: number] {
  const { stream, tagObjects, images } = template;
  const objects = { ImageStreams: [stream], ImageStreamTags: tagObjects, Images: images }[kind];
  return [Buffer.byteLength(JSON.stringify(objects[0])), objects.length];
}

function difference(after: StateCost, before: StateCost): StateCost {
  return {
    etcd: after.etcd - before.etcd,
    apiHeap: after.apiHeap - before.apiHeap,
    apiRss: after.apiRss - before.apiRss,
  };
}
