import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpListener } from '../../test/support/http-listener.ts';
import {
  authorized,
  eventOf,
  type NotificationFixture,
  notificationOf,
  secret,
  signatureOf,
  startNotificationServer,
} from '../../test/support/notification-fixture.ts';
import { passedHeader, passOn } from './notification-relay.ts';

const addressOf = ({ port }: { port: number }): string => `http://127.0.0.1:${port}`;

/** A replica that passes on to these addresses, or knows not to whom. */
async function startReplica(
  works: boolean,
  addresses: readonly string[] | undefined,
): Promise<NotificationFixture> {
  return startNotificationServer({
    replicas: {
      works: () => works,
      pass: async (notification) => (await passOn(notification, addresses ?? [])) && addresses !== undefined,
    },
  });
}

async function handedOn({ clock, batches }: NotificationFixture): Promise<NotificationFixture['batches']> {
  await clock.advance(1_000);
  return batches;
}

const body = JSON.stringify(notificationOf('app'));

describe('a replica that does not work', () => {
  it.each([
    { name: 'a header', ask: { headers: authorized, body } },
    { name: 'a signature', ask: { headers: { 'x-hub-signature-256': signatureOf(body) }, body } },
  ])('passes on what showed its secret by $name, and answers as the one that works', async ({ ask }) => {
    const leader = await startReplica(true, []);
    const follower = await startReplica(false, [addressOf(leader)]);
    const answer = await follower.ask(ask);
    expect(answer).toMatchObject({ status: 202, content: '{"accepted":1}\n' });
    expect(await handedOn(leader)).toEqual([[eventOf('app')]]);
    expect(await handedOn(follower)).toEqual([]);
  });

  it('passes on the path with the secret and the name of the registry in it', async () => {
    const leader = await startReplica(true, []);
    const follower = await startReplica(false, [addressOf(leader)]);
    const push = {
      push_data: { tag: 'v1' },
      repository: { repo_name: 'org/app' },
      callback_url: 'https://registry.hub.docker.com/u/org/app/hook/1/',
    };
    const path = `/v1/notify/dockerhub/${secret}?registry=mirror.example.com`;
    expect(await follower.ask({ path, body: push })).toMatchObject({ status: 202 });
    const [[event] = []] = await handedOn(leader);
    expect(event).toMatchObject({ registry: 'mirror.example.com', repository: 'org/app', tag: 'v1' });
  });

  it('passes nothing on for whoever shows no secret', async () => {
    let asked = 0;
    const leader = await HttpListener.start((_request, response) => {
      asked++;
      response.writeHead(202).end();
    });
    onTestFinished(() => leader[Symbol.asyncDispose]());
    const follower = await startReplica(false, [leader.url]);
    expect((await follower.ask({ body })).status).toBe(401);
    expect((await follower.ask({ headers: authorized, body: '{' })).status).toBe(400);
    expect(asked).toBe(0);
  });

  it('says that nothing was taken when it does not know who works', async () => {
    const follower = await startReplica(false, undefined);
    const answer = await follower.ask({ headers: authorized, body });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(follower.counts).toEqual(['unknown 503']);
  });

  it('says that nothing was taken when the one that works is not there, or says no', async () => {
    const gone = await startReplica(true, []);
    await gone.server.close();
    const other = await startNotificationServer({ secrets: () => ['another-secret-altogether'] });
    for (const address of [addressOf(gone), addressOf(other), 'http://127.0.0.1:0']) {
      const follower = await startReplica(false, [address]);
      expect((await follower.ask({ headers: authorized, body })).status).toBe(503);
    }
  });

  it('does not pass on what was passed on to it', async () => {
    const first = await startReplica(false, []);
    const second = await startReplica(false, [addressOf(first)]);
    expect((await second.ask({ headers: authorized, body })).status).toBe(503);
    const leader = await startReplica(true, []);
    const third = await startReplica(false, [addressOf(leader)]);
    expect((await third.ask({ headers: { ...authorized, [passedHeader]: '1' }, body })).status).toBe(503);
    expect(await handedOn(leader)).toEqual([]);
  });
});

describe('a replica that works for a part', () => {
  it('takes what it gets, and passes it on to the others', async () => {
    const other = await startReplica(true, []);
    const one = await startReplica(true, [addressOf(other)]);
    expect((await one.ask({ headers: authorized, body })).status).toBe(202);
    expect([await handedOn(one), await handedOn(other)]).toEqual([[[eventOf('app')]], [[eventOf('app')]]]);
  });

  it('has it sent again when another part has nobody who works, though it took it itself', async () => {
    const one = await startReplica(true, undefined);
    expect((await one.ask({ headers: authorized, body })).status).toBe(503);
    expect(await handedOn(one)).toEqual([[eventOf('app')]]);
  });
});

it('waits for a replica that does not answer no longer than its time', async () => {
  const silent = await HttpListener.start(() => undefined);
  onTestFinished(() => silent[Symbol.asyncDispose]());
  const notification = { path: '/v1/notify', headers: {}, body: Buffer.from(body) };
  expect(await passOn(notification, [silent.url], 50)).toBe(false);
});
