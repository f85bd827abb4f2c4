import { describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import {
  type Ask,
  authorized,
  connectTo,
  eventOf,
  notificationOf,
  requestHead,
  secret,
  signatureOf,
  startNotificationServer,
} from '../../test/support/notification-fixture.ts';
import { dockerHub, quay } from '../../test/support/push-payloads.ts';
import type { PushEvent } from '../domain/push-notification.ts';
import { createLogger } from '../observability/logger.ts';
import { NotificationServer } from './notification-server.ts';

const payload = JSON.stringify(notificationOf('app'));

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

describe('a sender is let in', () => {
  it.each<{ name: string } & Ask>([
    { name: 'with a bearer token', headers: authorized },
    { name: 'with a bearer token in lower case', headers: { authorization: `bearer ${secret}` } },
    { name: 'with the secret alone, as Harbor sends it', headers: { authorization: secret } },
    {
      name: 'with the secret as password, as zot sends it',
      headers: { authorization: basic('zot', secret) },
    },
    { name: 'with the secret in a header of its own', headers: { 'x-registry-token': secret } },
    { name: 'with a signature by GitHub', headers: { 'x-hub-signature-256': signatureOf(payload) } },
    { name: 'with a signature', headers: { 'x-signature-256': signatureOf(payload) } },
    {
      name: 'with a signature in upper case',
      headers: { 'x-signature-256': `sha256=${signatureOf(payload).slice(7).toUpperCase()}` },
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
  ])('$name', async ({ path = '/v1/notify', headers = {}, body = payload }) => {
    const { ask } = await startNotificationServer();
    expect(await ask({ path, headers, body })).toMatchObject({ status: 202, content: '{"accepted":1}\n' });
  });

  it('with any of several secrets, as bytes or text, and no longer with one that was taken away', async () => {
    let secrets: readonly (string | Uint8Array)[] = ['old', Buffer.from('new')];
    const { ask } = await startNotificationServer({ secrets: () => secrets });
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
    {
      name: 'with a signature by another secret',
      headers: { 'x-hub-signature-256': signatureOf(payload, 'other') },
    },
    {
      name: 'with a signature of another body',
      headers: { 'x-hub-signature-256': signatureOf(`${payload} `) },
    },
    { name: 'with a signature by SHA-1', headers: { 'x-hub-signature': signatureOf(payload) } },
    { name: 'with half a signature', headers: { 'x-signature-256': signatureOf(payload).slice(0, 40) } },
    { name: 'with an empty signature', headers: { 'x-signature-256': '' } },
    {
      name: 'with a signature of another body beside the right secret',
      headers: { ...authorized, 'x-signature-256': signatureOf('') },
    },
    { name: 'when there is no secret', secrets: [], headers: authorized },
    { name: 'when the secret is empty', secrets: [''], headers: { authorization: 'Bearer ' } },
    {
      name: 'when the secret is empty and signs',
      secrets: [''],
      headers: { 'x-signature-256': signatureOf(payload, '') },
    },
  ])('$name', async ({ secrets = [secret], path = '/v1/notify', headers = {} }) => {
    const { ask, batches, clock } = await startNotificationServer({ secrets: () => secrets });
    const answer = await ask({ path, headers, body: payload });
    expect(answer).toMatchObject({ status: 401, content: '{"error":"unauthorized"}\n' });
    await clock.advance(1_000);
    expect(batches).toEqual([]);
  });
});

describe('the answers to requests', () => {
  const tooLong = ' '.repeat(1_048_577);

  it.each<{ status: number; content: string } & Ask>([
    { path: '/', status: 404, content: 'not found: POST to /v1/notify or /v1/notify/<kind>' },
    { path: '/v1/notify/nexus', status: 404, content: 'not found: POST to /v1/notify or /v1/notify/<kind>' },
    {
      path: `/v1/notify/harbor/${secret}`,
      status: 404,
      content: 'not found: POST to /v1/notify or /v1/notify/<kind>',
    },
    { method: 'GET', status: 405, content: 'only POST is allowed' },
    { method: 'PUT', path: '/v1/notify/zot', status: 405, content: 'only POST is allowed' },
    { body: tooLong, status: 413, content: 'the body is longer than 1048576 bytes' },
    {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'payload={}',
      status: 415,
      content: 'send JSON: set the content type of the webhook to application/json',
    },
    {
      headers: { 'content-encoding': 'gzip' },
      status: 415,
      content: 'send the body without a content encoding',
    },
    { body: '{', status: 400, content: 'the body is not a JSON object' },
    { body: '\u0000\u0001', status: 400, content: 'the body is not a JSON object' },
    {
      path: '/v1/notify/quay',
      body: notificationOf('app'),
      status: 400,
      content: 'the body is no notification of the kind quay',
    },
    { body: { images: ['Bad'] }, status: 400, content: 'images[0]: repository name must be lowercase' },
  ])('$status $content', async ({ status, content, headers = {}, ...rest }) => {
    const { ask } = await startNotificationServer();
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
    const { ask } = await startNotificationServer();
    const answer = await ask({ headers: { ...authorized, 'content-type': type }, body: payload });
    expect(answer.status).toBe(202);
  });

  it('413 to a length that is only promised', async () => {
    const { port } = await startNotificationServer();
    const { socket, received } = await connectTo(port);
    socket.write(requestHead({ ...authorized, 'content-length': '1048577' }));
    await eventually(() => received().startsWith('HTTP/1.1 413 '), { what: 'the answer', timeoutMs: 4_000 });
  });

  it('are counted by kind and status', async () => {
    const { ask, counts, clock } = await startNotificationServer();
    await ask({ headers: authorized, body: quay(['a', 'b']) });
    await ask({ path: '/v1/notify/harbor', body: payload });
    await ask({ path: '/metrics' });
    await clock.advance(1_000);
    expect(counts).toEqual(['quay 202', 'harbor 401', 'unknown 404', 'handed on 2']);
  });

  it('fails without an answer, and says so in the log, when the secrets cannot be had', async () => {
    const { ask, lines } = await startNotificationServer({
      secrets: () => {
        throw new Error('no such file');
      },
    });
    await expect(ask({ headers: authorized, body: payload })).rejects.toThrow('other side closed');
    expect(lines.join('')).toContain('no such file');
  });

  it('rejects when its port is taken', async () => {
    const { port } = await startNotificationServer();
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
    const { ask, batches, clock } = await startNotificationServer();
    await ask({ headers: authorized, body: notificationOf('a', 'b') });
    await clock.advance(999);
    await ask({ headers: authorized, body: notificationOf('b', 'c') });
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches).toEqual([[eventOf('a'), eventOf('b'), eventOf('c')]]);
    await clock.advance(5_000);
    expect(batches).toHaveLength(1);
    await ask({ headers: authorized, body: notificationOf('a') });
    await clock.advance(1_000);
    expect(batches[1]).toEqual([eventOf('a')]);
  });

  it('of a thousand requests at once are a few', { timeout: 30_000 }, async () => {
    const { ask, batches, clock } = await startNotificationServer();
    const asked = Array.from({ length: 1_000 }, (_, i) =>
      ask({ headers: authorized, body: notificationOf(`app${i % 7}`) }),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([202]));
    await clock.advance(1_000);
    expect(batches.map((events) => events.length)).toEqual([7]);
  });

  it('that wait are bounded: the oldest go, and it is counted and logged', async () => {
    const { ask, batches, clock, counts, lines } = await startNotificationServer({ maxWaiting: 2 });
    await ask({ headers: authorized, body: notificationOf('a', 'b') });
    await ask({ headers: authorized, body: notificationOf('a', 'c') });
    await clock.advance(1_000);
    expect(batches).toEqual([[eventOf('a'), eventOf('c')]]);
    expect(counts).toContain('dropped 1');
    await clock.advance(9_000);
    expect(lines.join('')).toContain('"refused":{"dropped":1}');
  });

  it('wait while the ones before are being handled', async () => {
    const handling = Promise.withResolvers<void>();
    const batches: (readonly PushEvent[])[] = [];
    const { ask, clock } = await startNotificationServer({
      onEvents: (events) => {
        batches.push(events);
        return handling.promise;
      },
    });
    await ask({ headers: authorized, body: notificationOf('a') });
    await clock.advance(1_000);
    await ask({ headers: authorized, body: notificationOf('b') });
    await clock.advance(10_000);
    expect(batches).toEqual([[eventOf('a')]]);
    handling.resolve();
    await settle();
    await clock.advance(1_000);
    expect(batches[1]).toEqual([eventOf('b')]);
  });

  it('go on after a batch that could not be handled', async () => {
    let calls = 0;
    const { ask, clock, lines, counts } = await startNotificationServer({
      onEvents: () => {
        calls++;
        if (calls === 1) throw new Error('not ready');
      },
    });
    await ask({ headers: authorized, body: notificationOf('a') });
    await clock.advance(1_000);
    await ask({ headers: authorized, body: notificationOf('a') });
    await clock.advance(1_000);
    expect(calls).toBe(2);
    expect(lines.join('')).toContain('not ready');
    expect(counts.filter((count) => count.startsWith('handed on'))).toEqual(['handed on 1']);
  });

  it('that still wait go on when the server is closed, after those that are being handled', async () => {
    const handling = Promise.withResolvers<void>();
    const batches: (readonly PushEvent[])[] = [];
    const { ask, clock, server } = await startNotificationServer({
      onEvents: (events) => {
        batches.push(events);
        return handling.promise;
      },
    });
    await ask({ headers: authorized, body: notificationOf('a') });
    await clock.advance(1_000);
    await ask({ headers: authorized, body: notificationOf('b') });
    const closed = server.close();
    handling.resolve();
    await closed;
    expect(batches).toEqual([[eventOf('a')], [eventOf('b')]]);
    expect(clock.pending).toEqual([]);
  });
});
