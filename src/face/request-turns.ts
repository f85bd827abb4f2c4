/**
 * Turns of requests: so many at a time for all, and fewer for each user and each namespace, so that nobody has to wait for what a
 * stranger takes his time with. A tenant has few namespaces, and users as many as it likes.
 */
import { Places } from '../runtime/places.ts';
import type { Exchange } from './exchange.ts';
import { tooManyRequests } from './status.ts';

/** How many turns there are at a time, and how many requests may wait for one. */
export interface RequestTurnsOptions {
  readonly all: number;
  readonly ofUser: number;
  readonly ofNamespace: number;
  readonly waiting: number;
}

/** Whose request it is, and for which namespace: undefined for all of them, and for what is in none. */
export interface TurnOwner {
  readonly user: string;
  readonly namespace: string | undefined;
}

/** The turns of all. */
export class RequestTurns {
  readonly #options: RequestTurnsOptions;
  readonly #all: Places;
  readonly #ofOwners = new Map<string, { readonly places: Places; users: number }>();
  #waiting = 0;

  constructor(options: RequestTurnsOptions) {
    this.#options = options;
    this.#all = new Places(options.all);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Resolves when it is the request's turn, to what ends it, which must be called once. Throws 429 when too many wait; rejects with
   * the signal's reason when that is aborted first.
   */
  async take({ user, namespace }: TurnOwner, signal: AbortSignal): Promise<() => void> {
    const { ofUser, ofNamespace, waiting } = this.#options;
    if (this.#waiting >= waiting) throw tooManyRequests();
    const held: (() => void)[] = [];
    const giveBack = (): void => {
      for (const release of held.splice(0)) release();
    };
    this.#waiting++;
    try {
      // Always in this order, so that no two wait for each other.
      await this.#takeOf(`user ${user}`, ofUser, { held, signal });
      if (namespace !== undefined)
        await this.#takeOf(`namespace ${namespace}`, ofNamespace, { held, signal });
      held.push(await this.#all.take(signal));
      return giveBack;
    } catch (error) {
      giveBack();
      throw error;
    } finally {
      this.#waiting--;
    }
  }

  /** Does the work of a request when it is its turn. Rejects as {@link take} does, and with what the work rejects with. */
  async run<T>(
    { caller: { user }, info: { namespace }, signal }: Pick<Exchange, 'caller' | 'info' | 'signal'>,
    work: () => Promise<T>,
  ): Promise<T> {
    const giveBack = await this.take({ user, namespace }, signal);
    try {
      return await work();
    } finally {
      giveBack();
    }
  }

  async #takeOf(
    owner: string,
    max: number,
    { held, signal }: { readonly held: (() => void)[]; readonly signal: AbortSignal },
  ): Promise<void> {
    const of = this.#ofOwners.get(owner) ?? { places: new Places(max), users: 0 };
    this.#ofOwners.set(owner, of);
    of.users++;
    held.push(() => {
      of.users--;
      if (of.users === 0) this.#ofOwners.delete(owner);
    });
    held.push(await of.places.take(signal));
  }
}
