// The API face over HTTP/2, as an API server speaks to it: past the front proxy, with its certificate and without.
import { type ClientHttp2Session, connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Identity } from '../support/aggregation.ts';
import { eventually } from '../support/eventually.ts';
import { FaceFixture } from '../support/face-fixture.ts';
import { served } from '../support/face-view.ts';

let face: FaceFixture;

beforeAll(async () => {
  face = await FaceFixture.start();
}, 120_000);
afterAll(() => face?.stop());

const admin = { 'x-remote-user': 'somebody', 'x-remote-group': 'system:masters' };

function open(identity?: Identity): ClientHttp2Session {
  const tls = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
  const session = connect(`https://localhost:${face.face.port}`, { rejectUnauthorized: false, ...tls });
  session.on('error', () => undefined);
  return session;
}

/** The status and the body of the answer. */
function send(session: ClientHttp2Session, headers: object, body?: string | Buffer) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const stream = session.request({ ...headers });
    let status = 0;
    let text = '';
    stream.on('response', (answered) => {
      status = Number(answered[':status']);
    });
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    stream.on('close', () => resolve({ status, text })).on('error', reject);
    stream.end(body);
  });
}

describe('a session', () => {
  it('of the front proxy is believed, many requests at a time', async () => {
    const session = open(face.aggregation.proxy);
    const answers = await Promise.all(
      Array.from({ length: 300 }, () =>
        send(session, { ...admin, ':path': face.path('imagestreamtags/web:latest') }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    session.close();
  });

  it.each(['nobody', 'stranger'] as const)('of %s is not', async (who) => {
    const session = open(who === 'stranger' ? face.aggregation.stranger : undefined);
    expect((await send(session, { ...admin, ':path': `${served}/imagestreams` })).status).toBe(401);
    expect(await send(session, { ':path': '/readyz' })).toEqual({ status: 200, text: 'ok' });
    session.close();
  });

  it('goes on after a body that is too long', async () => {
    const session = open(face.aggregation.proxy);
    const long = {
      ...admin,
      ':path': face.path('imagestreams'),
      ':method': 'POST',
      'content-type': 'application/json',
    };
    const refused = await send(session, long, Buffer.alloc(4 * 1024 * 1024, 0x20));
    expect(refused).toMatchObject({ status: 413, text: expect.stringContaining('RequestEntityTooLarge') });
    expect((await send(session, { ...admin, ':path': face.path('imagestreams/web') })).status).toBe(200);
    session.close();
  });

  it('goes on beside bodies that nobody reads', async () => {
    const session = open(face.aggregation.proxy);
    const nobody = { 'x-remote-user': 'nobody', ':path': face.path('imagestreams'), ':method': 'POST' };
    // They are refused before they are read.
    const refused = await Promise.all(
      Array.from({ length: 20 }, () => send(session, nobody, Buffer.alloc(256 * 1024, 0x20))),
    );
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([403]));
    const stream = { metadata: { name: 'beside' }, note: 'x'.repeat(200_000) };
    const path = `${face.path('imagestreams')}?dryRun=All&fieldValidation=Ignore`;
    const sent = { ...admin, ':path': path, ':method': 'POST', 'content-type': 'application/json' };
    expect((await send(session, sent, JSON.stringify(stream))).status).toBe(201);
    session.close();
  });

  it('begins a watch beside more than may begin at a time, which nobody reads', async () => {
    const session = open(face.aggregation.proxy);
    const long = { metadata: { name: 'long', annotations: { note: 'x'.repeat(200_000) } } };
    const sent = { ...admin, ':path': face.path('imagestreams'), ':method': 'POST' };
    const created = await send(
      session,
      { ...sent, 'content-type': 'application/json' },
      JSON.stringify(long),
    );
    expect(created.status).toBe(201);
    const watch = { ...admin, ':path': face.path('imagestreams?watch=true') };
    const unread = Array.from({ length: 12 }, () => session.request(watch));
    const read = session.request(watch);
    let text = '';
    read.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await eventually(() => text.includes('"name":"long"'), { what: 'the first events' });
    expect(unread.filter(({ closed }) => closed)).toEqual([]);
    session.destroy();
  });

  it('with a watch tells of what happens, and ends when the client does', async () => {
    const session = open(face.aggregation.proxy);
    const stream = session.request({ ...admin, ':path': face.path('imagestreams?watch=true') });
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await eventually(() => text.includes('"name":"web"'), { what: 'the first event' });
    await face.scenario.createStream('told', ['latest']);
    await eventually(() => text.includes('"name":"told"'), { what: 'the event of a new stream' });
    stream.close();
    expect((await send(session, { ...admin, ':path': face.path('imagestreams/web') })).status).toBe(200);
    session.close();
  });
});
