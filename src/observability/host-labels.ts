/** Hosts as values of a label. Users choose hosts, so a few of them have their names there at a time, and the others share one. */

/** The value for all hosts without a place. No registry can be called so: its name has a dot or a port. */
export const otherHosts = 'other';

/** Options of {@link HostLabels}. */
export interface HostLabelsOptions {
  /** Hosts that have their names at the same time. */
  readonly max: number;
  /** Milliseconds for which a host has its name after it was seen last: so many new names there are in this time at most. */
  readonly keepMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A host name of DNS with a port. */
const maxLength = 260;

/** Gives hosts their places, first come first served. */
export class HostLabels {
  readonly #options: HostLabelsOptions;
  /** When each was seen last. */
  readonly #seen = new Map<string, number>();

  constructor(options: HostLabelsOptions) {
    this.#options = options;
  }

  /** Those that have places. */
  get named(): Iterable<string> {
    return this.#seen.keys();
  }

  /** Forgets hosts that were not seen for a while, so that their places are free. */
  expire(): void {
    const { keepMs, now } = this.#options;
    const before = now() - keepMs;
    for (const [host, at] of this.#seen) if (at <= before) this.#seen.delete(host);
  }

  /** The value for a host that is seen now. */
  labelOf(host: string): string {
    const { max, now } = this.#options;
    const isKnown = this.#seen.has(host);
    if (!isKnown && (this.#seen.size >= max || host.length > maxLength)) return otherHosts;
    this.#seen.set(host, now());
    return host;
  }
}
