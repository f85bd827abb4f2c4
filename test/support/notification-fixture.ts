/** A notification server on a free port of loopback, everything that it gives away, and ways to write to it. */
import { createHmac } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Agent, request } from 'undici';
import { onTestFinished } from 'vitest';
import type { PushEvent } from '../../src/domain/push-notification.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { NotificationServer, type NotificationServerOptions } from '../../src/server/notification-server.ts';
import { FakeClock } from './fake-clock.ts';

/** The secret that the server knows. */
export const secret = 'correct-horse-battery-staple';

/** Headers that show it. */
export const authorized: Readonly<Record<string, string>> = { authorization: `Bearer ${secret}` };

/** A request; what is left out is that of a good, empty one without a secret. */
export interface Ask {
  readonly path?: string;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** A text as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** What came back. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly content: string;
}

/** The server and what it did so far. */
export interface NotificationFixture {
  readonly server: NotificationServer;
  readonly port: number;
  readonly clock: FakeClock;
  /** Lines of the log, from level debug. */
  readonly lines: readonly string[];
  /** Calls of the metrics, as texts. */
  readonly counts: readonly string[];
  /** What was handed on, call by call. */
  readonly batches: readonly (readonly PushEvent[])[];
  readonly ask: (ask: Ask) => Promise<Answered>;
}

/** Starts a server with these options; it ends with the test. */
export async function startNotificationServer(
  options: Partial<NotificationServerOptions> = {},
): Promise<NotificationFixture> {
  const batches: (readonly PushEvent[])[] = [];
  const lines: string[] = [];
  const counts: string[] = [];
  const clock = new FakeClock();
  const server = new NotificationServer({
    secrets: () => [secret],
    onEvents: (events) => {
      batches.push(events);
    },
    log: createLogger('debug', { write: (line) => lines.push(line) }),
    clock,
    metrics: {
      answered: (kind, status) => counts.push(`${kind} ${status}`),
      handedOn: (events) => counts.push(`handed on ${events}`),
      dropped: (events) => counts.push(`dropped ${events}`),
    },
    ...options,
  });
  const port = await server.listen('127.0.0.1', 0);
  onTestFinished(() => server.close());
  const dispatcher = new Agent({ connections: 20 });
  onTestFinished(() => dispatcher.destroy());
  const ask = async ({ path = '/v1/notify', method = 'POST', headers = {}, body = '' }: Ask) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await request(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: method === 'POST' ? text : null,
      dispatcher,
    });
    return { status: answer.statusCode, headers: answer.headers, content: await answer.body.text() };
  };
  return { server, port, clock, lines, counts, batches, ask };
}

/** A connection on which a test writes what it likes. */
export interface RawConnection {
  readonly socket: Socket;
  readonly received: () => string;
  readonly gone: () => boolean;
}

/** Connects; the connection ends with the test. */
export async function connectTo(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  let closed = false;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return { socket, received: () => text, gone: () => closed };
}

/** Request line and headers of a notification, with the empty line at their end. */
export function requestHead(headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host: 'x', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /v1/notify HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A signature of the body as senders write it. */
export function signatureOf(body: string, key = secret): string {
  return `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
}

/** A notification of our own form, of `v1` of repositories in `quay.io/org`. */
export function notificationOf(...names: string[]): object {
  return { images: names.map((name) => `quay.io/org/${name}:v1`) };
}

/** The event in {@link notificationOf}. */
export function eventOf(name: string): PushEvent {
  return { registry: 'quay.io', repository: `org/${name}`, tag: 'v1' };
}
