/**
 * The beginnings of watches, which send what there is already: a few at a time. When a face has started, or an API server, all
 * clients come again at once, and what is on its way for each of them would fill the memory of the face.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Exchange } from './exchange.ts';
import { isTrue } from './request-info.ts';
import type { RequestTurns } from './request-turns.ts';

/** Nothing more has come for so long, of little: that was all. */
const quietMs = 100;
/**
 * Nothing more has come for so long, of much: that was all, or the client reads slowly. An API server that collects its garbage
 * pauses for half a second.
 */
const muchQuietMs = 1_000;
const muchBytes = 64 * 1024;
/** However much there is. */
const maxMs = 5_000;

/** What is told of a watch that has begun. */
export interface WatchProgress {
  /** Its answer has begun. */
  readonly opened: () => void;
  /** So much more of it has come. */
  readonly heard: (bytes: number) => void;
  /** All that there was has come. */
  readonly caughtUp: () => void;
}

const unheeded: WatchProgress = {
  opened: () => undefined,
  heard: () => undefined,
  caughtUp: () => undefined,
};

/** Shares out the turns of all that begin. */
export class WatchBeginnings {
  readonly #turns: RequestTurns;
  readonly #clock: Clock;

  constructor(turns: RequestTurns, clock: Clock) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /**
   * Does the work of a watch when it may begin; others begin when it has caught up, has not been heard of for a while, or has
   * ended. One that goes on from a version has nothing to send at its beginning, and takes no turn. Rejects as
   * {@link RequestTurns.take} does, and with what the work rejects with.
   */
  async run(
    {
      caller: { user },
      info: { namespace },
      signal,
      url,
    }: Pick<Exchange, 'caller' | 'info' | 'signal' | 'url'>,
    work: (progress: WatchProgress) => Promise<void>,
  ): Promise<void> {
    if (goesOn(url)) return work(unheeded);
    const beginning = new Beginning(await this.#turns.take({ user, namespace }, signal), this.#clock);
    try {
      await work({
        opened: () => beginning.heard(0),
        heard: (bytes) => beginning.heard(bytes),
        caughtUp: () => beginning.end(),
      });
    } finally {
      beginning.end();
    }
  }
}

function goesOn({ searchParams }: URL): boolean {
  const from = searchParams.get('resourceVersion') ?? '';
  return from !== '' && from !== '0' && !isTrue(searchParams.get('sendInitialEvents'));
}

/** The beginning of one watch, which has a turn as long as it goes on. */
class Beginning {
  readonly #giveBack: () => void;
  readonly #clock: Clock;
  readonly #cancelLast: () => void;
  #cancelQuiet: (() => void) | undefined;
  #bytes = 0;
  #isOver = false;

  constructor(giveBack: () => void, clock: Clock) {
    this.#giveBack = giveBack;
    this.#clock = clock;
    this.#cancelLast = clock.setTimer(maxMs, () => this.end());
  }

  heard(bytes: number): void {
    if (this.#isOver) return;
    this.#bytes += bytes;
    this.#cancelQuiet?.();
    const ms = this.#bytes < muchBytes ? quietMs : muchQuietMs;
    this.#cancelQuiet = this.#clock.setTimer(ms, () => this.end());
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelQuiet?.();
    this.#cancelLast();
    this.#giveBack();
  }
}
