/** The port for machines that look after the operator: `/livez`, `/readyz`, `/metrics`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { listen } from './listen.ts';

/** A named condition of readiness. */
export interface ReadyCheck {
  readonly name: string;
  readonly ready: () => boolean;
}

/** Options of {@link HealthServer}. */
export interface HealthServerOptions {
  readonly metrics: Registry;
  /** All must hold for `/readyz` to answer 200. */
  readonly checks: readonly ReadyCheck[];
}

/** Node looks for overdue requests this seldom by default that idle connections could hold the port shut for half a minute. */
const limits = { requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 };

/** Serves health and metrics over plain HTTP; GET and HEAD only. */
export class HealthServer {
  readonly #server: Server;

  constructor({ metrics, checks }: HealthServerOptions) {
    this.#server = createServer(limits, (request, response) => {
      answer(request, response, { metrics, checks }).catch(() => response.destroy());
    });
    this.#server.maxConnections = 100;
  }

  /** Listens, and resolves to the port, which matters when 0 was asked for. Rejects when the port is taken. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Stops listening and ends the connections. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { metrics, checks }: HealthServerOptions,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return send(response, 405, 'method not allowed\n');
  const path = (request.url ?? '/').split('?')[0];
  if (path === '/livez') return send(response, 200, 'ok\n');
  if (path === '/readyz') {
    const results = checks.map(({ name, ready }) => ({ name, ok: ready() }));
    const text = results.map(({ name, ok }) => `[${ok ? '+' : '-'}] ${name}\n`).join('');
    return send(response, results.every(({ ok }) => ok) ? 200 : 503, text);
  }
  if (path === '/metrics') {
    return send(response, 200, await metrics.metrics(), metrics.contentType);
  }
  return send(response, 404, 'not found: try /livez, /readyz or /metrics\n');
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': contentType }).end(text);
}
