/** Reads the operator's own counters. */
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';

const settlePeriodMs = 250;
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
