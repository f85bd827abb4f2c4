import { createHmac } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Agent, request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import { dockerHub, quay } from '../../test/support/push-payloads.ts';
import type { PushEvent } from '../domain/push-notification.ts';
import { createLogger } from '../observability/logger.ts';
import { NotificationServer, type NotificationServerOptions } from './notification-server.ts';

const secret = 'correct-horse-battery-staple';
const authorized = { authorization: `Bearer ${secret}` };
const secretlyConfigured = { images: ['quay.io/confidential/app:v1'] };

interface Ask {
  readonly path?: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** A text as it is, anything else as JSON. */
  readonly body?: unknown;
}

async function setUp(options: Partial<NotificationServerOptions> = {}) {
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
  return { ask, batches, clock, counts, lines, port, server };
}

/** A connection on which a test writes what it likes. */
async function connectTo(port: number): Promise<{ socket: Socket; received: () => string; gone: () => boolean }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => undefined).on('close', () => {
    closed = true;
  });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return { socket, received: () => text, gone: () => closed };
}

function head(headers: Readonly<Record<string, string>>, path = '/v1/notify'): string {
  const lines = Object.entries({ host: 'x', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function sign(body: string, key = secret): string {
  return `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function image(name: string): PushEvent {
  return { registry: 'quay.io', repository: `org/${name}`, tag: 'v1' };
}

function images(...names: string[]): object {
  return { images: names.map((name) => `quay.io/org/${name}:v1`) };
}

const payload = JSON.stringify(images('app'));

describe('a sender is let in', () => {
  it.each<{ name: string } & Ask>([
    { name: 'with a bearer token', headers: authorized },
    { name: 'with a bearer token in lower case', headers: { authorization: `bearer ${secret}` } },
    { name: 'with the secret alone, as Harbor sends it', headers: { authorization: secret } },
    { name: 'with the secret as password, as zot sends it', headers: { authorization: basic('zot', secret) } },
    { name: 'with the secret in a header of its own', headers: { 'x-registry-token': secret } },
    { name: 'with a signature by GitHub', headers: { 'x-hub-signature-256': sign(payload) } },
    { name: 'with a signature', headers: { 'x-signature-256': sign(payload) } },
    {
      name: 'with a signature in upper case',
      headers: { 'x-signature-256': `sha256=${sign(payload).slice(7).toUpperCase()}` },
    },
    {
      name: 'with the secret in the path, from Docker Hub',
      path: `/v1/notify/dockerhub/${secret}`,
      body: dockerHub('org/app', 'v1'),
    },
    {
      name: 'with the secret in the path, from Quay',
      path: `/v1/notify/quay/${secret}`,
      body: quay(['v1']),
    },
  ])('$name', async ({ body = payload, ...rest }) => {
    const { ask } = await setUp();
    expect(await ask({ ...rest, body })).toMatchObject({ status: 202, content: '{"accepted":1}\n' });
  });

  it('with any of several secrets, as bytes or text, and no longer with one that was taken away', async () => {
    let secrets: readonly (string | Uint8Array)[] = ['old', Buffer.from('new')];
    const { ask } = await setUp({ secrets: () => secrets });
    const tryBoth = async () => {
      const given = ['old', 'new'].map((text) => ({ authorization: `Bearer ${text}` }));
      const answers = await Promise.all(given.map((headers) => ask({ headers, body: payload })));
      return answers.map(({ status }) => status);
    };
    expect(await tryBoth()).toEqual([202, 202]);
    secrets = ['new'];
    expect(await tryBoth()).toEqual([401, 202]);
  });
});

describe('a sender is kept out', () => {
  it.each<{ name: string; secrets?: readonly string[] } & Ask>([
    { name: 'without anything' },
    { name: 'with a wrong secret', headers: { authorization: `Bearer ${secret.replace('c', 'C')}` } },
    { name: 'with the start of the secret', headers: { authorization: `Bearer ${secret.slice(0, -1)}` } },
    { name: 'with one letter', headers: { authorization: 'Bearer c' } },
    { name: 'with more than the secret', headers: { authorization: `Bearer ${secret}x` } },
    { name: 'with a very long secret', headers: { authorization: `Bearer ${secret.repeat(300)}` } },
    { name: 'with an empty secret', headers: { authorization: 'Bearer ' } },
    { name: 'with another scheme', headers: { authorization: `Digest ${secret}` } },
    { name: 'with the secret as user', headers: { authorization: basic(secret, 'x') } },
    { name: 'with the secret without a user', headers: { authorization: `Basic ${btoa(secret)}` } },
    { name: 'with the secret in the query', path: `/v1/notify?secret=${secret}` },
    { name: 'with a wrong secret in the path', path: '/v1/notify/dockerhub/wrong' },
    { name: 'with a signature by another secret', headers: { 'x-hub-signature-256': sign(payload, 'other') } },
    { name: 'with a signature of another body', headers: { 'x-hub-signature-256': sign(`${payload} `) } },
    { name: 'with a signature by SHA-1', headers: { 'x-hub-signature': sign(payload) } },
    { name: 'with half a signature', headers: { 'x-signature-256': sign(payload).slice(0, 40) } },
    { name: 'with an empty signature', headers: { 'x-signature-256': '' } },
    {
      name: 'with a signature of another body beside the right secret',
      headers: { ...authorized, 'x-signature-256': sign('') },
    },
    { name: 'when there is no secret', secrets: [], headers: authorized },
    { name: 'when the secret is empty', secrets: [''], headers: { authorization: 'Bearer ' } },
    { name: 'when the secret is empty and signs', secrets: [''], headers: { 'x-signature-256': sign(payload, '') } },
  ])('$name', async ({ name: _, secrets = [secret], body = payload, ...rest }) => {
    const { ask, batches, clock } = await setUp({ secrets: () => secrets });
    const answer = await ask({ ...rest, body });
    expect(answer).toMatchObject({ status: 401, content: '{"error":"unauthorized"}\n' });
    await clock.advance(1_000);
    expect(batches).toEqual([]);
  });

  it('before it has sent anything of its body', async () => {
    const { port } = await setUp();
    const { socket, received, gone } = await connectTo(port);
    socket.write(head({ authorization: 'Bearer wrong', 'content-length': '1000000' }));
    await eventually(() => received().startsWith('HTTP/1.1 401 '), { what: 'the answer' });
    await eventually(gone, { what: 'the end of the connection' });
  });
});

describe('the answers to requests', () => {
  const tooLong = ' '.repeat(1_048_577);

  it.each<{ status: number; content: string } & Ask>([
    { path: '/', status: 404, content: 'not found: POST to /v1/notify or /v1/notify/<kind>' },
    { path: '/v1/notify/nexus', status: 404, content: 'not found: POST to /v1/notify or /v1/notify/<kind>' },
    { path: `/v1/notify/harbor/${secret}`, status: 404, content: 'not found: POST to /v1/notify or /v1/notify/<kind>' },
    { method: 'GET', status: 405, content: 'only POST is allowed' },
    { method: 'PUT', path: '/v1/notify/zot', status: 405, content: 'only POST is allowed' },
    { body: tooLong, status: 413, content: 'the body is longer than 1048576 bytes' },
    {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'payload={}',
      status: 415,
      content: 'send JSON: set the content type of the webhook to application/json',
    },
    { headers: { 'content-encoding': 'gzip' }, status: 415, content: 'send the body without a content encoding' },
    { body: '{', status: 400, content: 'the body is not a JSON object' },
    { body: '\u0000\u0001', status: 400, content: 'the body is not a JSON object' },
    {
      path: '/v1/notify/quay',
      body: images('app'),
      status: 400,
      content: 'the body is no notification of the kind quay',
    },
    { body: { images: ['Bad'] }, status: 400, content: 'images[0]: repository name must be lowercase' },
  ])('$status $content', async ({ status, content, headers = {}, ...rest }) => {
    const { ask } = await setUp();
    const answer = await ask({ ...rest, headers: { ...authorized, ...headers } });
    expect(answer).toMatchObject({ status, content: `${JSON.stringify({ error: content })}\n` });
    expect(answer.headers).toMatchObject(
      status === 405 ? { connection: 'close', allow: 'POST' } : { connection: 'close' },
    );
  });

  it.each([
    'application/vnd.docker.distribution.events.v2+json',
    'application/cloudevents+json; charset=UTF-8',
    'application/json;charset=utf-8',
    'text/json',
  ])('202 to %s', async (type) => {
    const { ask } = await setUp();
    const answer = await ask({ headers: { ...authorized, 'content-type': type }, body: payload });
    expect(answer.status).toBe(202);
  });

  it('are counted by kind and status', async () => {
    const { ask, counts, clock } = await setUp();
    await ask({ headers: authorized, body: quay(['a', 'b']) });
    await ask({ path: '/v1/notify/harbor', body: payload });
    await ask({ path: '/metrics' });
    await clock.advance(1_000);
    expect(counts).toEqual(['quay 202', 'harbor 401', 'unknown 404', 'handed on 2']);
  });

  it('fails without an answer, and says so in the log, when the secrets cannot be had', async () => {
    const { ask, lines } = await setUp({
      secrets: () => {
        throw new Error('no such file');
      },
    });
    await expect(ask({ headers: authorized, body: payload })).rejects.toThrow('other side closed');
    expect(lines.join('')).toContain('no such file');
  });

  it('rejects when its port is taken', async () => {
    const { port } = await setUp();
    const second = new NotificationServer({
      secrets: () => [],
      onEvents: () => undefined,
      log: createLogger('error'),
      clock: new FakeClock(),
    });
    await expect(second.listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE');
  });
});

describe('events', () => {
  it('go on once, at the end of a second, whoever named them how often', async () => {
    const { ask, batches, clock } = await setUp();
    await ask({ headers: authorized, body: images('a', 'b') });
    await clock.advance(999);
    await ask({ headers: authorized, body: images('b', 'c') });
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches).toEqual([[image('a'), image('b'), image('c')]]);
    await clock.advance(5_000);
    expect(batches).toHaveLength(1);
    await ask({ headers: authorized, body: images('a') });
    await clock.advance(1_000);
    expect(batches[1]).toEqual([image('a')]);
  });

  it('of a thousand requests at once are a few', async () => {
    const { ask, batches, clock } = await setUp();
    const asked = Array.from({ length: 1_000 }, (_, i) =>
      ask({ headers: authorized, body: images(`app${i % 7}`) }),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([202]));
    await clock.advance(1_000);
    expect(batches.map((events) => events.length)).toEqual([7]);
  });

  it('that wait are bounded: the oldest go, and it is counted and logged', async () => {
    const { ask, batches, clock, counts, lines } = await setUp({ maxWaiting: 2 });
    await ask({ headers: authorized, body: images('a', 'b') });
    await ask({ headers: authorized, body: images('a', 'c') });
    await clock.advance(1_000);
    expect(batches).toEqual([[image('a'), image('c')]]);
    expect(counts).toContain('dropped 1');
    await clock.advance(9_000);
    expect(lines.join('')).toContain('"refused":{"dropped":1}');
  });

  it('wait while the ones before are being handled', async () => {
    const handling = Promise.withResolvers<void>();
    const batches: (readonly PushEvent[])[] = [];
    const { ask, clock } = await setUp({
      onEvents: (events) => {
        batches.push(events);
        return handling.promise;
      },
    });
    await ask({ headers: authorized, body: images('a') });
    await clock.advance(1_000);
    await ask({ headers: authorized, body: images('b') });
    await clock.advance(10_000);
    expect(batches).toEqual([[image('a')]]);
    handling.resolve();
    await settle();
    await clock.advance(1_000);
    expect(batches[1]).toEqual([image('b')]);
  });

  it('go on after a batch that could not be handled', async () => {
    let calls = 0;
    const { ask, clock, lines, counts } = await setUp({
      onEvents: () => {
        calls++;
        if (calls === 1) throw new Error('not ready');
      },
    });
    await ask({ headers: authorized, body: images('a') });
    await clock.advance(1_000);
    await ask({ headers: authorized, body: images('a') });
    await clock.advance(1_000);
    expect(calls).toBe(2);
    expect(lines.join('')).toContain('not ready');
    expect(counts.filter((count) => count.startsWith('handed on'))).toEqual(['handed on 1']);
  });

  it('that still wait go on when the server is closed', async () => {
    const { ask, batches, clock, server } = await setUp();
    await ask({ headers: authorized, body: images('a') });
    await server.close();
    expect(batches).toEqual([[image('a')]]);
    expect(clock.pending).toEqual([]);
  });
});

describe('hostile senders', () => {
  it('get an answer to a body without end, and are cut off', async () => {
    const { port, ask } = await setUp({ maxBodyBytes: 100_000 });
    const { socket, received, gone } = await connectTo(port);
    socket.write(head({ ...authorized, 'transfer-encoding': 'chunked' }));
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
    const feed = (): void => {
      if (!gone() && socket.writable && socket.write(chunk)) setImmediate(feed);
    };
    socket.on('drain', feed);
    feed();
    await eventually(() => received().startsWith('HTTP/1.1 413 '), { what: 'the answer' });
    await eventually(gone, { what: 'the end of the connection' });
    expect((await ask({ headers: authorized, body: payload })).status).toBe(202);
  });

  it('that are slow do not hold up others, and their time is over', async () => {
    const { port, ask, batches, clock } = await setUp({ requestTimeoutMs: 400 });
    const slow = await Promise.all([connectTo(port), connectTo(port), connectTo(port)]);
    slow[0]?.socket.write('POST /v1/notify HT');
    slow[1]?.socket.write(head({ ...authorized, 'content-length': '50' }) + payload.slice(0, 10));
    expect((await ask({ headers: authorized, body: payload })).status).toBe(202);
    await eventually(() => slow.slice(0, 2).every(({ gone }) => gone()), { what: 'their end' });
    expect(slow.slice(0, 2).map(({ received }) => received().slice(0, 12))).toEqual([
      'HTTP/1.1 408',
      'HTTP/1.1 408',
    ]);
    await clock.advance(1_000);
    expect(batches).toEqual([[image('app')]]);
  });

  it('that only hold connections make room, the oldest first', async () => {
    const { port, ask } = await setUp({ maxConnections: 3 });
    const idle = [await connectTo(port), await connectTo(port), await connectTo(port)];
    expect((await ask({ headers: authorized, body: payload })).status).toBe(202);
    await eventually(() => idle[0]?.gone() ?? false, { what: 'the end of the oldest' });
    expect(idle.slice(1).map(({ gone }) => gone())).toEqual([false, false]);
  });

  it('do not take the place of a sender that showed a secret', async () => {
    const { port } = await setUp({ maxConnections: 2 });
    const good = [await connectTo(port), await connectTo(port)];
    for (const { socket } of good) {
      socket.write(head({ ...authorized, expect: '100-continue', 'content-length': `${payload.length}` }));
    }
    await eventually(() => good.every(({ received }) => received().includes(' 100 ')), { what: 'the go' });
    const late = await connectTo(port);
    await eventually(late.gone, { what: 'the end of the third' });
    for (const { socket } of good) socket.write(payload);
    await eventually(() => good.every(({ received }) => received().includes('{"accepted":1}')), {
      what: 'the answers',
    });
  });

  it('that talk rubbish or go away in the middle do no harm', async () => {
    const { port, ask, lines, clock } = await setUp();
    const rubbish = await connectTo(port);
    rubbish.socket.write('\u0016\u0003\u0001 rubbish\r\n\r\n');
    await eventually(rubbish.gone, { what: 'the end of the connection' });
    const quitter = await connectTo(port);
    quitter.socket.write(head({ ...authorized, 'content-length': '50' }) + payload.slice(0, 10));
    quitter.socket.destroy();
    const greedy = await connectTo(port);
    greedy.socket.write(head({ ...authorized, 'x-much': 'x'.repeat(20_000) }));
    await eventually(() => greedy.received().startsWith('HTTP/1.1 431 '), { what: 'the answer' });
    expect((await ask({ headers: authorized, body: payload })).status).toBe(202);
    await clock.advance(60_000);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('fill the log with one line in ten seconds, that repeats nothing of what was sent', async () => {
    const { ask, lines, clock } = await setUp();
    const wrong = 'swordfish-and-chips';
    await ask({ headers: authorized, body: secretlyConfigured });
    await ask({ path: `/v1/notify/dockerhub/${secret}`, body: dockerHub('confidential/app', 'v1') });
    await ask({ headers: { 'x-signature-256': sign(JSON.stringify(secretlyConfigured)) }, body: secretlyConfigured });
    for (let i = 0; i < 50; i++) {
      await ask({ headers: { authorization: `Bearer ${wrong}` }, body: secretlyConfigured });
      await ask({ path: `/v1/notify/quay/${wrong}`, body: secretlyConfigured });
      await ask({ path: `/v1/notify/dockerhub/${secret}`, body: '{"confidential' });
      await ask({ path: `/${secret}/confidential` });
    }
    await clock.advance(10_000);
    const log = lines.join('');
    expect(log).toContain('"refused":{"400":50,"401":100,"404":50}');
    expect(lines.filter((line) => line.includes('"refused"'))).toHaveLength(1);
    for (const word of [secret, wrong, 'confidential', sign(JSON.stringify(secretlyConfigured)).slice(7)]) {
      expect(log).not.toContain(word);
    }
  });
});
