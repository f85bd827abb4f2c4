import type { IncomingMessage, ServerResponse } from 'node:http';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { HttpListener } from '../../test/support/http-listener.ts';
import { writeKubeconfig } from '../../test/support/kubeconfig.ts';
import type { KubeObject } from '../api/resources.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { KubeClient } from './client.ts';
import { Reflector } from './reflector.ts';
import { Store } from './store.ts';
import { KubeTransport } from './transport.ts';

const resource = { group: 'test', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true };

function thing(name: string, resourceVersion: string): KubeObject {
  return { metadata: { namespace: 'a', name, resourceVersion } };
}

function list(resourceVersion: string, items: readonly KubeObject[], next?: string): string {
  return JSON.stringify({
    metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) },
    items,
  });
}

function event(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** What the scripted API server says, one entry a request; the last one again and again. */
type Answer = (response: ServerResponse, query: URLSearchParams) => void;

const hang: Answer = (response) => {
  response.writeHead(200).flushHeaders();
};

/** A clock that is 100 times too fast, so that real sockets and long waits go together. */
const fastClock: Clock = {
  now: () => systemClock.now() * 100,
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs / 100, callback),
};

const isStreamingList = (query: URLSearchParams): boolean => query.has('sendInitialEvents');

/** The bookmark that ends the list at the beginning of a watch. */
const listEnd = event('BOOKMARK', {
  metadata: { resourceVersion: '20', annotations: { 'k8s.io/initial-events-end': 'true' } },
});

/** How each request began: as a list at the beginning of a watch, in pages, or as a watch. */
function waysOf(asked: readonly string[]): readonly string[] {
  return asked.map((path) => {
    if (path.includes('sendInitialEvents')) return 'stream';
    return path.includes('watch=true') ? 'watch' : 'pages';
  });
}

/** The pauses that a reflector makes; the limit on the silence of a watch is none. */
const pauses = (clock: FakeClock): readonly number[] => clock.pending.filter((ms) => ms < 100_000);

/** An API server as they were before streaming lists. */
async function setUp(answers: readonly Answer[], clock: Clock = fastClock) {
  return setUpStreaming(answers, { clock, hasStreamingLists: false });
}

async function setUpStreaming(
  answers: readonly Answer[],
  {
    clock = fastClock,
    hasStreamingLists = true,
    isOptional = false,
  }: { clock?: Clock; hasStreamingLists?: boolean; isOptional?: boolean } = {},
) {
  const asked: string[] = [];
  const server = await HttpListener.start((request: IncomingMessage, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    if (!hasStreamingLists && isStreamingList(query)) {
      response.writeHead(422).end(JSON.stringify({ code: 422, reason: 'Invalid', message: 'forbidden' }));
      return;
    }
    asked.push(request.url ?? '');
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    answer?.(response, query);
  });
  const kubeconfig = await writeKubeconfig(server.url);
  const transport = KubeTransport.load({ kubeconfig: kubeconfig.path, userAgent: 'test' });
  const client = new KubeClient({ transport, clock });
  const store = new Store<KubeObject>((object) => object.metadata.resourceVersion ?? '');
  const heard: string[] = [];
  store.onChange((key, after) => heard.push(`${key}=${after?.metadata.resourceVersion ?? 'gone'}`));
  const log = pino({ enabled: false });
  const reflector = new Reflector({
    client,
    resource,
    store,
    keep: (object) => object,
    isOptional,
    clock,
    log,
  });
  const abort = new AbortController();
  const running = reflector.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await running;
  };
  onTestFinished(async () => {
    await stop();
    await transport.close();
    await server[Symbol.asyncDispose]();
    await kubeconfig[Symbol.asyncDispose]();
  });
  return { server, asked, store, heard, reflector, stop };
}

describe('a list', () => {
  it('is read page by page and followed by a watch from where it ended', async () => {
    const { asked, heard, reflector } = await setUp([
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
    const { heard, reflector } = await setUp([
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
    const { asked, reflector } = await setUp(
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
    const { heard } = await setUp([
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
    const { asked, heard } = await setUp([
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
      const { heard } = await setUp([
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
    const { asked } = await setUp([(response) => response.end(list('10', [])), hang]);
    await eventually(() => asked.length >= 3, { what: 'the second watch' });
    expect(asked[2]).toContain('resourceVersion=10');
  });

  it('that the server closes at once is asked for ever more rarely', async () => {
    const clock = new FakeClock();
    const { asked } = await setUp(
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
  const { asked, reflector, stop } = await setUp([(response) => response.end(list('10', [])), hang]);
  await reflector.synced;
  await eventually(() => asked.length === 2, { what: 'the watch' });
  await stop();
  expect(asked).toHaveLength(2);
});

describe('a watch that begins with a list', () => {
  it('is in the store when it ends, and goes on as a watch', async () => {
    let go: (() => void) | undefined;
    const { asked, heard, reflector } = await setUpStreaming([
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
      const { asked, heard, reflector } = await setUpStreaming([
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
    const { asked, reflector } = await setUpStreaming(
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
    const { heard, reflector } = await setUpStreaming([
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
    const { asked, heard } = await setUpStreaming([
      (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
      (response) => response.write(event('ADDED', thing('y', '21'))),
    ]);
    await eventually(() => heard.length === 2, { what: 'the event of the second watch' });
    expect(asked[1]).toContain('resourceVersion=20');
    expect(asked[1]).not.toContain('sendInitialEvents');
  });

  it('follows a watch that is too old', async () => {
    const { asked, heard } = await setUpStreaming([
      (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
      (response) => response.writeHead(410).end('{}'),
      (response) => response.write(event('ADDED', thing('y', '30')) + listEnd),
    ]);
    await eventually(() => heard.includes('a/x=gone'), { what: 'the deletion' });
    expect(asked.map((path) => path.includes('sendInitialEvents'))).toEqual([true, false, true]);
  });

  it('is followed by ever rarer requests when the server ends whatever it is asked for', async () => {
    const clock = new FakeClock();
    const { asked } = await setUpStreaming([(response) => response.end()], { clock });
    for (let i = 0; i < 4; i++) {
      await eventually(() => pauses(clock).length === 1 && asked.length === i + 1, { what: `wait ${i}` });
      const [wait = 0] = pauses(clock);
      expect(wait).toBeGreaterThanOrEqual(500 * 2 ** i);
      await clock.advance(wait);
    }
  });

  it('is read in pages after a watch that is too old, from a server that has become an older one', async () => {
    const { asked, heard } = await setUpStreaming([
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
    const { heard, reflector } = await setUpStreaming([
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
    const { heard, reflector } = await setUpStreaming(
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
    const { heard } = await setUpStreaming(
      [
        (response) => response.end(event('ADDED', thing('x', '3')) + listEnd),
        (response) => response.writeHead(404).end('{}'),
      ],
      { isOptional: true },
    );
    await eventually(() => heard.includes('a/x=gone'), { what: 'the objects to go' });
  });

  it('keeps its objects when only its watch is refused, for a moment or for good', async () => {
    const { asked, heard } = await setUpStreaming(
      [
        (response, query) => {
          if (query.has('watch')) response.writeHead(403).end('{}');
          else response.end(list(String(asked.length), [thing('x', '3')]));
        },
      ],
      { isOptional: true },
    );
    await eventually(() => waysOf(asked).filter((way) => way === 'pages').length === 3, {
      what: 'three lists',
    });
    expect(heard).toEqual(['a/x=3']);
  });
});
