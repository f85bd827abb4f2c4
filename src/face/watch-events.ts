/** The events of a watch as they go by: one JSON document a line. */
import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { type JsonObject, parseJsonObject } from '../api/json.ts';
import { endsInitialEvents } from '../kube/watch-stream.ts';
import { queuedBytes } from './passed-answer.ts';
import type { WatchProgress } from './watch-beginnings.ts';

/** Puts another event in the place of each, and tells how far the beginning is. */
export function changedEvents(
  change: (event: JsonObject) => JsonObject,
  { heard, caughtUp }: Pick<WatchProgress, 'heard' | 'caughtUp'>,
): Transform {
  const changed = (line: string): JsonObject => {
    const event = parseJsonObject(line);
    if (event === undefined) return {};
    if (endsInitialEvents(event)) caughtUp();
    return change(event);
  };
  // A character may be in two chunks.
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return new Transform({
    highWaterMark: queuedBytes,
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      heard(chunk.length);
      for (const line of lines) this.push(`${JSON.stringify(changed(line))}\n`);
      done();
    },
    // A refusal may come without a line break.
    flush(done) {
      if (rest !== '') this.push(`${JSON.stringify(changed(rest))}\n`);
      done();
    },
  });
}
