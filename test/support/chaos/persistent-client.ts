/** Writes to an API server that may be away for a while: each is tried until it was made, and is made once. */
import { setTimeout as delay } from 'node:timers/promises';

import { type KubeClient, KubeRequestError, type ObjectAddress } from '../kube-client.ts';
import type { KubeObject, ResourceType } from '../resources.ts';

const retryMs = 200;
const pollMs = 100;
/** For how long the API server or the registry may be away. */
const awayMs = 90_000;

/** Options of {@link PersistentClient}. */
export interface PersistentClientOptions {
  readonly kube: KubeClient;
  readonly signal: AbortSignal;
  /** Milliseconds until it is given up that something comes about. */
  readonly patienceMs: number;
}

/** What people and their tools do when a request fails: they try again. */
export class PersistentClient {
  readonly #kube: KubeClient;
  readonly #signal: AbortSignal;
  readonly #patienceMs: number;

  constructor({ kube, signal, patienceMs }: PersistentClientOptions) {
    this.#kube = kube;
    this.#signal = signal;
    this.#patienceMs = patienceMs;
  }

  /** Tries until it works. @throws Error with the last failure after a minute and a half. */
  async persist<T>(what: string, attempt: (number: number) => Promise<T>): Promise<T> {
    const deadline = Date.now() + awayMs;
    for (let number = 1; ; number++) {
      try {
        return await attempt(number);
      } catch (error) {
        this.#signal.throwIfAborted();
        if (Date.now() > deadline) throw new Error(`in vain: ${what}`, { cause: error });
        await delay(retryMs, undefined, { signal: this.#signal });
      }
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<void> {
    await this.persist(`create ${type.kind} ${object.metadata.name}`, async (number) => {
      try {
        await this.#kube.create(type, object);
      } catch (error) {
        // The attempt before may have been made, and its answer lost.
        if (number === 1 || !hasStatus(error, 409)) throw error;
      }
    });
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    address: ObjectAddress,
    patch: object,
  ): Promise<void> {
    await this.persist(`patch ${type.kind} ${address.name}`, () => this.#kube.patch(type, address, patch));
  }

  /** Done when there is no such object. */
  async delete<T extends KubeObject>(type: ResourceType<T>, address: ObjectAddress): Promise<void> {
    await this.persist(`delete ${type.kind} ${address.name}`, async () => {
      try {
        await this.#kube.delete(type, address);
      } catch (error) {
        // An API server that has just begun may not know the kind yet; then the answer is no Status.
        if (!hasStatus(error, 404) || !error.body.startsWith('{')) throw error;
      }
    });
  }

  /** Waits until a look gives something. @throws Error that says what was awaited, and what `shown` says then. */
  async wait<T>(
    what: string,
    look: () => Promise<T | false | undefined>,
    shown: () => string = () => '',
  ): Promise<T> {
    const deadline = Date.now() + this.#patienceMs;
    let failure: unknown;
    while (Date.now() < deadline) {
      this.#signal.throwIfAborted();
      try {
        const seen = await look();
        failure = undefined;
        if (seen !== false && seen !== undefined) return seen;
      } catch (error) {
        failure = error;
      }
      await delay(pollMs, undefined, { signal: this.#signal });
    }
    const last = shown();
    throw new Error(
      `waited ${this.#patienceMs / 1_000} s in vain for ${what}${last === '' ? '' : `: ${last}`}`,
      { cause: failure },
    );
  }
}

function hasStatus(error: unknown, status: number): error is KubeRequestError {
  return error instanceof KubeRequestError && error.status === status;
}
