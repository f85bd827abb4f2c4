import { Gauge, Registry } from 'prom-client';
import { request } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { HealthServer } from './http-server.ts';

async function setUp() {
  const metrics = new Registry();
  new Gauge({ name: 'answer', help: 'of everything', registers: [metrics] }).set(42);
  const synced = { streams: false, workloads: true };
  const server = new HealthServer({
    metrics,
    checks: [
      { name: 'streams', ready: () => synced.streams },
      { name: 'workloads', ready: () => synced.workloads },
    ],
  });
  const port = await server.listen('127.0.0.1', 0);
  onTestFinished(() => server.close());
  const ask = async (
    path: string,
    method: 'GET' | 'POST' = 'GET',
  ): Promise<{ status: number; text: string }> => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, { method });
    return { status: statusCode, text: await body.text() };
  };
  return { synced, ask, port };
}

it('is alive at once, and ready when every check holds', async () => {
  const { synced, ask } = await setUp();
  expect(await ask('/livez')).toEqual({ status: 200, text: 'ok\n' });
  expect(await ask('/readyz')).toEqual({ status: 503, text: '[-] streams\n[+] workloads\n' });
  synced.streams = true;
  expect(await ask('/readyz?verbose')).toEqual({ status: 200, text: '[+] streams\n[+] workloads\n' });
});

it('serves the metrics', async () => {
  const { ask } = await setUp();
  expect((await ask('/metrics')).text).toContain('answer 42');
});

it.each([
  { path: '/', method: 'GET' as const, status: 404 },
  { path: '//etc/passwd', method: 'GET' as const, status: 404 },
  { path: '/metrics', method: 'POST' as const, status: 405 },
])('answers $status to $method $path', async ({ path, method, status }) => {
  const { ask } = await setUp();
  expect((await ask(path, method)).status).toBe(status);
});

it('says so when its port is taken', async () => {
  const { port } = await setUp();
  const second = new HealthServer({ metrics: new Registry(), checks: [] });
  await expect(second.listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE');
});
