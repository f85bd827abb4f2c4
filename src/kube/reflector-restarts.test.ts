import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { event, hang, list, reflectPages, reflectStreaming } from '../../test/support/reflected.ts';

it.each<{ name: string; watch: (response: ServerResponse) => void; want: string }>([
  {
    name: 'the server ends',
    watch: (response) => response.end(event('BOOKMARK', { metadata: { resourceVersion: '19' } })),
    want: 'ended',
  },
  { name: 'breaks off', watch: (response) => response.socket?.destroy(), want: 'broken' },
  {
    name: 'is too old',
    watch: (response) => response.end(event('ERROR', { code: 410, message: 'too old' })),
    want: 'expired',
  },
  { name: 'is refused', watch: (response) => response.writeHead(403).end('{}'), want: 'refused' },
  { name: 'sends nothing', watch: (response) => hang(response, new URLSearchParams()), want: 'silent' },
])('a watch that $name is told as $want', async ({ watch, want }) => {
  const { asked, restarts } = await reflectPages([(response) => response.end(list('10', [])), watch, hang]);
  await eventually(() => asked.length > 2, { what: 'the next request' });
  expect(restarts.slice(0, 1)).toEqual([want]);
});

it('a kind that may be absent, and is, is no refusal', async () => {
  const { restarts } = await reflectStreaming([(response) => response.writeHead(404).end('{}')], {
    isOptional: true,
  });
  await eventually(() => restarts.length > 0, { what: 'the restart' });
  expect(new Set(restarts)).toEqual(new Set(['absent']));
});

it('the end of the reflector is no restart', async () => {
  const { asked, restarts, stop } = await reflectPages([(response) => response.end(list('10', [])), hang]);
  await eventually(() => asked.length === 2, { what: 'the watch' });
  await stop();
  expect(restarts).toEqual([]);
});
