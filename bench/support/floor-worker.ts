// The floor of the import benchmark, as a process of its own: reads a FloorPlan from standard input, does its bare
// requests, and prints a FloorResult. It verifies nothing, decides nothing and has nothing to remember.
import { text } from 'node:stream/consumers';
import { Agent, type Dispatcher, request } from 'undici';
import { eachParallel } from './bounded-parallel.ts';
import type { FloorPlan, FloorResult } from './floor-plan.ts';
import type { ApiWrite } from './stream-set.ts';

const accept =
  'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json';

const plan = JSON.parse(await text(process.stdin)) as FloorPlan;
const limit = plan.concurrency;
const registry = new Agent({ connections: limit });
const api = new Agent({ connections: limit, connect: { ca: plan.api.ca } });

const tags = plan.streams.flatMap((stream) => {
  const remaining = { count: stream.tags.length };
  return stream.tags.map((tag) => ({ tag, stream, remaining }));
});
// The operator has listed the streams when it says that it is ready: its connection stands and its code is warm.
for (const {
  write: { path },
} of plan.streams.slice(0, 1))
  await getStreams(path);
const cpuBefore = process.cpuUsage();
const startedAt = Date.now();
await eachParallel(tags, { limit }, async ({ tag, stream, remaining }) => {
  const base = `${plan.registry}/v2/${stream.repository}`;
  const manifest = JSON.parse(await get(`${base}/manifests/${tag}`)) as { config: { digest: string } };
  await get(`${base}/blobs/${manifest.config.digest}`);
  remaining.count -= 1;
  if (remaining.count === 0) await write(stream.write);
});
await eachParallel(plan.objects, { limit }, write);
const endedAt = Date.now();
const cpu = process.cpuUsage(cpuBefore);
const whole = process.cpuUsage();
const result: FloorResult = {
  startedAt,
  endedAt,
  cpuMs: (cpu.user + cpu.system) / 1_000,
  processCpuMs: (whole.user + whole.system) / 1_000,
};
process.stdout.write(JSON.stringify(result));
await Promise.all([registry.destroy(), api.destroy()]);

async function get(url: string): Promise<string> {
  const headers = { accept, 'user-agent': 'floor' };
  return bodyOf(await request(url, { dispatcher: registry, headers }), url);
}

async function getStreams(statusPath: string): Promise<void> {
  const path = statusPath.replace(/\/[^/]+\/status$/, '');
  const headers = { authorization: `Bearer ${plan.api.token}` };
  JSON.parse(await bodyOf(await request(plan.api.url + path, { dispatcher: api, headers }), path));
}

async function write({ method, path, document }: ApiWrite): Promise<void> {
  const response = await request(plan.api.url + path, {
    method,
    dispatcher: api,
    headers: {
      authorization: `Bearer ${plan.api.token}`,
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    },
    body: JSON.stringify(document),
  });
  await bodyOf(response, path);
}

async function bodyOf({ statusCode, body }: Dispatcher.ResponseData, asked: string): Promise<string> {
  const content = await body.text();
  if (statusCode >= 300) throw new Error(`${asked}: ${statusCode} ${content}`);
  return content;
}
