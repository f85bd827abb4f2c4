import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { ApiMetrics } from './api-metrics.ts';

it.each([
  { status: 201, result: 'done' },
  { status: 409, result: 'conflict' },
  { status: 422, result: 'refused' },
  { status: 429, result: 'busy' },
  { status: 503, result: 'failed' },
])('a write that is answered with $status is $result', async ({ status, result }) => {
  const registry = new Registry();
  const { answered } = new ApiMetrics(registry);
  answered({ method: 'PATCH', status, write: { resource: 'imagestreams/status', verb: 'patch' } });
  answered({ method: 'GET', status, write: undefined });
  const lines = (await registry.metrics()).split('\n');
  expect(lines.filter((line) => line.startsWith('imagestream_api_write_total'))).toEqual([
    `imagestream_api_write_total{resource="imagestreams/status",verb="patch",result="${result}"} 1`,
  ]);
  expect(lines).toContain(`imagestream_api_request_total{method="GET",status="${status}"} 1`);
});
