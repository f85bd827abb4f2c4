import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import { changedEvents } from './watch-events.ts';

const unheeded = { heard: () => undefined, caughtUp: () => undefined };
const bytes = Buffer.from('{"type":"ADDED","object":"é"}\n{"type":"DELETED","object":"ü"}\n');

describe('the events of a watch', () => {
  it.each(Array.from(bytes.keys()).slice(1))(
    'are changed one by one, also when cut after byte %i',
    async (cut) => {
      const chunks = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)]);
      const changed = changedEvents((event) => ({ ...event, seen: true }), unheeded);
      expect(await text(chunks.pipe(changed))).toBe(
        '{"type":"ADDED","object":"é","seen":true}\n{"type":"DELETED","object":"ü","seen":true}\n',
      );
    },
  );

  it('may end without a line break, and hold something that is none', async () => {
    const chunks = Readable.from([Buffer.from('broken\n{"kind":"Status"}')]);
    expect(await text(chunks.pipe(changedEvents((event) => event, unheeded)))).toBe(
      '{}\n{"kind":"Status"}\n',
    );
  });

  it.each([
    { told: ['heard'], line: { type: 'ADDED', object: ended('true') } },
    { told: ['heard'], line: { type: 'BOOKMARK', object: ended('false') } },
    { told: ['heard'], line: { type: 'BOOKMARK', object: {} } },
    { told: ['heard'], line: { type: 'BOOKMARK' } },
    { told: ['heard'], line: [] },
    { told: ['heard', 'caught up'], line: { type: 'BOOKMARK', object: ended('true') } },
  ])('are told: $told of $line', async ({ told, line }) => {
    const heard: string[] = [];
    const progress = { heard: () => heard.push('heard'), caughtUp: () => heard.push('caught up') };
    const chunks = Readable.from([Buffer.from(`${JSON.stringify(line)}\n`)]);
    await text(chunks.pipe(changedEvents((event) => event, progress)));
    expect(heard).toEqual(told);
  });
});

function ended(value: string) {
  return { metadata: { annotations: { 'k8s.io/initial-events-end': value } } };
}
