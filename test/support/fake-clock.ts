import type { Clock } from '../../src/runtime/clock.ts';

/** A clock that stands still until it is told how much time goes by. */
export class FakeClock implements Clock {
  #now: number;
  #timers: { dueAt: number; callback: () => void }[] = [];

  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { dueAt: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Delays of the timers that are set, from now, in milliseconds, the shortest first. */
  get pending(): readonly number[] {
    return this.#timers.map(({ dueAt }) => dueAt - this.#now).sort((a, b) => a - b);
  }

  /** Lets time go by, fires what is due in its order, and lets the code that it wakes run on. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ dueAt }) => dueAt <= end).sort((a, b) => a.dueAt - b.dueAt);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#timers = this.#timers.filter((other) => other !== next);
      next.callback();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets promises that are resolved already run their continuations. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
