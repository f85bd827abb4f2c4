/** What the floor's process is told, and what it tells. */
import type { ApiWrite } from './stream-set.ts';

/** The bare requests of a run. */
export interface FloorPlan {
  /** `http://host:port` of the registry. */
  readonly registry: string;
  readonly api: { readonly url: string; readonly ca: string; readonly token: string };
  /** Tags in flight. */
  readonly concurrency: number;
  /** A stream's write is done when its tags have been read. */
  readonly streams: readonly {
    readonly repository: string;
    readonly tags: readonly string[];
    readonly write: ApiWrite;
  }[];
  /** Objects beside the streams, written when all else is done. */
  readonly objects: readonly ApiWrite[];
}

/** What the floor did. */
export interface FloorResult {
  /** Epoch milliseconds of the first request and of the last answer. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Processor time between the two. */
  readonly cpuMs: number;
  /** Processor time of the process in all. */
  readonly processCpuMs: number;
}
