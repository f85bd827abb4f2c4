import type { ClientHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { openFacePort } from '../../test/support/face-port.ts';
import type { Handler } from './face-server.ts';
import { RequestTurns } from './request-turns.ts';
import { type ShownPage, sendPages } from './sent-list.ts';

const head = { kind: 'List', metadata: {} };

/** Pages of so many entries; whoever reads the page `fails` is told that it is broken. */
async function* pagesOf(sizes: readonly number[], fails = -1): AsyncGenerator<ShownPage, void> {
  for (const [page, size] of sizes.entries()) {
    if (page === fails) throw new Error('the page is broken');
    yield { head, member: 'items', entries: Array.from({ length: size }, (_, i) => `${page}.${i}`) };
  }
}

/** A face that answers with such a list, one page at a time for all. */
async function setUp(pages: () => AsyncGenerator<ShownPage, void>) {
  const turns = new RequestTurns({ all: 1, ofUser: 1, ofNamespace: 1, waiting: 1 });
  let ended = 0;
  const handler: Handler = (exchange) => sendPages(exchange, pages(), turns).finally(() => ended++);
  const { lines, connect, streamsUrl } = await openFacePort({
    handlers: new Map([['imagestreams', handler]]),
  });
  const session = connect();
  const list = (method = 'GET'): ClientHttp2Stream =>
    session.request({
      ':method': method,
      ':path': new URL(streamsUrl('x')).pathname,
      'x-remote-user': 'bob',
    });
  return { lines, list, ended: () => ended };
}

it('sends all pages as one list', async () => {
  const { list } = await setUp(() => pagesOf([2, 0, 1]));
  expect(JSON.parse(await text(list()))).toEqual({ ...head, items: ['0.0', '0.1', '2.0'] });
});

it('sends an empty one', async () => {
  const { list } = await setUp(() => pagesOf([0]));
  expect(JSON.parse(await text(list()))).toEqual({ ...head, items: [] });
});

it('sends a list that is longer than what is kept for a client that reads slowly', async () => {
  const { list, ended } = await setUp(() => pagesOf([50_000, 50_000]));
  const stream = list().pause();
  await new Promise((resolve) => stream.once('response', resolve));
  expect(ended()).toBe(0);
  expect((JSON.parse(await text(stream)) as { items: unknown[] }).items).toHaveLength(100_000);
  expect(ended()).toBe(1);
});

it('sends entries that are longer than what is handed on together', async () => {
  const entry = 'ü'.repeat(100_000);
  const { list } = await setUp(async function* () {
    yield { head, member: 'items', entries: [entry, entry] };
  });
  expect(JSON.parse(await text(list()))).toEqual({ ...head, items: [entry, entry] });
});

it('answers to who asks for the head alone', async () => {
  const { list, ended } = await setUp(() => pagesOf([50_000, 50_000]));
  expect(await text(list('HEAD'))).toBe('');
  expect(ended()).toBe(1);
});

it('ends when the client goes in the middle of it', async () => {
  const { list, ended } = await setUp(() => pagesOf(Array.from({ length: 1_000 }, () => 10_000)));
  const stream = list().on('error', () => undefined);
  await new Promise((resolve) => stream.once('data', resolve));
  stream.close(constants.NGHTTP2_CANCEL);
  await eventually(async () => ended() === 1, { what: 'the work for it to end' });
});

it('is refused when its first page fails, and broken off when a later one does, and says so', async () => {
  const pages = [() => pagesOf([1], 0), () => pagesOf([10_000, 1], 1)].values();
  const { lines, list } = await setUp(() => pages.next().value?.() ?? pagesOf([]));
  expect(JSON.parse(await text(list()))).toMatchObject({ kind: 'Status', code: 500 });
  await expect(text(list())).rejects.toThrow();
  await eventually(async () => lines.length === 2, { what: 'two lines in the log' });
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'request failed',
    'answer broken off',
  ]);
});
