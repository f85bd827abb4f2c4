import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { TokenStore } from './token-store.ts';

it('fetches a token once for all who wait, and keeps it for its lifetime', async () => {
  const clock = new FakeClock();
  const store = new TokenStore(clock);
  let fetches = 0;
  const fetchToken = async () => {
    fetches++;
    return { token: `t${fetches}`, lifetimeMs: 60_000 };
  };
  expect(await Promise.all([store.fetch('k', fetchToken), store.fetch('k', fetchToken)])).toEqual([
    't1',
    't1',
  ]);
  expect(store.get('k')).toBe('t1');
  expect(store.get('other')).toBeUndefined();
  await clock.advance(49_999);
  expect(store.get('k')).toBe('t1');
  await clock.advance(1);
  expect(store.get('k')).toBeUndefined();
  expect(await store.fetch('k', fetchToken)).toBe('t2');
});

it('keeps no failure', async () => {
  const store = new TokenStore(new FakeClock());
  await expect(store.fetch('k', async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await store.fetch('k', async () => ({ token: 't', lifetimeMs: 60_000 }))).toBe('t');
});

it('forgets only the token that was refused', async () => {
  const store = new TokenStore(new FakeClock());
  await store.fetch('k', async () => ({ token: 'new', lifetimeMs: 60_000 }));
  store.forget('k', 'old');
  expect(store.get('k')).toBe('new');
  store.forget('k', 'new');
  expect(store.get('k')).toBeUndefined();
});

it('keeps a bounded number of tokens, the newest', async () => {
  const store = new TokenStore(new FakeClock());
  for (let i = 0; i < 2_100; i++)
    await store.fetch(`k${i}`, async () => ({ token: `t${i}`, lifetimeMs: 60_000 }));
  expect(store.get('k0')).toBeUndefined();
  expect(store.get('k2099')).toBe('t2099');
});
