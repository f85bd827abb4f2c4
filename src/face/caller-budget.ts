/** How much of something a caller may have at a time, so that nobody takes all of it. */
import { tooManyRequests } from './status.ts';

/** Counts what each caller has under way. */
export class CallerBudget {
  readonly #max: number;
  /** By user. */
  readonly #running = new Map<string, number>();

  /** `max` is for each caller. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Does some work of a caller. Throws 429 when too much of it is under way. */
  async run(user: string, work: () => Promise<void>): Promise<void> {
    const running = this.#running.get(user) ?? 0;
    if (running >= this.#max) throw tooManyRequests();
    this.#running.set(user, running + 1);
    try {
      await work();
    } finally {
      const left = (this.#running.get(user) ?? 1) - 1;
      if (left > 0) this.#running.set(user, left);
      else this.#running.delete(user);
    }
  }
}
