/** Lists of everything from the face, each with the list of the stored streams in the same round. */
import { ApiReader, expectAnswers } from './api-reader.ts';
import { type ListedCollection, listedCollections } from './face-reads.ts';
import type { FaceScene } from './face-scene.ts';
import { cpuMs, startLoadMeter } from './process-usage.ts';

/** One list of the face and one of the stored streams. */
export interface ListRound {
  /** From the request to the end of the answer. */
  readonly faceMs: number;
  readonly storedMs: number;
  /** Processor time of the face. */
  readonly faceCpuMs: number;
}

/** The rounds of one collection. */
export interface ListRun {
  readonly collection: ListedCollection;
  readonly rounds: readonly ListRound[];
  /** Lengths of the answers. */
  readonly faceBytes: number;
  readonly storedBytes: number;
  /** Processors that were busy, on average, with programs other than the benchmark's. */
  readonly foreign: number;
}

/** Measures each collection, after a round that does not count. */
export async function measureLists(scene: FaceScene, rounds: number): Promise<readonly ListRun[]> {
  const runs: ListRun[] = [];
  await using reader = new ApiReader(scene.world.cluster.facts, 1);
  for (const collection of listedCollections) {
    const { face, world } = scene;
    const meter = await startLoadMeter([...world.cluster.pids, face.pid]);
    let [faceBytes, storedBytes] = [0, 0];
    const measured: ListRound[] = [];
    const list = async (of: 'face' | 'stored'): Promise<number> => {
      world.signal.throwIfAborted();
      const startedAt = performance.now();
      const answer = await reader.get(collection[of], collection.accept);
      expectAnswers(`list of ${collection.name}`, [answer]);
      if (of === 'face') faceBytes = answer.bytes;
      else storedBytes = answer.bytes;
      return answer.endedAt - startedAt;
    };
    await world.progress.counted(`list ${collection.name}, ${rounds} times`, rounds + 1, async (done) => {
      for (let round = 0; round <= rounds; round++) {
        // Whatever comes second finds the API server with the garbage of the first.
        const storedFirst = round % 2 === 0 ? await list('stored') : undefined;
        const cpuBefore = await cpuMs(face.pid);
        const faceMs = await list('face');
        const faceCpuMs = (await cpuMs(face.pid)) - cpuBefore;
        const storedMs = storedFirst ?? (await list('stored'));
        if (round > 0) measured.push({ faceMs, storedMs, faceCpuMs });
        done();
      }
    });
    const { foreign } = await meter.stop();
    runs.push({ collection, rounds: measured, faceBytes, storedBytes, foreign });
  }
  return runs;
}
