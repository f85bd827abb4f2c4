import { expect, it, onTestFinished } from 'vitest';
import { HttpListener } from '../../test/support/http-listener.ts';
import { writeKubeconfig } from '../../test/support/kubeconfig.ts';
import { playApiServer } from '../../test/support/played-api-server.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageStreams } from '../api/resources.ts';
import { systemClock } from '../runtime/clock.ts';
import { type AnsweredRequest, KubeClient } from './client.ts';
import { KubeTransport } from './transport.ts';

const { signal } = new AbortController();
const place = { namespace: 'apps', name: 'somebody-chose-this' };
const stream = { metadata: place } as ImageStream;

/** What is counted of requests that are answered with a status. */
async function counted(status: number, ask: (client: KubeClient) => Promise<unknown>) {
  const server = await HttpListener.start((_, response) => response.writeHead(status).end('{"items":[]}'));
  const kubeconfig = await writeKubeconfig(server.url);
  const transport = KubeTransport.load({ kubeconfig: kubeconfig.path, userAgent: 'test' });
  onTestFinished(async () => {
    await transport.close();
    await server[Symbol.asyncDispose]();
    await kubeconfig[Symbol.asyncDispose]();
  });
  const answered: AnsweredRequest[] = [];
  const onRequest = (request: AnsweredRequest): void => void answered.push(request);
  await ask(new KubeClient({ transport, clock: systemClock, onRequest })).catch(() => undefined);
  return answered;
}

it.each<{ name: string; ask: (client: KubeClient) => Promise<unknown>; method: string; write: unknown }>([
  {
    name: 'a read',
    ask: (client) => client.get(imageStreams, place, signal),
    method: 'GET',
    write: undefined,
  },
  {
    name: 'a list',
    ask: (client) => client.listPage(imageStreams, { limit: 1 }, signal),
    method: 'GET',
    write: undefined,
  },
  {
    name: 'a creation',
    ask: (client) => client.create(imageStreams, stream, signal),
    method: 'POST',
    write: { verb: 'create', resource: 'imagestreams' },
  },
  {
    name: 'a creation that is only tried',
    ask: (client) => client.create(imageStreams, stream, signal, { dryRun: true }),
    method: 'POST',
    write: undefined,
  },
  {
    name: 'a patch of a status',
    ask: (client) =>
      client.patch(
        imageStreams,
        { ...place, subresource: 'status' },
        { type: 'merge', document: {} },
        signal,
      ),
    method: 'PATCH',
    write: { verb: 'patch', resource: 'imagestreams/status' },
  },
  {
    name: 'an apply',
    ask: (client) => client.apply(imageStreams, stream, { force: true }, signal),
    method: 'PATCH',
    write: { verb: 'apply', resource: 'imagestreams' },
  },
  {
    name: 'a deletion',
    ask: (client) => client.delete(imageStreams, place, {}, signal),
    method: 'DELETE',
    write: { verb: 'delete', resource: 'imagestreams' },
  },
])('$name is told by names that nobody can choose, done or refused', async ({ ask, method, write }) => {
  expect(await counted(200, ask)).toEqual([{ method, status: 200, write }]);
  expect(await counted(409, ask)).toEqual([{ method, status: 409, write }]);
});

it.each([
  { what: 'there', answers: [200], asked: ['0'], found: true },
  { what: 'not there', answers: [404, 404], asked: ['0', null], found: false },
  { what: 'not there yet', answers: [404, 200], asked: ['0', null], found: true },
  { what: 'not to be had', answers: [500], asked: ['0'], found: false },
])(
  'what is $what in the memory of the API server is asked of its database only when it is missing',
  async ({ answers, asked, found }) => {
    const left = [...answers];
    const server = await playApiServer(systemClock, () => ({ status: left.shift() ?? 500, body: stream }));
    onTestFinished(() => server[Symbol.asyncDispose]());
    const read = server.client.getKept(imageStreams, place, signal);
    if (found) await expect(read).resolves.toEqual(stream);
    else await expect(read).rejects.toMatchObject({ status: answers.at(-1) });
    expect(server.requests.map(({ query }) => query.get('resourceVersion'))).toEqual(asked);
  },
);
