import { describe, expect, it } from 'vitest';
import { watchEvents } from './watch-stream.ts';

async function* chunks(parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part;
}

async function collect(parts: readonly (string | Uint8Array)[]): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of watchEvents(chunks(parts), () => undefined)) events.push(event.object);
  return events;
}

const line = (object: unknown): string => `${JSON.stringify({ type: 'ADDED', object })}\n`;

describe('events', () => {
  it.each([
    { name: 'one a chunk', parts: [line(1), line(2)], want: [1, 2] },
    { name: 'several in a chunk', parts: [line(1) + line(2) + line(3)], want: [1, 2, 3] },
    { name: 'cut anywhere', parts: (line('a') + line('b')).split(''), want: ['a', 'b'] },
    {
      name: 'cut inside a character',
      parts: [...Buffer.from(line('ä€😀'))].map((byte) => Uint8Array.of(byte)),
      want: ['ä€😀'],
    },
    { name: 'with empty lines between', parts: ['\n', line(1), '\n\n', line(2)], want: [1, 2] },
    { name: 'not the unfinished last one', parts: [line(1), '{"type":"ADDED"'], want: [1] },
  ])('$name', async ({ parts, want }) => {
    expect(await collect(parts)).toEqual(want);
  });

  it('are refused when they are no JSON', async () => {
    await expect(collect([line(1), 'nonsense\n'])).rejects.toThrow(SyntaxError);
  });

  it('are refused when one never ends', async () => {
    const megabyte = new Uint8Array(1024 * 1024).fill(0x61);
    await expect(collect(Array.from({ length: 20 }, () => megabyte))).rejects.toThrow(
      'longer than 16777216 bytes',
    );
  });
});
