/** How many watches a caller may have open at a time, of all resources together. */
import { tooManyRequests } from './status.ts';

/** Watches of one caller. */
const maxWatches = 200;

/** Counts the open watches of each caller. */
export class WatchBudget {
  /** By user. */
  readonly #open = new Map<string, number>();

  /** Runs a watch until it ends. Throws 429 when the caller has too many of them. */
  async run(user: string, watch: () => Promise<void>): Promise<void> {
    const open = this.#open.get(user) ?? 0;
    if (open >= maxWatches) throw tooManyRequests();
    this.#open.set(user, open + 1);
    try {
      await watch();
    } finally {
      const left = (this.#open.get(user) ?? 1) - 1;
      if (left > 0) this.#open.set(user, left);
      else this.#open.delete(user);
    }
  }
}
