import { describe, expect, it, onTestFinished } from 'vitest';

import { streamOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, playApiServer } from '../../test/support/played-api-server.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { type ObservedOptions, observed } from './observed-stream.ts';

const written = streamOf([], [], { generation: 5 });
const seen = (generation: number, more: Partial<ImageStream['metadata']> = {}): ImageStream => ({
  ...streamOf([], [], { generation: 5, ...more }),
  status: { observedGeneration: generation },
});

/** Waits on a server that gives these answers, the last one again and again. */
async function wait(
  answers: readonly ApiAnswer[],
  { stream = written, ...options }: Partial<ObservedOptions> & { stream?: ImageStream } = {},
) {
  const clock = new FakeClock();
  let asked = 0;
  const server = await playApiServer(clock, () => answers[Math.min(asked++, answers.length - 1)] ?? {});
  onTestFinished(() => server[Symbol.asyncDispose]());
  const startedAt = clock.now();
  const signal = options.signal ?? new AbortController().signal;
  const ended = { is: false };
  const done = observed(server.client, stream, { clock, ...options, signal })
    .catch((error: unknown) => error)
    .finally(() => {
      ended.is = true;
    });
  while (!ended.is) {
    const [next] = clock.pending;
    // An answer that is on its way needs a moment and no time.
    await (next === undefined ? new Promise((resolve) => setImmediate(resolve)) : clock.advance(next));
  }
  const result = await done;
  return { result, asked, waitedMs: clock.now() - startedAt };
}

describe('a stream that was written', () => {
  it('is there at once when the operator was quick', async () => {
    expect(await wait([{}], { stream: seen(5) })).toEqual({ result: seen(5), asked: 0, waitedMs: 0 });
  });

  it('is asked for until the operator has seen its generation', async () => {
    const answers = [{ body: seen(4) }, { body: seen(4) }, { body: seen(6) }];
    expect(await wait(answers)).toEqual({ result: seen(6), asked: 3, waitedMs: 25 + 50 + 100 });
  });

  it('is as it is after two seconds', async () => {
    const { result, waitedMs } = await wait([{ body: seen(4) }]);
    expect({ result, waitedMs }).toEqual({ result: seen(4), waitedMs: 2_000 });
  });

  it('is waited for until what is wanted beside', async () => {
    const clock = new FakeClock();
    const isDone = ({ metadata }: ImageStream): boolean => metadata.labels?.['done'] === 'yes';
    const answers = [{ body: seen(5) }, { body: seen(5, { labels: { done: 'yes' } }) }];
    expect(await wait(answers, { isDone })).toMatchObject({ asked: 2, waitedMs: 75 });
    const { waitedMs } = await wait([{ body: seen(5) }], { isDone, until: clock.now() + 500 });
    expect(waitedMs).toBe(500);
  });

  it.each([
    { name: 'gone', answer: { status: 404, body: { reason: 'NotFound' } } },
    { name: 'another one', answer: { body: seen(9, { uid: 'u2' }) } },
  ])('is as it was when it is $name', async ({ answer }) => {
    expect(await wait([answer])).toMatchObject({ result: written, asked: 1 });
  });

  it('is not waited for when the client is gone', async () => {
    const { result } = await wait([{ body: seen(4) }], { signal: AbortSignal.abort(new Error('gone')) });
    expect(result).toEqual(new Error('gone'));
  });
});
