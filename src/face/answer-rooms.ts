/**
 * What the images of answers may take in memory, in characters of JSON. A little is free for every answer; of those that hold
 * more there are few at a time, and one for each namespace, so that nobody waits for long because of a stranger.
 */
import type { ImageRoom } from '../controllers/registry-looks.ts';
import { Places } from '../runtime/places.ts';

/** How much room there is. */
export interface AnswerRoomsOptions {
  /** What is free for every answer. */
  readonly free: number;
  /** What an answer may hold at most. */
  readonly max: number;
  /** Answers that hold more than what is free, at a time. */
  readonly large: number;
}

/** The rooms of all answers. */
export class AnswerRooms {
  readonly #options: AnswerRoomsOptions;
  readonly #places: Places;
  readonly #ofNamespaces = new Map<string, { readonly place: Places; users: number }>();

  constructor(options: AnswerRoomsOptions) {
    this.#options = options;
    this.#places = new Places(options.large);
  }

  /** The room for an answer; its time and its client end the waiting. It must be disposed when the answer is sent. */
  open(namespace: string, signal: AbortSignal): AnswerRoom {
    return new AnswerRoom(this.#options, () => this.#leave(namespace, signal));
  }

  async #leave(namespace: string, signal: AbortSignal): Promise<() => void> {
    const own = this.#ofNamespaces.get(namespace) ?? { place: new Places(1), users: 0 };
    this.#ofNamespaces.set(namespace, own);
    own.users++;
    const leave = (): void => {
      own.users--;
      if (own.users === 0) this.#ofNamespaces.delete(namespace);
    };
    const held: (() => void)[] = [leave];
    const giveBack = (): void => {
      for (const release of held.splice(0)) release();
    };
    try {
      held.push(await own.place.take(signal));
      held.push(await this.#places.take(signal));
    } catch (error) {
      giveBack();
      throw error;
    }
    return giveBack;
  }
}

/** The room of one answer. */
export class AnswerRoom implements ImageRoom, Disposable {
  readonly #options: AnswerRoomsOptions;
  readonly #askLeave: () => Promise<() => void>;
  #leave: Promise<() => void> | undefined;
  #taken = 0;

  constructor(options: AnswerRoomsOptions, askLeave: () => Promise<() => void>) {
    this.#options = options;
    this.#askLeave = askLeave;
  }

  /** False when there is not so much room; rejects with the signal's reason when the waiting for it ends. */
  async take(length: number): Promise<boolean> {
    const { free, max } = this.#options;
    if (this.#taken + length > max) return false;
    this.#taken += length;
    if (this.#taken <= free) return true;
    this.#leave ??= this.#askLeave();
    await this.#leave;
    return true;
  }

  /** Gives the room back. */
  [Symbol.dispose](): void {
    this.#leave?.then(
      (giveBack) => giveBack(),
      () => undefined,
    );
  }
}
