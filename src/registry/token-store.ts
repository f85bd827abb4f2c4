/** Bearer tokens, kept for their lifetime; one request fetches a token for all who wait for it. */
import type { Clock } from '../runtime/clock.ts';

/** A token and how long it is good, in milliseconds. */
export interface FetchedToken {
  readonly token: string;
  readonly lifetimeMs: number;
}

/** Tokens kept at most; the oldest goes first. */
const maxTokens = 2_000;
/** A token is renewed this long before its end, so that it does not run out on its way. */
const marginMs = 10_000;

/** Caches tokens by a key that names registry, scope and credential. */
export class TokenStore {
  readonly #clock: Clock;
  readonly #tokens = new Map<string, { token: string; expiresAt: number }>();
  readonly #fetching = new Map<string, Promise<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The token that is held for a key, if it is still good. */
  get(key: string): string | undefined {
    const held = this.#tokens.get(key);
    if (held === undefined) return undefined;
    if (held.expiresAt > this.#clock.now()) return held.token;
    this.#tokens.delete(key);
    return undefined;
  }

  /** Forgets a token that the registry refused; a newer one under the key stays. */
  forget(key: string, token: string): void {
    if (this.#tokens.get(key)?.token === token) this.#tokens.delete(key);
  }

  /** Fetches a token, once for all callers at the time; a failure is not kept. */
  fetch(key: string, fetchToken: () => Promise<FetchedToken>): Promise<string> {
    const underWay = this.#fetching.get(key);
    if (underWay !== undefined) return underWay;
    const fetching = fetchToken()
      .then(({ token, lifetimeMs }) => {
        this.#keep(key, token, lifetimeMs);
        return token;
      })
      .finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  #keep(key: string, token: string, lifetimeMs: number): void {
    this.#tokens.delete(key);
    this.#tokens.set(key, { token, expiresAt: this.#clock.now() + lifetimeMs - marginMs });
    const oldest = this.#tokens.keys().next();
    if (this.#tokens.size > maxTokens && !oldest.done) this.#tokens.delete(oldest.value);
  }
}
