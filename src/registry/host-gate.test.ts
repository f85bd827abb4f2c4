import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import { RegistryError } from './errors.ts';
import { HostGates, type RateBudget } from './host-gate.ts';

type Answer = 'fine' | { busyForMs: number | undefined } | RegistryError;

function setUp(budgets: Readonly<Record<string, RateBudget>> = {}) {
  const clock = new FakeClock();
  const gates = new HostGates({ clock, budget: (host) => budgets[host] });
  const sent: string[] = [];
  const ends: ((answer: Answer) => void)[] = [];
  /** Asks for a request; it is sent when the gate lets it, and answered by `end`. */
  const ask = (host: string): Promise<string> =>
    gates
      .run<Answer>(
        host,
        () => {
          sent.push(host);
          const { promise, resolve, reject } = Promise.withResolvers<Answer>();
          ends.push((answer) => (answer instanceof RegistryError ? reject(answer) : resolve(answer)));
          return promise;
        },
        (answer) =>
          typeof answer === 'object' && 'busyForMs' in answer
            ? { retryAfterMs: answer.busyForMs }
            : undefined,
      )
      .then(
        () => 'answered',
        (error: unknown) =>
          error instanceof RegistryError ? `${error.code} ${error.retryAfterMs ?? ''}`.trim() : String(error),
      );
  const end = async (answer: Answer = 'fine'): Promise<void> => {
    await settle();
    ends.shift()?.(answer);
    await settle();
  };
  return { clock, gates, sent, ask, end };
}

const timeout = () => new RegistryError('timeout', 'no answer');

it('lets sixteen requests to a host out at a time, the others in their order, and other hosts at once', async () => {
  const { sent, ask, end } = setUp();
  const answers = Array.from({ length: 20 }, () => ask('a'));
  void ask('b');
  await settle();
  expect(sent.filter((host) => host === 'a')).toHaveLength(16);
  expect(sent).toContain('b');
  for (let i = 0; i < 21; i++) await end();
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 20 }, () => 'answered'));
});

describe('a registry that asks for fewer requests', () => {
  it('is left alone for as long as it says, and only it', async () => {
    const { clock, gates, sent, ask, end } = setUp();
    const first = ask('a');
    await end({ busyForMs: 30_000 });
    expect(await first).toBe('answered');
    expect(await ask('a')).toBe('too-many-requests 30000');
    expect(gates.closures).toEqual([{ host: 'a', because: 'busy' }]);
    void ask('b');
    await settle();
    expect(sent).toEqual(['a', 'b']);
    await clock.advance(30_000);
    void ask('a');
    await settle();
    expect(sent).toEqual(['a', 'b', 'a']);
  });

  it('without saying for how long is left alone ever longer', async () => {
    const { clock, ask, end } = setUp();
    const waits: number[] = [];
    for (let i = 0; i < 2; i++) {
      void ask('a');
      await end({ busyForMs: undefined });
      const wait = Number((await ask('a')).split(' ')[1]);
      waits.push(wait);
      await clock.advance(wait);
    }
    expect(waits[0]).toBeGreaterThanOrEqual(5_000);
    expect(waits[1]).toBeGreaterThanOrEqual(10_000);
  });

  it('turns those away too who wait already', async () => {
    const { ask, end } = setUp();
    const answers = Array.from({ length: 18 }, () => ask('a'));
    await end({ busyForMs: 10_000 });
    for (let i = 0; i < 15; i++) await end();
    expect(await Promise.all(answers.slice(16))).toEqual([
      'too-many-requests 10000',
      'too-many-requests 10000',
    ]);
  });
});

describe('a registry that does not answer', () => {
  it('is taken for dead after three timeouts in a row, then asked by one request for all', async () => {
    const { clock, sent, ask, end } = setUp();
    for (let i = 0; i < 3; i++) {
      const answer = ask('a');
      await end(timeout());
      expect(await answer).toBe('timeout');
    }
    const turnedAway = await ask('a');
    expect(turnedAway).toMatch(/^unreachable \d+$/);
    await clock.advance(Number(turnedAway.split(' ')[1]));
    const answers = [ask('a'), ask('a'), ask('a')];
    await settle();
    expect(sent).toHaveLength(4);
    await end();
    expect(sent).toHaveLength(6);
    await end();
    await end();
    expect(await Promise.all(answers)).toEqual(['answered', 'answered', 'answered']);
  });

  it('is left alone longer when it still does not answer', async () => {
    const { clock, ask, end } = setUp();
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      void ask('a');
      await end(timeout());
      const [code, wait = '0'] = (await Promise.race([ask('a'), settle().then(() => 'open 0')])).split(' ');
      if (code !== 'unreachable') {
        await end();
        continue;
      }
      waits.push(Number(wait));
      await clock.advance(Number(wait));
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
  });

  it('is not taken for dead when it says no', async () => {
    const { sent, ask, end } = setUp();
    for (let i = 0; i < 10; i++) {
      void ask('a');
      await end(new RegistryError('registry-error', 'broken'));
    }
    expect(sent).toHaveLength(10);
  });
});

it('keeps to the budget of a host', async () => {
  const { clock, sent, ask } = setUp({ a: { perSecond: 2, burst: 3 } });
  for (let i = 0; i < 6; i++) void ask('a');
  await settle();
  expect(sent).toHaveLength(3);
  await clock.advance(500);
  expect(sent).toHaveLength(4);
  await clock.advance(1_000);
  expect(sent).toHaveLength(6);
});

it('remembers a bounded number of hosts', async () => {
  const { gates, ask, end } = setUp();
  for (let i = 0; i < 2_500; i++) {
    const answer = ask(`host-${i}`);
    await end();
    await answer;
  }
  expect(gates.size).toBeLessThanOrEqual(2_000);
});
