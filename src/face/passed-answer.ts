/** Hands an answer of the API server on as it comes. */
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Dispatcher } from 'undici';
import { type Exchange, giveUp, unreadMs } from './exchange.ts';

/** Headers of an answer that are handed on. */
const answered = ['content-type', 'warning', 'retry-after', 'audit-id'];
/**
 * Of each part of the way of an answer: a client may read slowly, and fifty watches begin at once when a face has started. With
 * Node's own, four times as much, the face takes 10 MB more then.
 */
export const queuedBytes = 16 * 1024;

/** Sends an answer's status, headers and, changed by `through`, its body. Resolves when all of it is sent. */
export async function passAnswer(
  { request, response, info }: Exchange,
  answer: Dispatcher.ResponseData,
  through: Transform,
): Promise<void> {
  const headers = answered.flatMap((name) => {
    const value = answer.headers[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  response.writeHead(answer.statusCode, Object.fromEntries(headers));
  if (request.method === 'HEAD') {
    // A body that is there already and that nobody reads says that as an error, for which somebody has to listen.
    answer.body.on('error', () => undefined).destroy();
    response.end();
    return;
  }
  if (info.verb !== 'watch') response.setTimeout(unreadMs, () => giveUp(response));
  // So that a watch is open before its first event.
  response.flushHeaders();
  await pipeline(answer.body, through, response);
}
