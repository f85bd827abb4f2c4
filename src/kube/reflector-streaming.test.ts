import { describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import {
  type Answer,
  event,
  hang,
  list,
  listEnd,
  pauses,
  reflectStreaming,
  thing,
  waysOf,
} from '../../test/support/reflected.ts';

describe('a watch that begins with a list', () => {
  it('is in the store when it ends, and goes on as a watch', async () => {
    let go: (() => void) | undefined;
    const { asked, heard, reflector } = await reflectStreaming([
      (response) => {
        response.write(event('ADDED', thing('x', '3')) + event('ADDED', thing('y', '2')));
        response.write(event('BOOKMARK', { metadata: { resourceVersion: '19' } }));
        go = () => response.write(listEnd + event('MODIFIED', thing('x', '21')));
      },
    ]);
    await eventually(() => heard.length === 2, { what: 'the objects' });
    expect(reflector.hasSynced).toBe(false);
    go?.();
    await eventually(() => heard.length === 3, { what: 'the change' });
    expect(reflector.hasSynced).toBe(true);
    expect(heard).toEqual(['a/x=3', 'a/y=2', 'a/x=21']);
    expect(asked.map((path) => path.replace(/timeoutSeconds=\d+/, 'timeoutSeconds='))).toEqual([
      '/apis/test/v1/things?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=',
    ]);
  });

  it.each<{ name: string; fail: Answer }>([
    { name: 'breaks off', fail: (response) => response.end(event('ADDED', thing('x', '3'))) },
    { name: 'stays silent', fail: (response) => response.write(event('ADDED', thing('x', '3'))) },
    {
      name: 'reports a refusal within it',
      fail: (response) =>
        response.write(
          event('ADDED', thing('x', '3')) + event('ERROR', { code: 422, message: 'another thing' }),
        ),
    },
  ])(
    'is read in pages when it $name, and what is not there any more goes only at their end',
    async ({ fail }) => {
      const { asked, heard, reflector } = await reflectStreaming([
        fail,
        (response) => response.end(list('10', [thing('y', '2')])),
        (response) => response.writeHead(410).end('{}'),
        (response) => response.write(event('ADDED', thing('y', '2')) + listEnd),
      ]);
      await reflector.synced;
      expect(heard).toEqual(['a/x=3', 'a/y=2', 'a/x=gone']);
      await eventually(() => asked.length === 4, { what: 'the next list' });
      expect(waysOf(asked)).toEqual(['stream', 'pages', 'watch', 'stream']);
    },
  );

  it('is not asked for before the time that a busy server wants', async () => {
    const clock = new FakeClock();
    const { asked, reflector } = await reflectStreaming(
      [
        (response) => response.writeHead(429, { 'retry-after': '3' }).end('{}'),
        (response) => response.end(list('1', [])),
        hang,
      ],
      { clock },
    );
    await eventually(() => pauses(clock).length > 0, { what: 'the wait' });
    expect(pauses(clock)).toEqual([3_000]);
    expect(asked).toHaveLength(1);
    await clock.advance(3_000);
    await reflector.synced;
  });

  it('takes what happens while it is read', async () => {
    const { heard, reflector } = await reflectStreaming([
      (response) =>
        response.write(
          event('ADDED', thing('x', '3')) +
            event('DELETED', thing('x', '4')) +
            event('MODIFIED', thing('z', '5')) +
            listEnd,
        ),
    ]);
    await reflector.synced;
    expect(heard).toEqual(['a/x=3', 'a/x=gone', 'a/z=5']);
  });

  it('is taken up as a plain watch where it stopped', async () => {
    const { asked, heard } = await reflectStreaming([
      (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
      (response) => response.write(event('ADDED', thing('y', '21'))),
    ]);
    await eventually(() => heard.length === 2, { what: 'the event of the second watch' });
    expect(asked[1]).toContain('resourceVersion=20');
    expect(asked[1]).not.toContain('sendInitialEvents');
  });

  it('follows a watch that is too old', async () => {
    const { asked, heard } = await reflectStreaming([
      (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
      (response) => response.writeHead(410).end('{}'),
      (response) => response.write(event('ADDED', thing('y', '30')) + listEnd),
    ]);
    await eventually(() => heard.includes('a/x=gone'), { what: 'the deletion' });
    expect(asked.map((path) => path.includes('sendInitialEvents'))).toEqual([true, false, true]);
  });

  it('is followed by ever rarer requests when the server ends whatever it is asked for', async () => {
    const clock = new FakeClock();
    const { asked } = await reflectStreaming([(response) => response.end()], { clock });
    for (let i = 0; i < 4; i++) {
      await eventually(() => pauses(clock).length === 1 && asked.length === i + 1, { what: `wait ${i}` });
      const [wait = 0] = pauses(clock);
      expect(wait).toBeGreaterThanOrEqual(500 * 2 ** i);
      await clock.advance(wait);
    }
  });

  it('is read in pages after a watch that is too old, from a server that has become an older one', async () => {
    const { asked, heard } = await reflectStreaming([
      (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
      (response) => response.writeHead(410).end('{}'),
      (response) => response.writeHead(422).end('{}'),
      (response) => response.end(list('30', [thing('y', '30')])),
      hang,
    ]);
    await eventually(() => heard.includes('a/x=gone'), { what: 'the deletion' });
    expect(waysOf(asked).slice(0, 4)).toEqual(['stream', 'watch', 'stream', 'pages']);
  });

  it('gives up the connection when the server reports an error within it', async () => {
    const closed = Promise.withResolvers<void>();
    const { heard, reflector } = await reflectStreaming([
      (response) => {
        response.on('close', () => closed.resolve());
        response.write(
          event('ADDED', thing('x', '3')) + event('ERROR', { code: 500, message: 'etcd is away' }),
        );
      },
      (response) => response.end(list('10', [thing('y', '2')])),
      hang,
    ]);
    await closed.promise;
    await reflector.synced;
    expect(heard).toEqual(['a/x=3', 'a/y=2', 'a/x=gone']);
  });
});

describe('an optional kind', () => {
  it.each([404, 403])('that the server does not serve (%s) has no objects until it does', async (status) => {
    let served = false;
    const { heard, reflector } = await reflectStreaming(
      [
        (response, query) => {
          if (!served) response.writeHead(status).end('{}');
          else if (query.has('watch')) hang(response, query);
          else response.end(list('20', [thing('x', '3')]));
        },
      ],
      { isOptional: true },
    );
    await reflector.synced;
    expect(heard).toEqual([]);
    served = true;
    await eventually(() => heard.length === 1, { what: 'the object' });
  });

  it('that goes takes its objects with it', async () => {
    const { heard } = await reflectStreaming(
      [
        (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
        (response) => response.writeHead(404).end('{}'),
      ],
      { isOptional: true },
    );
    await eventually(() => heard.includes('a/x=gone'), { what: 'the objects to go' });
  });

  it.each([404, 403])(
    'keeps its objects while an API server that has just started says no (%s)',
    async (status) => {
      const clock = new FakeClock();
      const no: Answer = (response) => response.writeHead(status).end('{}');
      const { asked, heard } = await reflectStreaming(
        [
          (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
          no,
          no,
          no,
          no,
          (response) => response.end(list('30', [thing('x', '3'), thing('y', '30')])),
          hang,
        ],
        { clock, isOptional: true },
      );
      for (const requests of [1, 2, 4, 5]) {
        const isPausing = (): boolean => pauses(clock).length === 1 && asked.length === requests;
        await eventually(isPausing, { what: `the pause after request ${requests}` });
        await clock.advance(pauses(clock)[0] ?? 0);
      }
      await eventually(() => heard.includes('a/y=30'), { what: 'the list of the server that knows it' });
      expect(waysOf(asked).slice(0, 6)).toEqual(['stream', 'watch', 'stream', 'pages', 'pages', 'pages']);
      expect(heard).toEqual(['a/x=3', 'a/y=30']);
    },
  );

  it('keeps its objects when only its watch is refused, for a moment or for good', async () => {
    const { asked, heard } = await reflectStreaming(
      [
        (response, query) => {
          if (query.has('watch')) response.writeHead(403).end('{}');
          else response.end(list(String(asked.length), [thing('x', '3')]));
        },
      ],
      { isOptional: true },
    );
    await eventually(() => waysOf(asked).filter((way) => way === 'pages').length >= 3, {
      what: 'three lists',
    });
    expect(heard).toEqual(['a/x=3']);
  });
});

it('goes on with the objects of others when one cannot be kept', async () => {
  const { heard, reflector } = await reflectStreaming(
    [
      (response) =>
        response.write(
          event('ADDED', thing('bad', '1')) +
            event('ADDED', thing('x', '2')) +
            listEnd +
            event('MODIFIED', thing('bad', '21')) +
            event('MODIFIED', thing('x', '22')),
        ),
    ],
    {
      keep: (object) => {
        if (object.metadata.name === 'bad') throw new Error('nobody thought of this');
        return object;
      },
    },
  );
  await reflector.synced;
  await eventually(() => heard.length === 2, { what: 'the change' });
  expect(heard).toEqual(['a/x=2', 'a/x=22']);
});
