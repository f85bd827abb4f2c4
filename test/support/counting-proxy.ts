import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

/** A request as the proxy saw it, and what the client got. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | undefined;
  /** Undefined while it is not answered, and for one that never was. */
  status?: number;
}

/** What the proxy does with a request. */
export type ProxyBehaviour =
  | { readonly kind: 'forward' }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Buffer;
    }
  /** Accepts the request and never answers. */
  | { readonly kind: 'silent' }
  /** Cuts the connection. */
  | { readonly kind: 'disconnect' };

/** Decides for each request; called once per request, before it is forwarded. */
export type ProxyRule = (request: SeenRequest) => ProxyBehaviour;

export interface CountingProxyOptions {
  /** `host:port` of the plain HTTP server behind it. */
  readonly target: string;
  /** PEM certificate and key: the proxy then speaks HTTPS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

const forward: ProxyRule = () => ({ kind: 'forward' });

/**
 * A reverse proxy in front of a registry for tests: it counts what a client asks for and can misbehave.
 * The `Host` header passes through, so that links which the registry makes lead to the proxy.
 */
export class CountingProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #scheme: 'http' | 'https';
  #seen: SeenRequest[] = [];
  #rule: ProxyRule = forward;
  #port = 0;

  constructor(options: CountingProxyOptions) {
    this.#target = new URL(`http://${options.target}`);
    const { tls } = options;
    this.#scheme = tls === undefined ? 'http' : 'https';
    const listener = (incoming: IncomingMessage, response: ServerResponse): void =>
      this.#handle(incoming, response);
    this.#server =
      tls === undefined
        ? createServer(listener)
        : createTlsServer({ cert: tls.certificate, key: tls.key }, listener);
  }

  /** `127.0.0.1:port`, as in an image reference. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `${this.#scheme}://${this.host}`;
  }

  /** All requests since the start or the last `forget`, oldest first. */
  get requests(): readonly SeenRequest[] {
    return this.#seen;
  }

  /** `METHOD path` of each request, oldest first: for comparing whole conversations. */
  get conversation(): readonly string[] {
    return this.#seen.map(({ method, path }) => `${method} ${path}`);
  }

  /** Starts counting anew. */
  forget(): void {
    this.#seen = [];
  }

  /** From now on this decides what happens to requests. */
  behave(rule: ProxyRule): void {
    this.#rule = rule;
  }

  /** From now on requests are forwarded again. */
  recover(): void {
    this.#rule = forward;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
  }

  /** Stops listening and cuts what is open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #handle(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const seen: SeenRequest = { method, path, authorization: headers.authorization };
    this.#seen.push(seen);
    const behaviour = this.#rule(seen);
    switch (behaviour.kind) {
      case 'forward':
        this.#forward(incoming, response, seen);
        return;
      case 'answer':
        seen.status = behaviour.status;
        incoming.resume();
        response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body ?? '');
        return;
      case 'silent':
        incoming.resume();
        return;
      case 'disconnect':
        incoming.socket.destroy();
        return;
    }
  }

  #forward(incoming: IncomingMessage, response: ServerResponse, seen: SeenRequest): void {
    const upstream = request({
      host: this.#target.hostname,
      port: this.#target.port,
      method: incoming.method,
      path: incoming.url,
      // The registry makes its links from these and from Host.
      headers: { ...incoming.headers, 'x-forwarded-proto': this.#scheme },
      agent: false,
    });
    upstream.once('response', (answer) => {
      seen.status = answer.statusCode ?? 0;
      response.writeHead(seen.status, answer.headers);
      answer.pipe(response);
    });
    // The registry is down: the client sees a cut connection, as it would without the proxy.
    upstream.once('error', () => incoming.socket.destroy());
    response.once('close', () => upstream.destroy());
    incoming.pipe(upstream);
  }
}

/** Starts a proxy on a free loopback port. */
export async function startCountingProxy(options: CountingProxyOptions): Promise<CountingProxy> {
  const proxy = new CountingProxy(options);
  await proxy.listen();
  return proxy;
}
