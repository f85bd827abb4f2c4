/** The events of a watch as they go by: one JSON document a line. */
import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { type JsonObject, parseJsonObject } from '../api/json.ts';
import { queuedBytes } from './passed-answer.ts';

/** Puts another event in the place of each; `heard` is called whenever some have come. */
export function changedEvents(
  change: (event: JsonObject) => JsonObject,
  heard: () => void = () => undefined,
): Transform {
  // A character may be in two chunks.
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return new Transform({
    highWaterMark: queuedBytes,
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      heard();
      for (const line of lines) this.push(`${JSON.stringify(changed(line, change))}\n`);
      done();
    },
    // A refusal may come without a line break.
    flush(done) {
      if (rest !== '') this.push(`${JSON.stringify(changed(rest, change))}\n`);
      done();
    },
  });
}

function changed(line: string, change: (event: JsonObject) => JsonObject): JsonObject {
  const event = parseJsonObject(line);
  return event === undefined ? {} : change(event);
}
