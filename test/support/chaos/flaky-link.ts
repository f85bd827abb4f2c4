/** A relay between a program and a server that can be cut, stopped and slowed down. It looks into what passes, and changes nothing. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

import type { TlsIdentity } from '../tls-files.ts';

/** Where the server listens. */
export interface LinkTarget {
  readonly host: string;
  readonly port: number;
  /** What the relay shows, and the authority of the server's certificate; without it nothing is encrypted. */
  readonly tls?: TlsIdentity & { readonly ca: string };
}

/** What of a request has come: mostly all of it. */
export type RequestPiece = (beginning: string) => boolean;

/** Counts any piece. */
export const anyPiece: RequestPiece = () => true;
/** Counts requests that write. */
export const aWrite: RequestPiece = (beginning) => /^(?:PATCH|POST|PUT|DELETE) /.test(beginning);
/** Counts what an operator writes of its work; a Lease is none of it. */
export const aWriteOfWork: RequestPiece = (beginning) =>
  aWrite(beginning) &&
  /^\S+ \S+\/(?:imagestreams|imagestreamtags|deployments|cronjobs|jobs)\b/.test(beginning);

/** Bytes of a piece that are looked at. */
const shownBytes = 200;
/** For how long a server keeps the connection of a client that is gone, when what that had sent came late. */
const lateMs = 1_000;

interface Watcher {
  left: number;
  readonly counts: RequestPiece;
  readonly reached: () => void;
}

/** One address in front of a server, with all connections that go through it. */
export class FlakyLink {
  readonly #target: LinkTarget;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<Watcher>();
  #port = 0;
  #slowMs = 0;
  #halt: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  private constructor(target: LinkTarget) {
    this.#target = target;
    const { tls } = target;
    // One side may end while the other still has something to say.
    const options = { allowHalfOpen: true, noDelay: true };
    const relay = (client: Socket): void => this.#relay(client);
    this.#server =
      tls === undefined ? createServer(options, relay) : createTlsServer({ ...options, ...tls }, relay);
    this.#server.on('connection', (client: Socket) => this.#keep(client));
    // A client that was cut off in its handshake.
    this.#server.on('tlsClientError', () => undefined);
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

  /** Waits until so many more pieces of requests have come that `counts` accepts. */
  async passed(pieces: number, counts: RequestPiece): Promise<void> {
    await this.#watch(pieces, counts, () => undefined);
  }

  /** Stops when that has come: the last of these pieces is not passed on. */
  async stoppedAt(pieces: number, counts: RequestPiece): Promise<void> {
    await this.#watch(pieces, counts, () => this.stop());
  }

  /** Stops listening and cuts what is open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.resume();
    this.cut();
    await closed;
  }

  async #watch(left: number, counts: RequestPiece, act: () => void): Promise<void> {
    await new Promise<void>((resolve) => {
      const reached = (): void => {
        act();
        resolve();
      };
      this.#watchers.add({ left, counts, reached });
    });
  }

  #relay(client: Socket): void {
    const { host, port, tls } = this.#target;
    const options = { host, port, allowHalfOpen: true, noDelay: true };
    const server = tls === undefined ? connect(options) : connectTls({ ...options, ca: tls.ca });
    this.#keep(server);
    // The pumps see it when they come to it.
    for (const socket of [client, server]) socket.on('error', () => undefined);
    void this.#pump(client, server, (piece) => this.#count(piece));
    void this.#pump(server, client, () => undefined);
  }

  /** Of the connection itself, which may not have come to its handshake. */
  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
  }

  /** Whoever has lost one side gets what was on its way, and then loses the other. */
  async #pump(from: Socket, to: Socket, onPiece: (piece: Buffer) => void): Promise<void> {
    let wasLate = false;
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false })) {
        onPiece(piece as Buffer);
        if (this.#slowMs > 0) await delay(this.#slowMs);
        wasLate ||= this.#halt !== undefined;
        await this.#halt?.promise;
        if (to.destroyed) break;
        to.write(piece as Buffer);
      }
    } catch {
      // It was cut.
    }
    // A server that sees its client go may leave the request.
    if (wasLate) await delay(lateMs);
    to.destroySoon();
  }

  #count(piece: Buffer): void {
    const beginning = piece.subarray(0, shownBytes).toString('latin1');
    for (const watcher of this.#watchers) {
      if (!watcher.counts(beginning) || --watcher.left > 0) continue;
      this.#watchers.delete(watcher);
      watcher.reached();
    }
  }
}
