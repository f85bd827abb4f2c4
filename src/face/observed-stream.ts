/** Waiting for the operator: what it makes of a write is there some milliseconds later, and who has written wants to see it. */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { imageStreams } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedIfNotFound } from '../kube/errors.ts';
import { type Clock, sleep } from '../runtime/clock.ts';

/** How long it is waited, and for what. */
export interface ObservedOptions {
  readonly clock: Clock;
  /** An abort ends the waiting with an error. */
  readonly signal: AbortSignal;
  /** What is waited for beside the generation. */
  readonly isDone?: (stream: ImageStream) => boolean;
  /** Epoch milliseconds; two seconds from now when absent. */
  readonly until?: number;
}

/** A write waits for the operator for this time in all. */
export const maxObservationMs = 2_000;
const firstPauseMs = 25;
const maxPauseMs = 200;

/**
 * The stream when the operator has seen its generation, or as it is when that takes too long, or when it is gone or another one. It is
 * asked at least once, unless it is as it is wanted already.
 */
export async function observed(
  client: KubeClient,
  stream: ImageStream,
  { clock, signal, isDone = () => true, until = clock.now() + maxObservationMs }: ObservedOptions,
): Promise<ImageStream> {
  const { namespace, name, uid } = stream.metadata;
  const wanted = stream.metadata.generation ?? 0;
  let current = stream;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
    if ((current.status?.observedGeneration ?? 0) >= wanted && isDone(current)) return current;
    const leftMs = until - clock.now();
    if (leftMs <= 0) return current;
    await sleep(clock, Math.min(pauseMs, leftMs), signal);
    signal.throwIfAborted();
    const next = await client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
    if (next === undefined || next.metadata.uid !== uid) return current;
    current = next;
  }
}

/**
 * True for a tag that the operator fulfils from the cluster alone: a copy, or a pull spec that is only recorded (semantics 1.7). A
 * registry takes its time, and nobody waits for it.
 */
export function isTakenAtOnce({ from, reference }: TagReference): boolean {
  if (!from) return false;
  return from.kind !== 'DockerImage' || reference === true;
}
