/** Insecure hosts that answered plain HTTP: they are asked that way first, for a while. */
import type { Clock } from '../runtime/clock.ts';

/** Users choose the hosts. */
const maxHosts = 1_000;
/** A host that gets its TLS is used with it after this time at the latest, in milliseconds. */
const rememberedMs = 600_000;

/** Remembers hosts (with their ports) for ten minutes each. */
export class PlainHosts {
  readonly #clock: Clock;
  /** Epoch milliseconds until which a host is remembered; the oldest first. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(host: string): boolean {
    const until = this.#until.get(host);
    if (until !== undefined && until <= this.#clock.now()) this.#until.delete(host);
    return this.#until.has(host);
  }

  add(host: string): void {
    this.#until.delete(host);
    this.#until.set(host, this.#clock.now() + rememberedMs);
    const [oldest] = this.#until.keys();
    if (this.#until.size > maxHosts && oldest !== undefined) this.#until.delete(oldest);
  }

  delete(host: string): void {
    this.#until.delete(host);
  }
}
