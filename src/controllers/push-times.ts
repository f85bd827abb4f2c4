/** When the pushes were announced that moved tags: how long that took to reach workloads is measured from then. */
import type { ObjectKey } from '../kube/store.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';

/** Tags whose last move is remembered; the one that moved longest ago goes first. */
const maxTags = 10_000;

/** The last move of each tag, if it was announced. */
export class PushTimes {
  /** Epoch milliseconds by stream and tag. */
  readonly #announced = new BoundedMap<string, number>(maxTags);

  /** The tag moved; `announcedAt` in epoch milliseconds, undefined when nobody had announced that. */
  moved(stream: ObjectKey, tag: string, announcedAt: number | undefined): void {
    const key = keyOf(stream, tag);
    this.#announced.delete(key);
    if (announcedAt !== undefined) this.#announced.set(key, announcedAt);
  }

  /** When the last move of the tag was announced, in epoch milliseconds; undefined when it was not. */
  announcedAt(stream: ObjectKey, tag: string): number | undefined {
    return this.#announced.get(keyOf(stream, tag));
  }
}

function keyOf(stream: ObjectKey, tag: string): string {
  return `${stream}:${tag}`;
}
