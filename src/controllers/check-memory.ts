/** When the tags of streams were last looked at, and which were announced by a push. Nothing of it has to survive a restart. */
import type { ImageReference } from '../domain/image-reference.ts';
import type { CheckState } from '../domain/import-plan.ts';
import type { Clock } from '../runtime/clock.ts';

/** How many periods lie between two checks of a source. */
export type StretchOf = (reference: ImageReference) => number;

/** An announcement of a tag's source. */
interface Announcement {
  readonly number: number;
  /** When it came, in epoch milliseconds. */
  readonly at: number;
}

/** Looks at tags, by the key of their stream. */
export class CheckMemory {
  readonly #clock: Clock;
  readonly #stretchOf: StretchOf;
  /** A tag that this process has not looked at yet is taken for looked at at its start: a restart must not storm. */
  readonly #since: number;
  readonly #checked = new Map<string, Map<string, number>>();
  /** Per stream and tag the first and the last announcement that no look has answered yet. */
  readonly #announced = new Map<string, Map<string, { first: Announcement; last: Announcement }>>();
  #announcements = 0;

  constructor(options: { clock: Clock; stretchOf?: StretchOf }) {
    this.#clock = options.clock;
    this.#stretchOf = options.stretchOf ?? (() => 1);
    this.#since = options.clock.now();
  }

  /** What the plan of a stream needs to know. */
  of(key: string): CheckState {
    return {
      checkedAt: (tag) => this.#checked.get(key)?.get(tag) ?? this.#since,
      announced: (tag) => this.#announced.get(key)?.has(tag) === true,
      stretch: this.#stretchOf,
    };
  }

  /** To be called before looking: what is announced later is not answered by this look. */
  begin(): number {
    return this.#announcements;
  }

  /**
   * The tag was looked at now, by a look that began at `begun`. Returns when the first of the announcements came that this
   * answers (epoch milliseconds); undefined when there are none.
   */
  checked(key: string, tag: string, begun: number): number | undefined {
    const tags = this.#checked.get(key) ?? new Map<string, number>();
    this.#checked.set(key, tags.set(tag, this.#clock.now()));
    const announced = this.#announced.get(key);
    const known = announced?.get(tag);
    if (known === undefined) return undefined;
    const { first, last } = known;
    if (last.number <= begun) announced?.delete(tag);
    else if (first.number <= begun) announced?.set(tag, { first: last, last });
    return first.number <= begun ? first.at : undefined;
  }

  /** Somebody says that the tag's source was pushed. */
  announce(key: string, tag: string): void {
    const tags = this.#announced.get(key) ?? new Map<string, { first: Announcement; last: Announcement }>();
    this.#announcements++;
    const last = { number: this.#announcements, at: this.#clock.now() };
    this.#announced.set(key, tags.set(tag, { first: tags.get(tag)?.first ?? last, last }));
  }

  /** The stream is gone. */
  forget(key: string): void {
    this.#checked.delete(key);
    this.#announced.delete(key);
  }
}
