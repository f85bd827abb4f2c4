import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { playApiServer } from '../../test/support/played-api-server.ts';
import { ImageKeeper } from './image-keeper.ts';

const never = new AbortController().signal;

it('remembers so many uses, and takes for used what it may have forgotten', async () => {
  const clock = new FakeClock();
  const server = await playApiServer(clock, () => ({ status: 409 }));
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { client } = server;
  const keeper = new ImageKeeper({ client, clock, log: pino({ enabled: false }), maxUses: 3 });
  const begun = clock.now();
  const use = async (name: string): Promise<void> => {
    await keeper.store(
      {
        apiVersion: 'image.openshift.io/v1crd',
        kind: 'Image',
        metadata: { name },
        dockerImageReference: 'r',
      },
      never,
    );
    await clock.advance(1_000);
  };
  for (const name of ['a', 'b', 'c', 'a']) await use(name);
  expect(keeper.usedSince('never seen', begun)).toBe(false);
  expect(keeper.usedSince('a', begun + 3_000)).toBe(true);
  // `b` is the oldest now, and goes.
  await use('d');
  expect(keeper.uses).toBe(3);
  expect(keeper.usedSince('b', begun + 1_000)).toBe(true);
  expect(keeper.usedSince('never seen', begun + 1_000)).toBe(true);
  expect(keeper.usedSince('never seen', begun + 1_001)).toBe(false);
  expect(keeper.usedSince('c', begun + 2_000)).toBe(true);
  expect(keeper.usedSince('c', begun + 2_001)).toBe(false);
});

it.each([
  { name: 'an Image that is there', status: 200, want: true },
  { name: 'one that was deleted', status: 404, want: false },
  { name: 'one that may not be read', status: 403, want: true },
])('knows whether there is an Image: $name', async ({ status, want }) => {
  const clock = new FakeClock();
  const server = await playApiServer(clock, () => ({ status }));
  onTestFinished(() => server[Symbol.asyncDispose]());
  const keeper = new ImageKeeper({ client: server.client, clock, log: pino({ enabled: false }) });
  expect(await keeper.exists(`sha256:${'a'.repeat(64)}`, never)).toBe(want);
});
