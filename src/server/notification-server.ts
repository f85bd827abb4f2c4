/** The port for registries that tell what was pushed: `POST /v1/notify`, never without a secret. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import {
  type NotificationKind,
  type NotificationRoute,
  type PushEvent,
  parseNotificationPath,
  parsePushNotification,
  tagKey,
} from '../domain/push-notification.ts';
import type { Clock } from '../runtime/clock.ts';
import { listen } from './listen.ts';
import { type PassedNotification, passedHeader } from './notification-relay.ts';

/** Counters that somebody else keeps. All labels come from closed sets. */
export interface NotificationMetrics {
  /** A request was answered; the kind is `unknown` when it was refused before it was known. */
  answered(kind: NotificationKind | 'unknown', status: number): void;
  /** Events, each once, were handed on. */
  handedOn(events: number): void;
  /** Events were forgotten because too many waited. */
  dropped(events: number): void;
}

/** Where notifications go when several replicas share the work. */
export interface NotificationReplicas {
  /** True when this one works: what it hands on does something. */
  works(): boolean;
  /** Passes a notification on to all others that work; false when somebody has not got it who should. */
  pass(notification: PassedNotification): Promise<boolean>;
}

/** Options of {@link NotificationServer}. Those that may be left out have the defaults that the documentation names. */
export interface NotificationServerOptions {
  /** The secrets that are good at this moment, asked at every request; several while one replaces another. */
  readonly secrets: () => readonly (string | Uint8Array)[];
  /** Gets events, each at most once a second. The next ones wait until what it returns has settled. */
  readonly onEvents: (events: readonly PushEvent[]) => void | Promise<void>;
  /** The other replicas; without it there are none. */
  readonly replicas?: NotificationReplicas;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics?: NotificationMetrics;
  /** Default: 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Time for a whole request, headers and body. Default: 10 seconds. */
  readonly requestTimeoutMs?: number;
  /** Default: 50. */
  readonly maxConnections?: number;
  /** Most different events that wait. Default: 10,000. */
  readonly maxWaiting?: number;
}

/** Equal events within this time are one. They go on at its end, so that a probe sees the last push, not the first. */
const windowMs = 1_000;
/** Refusals are counted, and told at most this often: whoever can connect must not be able to fill the log. */
const reportMs = 10_000;
/** How long a refused sender may go on sending before the connection goes; cut off at once it would not see the answer. */
const lingerMs = 500;
const maxHeaderBytes = 16_384;

/** Receives notifications and hands on what they name. Answers 202, or 401, 404, 405, 408, 413, 415, 400, 503 with the reason. */
export class NotificationServer {
  readonly #options: NotificationServerOptions;
  readonly #server: Server;
  readonly #queue: EventQueue;
  /** All connections, the oldest first. */
  readonly #sockets = new Set<Socket>();
  /** Those with a request under way that showed a secret. */
  readonly #trusted = new Set<Socket>();
  #refused: Record<string, number> = {};
  #cancelReport: (() => void) | undefined;

  constructor(options: NotificationServerOptions) {
    const { requestTimeoutMs = 10_000, maxWaiting = 10_000 } = options;
    this.#options = options;
    this.#queue = new EventQueue({
      ...options,
      maxWaiting,
      onDropped: (events) => this.#note('dropped', events),
    });
    const limits = {
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      // Node looks for overdue requests this often; the default of 30 seconds would make three deadlines of one.
      connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs),
      maxHeaderSize: maxHeaderBytes,
    };
    this.#server = createServer(limits, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#fail(response, error));
    });
    this.#server.on('connection', (socket: Socket) => this.#admit(socket));
  }

  /** Listens, and resolves to the port, which matters when 0 was asked for. Rejects when the port is taken. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Stops listening, ends the connections, and hands on what still waits. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
    this.#report();
    await this.#queue.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request, response);
    if (answer === undefined) return;
    this.#options.metrics?.answered(answer.kind, answer.status);
    if (answer.status === 202) return send(response, answer);
    this.#note(String(answer.status), 1);
    refuse(request, response, answer);
  }

  /** Decides on a request; undefined when the sender went away. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Answer | undefined> {
    const route = parseNotificationPath(request.url ?? '');
    if (route === undefined) return refusal(404, 'not found: POST to /v1/notify or /v1/notify/<kind>');
    const kind = route.kind ?? 'unknown';
    if (request.method !== 'POST') return refusal(405, 'only POST is allowed', kind);
    const secrets = this.#options.secrets();
    const signature = signatureOf(request.headers);
    if (signature === undefined) {
      // Checked before anything is read: without a secret nobody makes this process hold a body.
      if (!isKnown(secretsIn(request.headers, route), secrets)) return refusal(401, 'unauthorized', kind);
      this.#trust(request.socket, response);
    }
    const unsupported = unsupportedType(request.headers);
    if (unsupported !== undefined) return refusal(415, unsupported, kind);
    const { maxBodyBytes = 1_048_576 } = this.#options;
    const body = await readBody(request, maxBodyBytes);
    if (body === 'too long') return refusal(413, `the body is longer than ${maxBodyBytes} bytes`, kind);
    if (body === 'broken off') return undefined;
    const signed = signature === undefined || isSigned(body, signature, secrets);
    return signed ? this.#accept(body, request, kind) : refusal(401, 'unauthorized', kind);
  }

  async #accept(
    body: Buffer,
    { url: path = '', headers }: IncomingMessage,
    kind: Answer['kind'],
  ): Promise<Answer> {
    const { replicas } = this.#options;
    const parsed = parsePushNotification(body.toString('utf8'), { path, headers });
    if (!parsed.ok) return refusal(400, parsed.problem, kind);
    const isTaken = replicas?.works() ?? true;
    if (isTaken) this.#queue.add(parsed.events);
    const isPassed = headers[passedHeader] !== undefined;
    const isKnownToAll = isPassed ? isTaken : ((await replicas?.pass({ path, headers, body })) ?? true);
    if (!isKnownToAll) return refusal(503, 'no operator works for the moment: send it again', kind);
    return { status: 202, kind: parsed.kind, content: { accepted: parsed.events.length } };
  }

  /** Keeps the number of connections bounded: the oldest that has shown no secret makes room for a new one. */
  #admit(socket: Socket): void {
    const { maxConnections = 50 } = this.#options;
    if (this.#sockets.size >= maxConnections) {
      const oldest = [...this.#sockets].find((candidate) => !this.#trusted.has(candidate));
      this.#note('connections', 1);
      (oldest ?? socket).destroy();
      if (oldest === undefined) return;
      this.#sockets.delete(oldest);
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#trusted.delete(socket);
    });
  }

  #trust(socket: Socket, response: ServerResponse): void {
    this.#trusted.add(socket);
    response.once('close', () => this.#trusted.delete(socket));
  }

  #note(what: string, count: number): void {
    this.#refused[what] = (this.#refused[what] ?? 0) + count;
    this.#cancelReport ??= this.#options.clock.setTimer(reportMs, () => this.#report());
  }

  #report(): void {
    this.#cancelReport?.();
    this.#cancelReport = undefined;
    if (Object.keys(this.#refused).length === 0) return;
    this.#options.log.warn(
      { refused: this.#refused },
      'push notifications were refused, by status or reason',
    );
    this.#refused = {};
  }

  #fail(response: ServerResponse, error: unknown): void {
    this.#options.log.error({ err: error }, 'a push notification could not be handled');
    response.destroy();
  }
}

interface EventQueueOptions
  extends Pick<NotificationServerOptions, 'onEvents' | 'log' | 'clock' | 'metrics'> {
  readonly maxWaiting: number;
  readonly onDropped: (events: number) => void;
}

/** Different events that wait for the end of the window, or for the handling of the ones before. */
class EventQueue {
  readonly #options: EventQueueOptions;
  #waiting = new Map<string, PushEvent>();
  #cancelTimer: (() => void) | undefined;
  #handing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  add(events: readonly PushEvent[]): void {
    for (const event of events) {
      const key = tagKey(event);
      this.#waiting.delete(key);
      this.#waiting.set(key, event);
    }
    this.#dropOldest();
    if (this.#waiting.size > 0) this.#schedule();
  }

  /** Hands on what waits, for the last time. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#handing;
    await this.#handOn();
  }

  #dropOldest(): void {
    const { maxWaiting, metrics, onDropped } = this.#options;
    const excess = this.#waiting.size - maxWaiting;
    if (excess <= 0) return;
    for (const key of [...this.#waiting.keys()].slice(0, excess)) this.#waiting.delete(key);
    metrics?.dropped(excess);
    onDropped(excess);
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancelTimer ??= this.#options.clock.setTimer(windowMs, () => {
      this.#handing = this.#handOn();
    });
  }

  /** Never rejects. The timer counts as set until this is over, so that batches do not overlap. */
  async #handOn(): Promise<void> {
    const { onEvents, log, metrics } = this.#options;
    const events = [...this.#waiting.values()];
    this.#waiting = new Map();
    try {
      if (events.length > 0) {
        await onEvents(events);
        metrics?.handedOn(events.length);
        log.debug({ events: events.length }, 'push notifications were handed on');
      }
    } catch (error) {
      log.error({ err: error, events: events.length }, 'announced repositories could not be looked at');
    }
    this.#cancelTimer = undefined;
    if (this.#waiting.size > 0) this.#schedule();
  }
}

interface Answer {
  readonly status: number;
  readonly kind: NotificationKind | 'unknown';
  readonly content: { readonly accepted: number } | { readonly error: string };
}

function refusal(status: number, error: string, kind: Answer['kind'] = 'unknown'): Answer {
  return { status, kind, content: { error } };
}

/** Every text of a request that could be the secret. */
function secretsIn(headers: IncomingHttpHeaders, route: NotificationRoute): readonly string[] {
  const { authorization = '', 'x-registry-token': token } = headers;
  const [, scheme = '', credentials = ''] = /^(bearer|basic) +(.+)$/i.exec(authorization) ?? [];
  const basic = scheme.toLowerCase() === 'basic' ? Buffer.from(credentials, 'base64').toString('utf8') : '';
  const password = basic.includes(':') ? basic.slice(basic.indexOf(':') + 1) : '';
  const bearer = scheme.toLowerCase() === 'bearer' ? credentials : '';
  // Harbor sends its "Auth Header" as it was typed in, with a scheme or without.
  const given = [authorization, bearer, password, typeof token === 'string' ? token : '', route.secret ?? ''];
  return given.filter((text) => text !== '');
}

/** Compares all with all, and hashes at that, so that the time tells neither a length nor which secret came close. */
function isKnown(given: readonly string[], secrets: readonly (string | Uint8Array)[]): boolean {
  let found = false;
  for (const secret of secrets.filter(({ length }) => length > 0)) {
    const wanted = sha256(secret);
    for (const candidate of given) found = timingSafeEqual(sha256(candidate), wanted) || found;
  }
  return found;
}

/** GitHub's header, or the same thing without its name. */
function signatureOf(headers: IncomingHttpHeaders): string | undefined {
  const signature = headers['x-hub-signature-256'] ?? headers['x-signature-256'];
  return Array.isArray(signature) ? '' : signature;
}

/** True when the signature is `sha256=` and the HMAC of the body with one of the secrets, in hexadecimal digits. */
function isSigned(body: Buffer, signature: string, secrets: readonly (string | Uint8Array)[]): boolean {
  const [, hex] = /^sha256=([0-9a-f]{64})$/i.exec(signature) ?? [];
  if (hex === undefined) return false;
  const given = Buffer.from(hex, 'hex');
  let found = false;
  for (const secret of secrets.filter(({ length }) => length > 0)) {
    found = timingSafeEqual(given, createHmac('sha256', secret).update(body).digest()) || found;
  }
  return found;
}

function sha256(text: string | Uint8Array): Buffer {
  return createHash('sha256').update(text).digest();
}

/** What is wrong with the form of the body; a sender that does not say gets the benefit of the doubt. */
function unsupportedType(headers: IncomingHttpHeaders): string | undefined {
  const { 'content-type': type = 'application/json', 'content-encoding': encoding = 'identity' } = headers;
  if (!/^\s*(?:application|text)\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    return 'send JSON: set the content type of the webhook to application/json';
  }
  return encoding.toLowerCase() === 'identity' ? undefined : 'send the body without a content encoding';
}

/** The body. Leaves the connection as it is when it is too long, so that this can be said. */
async function readBody(
  request: IncomingMessage,
  limit: number,
): Promise<Buffer | 'too long' | 'broken off'> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return 'too long';
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) return 'too long';
      chunks.push(chunk);
    }
  } catch {
    return 'broken off';
  }
  return Buffer.concat(chunks, length);
}

function send(response: ServerResponse, { status, content }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(content)}\n`);
}

/** Says no, and ends the connection when the sender has stopped sending, or soon. */
function refuse(request: IncomingMessage, response: ServerResponse, { status, content }: Answer): void {
  const text = `${JSON.stringify(content)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...(status === 405 ? { allow: 'POST' } : {}),
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(status === 503 ? { 'retry-after': '5' } : {}),
  });
  response.write(text);
  const timer = setTimeout(() => response.end(), lingerMs);
  const done = (): void => {
    clearTimeout(timer);
    response.end();
  };
  if (request.readableEnded) done();
  else request.once('end', done).once('close', done).resume();
}
