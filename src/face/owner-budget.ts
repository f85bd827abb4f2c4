/** How much of something an owner may have at a time, so that nobody takes all of it: a user, or a namespace, of which a tenant has few. */
import { tooManyRequests } from './status.ts';

/** How much there is at a time. */
export interface OwnerBudgetOptions {
  readonly each: number;
  /** Of all owners together; without it there is no end. */
  readonly all?: number;
}

/** Counts what each owner has under way. */
export class OwnerBudget {
  readonly #options: OwnerBudgetOptions;
  readonly #running = new Map<string, number>();
  #total = 0;

  constructor(options: OwnerBudgetOptions) {
    this.#options = options;
  }

  /** Counts one more, and returns how to end it, which must be called once. Throws 429 when too much is under way. */
  take(owner: string): () => void {
    const { all = Number.POSITIVE_INFINITY, each } = this.#options;
    const running = this.#running.get(owner) ?? 0;
    if (this.#total >= all || running >= each) throw tooManyRequests();
    this.#total++;
    this.#running.set(owner, running + 1);
    return () => {
      this.#total--;
      const left = (this.#running.get(owner) ?? 1) - 1;
      if (left > 0) this.#running.set(owner, left);
      else this.#running.delete(owner);
    };
  }

  /** Does some work of an owner. Rejects as {@link take} throws, and with what the work rejects with. */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const giveBack = this.take(owner);
    try {
      return await work();
    } finally {
      giveBack();
    }
  }
}
