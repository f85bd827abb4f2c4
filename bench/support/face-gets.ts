/** Gets of tags from the face, in slices that alternate with the same gets of the stored streams. */
import { ApiReader, expectAnswers } from './api-reader.ts';
import type { FaceScene } from './face-scene.ts';
import { runPacedGets } from './paced-gets.ts';
import { cpuMs, startLoadMeter } from './process-usage.ts';

/** Seconds of a slice, at most. */
const sliceSeconds = 5;
const connections = 64;

/** How much is asked for. */
export interface GetsOptions {
  /** Gets a second. */
  readonly rate: number;
  /** Of the face and of the floor, each. */
  readonly seconds: number;
}

/** One of the two that are asked in turn. */
export interface GetsSide {
  /** From the time that a get was due to its whole answer, each in milliseconds. */
  readonly latencies: number[];
  /** Processor time of the face, the API server and all others of the benchmark together, and of the face alone. */
  cpuMs: number;
  faceCpuMs: number;
  /** Processors that were busy, on average, with programs other than the benchmark's: of each slice. */
  readonly foreign: number[];
}

/** Both. */
export interface GetsRun {
  readonly face: GetsSide;
  readonly stored: GetsSide;
}

/** Reads all tags in turn, after a slice of each that does not count. */
export async function measureGets(scene: FaceScene, { rate, seconds }: GetsOptions): Promise<GetsRun> {
  const { world, reads } = scene;
  await using reader = new ApiReader(world.cluster.facts, connections);
  const slices = Math.ceil(seconds / sliceSeconds);
  const count = Math.ceil((rate * seconds) / slices);
  const unmeasured = { face: emptySide(), stored: emptySide() };
  const run: GetsRun = { face: emptySide(), stored: emptySide() };
  const slice = async (of: keyof GetsRun, from: number, side: GetsSide): Promise<void> => {
    const meter = await startLoadMeter([...world.cluster.pids, scene.face.pid]);
    const faceBefore = await cpuMs(scene.face.pid);
    const latencies = await runPacedGets({
      name: `gets of the ${of === 'face' ? 'face' : 'stored streams'}`,
      get: (number) => reader.get(reads(number)[of]),
      from,
      count,
      perSecond: rate,
      signal: world.signal,
    });
    const { ownCpuMs, foreign } = await meter.stop();
    side.latencies.push(...latencies);
    side.cpuMs += ownCpuMs;
    side.faceCpuMs += (await cpuMs(scene.face.pid)) - faceBefore;
    side.foreign.push(foreign);
  };
  const text = `${rate} gets a second: ${seconds} s of the face, ${seconds} s of the stored streams`;
  await world.progress.counted(text, slices + 1, async (done) => {
    for (let i = 0; i <= slices; i++) {
      const sides = i === 0 ? unmeasured : run;
      await slice('face', i * count, sides.face);
      await slice('stored', i * count, sides.stored);
      done();
    }
  });
  return run;
}

function emptySide(): GetsSide {
  return { latencies: [], cpuMs: 0, faceCpuMs: 0, foreign: [] };
}

/** Many gets at the same moment, over connections that are open. */
export interface Burst {
  /** Answers with the status 200. */
  readonly answered: number;
  /** To the last answer. */
  readonly ms: number;
  readonly storedMs: number;
  /** The first answer that was none. */
  readonly problem: string;
}

/** Sends so many gets at once in each round, to the face and then to the stored streams. */
export async function measureBursts(
  { world, reads }: FaceScene,
  { burst, rounds }: { readonly burst: number; readonly rounds: number },
): Promise<readonly Burst[]> {
  await using reader = new ApiReader(world.cluster.facts, burst);
  const all = async (path: (number: number) => string) => {
    const startedAt = performance.now();
    const answers = await Promise.all(Array.from({ length: burst }, (_, i) => reader.get(path(i))));
    world.signal.throwIfAborted();
    return { answers, ms: Math.max(...answers.map(({ endedAt }) => endedAt)) - startedAt };
  };
  const bursts: Burst[] = [];
  await world.progress.counted(`${burst} gets at once, ${rounds} times`, rounds, async (done) => {
    expectAnswers('opening of connections', (await all(() => '/version')).answers);
    for (let round = 0; round < rounds; round++) {
      const face = await all((i) => reads(round * burst + i).face);
      const stored = await all((i) => reads(round * burst + i).stored);
      expectAnswers('gets of the stored streams at once', stored.answers);
      const problems = face.answers.filter(({ status }) => status !== 200);
      bursts.push({
        answered: burst - problems.length,
        ms: face.ms,
        storedMs: stored.ms,
        problem: problems[0]?.problem ?? '',
      });
      done();
    }
  });
  return bursts;
}
