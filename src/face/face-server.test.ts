import { constants } from 'node:http2';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { type FacePortOptions, openFacePort } from '../../test/support/face-port.ts';
import type { ApiAnswer } from '../../test/support/played-api-server.ts';
import type { Handler } from './face-server.ts';

/** A face whose callers may do everything unless told, and whose handler says who is with it and never ends. */
async function setUp(options: Pick<FacePortOptions, 'begin' | 'review'> = {}) {
  const served: string[] = [];
  const ended: string[] = [];
  const handler: Handler = ({ caller, info, signal }) => {
    served.push(`${caller.user}@${info.namespace}`);
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        ended.push(caller.user);
        reject(signal.reason as Error);
      }),
    );
  };
  const handlers = new Map([['imagestreams', handler]]);
  const { server, dispatcher, streamsUrl, connect } = await openFacePort({ ...options, handlers });
  /** Requests of a user that get no answer; with a body of so many bytes. */
  const send = (count: number, { user, namespace }: Record<string, string>, bytes = 2): void => {
    const url = streamsUrl(namespace ?? '');
    const headers = { 'x-remote-user': user ?? '' };
    for (let i = 0; i < count; i++)
      void request(url, { method: 'POST', dispatcher, headers, body: 'x'.repeat(bytes) }).catch(
        () => undefined,
      );
  };
  const get = (user: string) =>
    request(`${streamsUrl('x')}/app`, { dispatcher, headers: { 'x-remote-user': user } });
  const open = (user: string, method = 'GET') =>
    connect().request({
      ':method': method,
      ':path': new URL(streamsUrl('x')).pathname,
      'x-remote-user': user,
    });
  return { server, served, ended, send, get, open };
}

const large = 1024 * 1024;

it.each([
  { what: 'many requests', count: 30, bytes: 2, atOnce: 20 },
  { what: 'long bodies', count: 5, bytes: large, atOnce: 2 },
])('lets others go on when a user comes with $what', async ({ count, bytes, atOnce }) => {
  const { server, served, send } = await setUp();
  send(count, { user: 'a', namespace: 'x' }, bytes);
  await eventually(async () => server.waiting === count - atOnce, { what: 'the others of them to wait' });
  expect(served).toEqual(Array.from({ length: atOnce }, () => 'a@x'));
  send(1, { user: 'b', namespace: 'y' }, bytes);
  await eventually(async () => served.includes('b@y'), { what: 'another user to have his turn' });
});

it('lets other namespaces go on, whoever comes to one', async () => {
  const { server, served, send } = await setUp();
  for (const user of ['a', 'b', 'c']) send(10, { user, namespace: 'x' });
  await eventually(async () => server.waiting === 6, { what: 'the last of them to wait' });
  send(1, { user: 'a', namespace: 'y' });
  await eventually(async () => served.includes('a@y'), { what: 'another namespace to have its turn' });
});

it('begins reads before it is known who may, at most sixteen at a time, and answers nothing of them to who may not', async () => {
  const review = Promise.withResolvers<ApiAnswer>();
  const reading = Promise.withResolvers<void>();
  const begun: (string | undefined)[] = [];
  const { served, get } = await setUp({
    review: () => review.promise,
    begin: ({ info: { name } }) => {
      begun.push(name);
      return reading.promise;
    },
  });
  const answers = Promise.all(Array.from({ length: 30 }, (_, i) => get(`stranger-${i}`)));
  await eventually(async () => begun.length === 16, { what: 'the first reads to begin' });
  review.resolve({ body: { status: { allowed: false } } });
  expect((await answers).map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 30 }, () => 403));
  expect(served).toEqual([]);
  expect(begun).toHaveLength(16);
  reading.resolve();
  // Their places are free again.
  expect((await get('late')).statusCode).toBe(403);
  expect(begun).toHaveLength(17);
});

it.each(['GET', 'HEAD'])('ends the work for a %s that is cancelled over HTTP/2', async (method) => {
  const { served, ended, open } = await setUp();
  const stream = open('bob', method);
  await eventually(async () => served.length === 1, { what: 'the request to be served' });
  stream.close(constants.NGHTTP2_CANCEL);
  await eventually(async () => ended.includes('bob'), { what: 'the work to end' });
});
