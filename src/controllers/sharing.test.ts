import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, playApiServer } from '../../test/support/played-api-server.ts';
import type { SubjectAccessReview } from '../api/resources.ts';
import { ownStreamsOnly, Sharing, type SharingOptions, type Wish } from './sharing.ts';

const never = new AbortController().signal;

interface Asked {
  readonly consumer: string;
  readonly namespace: string;
  readonly stream: string;
}

/** An API server that answers reviews, and what was asked of it. */
async function setUp(
  decide: (asked: Asked) => boolean | ApiAnswer | Promise<ApiAnswer>,
  options: Pick<SharingOptions, 'bounds'> = {},
) {
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = pino({}, { write: (line) => logged.push((JSON.parse(line) as { msg: string }).msg) });
  const asked: Asked[] = [];
  const server = await playApiServer(clock, ({ body }) => {
    const { groups, resourceAttributes } = (body as SubjectAccessReview).spec;
    const [consumer = ''] = groups.map((group) => group.replace('system:serviceaccounts:', ''));
    const question = {
      consumer,
      namespace: resourceAttributes['namespace'] ?? '',
      stream: resourceAttributes['name'] ?? '',
    };
    asked.push(question);
    const answer = decide(question);
    return typeof answer === 'boolean' ? { body: { status: { allowed: answer } } } : answer;
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const sharing = new Sharing({ client: server.client, clock, log, ...options });
  /** What a consumer gets of the streams of `base`. */
  const ask = async (consumer: string, streams: readonly string[], fresh = false) => {
    const wishes: Wish[] = streams.map((stream) => ({ source: { namespace: 'base', stream }, fresh }));
    return sharing.ask({ namespace: consumer, name: 'x' }, wishes, never);
  };
  return { clock, logged, asked, sharing, ask };
}

const names = (count: number, prefix = 's'): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe('an answer', () => {
  it('is true for what is shared and for the own namespace, which nobody is asked about', async () => {
    const { sharing, asked } = await setUp(({ stream }) => stream === 'open');
    const wishes = ['base/open', 'base/closed', 'shop/own', 'base/open'].map((key) => {
      const [namespace = '', stream = ''] = key.split('/');
      return { source: { namespace, stream }, fresh: true };
    });
    const { shared, recheckAfterMs } = await sharing.ask({ namespace: 'shop', name: 'x' }, wishes, never);
    expect([...shared].sort()).toEqual(['base/open', 'shop/own']);
    expect(recheckAfterMs).toBeGreaterThanOrEqual(1_500);
    expect(recheckAfterMs).toBeLessThan(3_000);
    expect(asked.map(({ consumer, stream }) => `${consumer} ${stream}`).sort()).toEqual([
      'shop closed',
      'shop open',
    ]);
  });

  it('that allows holds for half a minute', async () => {
    const { ask, asked, clock } = await setUp(() => true);
    await ask('shop', ['a'], true);
    await clock.advance(29_999);
    expect((await ask('shop', ['a'], true)).shared.size).toBe(1);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await ask('shop', ['a']);
    expect(asked).toHaveLength(2);
  });

  it('that refuses holds until its recheck, which comes later each time, and a minute later at last', async () => {
    const { ask, asked, clock } = await setUp(() => false);
    let begun = clock.now();
    const waits: number[] = [];
    for (let look = 0; look < 9; look++) {
      const { recheckAfterMs = 0 } = await ask('shop', ['a']);
      expect(asked).toHaveLength(look + 1);
      // Looks in between ask nothing.
      await clock.advance(recheckAfterMs / 2);
      await ask('shop', ['a']);
      await clock.advance(recheckAfterMs / 2);
      waits.push(clock.now() - begun);
      begun = clock.now();
    }
    expect(waits.slice(0, 6)).toEqual(waits.slice(0, 6).toSorted((a, b) => a - b));
    expect(waits[0]).toBeLessThan(3_000);
    expect(waits.at(-1)).toBeGreaterThan(40_000);
    expect(waits.at(-1)).toBeLessThan(75_000);
    expect(asked).toHaveLength(9);
  });

  it('that refuses is no answer to a fresh wish a second later, and the waiting begins anew', async () => {
    let granted = false;
    const { ask, asked, clock } = await setUp(() => granted);
    for (let look = 0; look < 6; look++) await clock.advance((await ask('shop', ['a'])).recheckAfterMs ?? 0);
    const { recheckAfterMs: late = 0 } = await ask('shop', ['a']);
    expect(late).toBeGreaterThan(30_000);
    const before = asked.length;
    await clock.advance(999);
    // Too early: but it is looked at again soon.
    const { recheckAfterMs: soon } = await ask('shop', ['a'], true);
    expect(asked).toHaveLength(before);
    expect(soon).toBeLessThan(10);
    await clock.advance(1);
    expect((await ask('shop', ['a'], true)).recheckAfterMs).toBeLessThan(3_000);
    expect(asked).toHaveLength(before + 1);
    granted = true;
    await clock.advance(1_000);
    expect((await ask('shop', ['a'], true)).shared.size).toBe(1);
  });

  it('is waited for by all who ask meanwhile', async () => {
    const gate = Promise.withResolvers<ApiAnswer>();
    const { ask, asked } = await setUp(() => gate.promise);
    const asking = [ask('shop', ['a']), ask('shop', ['a'], true), ask('shop', ['a'])];
    gate.resolve({ body: { status: { allowed: true } } });
    expect((await Promise.all(asking)).map(({ shared }) => shared.size)).toEqual([1, 1, 1]);
    expect(asked).toHaveLength(1);
  });
});

describe('the budget of a namespace', { timeout: 20_000 }, () => {
  it('bounds its reviews, and leaves the answers of others alone', async () => {
    const { ask, asked, clock } = await setUp(({ consumer }) => consumer === 'shop');
    const begun = clock.now();
    await ask('shop', names(200), true);
    // More than are held in all, each a wish of its own, all the time.
    for (let second = 0; second < 25; second++) {
      for (let part = 0; part < 3; part++)
        await ask('hostile', names(1_000, `${second}-${part}-`), part === 0);
      await clock.advance(1_000);
    }
    const of = (consumer: string): number =>
      asked.filter((question) => question.consumer === consumer).length;
    expect(clock.now() - begun).toBeLessThan(30_000);
    expect(of('hostile')).toBeGreaterThanOrEqual(300);
    expect(of('hostile')).toBeLessThanOrEqual(300 + 25 * 10);
    expect((await ask('shop', names(200))).shared.size).toBe(200);
    expect(of('shop')).toBe(200);
  });

  it('refuses what is beyond it for now, and takes it in its turn', async () => {
    const { ask, asked, clock } = await setUp(() => true);
    const streams = names(500);
    expect((await ask('shop', streams, true)).shared.size).toBe(300);
    const { shared, recheckAfterMs = 0 } = await ask('shop', streams);
    expect([shared.size, asked.length]).toEqual([300, 300]);
    expect(recheckAfterMs).toBeGreaterThanOrEqual(60_000);
    expect(recheckAfterMs).toBeLessThan(68_000);
    await clock.advance(recheckAfterMs);
    // Those come first that were never asked for.
    await ask('shop', streams);
    expect(new Set(asked.map(({ stream }) => stream)).size).toBe(500);
  });

  it('is enough for workloads that keep following two hundred streams of others', async () => {
    const { ask, clock } = await setUp(() => true);
    for (let look = 0; look < 20; look++) {
      for (const stream of names(200)) expect((await ask('shop', [stream])).shared.size).toBe(1);
      await clock.advance(look % 2 === 0 ? 3_000 : 20_000);
    }
  });

  it('is not used up by rechecks: there is always some for fresh wishes', async () => {
    const { ask, clock } = await setUp(({ stream }) => stream.startsWith('open'));
    const closed = names(1_000);
    await ask('shop', closed, true);
    for (let second = 0; second < 60; second++) {
      await clock.advance(2_000);
      await ask('shop', closed);
    }
    expect((await ask('shop', names(150, 'open'), true)).shared.size).toBe(150);
  });
});

describe('what is held', () => {
  const bounds = { answers: 50, answersOfOne: 20, namespaces: 5 };
  /** True when nothing was known of a stream: its waiting has just begun. */
  const isForgotten = ({ recheckAfterMs = 0 }): boolean => recheckAfterMs < 3_000;

  it('is bounded for a namespace: the oldest goes', async () => {
    const { ask, clock } = await setUp(() => false, { bounds });
    await ask('shop', names(15, 'old'));
    await clock.advance(3_000);
    await ask('shop', names(15, 'new'));
    await clock.advance(3_000);
    expect(isForgotten(await ask('shop', ['new0']))).toBe(false);
    expect(isForgotten(await ask('shop', ['old0']))).toBe(true);
  });

  it('is bounded in all: the namespace that has most loses something', async () => {
    const { ask, clock } = await setUp(() => false, { bounds });
    await ask('small', ['a']);
    await clock.advance(3_000);
    for (const namespace of ['one', 'two', 'three']) await ask(namespace, names(19));
    expect(isForgotten(await ask('small', ['a']))).toBe(false);
    await clock.advance(3_000);
    expect(isForgotten(await ask('one', ['s0']))).toBe(true);
  });

  it('is bounded by namespaces: the one that asked longest ago is forgotten', async () => {
    const { ask, clock } = await setUp(() => false, { bounds });
    for (const namespace of names(6)) await ask(namespace, ['a']);
    await clock.advance(3_000);
    expect(isForgotten(await ask('s5', ['a']))).toBe(false);
    expect(isForgotten(await ask('s0', ['a']))).toBe(true);
  });
});

describe('a review without an answer', () => {
  it('counts as not shared, is told once, and stops the others of its namespace for some seconds only', async () => {
    let broken = true;
    const { ask, asked, logged, clock } = await setUp(({ consumer }) =>
      broken && consumer === 'shop' ? { status: 500, body: { message: 'etcd is away' } } : true,
    );
    const { shared, recheckAfterMs = 0 } = await ask('shop', names(1_000), true);
    expect(shared.size).toBe(0);
    expect(recheckAfterMs).toBeGreaterThanOrEqual(5_000);
    expect(recheckAfterMs).toBeLessThan(6_000);
    expect(asked.length).toBeLessThanOrEqual(4);
    expect((await ask('other', ['a'])).shared.size).toBe(1);
    for (let look = 0; look < 5; look++) {
      await clock.advance(recheckAfterMs);
      await ask('shop', names(1_000));
    }
    expect(logged).toEqual(['no answer about rights: not shared for now']);
    broken = false;
    await clock.advance(recheckAfterMs);
    expect((await ask('shop', ['a'])).shared.size).toBe(1);
  });

  it('because the operator may not ask is a refusal, told once', async () => {
    const { ask, asked, logged } = await setUp(() => ({ status: 403, body: { message: 'no' } }));
    const { shared } = await ask('shop', names(10), true);
    await ask('shop', names(10));
    expect([shared.size, asked.length]).toEqual([0, 10]);
    expect(logged).toEqual(['the operator may not ask for the rights of others: nothing is shared']);
  });

  it('because the operator stops is no answer at all', async () => {
    const { sharing } = await setUp(() => new Promise<ApiAnswer>(() => undefined));
    const abort = new AbortController();
    const wishes = [{ source: { namespace: 'base', stream: 'a' }, fresh: true }];
    const asking = sharing.ask({ namespace: 'shop', name: 'x' }, wishes, abort.signal);
    abort.abort(new Error('the operator stops'));
    await expect(asking).rejects.toThrow('the operator stops');
  });
});

it('is refused for ever where nobody may be asked, but for streams of the same namespace', async () => {
  const wishes: Wish[] = ['apps', 'base'].map((namespace) => ({
    source: { namespace, stream: 'web' },
    fresh: true,
  }));
  const leave = await ownStreamsOnly.ask(
    { namespace: 'apps', name: 'x' },
    wishes,
    new AbortController().signal,
  );
  expect(leave).toEqual({ shared: new Set(['apps/web']), recheckAfterMs: undefined });
});
