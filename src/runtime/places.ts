/** A number of places for work that takes much: who finds none waits for its turn, in the order of coming. */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves when there is a place; what it resolves to gives it back and must be called once. Rejects with the signal's
   * reason when that is aborted first.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    return () => {
      const [next] = this.#waiting;
      if (next === undefined) {
        this.#free++;
        return;
      }
      // The place goes straight to the next one.
      this.#waiting.delete(next);
      next();
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = (): void => reject(signal.reason as Error);
    this.#waiting.add(resolve);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(resolve);
      signal.removeEventListener('abort', giveUp);
    }
  }
}
