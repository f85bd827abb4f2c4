/** Reads the operator's own counters. */
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { errorCode } from '../../test/support/error-code.ts';

const settlePeriodMs = 250;
const lookPeriodMs = 100;
const settleLimitMs = 120_000;

/** Requests to the API server that were no reads, by method. */
export type ApiWrites = Readonly<Record<string, number>>;

/** All writes since the operator started. */
export async function apiWrites(healthUrl: string): Promise<ApiWrites> {
  const { body } = await request(`${healthUrl}/metrics`);
  const writes: Record<string, number> = {};
  const pattern = /^imagestream_api_request_total\{method="(\w+)",status="\d+"\} (\d+)$/gm;
  for (const [, method = '', count] of (await body.text()).matchAll(pattern))
    if (method !== 'GET' && Number(count) > 0) writes[method] = (writes[method] ?? 0) + Number(count);
  return writes;
}

/**
 * All writes since the operator started, once no more are added: it writes its events after the imports. An operator
 * that never stops writing is not waited for longer than two minutes.
 */
export async function settledWrites(healthUrl: string, signal: AbortSignal): Promise<ApiWrites> {
  const deadline = performance.now() + settleLimitMs;
  for (let before = await apiWrites(healthUrl); ; ) {
    await delay(settlePeriodMs, undefined, { signal });
    const after = await apiWrites(healthUrl);
    if (totalWrites(after) === totalWrites(before) || performance.now() > deadline) return after;
    before = after;
  }
}

/** Keys that each controller is to have looked at. */
export type Looks = Readonly<Partial<Record<'imagestream' | 'imagestreamtag' | 'trigger', number>>>;

/** Resolves, at the next look at the counters, once the controllers have done so many reconciles and have none waiting. */
export async function looksDone(
  healthUrl: string,
  { looks, signal }: { readonly looks: Looks; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + settleLimitMs;
  for (;;) {
    const text = await metricsOf(healthUrl);
    const missing = Object.entries(looks).filter(([controller, count]) => !isDone(text, controller, count));
    if (missing.length === 0) return;
    if (performance.now() > deadline)
      throw new Error(`after ${settleLimitMs / 1_000} s not looked at: ${JSON.stringify(missing)}`);
    await delay(lookPeriodMs, undefined, { signal });
  }
}

/** Nothing while it is too busy to answer: it closes connections then on which it believes nothing comes. */
async function metricsOf(healthUrl: string): Promise<string> {
  try {
    const { body } = await request(`${healthUrl}/metrics`);
    return await body.text();
  } catch (error) {
    if (errorCode(error) === 'ECONNRESET' || errorCode(error) === 'UND_ERR_SOCKET') return '';
    throw error;
  }
}

function isDone(metrics: string, controller: string, count: number): boolean {
  const value = (name: string, labels: string): number => {
    const pattern = new RegExp(`^${name}\\{controller="${controller}"${labels}\\} (\\d+)$`, 'm');
    return Number(pattern.exec(metrics)?.[1] ?? Number.NaN);
  };
  const looked = value('imagestream_reconcile_total', ',result="success"');
  return looked >= count && value('imagestream_queue_depth', '') === 0;
}

/** What came to `before` since. */
export function writesSince(before: ApiWrites, after: ApiWrites): ApiWrites {
  const added = Object.entries(after).map(
    ([method, count]) => [method, count - (before[method] ?? 0)] as const,
  );
  return Object.fromEntries(added.filter(([, count]) => count > 0));
}

/** All methods together. */
export function totalWrites(writes: ApiWrites): number {
  return Object.values(writes).reduce((a, b) => a + b, 0);
}
