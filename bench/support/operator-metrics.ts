/** Reads the operator's own counters. */
import { request } from 'undici';

/** Requests to the API server by method, without watches. */
export async function apiRequests(healthUrl: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await request(`${healthUrl}/metrics`);
  const counts = new Map<string, number>();
  const pattern = /^imagestream_api_request_total\{method="(\w+)",status="\d+"\} (\d+)$/gm;
  for (const [, method = '', count] of (await body.text()).matchAll(pattern))
    counts.set(method, (counts.get(method) ?? 0) + Number(count));
  return counts;
}

/** What was added since `before`, without reads. */
export function writesSince(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  const entries = [...after].map(([method, count]) => [method, count - (before.get(method) ?? 0)] as const);
  return Object.fromEntries(entries.filter(([method, count]) => method !== 'GET' && count > 0));
}
