/** A pass of the operator's sweeper over all Images, none of which is garbage: what it costs. */
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import { cpuMs, peakRssBytes, resetPeakRss, rssBytes } from './process-usage.ts';

const pollMs = 500;
const quietPolls = 6;
/** Images of a page of the sweeper. */
const pageSize = 500;

/** What a pass was like. */
export interface SweepRun {
  readonly pages: number;
  readonly cpuMs: number;
  /** The most memory during the pass, and the memory after it. */
  readonly peakRssBytes: number;
  readonly rssBytes: number;
}

/** Waits for a pass and measures it. `images` is how many it has to read at least. */
export async function measureSweep(
  operator: OperatorProcess,
  { images, timeoutMs, signal }: { images: number; timeoutMs: number; signal: AbortSignal },
): Promise<SweepRun> {
  const { pid, healthUrl } = operator;
  const [before, cpuBefore] = [await apiReads(healthUrl), await cpuMs(pid)];
  await resetPeakRss(pid);
  const deadline = performance.now() + timeoutMs;
  const pages = Math.ceil(images / pageSize);
  for (let [last, quiet] = [before, 0]; last - before < pages || quiet < quietPolls; ) {
    if (performance.now() > deadline) throw new Error('the sweeper did not come: is its period another one?');
    await delay(pollMs, undefined, { signal });
    const now = await apiReads(healthUrl);
    quiet = now === last ? quiet + 1 : 0;
    last = now;
  }
  return {
    pages: (await apiReads(healthUrl)) - before,
    cpuMs: (await cpuMs(pid)) - cpuBefore,
    peakRssBytes: await peakRssBytes(pid),
    rssBytes: await rssBytes(pid),
  };
}

async function apiReads(healthUrl: string): Promise<number> {
  const { body } = await request(`${healthUrl}/metrics`);
  const pattern = /^imagestream_api_request_total\{method="GET",status="200"\} (\d+)$/m;
  return Number(pattern.exec(await body.text())?.[1] ?? 0);
}
