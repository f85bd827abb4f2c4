import { expect, it, onTestFinished } from 'vitest';
import { digest, itemOf, streamOf } from '../../test/support/builders.ts';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, type ApiRequest, playApiServer } from '../../test/support/played-api-server.ts';
import type { Image } from '../api/generated/image.ts';
import type { NamedTagEventList } from '../api/generated/image-stream.ts';
import { importItems } from '../domain/stream-import.ts';
import { readStreamImport } from '../domain/stream-import-request.ts';
import { AnswerRooms } from './answer-rooms.ts';
import { Deadline } from './deadline.ts';
import type { Exchange } from './exchange.ts';
import { ImportWishes } from './import-wishes.ts';

const image: Image = {
  apiVersion: 'image.openshift.io/v1crd',
  kind: 'Image',
  metadata: { name: digest('a').replace(':', '-') },
  dockerImageReference: `r.test/a@${digest('a')}`,
};

async function setUp(answer: (request: ApiRequest) => ApiAnswer) {
  const clock = new FakeClock();
  const server = await playApiServer(clock, answer);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { signal } = new AbortController();
  const deadline = new Deadline({ clock, timeMs: 50_000, client: signal });
  const wishes = new ImportWishes({
    client: server.client,
    views: { image: async (name) => (name === undefined ? undefined : image) },
    clock,
  });
  const url = new URL('https://face/');
  const exchange = { request: { headers: {} }, url, signal } as unknown as Exchange;
  const sent = readStreamImport(
    {
      metadata: { name: 'web' },
      spec: {
        import: true,
        images: ['1', '2'].map((tag) => ({ from: { kind: 'DockerImage', name: `r.test/a:${tag}` } })),
      },
    },
    { namespace: 'shop', importMode: 'Legacy' },
  );
  if (sent.kind !== 'request') throw new Error(JSON.stringify(sent));
  const items = importItems(sent.request, []).images;
  const fulfil = (room = 1_000) => {
    const target = { namespace: 'apps', name: 'web', present: undefined, reread: async () => streamOf([]) };
    const rooms = new AnswerRooms({ free: room, max: room, large: 1 });
    return wishes.fulfil(exchange, target, items, { deadline, room: rooms.open('apps', signal) });
  };
  const shownOf = async (fulfilled: ReturnType<typeof fulfil>) => {
    const { shown } = await fulfilled;
    return items.map((item) => shown.get(item));
  };
  return { clock, server, fulfil, shownOf };
}

const entry = (tag: string, generation = 1): NamedTagEventList => ({
  tag,
  items: [itemOf('a')],
  lastImport: {
    from: { kind: 'DockerImage', name: `r.test/a:${tag}` },
    attemptedAt: '2026-01-01T00:00:00Z',
    generation,
  },
});

it('answers for what has come in time, and says of the rest that it goes on', async () => {
  const { clock, server, fulfil, shownOf } = await setUp(({ method }) => ({
    body: streamOf([], method === 'GET' ? [entry('1')] : []),
  }));
  const shown = shownOf(fulfil());
  while (!server.requests.some(({ method }) => method === 'GET')) await clock.advance(25);
  await settle();
  await clock.advance(50_000);
  expect(await shown).toMatchObject([
    { tag: '1', status: { status: 'Success' }, image: { metadata: { name: digest('a') } } },
    { tag: '2', status: { reason: 'Timeout', message: expect.stringContaining('the import goes on') } },
  ]);
});

it('writes again on the newer stream after a conflict', async () => {
  let conflicts = 1;
  const { server, fulfil, shownOf } = await setUp(() => {
    if (conflicts-- > 0) return { status: 409, body: { kind: 'Status', reason: 'Conflict' } };
    return { body: streamOf([], [entry('1', 2), entry('2', 2)]) };
  });
  expect(await shownOf(fulfil())).toMatchObject([{ status: { status: 'Success' } }, {}]);
  expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH']);
  expect(server.requests[1]?.body).toMatchObject({
    metadata: { resourceVersion: '7' },
    spec: { tags: [{ name: '1', generation: 2 }, { name: '2' }] },
  });
});

it('imports also what it has no room to show', async () => {
  const { fulfil, shownOf } = await setUp(() => ({ body: streamOf([], [entry('1'), entry('2')]) }));
  expect(await shownOf(fulfil(10))).toEqual([
    { tag: '1', status: { metadata: {}, status: 'Success' } },
    { tag: '2', status: { metadata: {}, status: 'Success' } },
  ]);
});
