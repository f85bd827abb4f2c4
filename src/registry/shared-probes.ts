/** Identical questions to a registry, asked once: while one is under way, and for a short time after its answer. */
import type { Clock } from '../runtime/clock.ts';

/** Answers kept at most; the oldest goes first. */
const maxAnswers = 20_000;

/** Digests by question. A failure is not kept. */
export class SharedProbes {
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #onShared: () => void;
  readonly #answers = new Map<string, { readonly digest: Promise<string>; readonly until: number }>();

  /** `freshMs`: how long an answer serves for the same question of others. `onShared` hears when it does, for the metrics. */
  constructor(options: { clock: Clock; freshMs: number; onShared?: () => void }) {
    this.#clock = options.clock;
    this.#freshMs = options.freshMs;
    this.#onShared = options.onShared ?? (() => undefined);
  }

  /** The digest for a question; `ask` is called when nobody asks or asked lately. `fresh` leaves out answers from before. */
  probe(question: string, ask: () => Promise<string>, fresh = false): Promise<string> {
    const known = this.#answers.get(question);
    if (known !== undefined && !fresh && known.until > this.#clock.now()) {
      this.#onShared();
      return known.digest;
    }
    const digest = ask();
    this.#answers.delete(question);
    this.#answers.set(question, { digest, until: this.#clock.now() + this.#freshMs });
    digest.catch(() => {
      if (this.#answers.get(question)?.digest === digest) this.#answers.delete(question);
    });
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > maxAnswers && !oldest.done) this.#answers.delete(oldest.value);
    return digest;
  }
}
