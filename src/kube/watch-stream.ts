/** The body of a watch: one JSON document a line, cut out of whatever chunks arrive. */
import { valueAt } from '../api/json.ts';

/** An event of a watch. `ERROR` carries a Status instead of an object. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

/** Longest line that is read, in bytes; etcd takes objects of at most about 1.5 MB. */
const maxLineBytes = 16 * 1024 * 1024;

const newline = 0x0a;
const initialEventsEnd = ['metadata', 'annotations', 'k8s.io/initial-events-end'];

/** Whether a watch that asked for `sendInitialEvents` has sent all that there was (Kubernetes API concepts, "Streaming lists"). */
export function endsInitialEvents({ type, object }: { type?: unknown; object?: unknown }): boolean {
  return type === 'BOOKMARK' && valueAt(object, initialEventsEnd) === 'true';
}

/**
 * The events of a watch body, in order. `onBytes` is called for every chunk, whole line or not.
 * Throws on a line that is too long or no JSON; ends when the body ends.
 */
export async function* watchEvents(
  body: AsyncIterable<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<WatchEvent> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const part of body) {
    onBytes();
    const chunk = Buffer.from(part.buffer, part.byteOffset, part.length);
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const line = textOf(pending, chunk, start, end);
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      if (line !== '') yield JSON.parse(line) as WatchEvent;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > maxLineBytes) throw new Error(`a watch event is longer than ${maxLineBytes} bytes`);
  }
}

/** Most lines lie within a chunk, and are read without a copy. */
function textOf(pending: readonly Buffer[], chunk: Buffer, start: number, end: number): string {
  if (pending.length === 0) return chunk.toString('utf8', start, end);
  return Buffer.concat([...pending, chunk.subarray(start, end)]).toString();
}
