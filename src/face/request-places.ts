/** Places for requests that take memory for a while: so many for all, and so many for each namespace. */
import { tooManyRequests } from './status.ts';

/** How many places there are. */
export interface PlacesOptions {
  readonly all: number;
  readonly each: number;
}

/** The places of all namespaces: of these a tenant has few, and of users as many as it likes. */
export class RequestPlaces {
  readonly #options: PlacesOptions;
  /** By namespace. */
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** Takes a place, and returns how to give it back, which must be called once. Throws 429 when there is none. */
  take(namespace: string): () => void {
    const { all, each } = this.#options;
    const taken = this.#taken.get(namespace) ?? 0;
    if (this.#total >= all || taken >= each) throw tooManyRequests();
    this.#total++;
    this.#taken.set(namespace, taken + 1);
    return () => {
      this.#total--;
      const left = (this.#taken.get(namespace) ?? 1) - 1;
      if (left > 0) this.#taken.set(namespace, left);
      else this.#taken.delete(namespace);
    };
  }
}
