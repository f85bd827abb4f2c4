/**
 * One gate per registry host: so many requests at a time, no more than its budget, and none while the registry asks to
 * be left alone or does not answer. What one host does never holds up another.
 */
import { type BackoffPolicy, backoffMs } from '../domain/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { RegistryError } from './errors.ts';

/** Requests per second and how many may come at once. */
export interface RateBudget {
  readonly perSecond: number;
  readonly burst: number;
}

/** Options of {@link HostGates}. */
export interface HostGateOptions {
  readonly clock: Clock;
  /** The budget of a host; undefined: none. */
  readonly budget?: (host: string) => RateBudget | undefined;
}

/** What the registry said about its limits: milliseconds until it wants the next request. */
export interface GateAnswer {
  readonly retryAfterMs: number | undefined;
}

/** Requests to one host that are under way at the same time. */
const maxActive = 16;
/** Requests that wait for one host; more than the operator's workers can ask for at once by default. */
const maxWaiting = 20_000;
/** Hosts that are remembered; users choose them. */
const maxHosts = 2_000;
/** A host that timed out this often in a row is taken for dead. */
const deadAfter = 3;
const deadBackoff: BackoffPolicy = { baseMs: 15_000, maxMs: 300_000 };
const busyBackoff: BackoffPolicy = { baseMs: 5_000, maxMs: 300_000 };

interface Gate {
  active: number;
  readonly waiting: (() => void)[];
  /** Epoch milliseconds until which nothing is sent. */
  closedUntil: number;
  closedBecause: 'busy' | 'dead';
  /** Timeouts or refusals in a row. */
  failures: number;
  /** Requests that the budget allows now, as of `countedAt`. */
  tokens: number;
  countedAt: number;
}

/** The gates of all hosts. */
export class HostGates {
  readonly #clock: Clock;
  readonly #budget: (host: string) => RateBudget | undefined;
  readonly #gates = new Map<string, Gate>();

  constructor(options: HostGateOptions) {
    this.#clock = options.clock;
    this.#budget = options.budget ?? (() => undefined);
  }

  /** Hosts that are remembered. */
  get size(): number {
    return this.#gates.size;
  }

  /** Hosts whose gate is closed now, and why. */
  get closures(): readonly { readonly host: string; readonly because: Gate['closedBecause'] }[] {
    const now = this.#clock.now();
    return [...this.#gates]
      .filter(([, gate]) => gate.closedUntil > now)
      .map(([host, { closedBecause }]) => ({ host, because: closedBecause }));
  }

  /** Requests that wait for their turn, of all hosts. */
  get waiting(): number {
    let count = 0;
    for (const gate of this.#gates.values()) count += gate.waiting.length;
    return count;
  }

  /** Milliseconds until a host's gate opens; undefined when it is open. */
  closedForMs(host: string): number | undefined {
    const wait = (this.#gates.get(host)?.closedUntil ?? 0) - this.#clock.now();
    return wait > 0 ? wait : undefined;
  }

  /**
   * Sends a request when its turn comes. `answered` reads from the result how long the registry wants to wait. Throws
   * {@link RegistryError} (`too-many-requests` or `unreachable`, with `retryAfterMs`) without sending while the gate is closed.
   */
  async run<T>(
    host: string,
    send: () => Promise<T>,
    answered: (result: T) => GateAnswer | undefined,
  ): Promise<T> {
    const gate = this.#gateOf(host);
    await this.#enter(host, gate);
    try {
      const result = await send();
      const busy = answered(result);
      if (busy === undefined) this.#wentWell(gate);
      else this.#close(gate, host, { because: 'busy', waitMs: busy.retryAfterMs });
      return result;
    } catch (error) {
      this.#failed(gate, host, error);
      throw error;
    } finally {
      leave(gate);
    }
  }

  async #enter(host: string, gate: Gate): Promise<void> {
    this.#refuseWhileClosed(host, gate);
    if (gate.active < limitOf(gate)) {
      gate.active++;
    } else {
      if (gate.waiting.length >= maxWaiting) {
        throw new RegistryError('too-many-requests', `too many requests wait for ${host}`, {
          retryAfterMs: 5_000,
        });
      }
      // Whoever leaves counts the one in that it wakes.
      await new Promise<void>((resolve) => gate.waiting.push(resolve));
    }
    try {
      this.#refuseWhileClosed(host, gate);
      await this.#takeFromBudget(host, gate);
    } catch (error) {
      leave(gate);
      throw error;
    }
  }

  #refuseWhileClosed(host: string, gate: Gate): void {
    const retryAfterMs = gate.closedUntil - this.#clock.now();
    if (retryAfterMs <= 0) return;
    if (gate.closedBecause === 'busy') {
      throw new RegistryError('too-many-requests', `${host} asked for fewer requests`, { retryAfterMs });
    }
    throw new RegistryError('unreachable', `${host} did not answer lately`, { retryAfterMs });
  }

  async #takeFromBudget(host: string, gate: Gate): Promise<void> {
    const budget = this.#budget(host);
    if (budget === undefined) return;
    const now = this.#clock.now();
    const earned = ((now - gate.countedAt) / 1000) * budget.perSecond;
    gate.tokens = Math.min(budget.burst, gate.tokens + earned) - 1;
    gate.countedAt = now;
    if (gate.tokens >= 0) return;
    const waitMs = (-gate.tokens / budget.perSecond) * 1000;
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(waitMs, resolve);
    });
  }

  #wentWell(gate: Gate): void {
    gate.failures = 0;
  }

  #failed(gate: Gate, host: string, error: unknown): void {
    if (!(error instanceof RegistryError)) return;
    if (error.code === 'too-many-requests')
      this.#close(gate, host, { because: 'busy', waitMs: error.retryAfterMs });
    else if (error.code === 'timeout' || error.code === 'unreachable') {
      gate.failures++;
      if (gate.failures >= deadAfter) this.#close(gate, host, { because: 'dead', waitMs: undefined });
    } else this.#wentWell(gate);
  }

  #close(
    gate: Gate,
    host: string,
    { because, waitMs }: { because: Gate['closedBecause']; waitMs: number | undefined },
  ): void {
    if (because === 'busy') gate.failures = Math.min(gate.failures + 1, deadAfter - 1);
    const policy = because === 'busy' ? busyBackoff : deadBackoff;
    const wait =
      waitMs ?? backoffMs(policy, because === 'busy' ? gate.failures : gate.failures - deadAfter + 1, host);
    gate.closedUntil = Math.max(gate.closedUntil, this.#clock.now() + wait);
    gate.closedBecause = because;
  }

  #gateOf(host: string): Gate {
    const known = this.#gates.get(host);
    if (known !== undefined) return known;
    if (this.#gates.size >= maxHosts) this.#forgetIdle();
    const gate: Gate = {
      active: 0,
      waiting: [],
      closedUntil: 0,
      closedBecause: 'busy',
      failures: 0,
      tokens: this.#budget(host)?.burst ?? 0,
      countedAt: this.#clock.now(),
    };
    this.#gates.set(host, gate);
    return gate;
  }

  #forgetIdle(): void {
    const now = this.#clock.now();
    for (const [host, gate] of this.#gates) {
      if (gate.active === 0 && gate.closedUntil <= now) this.#gates.delete(host);
    }
  }
}

/** After a time of silence one request finds out for all whether the host is back. */
function limitOf(gate: Gate): number {
  return gate.failures >= deadAfter ? 1 : maxActive;
}

function leave(gate: Gate): void {
  gate.active--;
  while (gate.waiting.length > 0 && gate.active < limitOf(gate)) {
    gate.active++;
    gate.waiting.shift()?.();
  }
}
