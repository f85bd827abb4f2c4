import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { request } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { HttpListener } from '../../test/support/http-listener.ts';
import type { Exchange } from './exchange.ts';
import { passAnswer } from './passed-answer.ts';

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
