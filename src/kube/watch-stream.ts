/** The body of a watch: one JSON document a line, cut out of whatever chunks arrive. */

/** An event of a watch. `ERROR` carries a Status instead of an object. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

/** Longest line that is read, in bytes; etcd takes objects of at most about 1.5 MB. */
const maxLineBytes = 16 * 1024 * 1024;

const newline = 0x0a;

/**
 * The events of a watch body, in order. `onBytes` is called for every chunk, whole line or not.
 * Throws on a line that is too long or no JSON; ends when the body ends.
 */
export async function* watchEvents(
  body: AsyncIterable<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<WatchEvent> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of body) {
    onBytes();
    let rest = chunk;
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      const line = Buffer.concat([...pending, rest.subarray(0, end)]).toString();
      pending = [];
      pendingBytes = 0;
      rest = rest.subarray(end + 1);
      if (line !== '') yield JSON.parse(line) as WatchEvent;
    }
    if (rest.length === 0) continue;
    pending.push(rest);
    pendingBytes += rest.length;
    if (pendingBytes > maxLineBytes) throw new Error(`a watch event is longer than ${maxLineBytes} bytes`);
  }
}
