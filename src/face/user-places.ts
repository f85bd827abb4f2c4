/** Places for work that takes memory for a while: so many for all, and so many for each caller. */
import { tooManyRequests } from './status.ts';

/** How many places there are. */
export interface PlacesOptions {
  readonly all: number;
  readonly each: number;
}

/** The places of all callers. */
export class UserPlaces {
  readonly #options: PlacesOptions;
  /** By user. */
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** Takes a place, and returns how to give it back, which must be called once. Throws 429 when there is none. */
  take(user: string): () => void {
    const { all, each } = this.#options;
    const taken = this.#taken.get(user) ?? 0;
    if (this.#total >= all || taken >= each) throw tooManyRequests();
    this.#total++;
    this.#taken.set(user, taken + 1);
    return () => {
      this.#total--;
      const left = (this.#taken.get(user) ?? 1) - 1;
      if (left > 0) this.#taken.set(user, left);
      else this.#taken.delete(user);
    };
  }
}
