import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import { changedEvents } from './watch-events.ts';

const bytes = Buffer.from('{"type":"ADDED","object":"é"}\n{"type":"DELETED","object":"ü"}\n');

describe('the events of a watch', () => {
  it.each(Array.from(bytes.keys()).slice(1))(
    'are changed one by one, also when cut after byte %i',
    async (cut) => {
      const chunks = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)]);
      const changed = changedEvents((event) => ({ ...event, seen: true }));
      expect(await text(chunks.pipe(changed))).toBe(
        '{"type":"ADDED","object":"é","seen":true}\n{"type":"DELETED","object":"ü","seen":true}\n',
      );
    },
  );

  it('may end without a line break, and hold something that is none', async () => {
    const chunks = Readable.from([Buffer.from('broken\n{"kind":"Status"}')]);
    expect(await text(chunks.pipe(changedEvents((event) => event)))).toBe('{}\n{"kind":"Status"}\n');
  });
});
