import type { ServerResponse } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { HttpListener } from '../../test/support/http-listener.ts';
import { writeKubeconfig } from '../../test/support/kubeconfig.ts';
import { KubeTransport } from './transport.ts';

const { signal } = new AbortController();

it('makes nobody wait for bodies that are not read, of requests with connections of their own', async () => {
  const unread: ServerResponse[] = [];
  const server = await HttpListener.start((request, response) => {
    response.writeHead(200).flushHeaders();
    if (request.url === '/short') response.end('short');
    else unread.push(response);
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const kubeconfig = await writeKubeconfig(server.url);
  onTestFinished(() => kubeconfig[Symbol.asyncDispose]());
  const transport = KubeTransport.load({ kubeconfig: kubeconfig.path, userAgent: 'test' });
  onTestFinished(() => transport.close());

  const long = { method: 'GET', path: '/long', ownConnection: true, signal } as const;
  const lists = await Promise.all(Array.from({ length: 50 }, () => transport.send(long)));
  const { body } = await transport.send({ method: 'GET', path: '/short', signal });
  expect(await body.text()).toBe('short');
  const last = await transport.send({ ...long, path: '/short' });
  expect(await last.body.text()).toBe('short');

  for (const response of unread) response.end('long');
  expect(new Set(await Promise.all(lists.map((list) => list.body.text())))).toEqual(new Set(['long']));
  expect(unread).toHaveLength(50);
});

it('takes connections of their own up again', async () => {
  const server = await HttpListener.start((_request, response) => response.end('{}'));
  onTestFinished(() => server[Symbol.asyncDispose]());
  const kubeconfig = await writeKubeconfig(server.url);
  onTestFinished(() => kubeconfig[Symbol.asyncDispose]());
  const transport = KubeTransport.load({ kubeconfig: kubeconfig.path, userAgent: 'test' });
  onTestFinished(() => transport.close());
  for (let i = 0; i < 20; i++) {
    const { body } = await transport.send({ method: 'GET', path: '/', ownConnection: true, signal });
    await body.dump();
  }
  // A body may have been read a moment before its connection is free.
  expect(new Set(server.requests.map(({ socket }) => socket)).size).toBeLessThanOrEqual(2);
});
