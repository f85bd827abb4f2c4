// The floor of a fan-out, as a process of its own: reads a PatchPlan from standard input, sends its patches, and prints a
// PatchResult. It reads no more of an answer than there is.
import { text } from 'node:stream/consumers';
import { Agent, request } from 'undici';
import { eachParallel } from './bounded-parallel.ts';
import type { PatchPlan, PatchResult } from './patch-floor.ts';

/** The right to list is what the operator has. */
const warmUps = 200;

const { api, concurrency, patches } = JSON.parse(await text(process.stdin)) as PatchPlan;
const dispatcher = new Agent({ connect: { ca: api.ca }, connections: concurrency });
const headers = { authorization: `Bearer ${api.token}`, accept: 'application/json' };

await eachParallel(patches.slice(0, warmUps), { limit: concurrency }, async ({ path }) => {
  const [collection = ''] = path.split(/\/[^/]*\?/);
  await send('GET', `${collection}?limit=1`);
});
const startedAt = performance.now();
await eachParallel(patches, { limit: concurrency }, ({ path, body }) => send('PATCH', path, body));
const ms = performance.now() - startedAt;
const { user, system } = process.cpuUsage();
const result: PatchResult = { ms, cpuMs: (user + system) / 1_000 };
process.stdout.write(JSON.stringify(result));
await dispatcher.destroy();

async function send(method: 'GET' | 'PATCH', path: string, body?: string): Promise<void> {
  const answer = await request(`${api.url}${path}`, {
    method,
    dispatcher,
    headers: {
      ...headers,
      ...(body === undefined ? {} : { 'content-type': 'application/strategic-merge-patch+json' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const content = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode} ${content}`);
}
