// The floor of the start, as a process of its own: reads a ListPlan from standard input, lists what that says, and
// prints a ListResult. It keeps nothing.
import { text } from 'node:stream/consumers';
import { Agent, request } from 'undici';
import type { ListPlan, ListResult } from './list-floor.ts';

interface Page {
  readonly metadata: { readonly continue?: string };
  readonly items: readonly unknown[];
}

const plan = JSON.parse(await text(process.stdin)) as ListPlan;
const dispatcher = new Agent({ connect: { ca: plan.api.ca } });
const counts = await Promise.all(plan.paths.map(list));
const { user, system } = process.cpuUsage();
const result: ListResult = {
  endedAt: Date.now(),
  objects: counts.reduce((a, b) => a + b, 0),
  cpuMs: (user + system) / 1_000,
  rssBytes: process.memoryUsage.rss(),
  peakRssBytes: process.resourceUsage().maxRSS * 1_024,
};
process.stdout.write(JSON.stringify(result));
await dispatcher.destroy();

async function list(path: string): Promise<number> {
  let count = 0;
  let next: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(plan.pageSize), ...(next ? { continue: next } : {}) });
    const headers = { authorization: `Bearer ${plan.api.token}`, accept: 'application/json' };
    const { statusCode, body } = await request(`${plan.api.url}${path}?${query.toString()}`, {
      dispatcher,
      headers,
    });
    const content = await body.text();
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${content}`);
    const page = JSON.parse(content) as Page;
    count += page.items.length;
    next = page.metadata.continue;
  } while (next);
  return count;
}
