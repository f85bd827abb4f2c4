/** A map that forgets: whatever strangers can make many of is held in one. */

/** Entries in the order in which they were last set; when there are more than `limit`, the one that came first goes. */
export class BoundedMap<K, V> {
  readonly #limit: number;
  readonly #entries = new Map<K, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value under a key. */
  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** True for a key that is there. */
  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** Sets a value, as the newest. */
  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > this.#limit && !oldest.done) this.#entries.delete(oldest.value);
  }

  /** Removes an entry; false when there was none. */
  delete(key: K): boolean {
    return this.#entries.delete(key);
  }
}
