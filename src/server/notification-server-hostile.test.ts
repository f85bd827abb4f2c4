import { describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import {
  authorized,
  connectTo,
  eventOf,
  notificationOf,
  requestHead,
  secret,
  signatureOf,
  startNotificationServer,
} from '../../test/support/notification-fixture.ts';
import { dockerHub } from '../../test/support/push-payloads.ts';

const payload = JSON.stringify(notificationOf('app'));
const confidential = { images: ['quay.io/confidential/app:v1'] };

describe('hostile senders', () => {
  it('without the secret are told before they have sent anything of their body', async () => {
    const { port } = await startNotificationServer();
    const { socket, received, gone } = await connectTo(port);
    socket.write(requestHead({ authorization: 'Bearer wrong', 'content-length': '1000000' }));
    await eventually(() => received().startsWith('HTTP/1.1 401 '), { what: 'the answer' });
    await eventually(gone, { what: 'the end of the connection' });
  });

  it('get an answer to a body without end, and are cut off', async () => {
    const { port, ask } = await startNotificationServer({ maxBodyBytes: 100_000 });
    const { socket, received, gone } = await connectTo(port);
    socket.write(requestHead({ ...authorized, 'transfer-encoding': 'chunked' }));
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
    const { port, ask, batches, clock } = await startNotificationServer({ requestTimeoutMs: 1_000 });
    const slow = await Promise.all([connectTo(port), connectTo(port), connectTo(port)]);
    slow[0]?.socket.write('POST /v1/notify HT');
    slow[1]?.socket.write(requestHead({ ...authorized, 'content-length': '50' }) + payload.slice(0, 10));
    expect((await ask({ headers: authorized, body: payload })).status).toBe(202);
    expect(slow.map(({ gone }) => gone())).toEqual([false, false, false]);
    await eventually(() => slow.every(({ gone }) => gone()), { what: 'their end', timeoutMs: 4_000 });
    for (const { received } of slow) expect(received()).toMatch(/^HTTP\/1.1 408 /);
    await clock.advance(1_000);
    expect(batches).toEqual([[eventOf('app')]]);
  });

  it('that only hold connections make room, the oldest first', async () => {
    const { port, ask } = await startNotificationServer({ maxConnections: 3 });
    const idle = [await connectTo(port), await connectTo(port), await connectTo(port)];
    expect((await ask({ headers: authorized, body: payload })).status).toBe(202);
    await eventually(() => idle[0]?.gone() ?? false, { what: 'the end of the oldest' });
    expect(idle.slice(1).map(({ gone }) => gone())).toEqual([false, false]);
  });

  it('do not take the place of a sender that showed a secret', async () => {
    const { port } = await startNotificationServer({ maxConnections: 2 });
    const good = [await connectTo(port), await connectTo(port)];
    for (const { socket } of good) {
      socket.write(
        requestHead({ ...authorized, expect: '100-continue', 'content-length': `${payload.length}` }),
      );
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
    const { port, ask, lines, clock } = await startNotificationServer();
    const rubbish = await connectTo(port);
    rubbish.socket.write('\u0016\u0003\u0001 rubbish\r\n\r\n');
    await eventually(rubbish.gone, { what: 'the end of the connection' });
    const quitter = await connectTo(port);
    quitter.socket.write(requestHead({ ...authorized, 'content-length': '50' }) + payload.slice(0, 10));
    quitter.socket.destroy();
    const greedy = await connectTo(port);
    greedy.socket.write(requestHead({ ...authorized, 'x-much': 'x'.repeat(20_000) }));
    await eventually(() => greedy.received().startsWith('HTTP/1.1 431 '), { what: 'the answer' });
    expect((await ask({ headers: authorized, body: payload })).status).toBe(202);
    await clock.advance(60_000);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('fill the log with one line in ten seconds, that repeats nothing of what was sent', async () => {
    const { ask, lines, clock, server } = await startNotificationServer();
    const wrong = 'swordfish-and-chips';
    await ask({ headers: authorized, body: confidential });
    await ask({ path: `/v1/notify/dockerhub/${secret}`, body: dockerHub('confidential/app', 'v1') });
    await ask({
      headers: { 'x-signature-256': signatureOf(JSON.stringify(confidential)) },
      body: confidential,
    });
    for (let i = 0; i < 10; i++) {
      await ask({ headers: { authorization: `Bearer ${wrong}` }, body: confidential });
      await ask({ path: `/v1/notify/quay/${wrong}`, body: confidential });
      await ask({ path: `/v1/notify/dockerhub/${secret}`, body: '{"confidential' });
      await ask({ path: `/${secret}/confidential` });
    }
    await clock.advance(10_000);
    await ask({ path: `/${secret}` });
    await clock.advance(10_000);
    await ask({ path: `/${secret}` });
    await server.close();
    const log = lines.join('');
    expect(refusalsIn(lines)).toEqual([{ 400: 10, 401: 20, 404: 10 }, { 404: 1 }, { 404: 1 }]);
    for (const word of [secret, wrong, 'confidential', signatureOf(JSON.stringify(confidential)).slice(7)]) {
      expect(log).not.toContain(word);
    }
  });
});

/** What the log says of refused requests, line by line. */
function refusalsIn(lines: readonly string[]): readonly unknown[] {
  const parsed = lines.map((line) => JSON.parse(line) as { refused?: unknown });
  return parsed.flatMap(({ refused }) => (refused === undefined ? [] : [refused]));
}
