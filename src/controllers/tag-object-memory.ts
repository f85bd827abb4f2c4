/** What the writer of ImageStreamTags remembers from one look to the next; nothing of it has to survive. All of it is bounded. */
import type { ObjectKey } from '../kube/store.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { Clock } from '../runtime/clock.ts';

/** Objects that are remembered for each reason; the one that came first goes. */
const maxObjects = 20_000;
/** The watch brings a write within moments; after this time it has brought all that it will. */
const awaitMs = 30_000;
/** So often in this time the operator takes its fields back from somebody else. */
const maxReclaims = 3;
const reclaimMs = 600_000;

interface PutOff {
  readonly hash: string;
  readonly why: string;
  /** Epoch milliseconds. */
  readonly until: number;
}

/** By the keys of ImageStreamTags. */
export class TagObjectMemory {
  readonly #clock: Clock;
  /** Until when the watch is waited for. */
  readonly #awaited = new BoundedMap<ObjectKey, number>(maxObjects);
  readonly #putOff = new BoundedMap<ObjectKey, PutOff>(maxObjects);
  /** The versions in which others have written the very same. */
  readonly #verified = new BoundedMap<ObjectKey, string>(maxObjects);
  readonly #reclaims = new BoundedMap<ObjectKey, { readonly since: number; readonly count: number }>(
    maxObjects,
  );
  readonly #terminating = new BoundedMap<string, number>(maxObjects);
  /** The streams that want the name of an object which is something else. */
  readonly #wanted = new BoundedMap<ObjectKey, ObjectKey>(maxObjects);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The watch has brought something. Returns the stream that waits for the name, if one does. */
  seen(key: ObjectKey): ObjectKey | undefined {
    this.#awaited.delete(key);
    const stream = this.#wanted.get(key);
    this.#wanted.delete(key);
    return stream;
  }

  /** A stream waits for the name of an object that is something else. */
  wants(key: ObjectKey, stream: ObjectKey): void {
    this.#wanted.set(key, stream);
  }

  /** The object was written: the watch is going to bring it. */
  awaits(key: ObjectKey): void {
    this.#awaited.set(key, this.#clock.now() + awaitMs);
  }

  /** True while what the store shows is known to be old. */
  isAwaited(key: ObjectKey): boolean {
    return (this.#awaited.get(key) ?? 0) > this.#clock.now();
  }

  /** Leaves an object alone for so many milliseconds. True when the reason is a new one. */
  putOff(key: ObjectKey, { hash, why }: { hash: string; why: string }, forMs: number): boolean {
    const before = this.#putOff.get(key);
    this.#putOff.set(key, { hash, why, until: this.#clock.now() + forMs });
    return before?.why !== why;
  }

  /** True while the same content is not to be tried again. */
  isPutOff(key: ObjectKey, hash: string): boolean {
    const entry = this.#putOff.get(key);
    return entry?.hash === hash && entry.until > this.#clock.now();
  }

  /** A write was accepted. */
  worked(key: ObjectKey): void {
    this.#putOff.delete(key);
  }

  /** What others wrote in this version is what the operator would write. */
  verified(key: ObjectKey, resourceVersion: string): void {
    this.#verified.set(key, resourceVersion);
  }

  /** True for a version that was found to be right. */
  isVerified(key: ObjectKey, resourceVersion: string): boolean {
    return this.#verified.get(key) === resourceVersion;
  }

  /** Counts one more time that fields are taken back; false when it has been too often. */
  mayReclaim(key: ObjectKey): boolean {
    const now = this.#clock.now();
    const last = this.#reclaims.get(key);
    const { since, count } =
      last !== undefined && now - last.since < reclaimMs ? last : { since: now, count: 0 };
    this.#reclaims.set(key, { since, count: count + 1 });
    return count < maxReclaims;
  }

  /** The namespace is being deleted: nothing can be created in it for now. */
  terminates(namespace: string, forMs: number): void {
    this.#terminating.set(namespace, this.#clock.now() + forMs);
  }

  /** True while nothing is to be tried in the namespace. */
  isTerminating(namespace: string): boolean {
    return (this.#terminating.get(namespace) ?? 0) > this.#clock.now();
  }
}
