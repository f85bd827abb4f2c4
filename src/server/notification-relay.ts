/** Passes push notifications on to the replicas that work, so that a sender may reach any of them. */
import { type IncomingHttpHeaders, request } from 'node:http';

/** A notification as it came, with whatever shows its secret. */
export interface PassedNotification {
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Marks what was passed on, so that it is not once more. */
export const passedHeader = 'x-imagestream-passed';

/** Senders wait for an answer, some of them for a few seconds only. */
const timeoutMs = 2_000;

/** Of one connection each, or about the body, which is whole by now. */
const ownHeaders = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Sends a notification to replicas, by addresses such as `http://10.0.0.7:8090`. True when each of them has taken it; never rejects. */
export async function passOn(
  notification: PassedNotification,
  addresses: Iterable<string>,
  limitMs = timeoutMs,
): Promise<boolean> {
  const results = await Promise.all([...addresses].map((address) => isTaken(notification, address, limitMs)));
  return results.every(Boolean);
}

async function isTaken(
  { path, headers, body }: PassedNotification,
  address: string,
  limitMs: number,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const kept = Object.entries(headers).filter(([name]) => !ownHeaders.has(name));
  try {
    const outgoing = request(
      `${address}${path}`,
      {
        method: 'POST',
        headers: { ...Object.fromEntries(kept), 'content-length': body.length, [passedHeader]: '1' },
        signal: AbortSignal.timeout(limitMs),
      },
      (response) => {
        resolve(response.statusCode === 202);
        response.destroy();
      },
    );
    outgoing.on('error', () => resolve(false));
    outgoing.end(body);
  } catch {
    resolve(false);
  }
  return promise;
}
