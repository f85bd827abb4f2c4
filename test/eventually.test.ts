import { describe, expect, it } from 'vitest';

import { eventually } from './support/eventually.ts';

describe('eventually', () => {
  it('returns the first value, after attempts that threw or had none', async () => {
    const attempts = [
      () => undefined,
      () => false as const,
      () => {
        throw new Error('not yet');
      },
      () => 'here',
    ];

    expect(await eventually(() => attempts.shift()?.(), { what: 'a value' })).toBe('here');
    expect(attempts).toEqual([]);
  });

  it.each([
    {
      name: 'the last value',
      probe: () => null,
      want: 'Waited 0.1 s in vain for rain: the last value was null',
    },
    {
      name: 'the last error',
      probe: () => Promise.reject(new Error('dry')),
      want: 'Waited 0.1 s in vain for rain: the last attempt threw: dry',
    },
    {
      name: 'an attempt that hangs',
      probe: () => new Promise<never>(() => undefined),
      want: 'Waited 0.1 s in vain for rain: the first attempt did not end',
    },
  ])('says what it waited for, and $name', async ({ probe, want }) => {
    await expect(eventually(probe, { what: 'rain', timeoutMs: 100 })).rejects.toThrow(want);
  });
});
