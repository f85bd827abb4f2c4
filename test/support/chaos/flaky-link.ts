/** A TCP relay between a program and a server that can be cut, stopped and slowed down; it does not look into what passes. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Where the server listens. */
export interface LinkTarget {
  readonly host: string;
  readonly port: number;
}

/** One address in front of a server, with all connections that go through it. */
export class FlakyLink {
  readonly #target: LinkTarget;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<{ left: number; resolve: () => void }>();
  #port = 0;
  #slowMs = 0;
  #halt: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  private constructor(target: LinkTarget) {
    this.#target = target;
    // One side may end while the other still has something to say.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#relay(client));
  }

  /** Listens on a free loopback port. */
  static async open(target: LinkTarget): Promise<FlakyLink> {
    const link = new FlakyLink(target);
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    const address = link.#server.address();
    if (typeof address === 'object' && address !== null) link.#port = address.port;
    return link;
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Cuts all connections; new ones can be made. What was on its way is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on each piece waits that long, in both directions; 0 for not at all. */
  slow(ms: number): void {
    this.#slowMs = ms;
  }

  /** From now on nothing passes until {@link resume}; then it arrives, though its sender may be gone by then. */
  stop(): void {
    this.#halt ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#halt?.resolve();
    this.#halt = undefined;
  }

  /** Waits until so many more pieces of requests have come. */
  async passed(pieces: number): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.add({ left: pieces, resolve }));
  }

  /** Stops listening and cuts what is open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.resume();
    this.cut();
    await closed;
  }

  #relay(client: Socket): void {
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // The pumps see it as well, when they come to it.
      socket.on('error', () => undefined);
    }
    void this.#pump(client, server, () => this.#count());
    void this.#pump(server, client, () => undefined);
  }

  /** Whoever has lost one side gets what was on its way, and then loses the other. */
  async #pump(from: Socket, to: Socket, onPiece: () => void): Promise<void> {
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false })) {
        onPiece();
        if (this.#slowMs > 0) await delay(this.#slowMs);
        await this.#halt?.promise;
        if (to.destroyed) break;
        to.write(piece as Buffer);
      }
      to.end();
    } catch {
      to.destroySoon();
    }
  }

  #count(): void {
    for (const waiting of this.#waiting) {
      if (--waiting.left > 0) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }
}
