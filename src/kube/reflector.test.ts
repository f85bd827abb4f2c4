import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { event, hang, list, pauses, reflectPages, thing } from '../../test/support/reflected.ts';

describe('a list', () => {
  it('is read page by page and followed by a watch from where it ended', async () => {
    const { asked, heard, reflector } = await reflectPages([
      (response) => response.end(list('10', [thing('x', '1')], 'more')),
      (response) => response.end(list('11', [thing('y', '2')])),
      hang,
    ]);
    await reflector.synced;
    await eventually(() => asked.length === 3, { what: 'the watch' });
    expect(heard).toEqual(['a/x=1', 'a/y=2']);
    expect(asked.map((path) => path.replace(/timeoutSeconds=\d+/, 'timeoutSeconds='))).toEqual([
      '/apis/test/v1/things?limit=500',
      '/apis/test/v1/things?limit=500&continue=more',
      '/apis/test/v1/things?watch=true&allowWatchBookmarks=true&resourceVersion=11&timeoutSeconds=',
    ]);
  });

  it('is asked for again when the server is broken, and a page that is too old starts it anew', async () => {
    const { heard, reflector } = await reflectPages([
      (response) => response.writeHead(500).end('broken'),
      (response) => response.socket?.destroy(),
      (response) => response.end(list('10', [thing('x', '1')], 'more')),
      (response) =>
        response.writeHead(410).end(JSON.stringify({ code: 410, reason: 'Expired', message: 'too old' })),
      (response) => response.end(list('12', [thing('x', '1')])),
      hang,
    ]);
    await reflector.synced;
    expect(heard).toEqual(['a/x=1']);
  });

  it('waits as long as a busy server asks', async () => {
    const clock = new FakeClock();
    const { asked, reflector } = await reflectPages(
      [
        (response) => response.writeHead(429, { 'retry-after': '3' }).end('{}'),
        (response) => response.end(list('1', [])),
        hang,
      ],
      clock,
    );
    await eventually(() => pauses(clock).length > 0, { what: 'the wait' });
    expect(pauses(clock)).toEqual([3_000]);
    expect(asked).toHaveLength(1);
    await clock.advance(3_000);
    await reflector.synced;
  });
});

describe('a watch', () => {
  it('brings news, changes and deletions in their order', async () => {
    const { heard } = await reflectPages([
      (response) => response.end(list('10', [thing('x', '1')])),
      (response) =>
        response.write(
          event('ADDED', thing('y', '11')) +
            event('MODIFIED', thing('x', '12')) +
            event('DELETED', thing('y', '13')),
        ),
    ]);
    await eventually(() => heard.length === 4, { what: 'three events' });
    expect(heard).toEqual(['a/x=1', 'a/y=11', 'a/x=12', 'a/y=gone']);
  });

  it.each([
    { name: 'ends', end: (response: ServerResponse) => response.end() },
    { name: 'breaks off', end: (response: ServerResponse) => setImmediate(() => response.socket?.destroy()) },
    {
      name: 'breaks off inside an event',
      end: (response: ServerResponse) => {
        response.write('{"type":"ADDED","obj');
        setImmediate(() => response.socket?.destroy());
      },
    },
    { name: 'sends nonsense', end: (response: ServerResponse) => response.end('nonsense\n') },
  ])('that $name is taken up where it stopped, without a new list', async ({ end }) => {
    const { asked, heard } = await reflectPages([
      (response) => response.end(list('10', [])),
      (response) => {
        response.write(
          event('ADDED', thing('x', '11')) + event('BOOKMARK', { metadata: { resourceVersion: '19' } }),
        );
        end(response);
      },
      (response) => response.write(event('ADDED', thing('y', '20'))),
    ]);
    await eventually(() => heard.includes('a/y=20'), { what: 'the event of the second watch' });
    expect(heard).toEqual(['a/x=11', 'a/y=20']);
    expect(asked[2]).toContain('resourceVersion=19');
  });

  it.each([
    {
      name: 'as an event',
      gone: (response: ServerResponse) => response.end(event('ERROR', { code: 410, message: 'too old' })),
    },
    { name: 'as an answer', gone: (response: ServerResponse) => response.writeHead(410).end('{}') },
  ])(
    'that is too old ($name) is followed by a new list, which finds what was deleted meanwhile',
    async ({ gone }) => {
      const { heard } = await reflectPages([
        (response) => response.end(list('10', [thing('x', '1'), thing('y', '2')])),
        (response) => gone(response),
        (response) => response.end(list('30', [thing('y', '2')])),
        hang,
      ]);
      await eventually(() => heard.includes('a/x=gone'), { what: 'the deletion' });
      expect(heard).toEqual(['a/x=1', 'a/y=2', 'a/x=gone']);
    },
  );

  it('that stays silent is given up and taken up again', async () => {
    const { asked } = await reflectPages([(response) => response.end(list('10', [])), hang]);
    await eventually(() => asked.length >= 3, { what: 'the second watch' });
    expect(asked[2]).toContain('resourceVersion=10');
  });

  it('that the server closes at once is asked for ever more rarely', async () => {
    const clock = new FakeClock();
    const { asked } = await reflectPages(
      [(response) => response.end(list('10', [])), (response) => response.end()],
      clock,
    );
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      await eventually(() => pauses(clock).length === 1 && asked.length === i + 2, {
        what: `wait ${i}`,
      });
      const [wait = 0] = pauses(clock);
      waits.push(wait);
      await clock.advance(wait);
    }
    expect(waits.every((wait, i) => wait >= 500 * 2 ** i)).toBe(true);
  });
});

it('asks for nothing more after its end', async () => {
  const { asked, reflector, stop } = await reflectPages([(response) => response.end(list('10', [])), hang]);
  await reflector.synced;
  await eventually(() => asked.length === 2, { what: 'the watch' });
  await stop();
  expect(asked).toHaveLength(2);
});
