/** What the parts of the benchmark of the API face work with. */
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import type { ReadPair } from './face-reads.ts';
import type { World } from './world.ts';

/** A face that has `v1`, and what can be read from it. */
export interface FaceScene {
  readonly world: World;
  readonly face: OperatorProcess;
  /** A tag by a number from 0. */
  readonly reads: (number: number) => ReadPair;
}
