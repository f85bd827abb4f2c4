import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import { WorkQueue, type WorkResult } from './work-queue.ts';

/** A queue whose work is ended by hand. */
function setUp(options: { concurrency?: number; groupOf?: (key: string) => string } = {}) {
  const clock = new FakeClock();
  const started: string[] = [];
  const failures: string[] = [];
  const ends: ((result: WorkResult | Error) => void)[] = [];
  const queue = new WorkQueue({
    concurrency: options.concurrency ?? 1,
    groupOf: options.groupOf,
    work: (key) => {
      started.push(key);
      const { promise, resolve, reject } = Promise.withResolvers<WorkResult>();
      ends.push((result) => (result instanceof Error ? reject(result) : resolve(result)));
      return promise;
    },
    onFailure: (key, _error, count) => failures.push(`${key} ${count}`),
    backoff: { baseMs: 100, maxMs: 1_000 },
    clock,
  });
  const end = async (result: WorkResult | Error = {}): Promise<void> => {
    ends.shift()?.(result);
    await settle();
  };
  return { clock, queue, started, failures, end };
}

describe('keys', () => {
  it('wait until the queue is started, each once, in their order', async () => {
    const { queue, started, end } = setUp();
    for (const key of ['a', 'b', 'a']) queue.add(key);
    expect(started).toEqual([]);
    queue.start();
    expect(started).toEqual(['a']);
    await end();
    expect(started).toEqual(['a', 'b']);
  });

  it('are not worked on twice at the same time, but once more when they come meanwhile', async () => {
    const { queue, started, end } = setUp({ concurrency: 5 });
    queue.start();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(started).toEqual(['a']);
    await end();
    expect(started).toEqual(['a', 'a']);
    await end();
    expect(started).toEqual(['a', 'a']);
  });

  it('of groups are taken by turns, those of one in their order', async () => {
    const { queue, started, end } = setUp({ groupOf: (key) => key.slice(0, 1) });
    for (const key of ['a1', 'a2', 'a3', 'a1', 'b1', 'b2', 'c1']) queue.add(key);
    expect(queue.depth).toBe(6);
    queue.start();
    await end();
    queue.add('d1');
    for (let i = 0; i < 6; i++) await end();
    expect(started).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'd1', 'a3']);
    expect(queue.depth).toBe(0);
  });

  it('are worked on as many at a time as there are workers', async () => {
    const { queue, started, end } = setUp({ concurrency: 2 });
    queue.start();
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect(started).toEqual(['a', 'b']);
    expect(queue.depth).toBe(1);
    await end();
    expect(started).toEqual(['a', 'b', 'c']);
  });
});

describe('waiting', () => {
  it('ends at the earliest of several times', async () => {
    const { clock, queue, started } = setUp();
    queue.start();
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    await clock.advance(199);
    expect(started).toEqual([]);
    await clock.advance(1);
    expect(started).toEqual(['a']);
    expect(clock.pending).toEqual([]);
  });

  it('ends early when the key comes by itself', async () => {
    const { clock, queue, started } = setUp();
    queue.start();
    queue.addAfter('a', 500);
    queue.add('a');
    expect(started).toEqual(['a']);
    expect(clock.pending).toEqual([]);
  });

  it('is asked for by the result of the work', async () => {
    const { clock, queue, started, end } = setUp();
    queue.start();
    queue.add('a');
    await end({ requeueAfterMs: 300 });
    await clock.advance(300);
    expect(started).toEqual(['a', 'a']);
  });

  it('grows with each failure in a row and starts anew after a success', async () => {
    const { clock, queue, failures, end } = setUp();
    queue.start();
    queue.add('a');
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      await end(new Error('no'));
      const [wait = 0] = clock.pending;
      waits.push(wait);
      await clock.advance(wait);
    }
    expect(failures).toEqual(['a 1', 'a 2', 'a 3', 'a 4', 'a 5']);
    expect(waits.map((wait, i) => wait >= Math.min(100 * 2 ** i, 1_000))).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_250);
    await end();
    queue.add('a');
    await end(new Error('no'));
    expect(failures.at(-1)).toBe('a 1');
  });
});

describe('draining', () => {
  it('lets the work under way end and drops what waits', async () => {
    const { clock, queue, started, end } = setUp();
    queue.start();
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 100);
    let drained = false;
    const draining = queue.drain().then(() => {
      drained = true;
    });
    await settle();
    expect(drained).toBe(false);
    await end({ requeueAfterMs: 1 });
    await draining;
    queue.add('d');
    await clock.advance(1_000);
    expect(started).toEqual(['a']);
  });

  it('is over at once when nothing is under way', async () => {
    const { queue } = setUp();
    queue.start();
    await queue.drain();
    expect(queue.active).toBe(0);
  });
});
