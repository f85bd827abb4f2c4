/** Hands an answer of the API server on as it comes. */
import type { ServerResponse } from 'node:http';
import { type Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Dispatcher } from 'undici';
import { breakOff, type Exchange, giveUp, unreadMs } from './exchange.ts';
import { ServedVersion } from './versions.ts';

/** Headers of an answer that are handed on. */
const answered = ['content-type', 'warning', 'retry-after', 'audit-id'];
/**
 * Of each part of the way of an answer: a client may read slowly, and fifty watches begin at once when a face has started. With
 * Node's own, four times as much, the face takes 10 MB more then.
 */
export const queuedBytes = 16 * 1024;

/** What changes a body as it comes. */
export type Through = Transform | ((body: AsyncIterable<Buffer>) => AsyncIterable<string>);

/**
 * Sends an answer's status, headers and, changed by `through`, its body; that of a refusal as it is, but for the version. Resolves when
 * all of it is sent. Rejects when it cannot be sent whole: what fails before the first piece of it leaves the answer unbegun, and later
 * it is to be broken off.
 */
export async function passAnswer(
  { request, response, info, signal }: Exchange,
  answer: Dispatcher.ResponseData,
  through: Through,
): Promise<void> {
  const headers = answered.flatMap((name) => {
    const value = answer.headers[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const isWatch = info.verb === 'watch';
  const begin = (): void => {
    response.writeHead(answer.statusCode, Object.fromEntries(headers));
    // Before there is something to read nobody can be said not to read it.
    if (!isWatch) response.setTimeout(unreadMs, () => giveUp(response));
  };
  if (request.method === 'HEAD') {
    begin();
    // A body that is there already and that nobody reads says that as an error, for which somebody has to listen.
    answer.body.on('error', () => undefined).destroy();
    response.end();
    return;
  }
  if (isWatch) {
    begin();
    // So that it is open before its first event.
    response.flushHeaders();
  }
  const changed = answer.statusCode === 200 ? through : new ServedVersion();
  try {
    await pipeline(answer.body, changed as Transform, into(response, begin), { signal });
  } catch (error) {
    // All of them end when an API server does, and their clients come again.
    if (!isWatch) throw error;
    breakOff(response, error);
  }
}

/** Writes into an answer, which it begins, and ends it; whether it is broken off when something fails is for others to say. */
function into(response: ServerResponse, begin: () => void): Writable {
  const begun = (): ServerResponse => {
    if (!response.headersSent) begin();
    return response;
  };
  return new Writable({
    // What waits does so in the answer.
    highWaterMark: 1,
    decodeStrings: false,
    write: (part: Buffer | string, _encoding, done) => {
      if (begun().write(part)) done();
      else response.once('drain', done);
    },
    final: (done) => {
      begun().end(done);
    },
  });
}
