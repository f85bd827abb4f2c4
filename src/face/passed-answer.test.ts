import { type ClientHttp2Stream, constants } from 'node:http2';
import { PassThrough, Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { openFacePort } from '../../test/support/face-port.ts';
import { HttpListener } from '../../test/support/http-listener.ts';
import { KubeApiError } from '../kube/errors.ts';
import type { Exchange } from './exchange.ts';
import type { Handler } from './face-server.ts';
import { passAnswer, type Through } from './passed-answer.ts';

it('leaves a body unread that has come already, when the head alone is wanted', async () => {
  const origin = await HttpListener.start((_request, response) => response.end('a body'));
  onTestFinished(() => origin[Symbol.asyncDispose]());
  const done = Promise.withResolvers<unknown>();
  const front = await HttpListener.start((asked, response) => {
    const pass = async (): Promise<void> => {
      const answer = await request(origin.url);
      await eventually(async () => answer.body.readableLength > 0, { what: 'the body to come' });
      // An error that nobody hears of ends the process, and this test.
      const closed = new Promise((resolve) => answer.body.once('close', resolve));
      const exchange = { request: asked, response, info: { verb: 'get' } } as unknown as Exchange;
      await passAnswer(exchange, answer, new PassThrough());
      await closed;
      await finished(response, { readable: false });
    };
    pass().then(done.resolve, done.reject);
  });
  onTestFinished(() => front[Symbol.asyncDispose]());
  expect((await request(front.url, { method: 'HEAD' })).statusCode).toBe(200);
  await done.promise;
});

const piece = 'x'.repeat(10_000);

/** A face that hands on pieces of an API server, which ends after so many, breaks off, or goes on. */
async function setUp(
  through: () => Through,
  { pieces, breaks = false }: { pieces: number; breaks?: boolean },
) {
  let sent = 0;
  let isGone = false;
  const origin = await HttpListener.start((_request, response) => {
    response.on('close', () => {
      isGone = true;
    });
    const send = (): void => {
      while (sent < pieces) {
        sent++;
        if (!response.write(piece)) {
          response.once('drain', send);
          return;
        }
      }
      if (breaks) response.destroy();
      else response.end();
    };
    send();
  });
  onTestFinished(() => origin[Symbol.asyncDispose]());
  let ended = 0;
  const handler: Handler = async (exchange) => {
    const answer = await request(origin.url, { signal: exchange.signal, highWaterMark: 16_384 });
    await passAnswer(exchange, answer, through()).finally(() => ended++);
  };
  const { lines, connect, streamsUrl } = await openFacePort({
    handlers: new Map([['imagestreams', handler]]),
  });
  const session = connect();
  const list = (query = ''): ClientHttp2Stream =>
    session.request({ ':path': `${new URL(streamsUrl('x')).pathname}${query}`, 'x-remote-user': 'bob' });
  return { list, lines, sent: () => sent, isGone: () => isGone, ended: () => ended };
}

/** The two ways to change a body. */
const ways: readonly { readonly name: string; readonly through: () => Through }[] = [
  { name: 'a stream', through: () => new PassThrough() },
  {
    name: 'a generator',
    through: () =>
      async function* (body) {
        for await (const part of body) yield part.toString();
      },
  },
];

describe.each(ways)('an answer through $name', ({ through }) => {
  it('is read no faster than its client reads, and comes whole', async () => {
    // More than fits into all that lies between.
    const pieces = 5_000;
    const { list, sent, ended } = await setUp(through, { pieces });
    const stream = list().pause();
    await new Promise((resolve) => stream.once('response', resolve));
    const seen: number[] = [];
    const rests = async (): Promise<boolean> => {
      seen.push(sent());
      await delay(20);
      return seen.length > 10 && new Set(seen.slice(-10)).size === 1;
    };
    await eventually(rests, { what: 'nothing more to come from the API server' });
    expect([sent() < pieces, ended()]).toEqual([true, 0]);
    expect((await text(stream)).length).toBe(pieces * piece.length);
    expect([sent(), ended()]).toEqual([pieces, 1]);
  });

  it('ends, and with it that of the API server, when the client goes in the middle of it', async () => {
    const { list, lines, isGone, ended } = await setUp(through, { pieces: Number.POSITIVE_INFINITY });
    const stream = list().on('error', () => undefined);
    await new Promise((resolve) => stream.once('data', resolve));
    stream.close(constants.NGHTTP2_CANCEL);
    await eventually(async () => ended() === 1 && isGone(), { what: 'both to end' });
    expect(lines).toEqual([]);
  });

  it('is broken off when that of the API server is, and the log says so', async () => {
    const { list, lines } = await setUp(through, { pieces: 100, breaks: true });
    await expect(text(list())).rejects.toThrow();
    await eventually(async () => lines.length === 1, { what: 'the line in the log' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'answer broken off' });
  });

  it('is broken off without a word when it is a watch, as each is when an API server ends', async () => {
    const { list, lines, ended } = await setUp(through, { pieces: 100, breaks: true });
    await expect(text(list('?watch=true'))).rejects.toThrow();
    expect([ended(), lines]).toEqual([1, []]);
  });
});

it.each<{ name: string; through: () => Through }>([
  {
    name: 'a stream',
    through: () => new Transform({ transform: (_part, _encoding, done) => done(notYet) }),
  },
  {
    name: 'a generator',
    through: () =>
      async function* (body) {
        for await (const part of body) {
          if (part.length > 0) throw notYet;
          yield part.toString();
        }
      },
  },
])('an answer through $name that fails before its first piece is a refusal', async ({ through }) => {
  const { list } = await setUp(through, { pieces: 5 });
  const stream = list();
  const status = new Promise((resolve) =>
    stream.once('response', ({ ':status': code, 'retry-after': wait }) => resolve([code, wait])),
  );
  expect(JSON.parse(await text(stream))).toMatchObject({ code: 429, message: 'not yet' });
  expect(await status).toEqual([429, '3']);
});

it('hands a refusal on as it is, whatever would become of an answer', async () => {
  const refusal = { kind: 'Status', code: 410, message: 'The provided continue parameter is too old.' };
  const origin = await HttpListener.start((_request, response) =>
    response.writeHead(410, { 'content-type': 'application/json' }).end(JSON.stringify(refusal)),
  );
  onTestFinished(() => origin[Symbol.asyncDispose]());
  const handler: Handler = async (exchange) => {
    const through = new Transform({ transform: (_part, _encoding, done) => done(notYet) });
    await passAnswer(exchange, await request(origin.url), through);
  };
  const { connect, streamsUrl } = await openFacePort({ handlers: new Map([['imagestreams', handler]]) });
  const stream = connect().request({
    ':path': new URL(streamsUrl('x')).pathname,
    'x-remote-user': 'bob',
  });
  const status = new Promise((resolve) =>
    stream.once('response', ({ ':status': code, 'content-type': type }) => resolve([code, type])),
  );
  expect(JSON.parse(await text(stream))).toEqual(refusal);
  expect(await status).toEqual([410, 'application/json']);
});

const notYet = new KubeApiError({
  method: 'GET',
  path: '/things',
  status: 429,
  reason: 'TooManyRequests',
  message: 'not yet',
  retryAfterMs: 2_500,
});
