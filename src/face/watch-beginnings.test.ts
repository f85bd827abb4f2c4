import { expect, it } from 'vitest';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import { RequestTurns } from './request-turns.ts';
import { WatchBeginnings } from './watch-beginnings.ts';

/** Watches of a user each, with these parameters, of which one may begin at a time. */
function begin(users: readonly string[], query = '') {
  const clock = new FakeClock();
  const turns = new RequestTurns({ all: 1, ofUser: 1, ofNamespace: 1, waiting: 5 });
  const beginnings = new WatchBeginnings(turns, clock);
  const begun: string[] = [];
  const watches = new Map<string, { heard: () => void; end: (error?: Error) => void; run: Promise<void> }>();
  for (const user of users) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const exchange = {
      caller: { user, groups: [], extra: {} },
      info: {
        namespace: undefined,
        verb: 'watch',
        resource: 'imagestreams',
        name: undefined,
        subresource: undefined,
      },
      signal: new AbortController().signal,
      url: new URL(`https://face.test/streams?watch=true&${query}`),
    } as unknown as Parameters<WatchBeginnings['run']>[0];
    const watch = {
      heard: (): void => undefined,
      end: (error?: Error) => (error === undefined ? resolve() : reject(error)),
      run: Promise.resolve(),
    };
    watch.run = beginnings.run(exchange, (heard) => {
      begun.push(user);
      watch.heard = heard;
      return promise;
    });
    watches.set(user, watch);
  }
  const watchOf = (user: string) => watches.get(user) ?? expect.fail(`no watch of ${user}`);
  return { clock, begun, watchOf };
}

it('lets the next one begin when one has sent what there is, and goes on', async () => {
  const { clock, begun, watchOf } = begin(['a', 'b']);
  await settle();
  for (let i = 0; i < 10; i++) {
    watchOf('a').heard();
    await clock.advance(90);
  }
  expect(begun).toEqual(['a']);
  await clock.advance(10);
  expect(begun).toEqual(['a', 'b']);
  watchOf('a').heard();
  watchOf('a').end();
  await watchOf('a').run;
});

it('makes nobody wait for one that goes on for ever', async () => {
  const { clock, begun, watchOf } = begin(['a', 'b']);
  await settle();
  for (let ms = 0; ms < 5_000; ms += 50) {
    expect(begun).toEqual(['a']);
    watchOf('a').heard();
    await clock.advance(50);
  }
  expect(begun).toEqual(['a', 'b']);
});

it('makes nobody wait for one that is never answered', async () => {
  const { clock, begun } = begin(['a', 'b']);
  await settle();
  await clock.advance(5_000);
  expect(begun).toEqual(['a', 'b']);
});

it('gives the turn on once, however a watch ends', async () => {
  const { clock, begun, watchOf } = begin(['a', 'b', 'c', 'd']);
  await settle();
  watchOf('a').heard();
  watchOf('a').end(new Error('cut off'));
  await expect(watchOf('a').run).rejects.toThrow('cut off');
  await settle();
  expect(begun).toEqual(['a', 'b']);
  watchOf('b').heard();
  await clock.advance(100);
  watchOf('b').end();
  await watchOf('b').run;
  expect(begun).toEqual(['a', 'b', 'c']);
});

it.each([
  { query: 'resourceVersion=7', begin: ['a', 'b'] },
  { query: 'resourceVersion=0', begin: ['a'] },
  { query: 'resourceVersion=', begin: ['a'] },
  { query: 'resourceVersion=7&sendInitialEvents=true&resourceVersionMatch=NotOlderThan', begin: ['a'] },
  { query: 'resourceVersion=7&sendInitialEvents=1', begin: ['a'] },
  { query: 'resourceVersion=7&sendInitialEvents=True', begin: ['a'] },
  { query: 'resourceVersion=7&sendInitialEvents=False', begin: ['a', 'b'] },
])('takes turns for what there is already: $query', async ({ query, begin: wanted }) => {
  const { begun } = begin(['a', 'b'], query);
  await settle();
  expect(begun).toEqual(wanted);
});
