/**
 * The port of the API face: HTTP/2, in which an API server sends all that it has over a connection or two, and HTTP/1.1. Of many
 * connections each takes memory that is not given back.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isFrontProxy, type ProxyTrust } from './front-proxy.ts';
import type { ServingIdentity } from './serving-identity.ts';

/** Options of {@link FaceListener}. */
export interface FaceListenerOptions {
  readonly identity: ServingIdentity;
  readonly trust: ProxyTrust;
  /**
   * Requests of either version of HTTP have what is used of them in common. `proxy` is the front proxy whose connection it is;
   * undefined for anybody else's.
   */
  readonly onRequest: (
    request: IncomingMessage,
    response: ServerResponse,
    proxy: ProxyTrust | undefined,
  ) => Promise<void>;
}

const maxHeaderBytes = 256 * 1024;
/** An API server keeps idle connections for 90 seconds: one that is closed just then would cost it a write. */
const http1 = {
  requestTimeout: 60_000,
  headersTimeout: 15_000,
  keepAliveTimeout: 150_000,
};
/** Requests of a connection at a time; above it an API server opens a further one. */
const maxStreams = 500;
/** What of a body may come before somebody reads it. */
const windowBytes = 65_535;
const http2 = {
  settings: {
    maxConcurrentStreams: maxStreams,
    initialWindowSize: windowBytes,
    maxHeaderListSize: maxHeaderBytes,
  },
  /**
   * Megabytes, more than there are: a session that has none left refuses streams, and answers that their clients do not read would
   * take it from all others. Turns bound what is answered at a time.
   */
  maxSessionMemory: 10_000,
};
/** Connections that wait to be accepted. */
const backlog = 4_096;
/** A session of anybody else that does nothing for this time is ended. */
const strangerMs = 15_000;
/** Connections of anybody else: of more than so many the oldest is ended, so that there is a place for the front proxy. */
const maxStrangers = 1_024;
const handshakeMs = 10_000;
/** What is left of a body when its request is answered is thrown away as it comes, for this time. */
const maxRestMs = 5_000;

/** Listens until it is closed. */
export class FaceListener {
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<TLSSocket>();
  /** Connections of which it is not known that they are the front proxy's, by the peer's address and port; the oldest first. */
  readonly #strangers = new Map<string, Socket>();
  /** Sockets of HTTP/1.1 and sessions of HTTP/2 that are the front proxy's: to read a certificate takes longer than a request. */
  readonly #trusted = new WeakSet<object>();
  #trust: ProxyTrust;

  constructor({ identity, trust, onRequest }: FaceListenerOptions) {
    this.#trust = trust;
    const options = {
      ...http2,
      allowHTTP1: true,
      maxHeaderSize: maxHeaderBytes,
      handshakeTimeout: handshakeMs,
      ...tlsOf(trust, identity),
    };
    this.#server = createSecureServer(options, (request, response) => {
      const proxy = this.#trusted.has(connectionOf(request)) ? this.#trust : undefined;
      void onRequest(
        request as unknown as IncomingMessage,
        response as unknown as ServerResponse,
        proxy,
      ).then(() => discardRest(request));
    });
    Object.assign(this.#server, http1);
    this.#server.on('connection', (socket: Socket) => this.#countStranger(socket));
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      if (isFrontProxy(socket, this.#trust)) {
        this.#trusted.add(socket);
        this.#strangers.delete(peerOf(socket));
      }
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('session', (session) => {
      session.on('error', () => session.destroy());
      // Bodies that nobody reads yet, or any more, hold nobody else's back.
      session.setLocalWindowSize(maxStreams * windowBytes);
      if (isFrontProxy(session.socket as TLSSocket, this.#trust)) this.#trusted.add(session);
      else session.setTimeout(strangerMs, () => session.destroy());
    });
  }

  /** Listens, and resolves to the port. */
  listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.once('error', reject);
    this.#server.listen({ port, host, backlog }, () => resolve((this.#server.address() as AddressInfo).port));
    return promise;
  }

  /** From now on another front proxy counts, or another certificate is shown. Connections end: the old one let them in. */
  renew(trust: ProxyTrust, identity: ServingIdentity): void {
    this.#trust = trust;
    this.#server.setSecureContext(tlsOf(trust, identity));
    this.#drop();
  }

  /** Ends the connections. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#drop();
    return promise;
  }

  #countStranger(socket: Socket): void {
    const peer = peerOf(socket);
    this.#strangers.set(peer, socket);
    socket.once('close', () => {
      if (this.#strangers.get(peer) === socket) this.#strangers.delete(peer);
    });
    const [oldest] = this.#strangers;
    if (this.#strangers.size <= maxStrangers || oldest === undefined) return;
    this.#strangers.delete(oldest[0]);
    oldest[1].destroy();
  }

  #drop(): void {
    for (const socket of this.#sockets) socket.destroy();
    // Also handshakes under way, which are made by the old authority.
    for (const socket of this.#strangers.values()) socket.destroy();
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function connectionOf(request: Http2ServerRequest): object {
  // Of HTTP/2 the socket is another object for each request, and the session is gone with a stream that has ended.
  return 'stream' in request ? (request.stream.session ?? request) : (request as IncomingMessage).socket;
}

/** HTTP/1.1 does it by itself. */
function discardRest(request: Http2ServerRequest): void {
  if (request.httpVersionMajor < 2 || request.stream.destroyed || request.complete) return;
  const { stream } = request;
  stream.resume();
  const late = setTimeout(() => stream.destroy(), maxRestMs);
  stream.once('close', () => clearTimeout(late));
}

/** Health checks have no certificate: who has none is refused by the answer, not by the handshake. */
function tlsOf({ ca }: ProxyTrust, { certificate: cert, key }: ServingIdentity) {
  return { cert, key, ca, requestCert: true, rejectUnauthorized: false };
}
