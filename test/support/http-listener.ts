import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** An HTTP server on loopback whose answers are a test's own. */
export class HttpListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #requests: IncomingMessage[] = [];
  readonly #scheme: 'http' | 'https';

  private constructor(listener: RequestListener, tls: { cert: string; key: string } | undefined) {
    const counted: RequestListener = (request, response) => {
      this.#requests.push(request);
      listener(request, response);
    };
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server = tls === undefined ? createServer(counted) : createTlsServer(tls, counted);
  }

  /** Starts a server; with a certificate and key (PEM) it speaks HTTPS. */
  static async start(listener: RequestListener, tls?: { cert: string; key: string }): Promise<HttpListener> {
    const server = new HttpListener(listener, tls);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.#scheme}://${this.host}`;
  }

  /** Everything that was asked, oldest first. */
  get requests(): readonly IncomingMessage[] {
    return this.#requests;
  }

  /** Path and query of everything that was asked, oldest first. */
  get paths(): readonly string[] {
    return this.#requests.map(({ url }) => url ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
