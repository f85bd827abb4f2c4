import { expect, it } from 'vitest';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import { RequestTurns } from './request-turns.ts';
import { WatchBeginnings, type WatchProgress } from './watch-beginnings.ts';

const much = 64 * 1024;

/** A watch as its test sees it. */
interface Watch extends WatchProgress {
  end(error?: Error): void;
  readonly over: Promise<void>;
}

/** Watches of a user each, with these parameters, of which one may begin at a time. */
function begin(users: readonly string[], query = '') {
  const clock = new FakeClock();
  const turns = new RequestTurns({ all: 1, ofUser: 1, ofNamespace: 1, waiting: 5 });
  const beginnings = new WatchBeginnings(turns, clock);
  const begun: string[] = [];
  const watches = new Map<string, Watch>();
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
    const over = Promise.withResolvers<void>();
    const run = beginnings.run(exchange, (progress) => {
      begun.push(user);
      const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      watches.set(user, { ...progress, end, over: over.promise });
      return promise;
    });
    run.then(over.resolve, over.reject);
  }
  const watchOf = (user: string) => watches.get(user) ?? expect.fail(`no watch of ${user}`);
  return { clock, begun, watchOf };
}

it('lets the next one begin when one has sent what there is, and goes on', async () => {
  const { clock, begun, watchOf } = begin(['a', 'b']);
  await settle();
  watchOf('a').opened();
  await clock.advance(99);
  watchOf('a').heard(much - 1);
  await clock.advance(99);
  for (let i = 0; i < 4; i++) {
    watchOf('a').heard(1);
    await clock.advance(999);
  }
  expect(begun).toEqual(['a']);
  await clock.advance(1);
  expect(begun).toEqual(['a', 'b']);
  watchOf('a').heard(1);
  watchOf('a').end();
  await watchOf('a').over;
});

it.each([0, 1, much - 1])('waits only a moment for one that has sent %i bytes', async (bytes) => {
  const { clock, begun, watchOf } = begin(['a', 'b']);
  await settle();
  await clock.advance(200);
  watchOf('a').opened();
  if (bytes > 0) watchOf('a').heard(bytes);
  await clock.advance(99);
  expect(begun).toEqual(['a']);
  await clock.advance(1);
  expect(begun).toEqual(['a', 'b']);
});

it('lets the next one begin at once when one says that it has sent what there is', async () => {
  const { begun, watchOf } = begin(['a', 'b']);
  await settle();
  watchOf('a').opened();
  watchOf('a').heard(1);
  watchOf('a').caughtUp();
  await settle();
  expect(begun).toEqual(['a', 'b']);
});

it('makes nobody wait for one that goes on for ever', async () => {
  const { clock, begun, watchOf } = begin(['a', 'b']);
  await settle();
  for (let ms = 0; ms < 5_000; ms += 50) {
    expect(begun).toEqual(['a']);
    watchOf('a').heard(1);
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
  watchOf('a').heard(1);
  watchOf('a').end(new Error('cut off'));
  await expect(watchOf('a').over).rejects.toThrow('cut off');
  await settle();
  expect(begun).toEqual(['a', 'b']);
  watchOf('b').opened();
  await clock.advance(100);
  watchOf('b').end();
  await watchOf('b').over;
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
