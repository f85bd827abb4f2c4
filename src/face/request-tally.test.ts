import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FaceMetrics } from '../observability/face-metrics.ts';
import { systemClock } from '../runtime/clock.ts';
import type { RequestInfo } from './request-info.ts';
import { type OpenRequest, RequestTally } from './request-tally.ts';

const layers: RequestInfo = {
  verb: 'get',
  namespace: 'apps',
  resource: 'imagestreams',
  name: 'a-name',
  subresource: 'layers',
};
const watch: RequestInfo = { ...layers, verb: 'watch', name: undefined, subresource: undefined };

type Work = (open: OpenRequest, response: ServerResponse, request: IncomingMessage) => void;

/** A server whose requests are tallied. */
async function setUp(work: Work) {
  const metrics = new FaceMetrics();
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'debug', formatters: { level: (level) => ({ level }) } },
    { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const tally = new RequestTally({ metrics, log, clock: systemClock });
  const server = createServer((incoming, response) =>
    work(tally.begin(incoming, response), response, incoming),
  );
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const counted = async (): Promise<readonly string[]> =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('imagestream_face_request_total{'));
  return { tally, metrics, lines, url, counted };
}

/** Asks, and waits until it is told. */
async function ask(setup: Awaited<ReturnType<typeof setUp>>, path: string): Promise<void> {
  const { body } = await request(setup.url + path);
  await body.text().catch(() => undefined);
  await eventually(() => setup.lines.length > 0, { what: 'the line' });
}

describe('a request', () => {
  it('that is answered is one line for who looks closely', async () => {
    const setup = await setUp((open, response) => {
      open.isFor(layers, 'alice');
      response.end('ok');
    });
    await ask(setup, '/apis/x?y=z');
    expect(setup.lines).toMatchObject([
      {
        level: 'debug',
        msg: 'request answered',
        method: 'GET',
        path: '/apis/x?y=z',
        user: 'alice',
        status: 200,
      },
    ]);
    expect(await setup.counted()).toEqual([
      'imagestream_face_request_total{verb="get",resource="imagestreams/layers",code="2xx"} 1',
    ]);
    expect(await setup.metrics.registry.metrics()).toContain(
      'imagestream_face_request_duration_seconds_count{verb="get",resource="imagestreams/layers"} 1',
    );
    expect(setup.tally).toMatchObject({ running: 0, watches: 0 });
  });

  it('that is refused is no failure', async () => {
    const setup = await setUp((open, response) => {
      open.failedWith(new Error('no'));
      response.writeHead(404).end();
    });
    await ask(setup, '/');
    expect(setup.lines).toMatchObject([{ level: 'debug', msg: 'request answered', status: 404 }]);
  });

  it('that fails is one line that says why', async () => {
    const setup = await setUp((open, response) => {
      open.failedWith(new Error('the disk is on fire'));
      response.writeHead(500).end();
    });
    await ask(setup, '/');
    expect(setup.lines).toMatchObject([
      { level: 'error', msg: 'request failed', status: 500, err: { message: 'the disk is on fire' } },
    ]);
  });

  it('whose answer breaks off is one line too', async () => {
    const setup = await setUp((open, response) => {
      response.write('half', () => {
        open.failedWith(new Error('gone'));
        response.destroy();
      });
    });
    await ask(setup, '/');
    expect(setup.lines).toMatchObject([
      { level: 'error', msg: 'answer broken off', err: { message: 'gone' } },
    ]);
  });

  it('whose client goes without an answer is counted as that', async () => {
    const gone = new AbortController();
    const setup = await setUp((open) => {
      open.isFor(layers, 'alice');
      gone.abort();
    });
    await request(setup.url, { signal: gone.signal }).catch(() => undefined);
    await eventually(() => setup.lines.length > 0, { what: 'the line' });
    expect(setup.lines).toMatchObject([{ level: 'debug', msg: 'client has gone' }]);
    expect(await setup.counted()).toEqual([
      'imagestream_face_request_total{verb="get",resource="imagestreams/layers",code="gone"} 1',
    ]);
  });

  it('of names that somebody makes up is of no more series, and its line of no more than some length', async () => {
    const setup = await setUp((_, response) => response.writeHead(404).end());
    for (let i = 0; i < 20; i++) await ask(setup, `/apis/nonsense-${i}/${'x'.repeat(3_000)}`);
    expect(await setup.counted()).toEqual([
      'imagestream_face_request_total{verb="other",resource="other",code="4xx"} 20',
    ]);
    for (const line of setup.lines) expect(JSON.stringify(line).length).toBeLessThan(1_000);
  });
});

it('a watch is counted while it is open, and not timed', async () => {
  const setup = await setUp((open, response) => {
    open.isFor(watch, 'alice');
    response.writeHead(200).write('{}');
  });
  const { body } = await request(setup.url);
  expect(setup.tally).toMatchObject({ running: 0, watches: 1 });
  body.on('error', () => undefined).destroy();
  await eventually(() => setup.tally.watches === 0, { what: 'the end of the watch' });
  expect(setup.tally.running).toBe(0);
  const text = await setup.metrics.registry.metrics();
  expect(text).toContain('imagestream_face_request_total{verb="watch",resource="imagestreams",code="2xx"} 1');
  expect(text).not.toContain('imagestream_face_request_duration_seconds_count{');
});
