import { once } from 'node:events';
import { connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { createFrontProxy } from '../../test/support/face-port.ts';
import { FaceListener } from './face-listener.ts';

/** A listener with long and short answers, and a connection of the front proxy when it is wanted. */
async function setUp() {
  const { identity, trust, tls } = await createFrontProxy();
  const listener = new FaceListener({
    identity,
    trust,
    onRequest: async ({ url }, response) => {
      response.end(url === '/long' ? Buffer.alloc(20_000_000) : 'short');
    },
  });
  const port = await listener.listen('localhost', 0);
  onTestFinished(() => listener.close());
  const open = (): ((path: string) => Promise<unknown>) => {
    const session = connect(`https://localhost:${port}`, tls);
    onTestFinished(() => session.destroy());
    return (path) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': path }).pause();
        stream.once('response', (headers) => resolve(headers[':status']));
        stream.on('error', reject);
      });
  };
  return { port, open };
}

it('answers a request whatever answers of its connection nobody reads', async () => {
  const { open } = await setUp();
  const statusOf = open();
  for (let i = 0; i < 4; i++) expect(await statusOf('/long')).toBe(200);
  expect(await statusOf('/short')).toBe(200);
});

it('ends the oldest connections of strangers when there are many, and none of the front proxy', async () => {
  const { port, open } = await setUp();
  const statusOf = open();
  expect(await statusOf('/short')).toBe(200);
  let ended = 0;
  for (let i = 0; i < 1_100; i++) {
    const socket = connectTcp(port, 'localhost').on('error', () => undefined);
    socket.once('close', () => ended++);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
  }
  await eventually(async () => ended === 1_100 - 1_024, { what: 'the oldest to be ended' });
  expect(await statusOf('/short')).toBe(200);
  // A new one finds a place as well.
  expect(await open()('/short')).toBe(200);
});
