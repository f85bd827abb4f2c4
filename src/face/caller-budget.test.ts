import { expect, it } from 'vitest';

import { CallerBudget } from './caller-budget.ts';

it('a caller has so much at a time, whatever others have, and more when something has ended or failed', async () => {
  const budget = new CallerBudget(2);
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const first = budget.run('a', () => end);
  await expect(budget.run('a', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  const second = budget.run('a', () => end);
  await expect(budget.run('a', () => end)).rejects.toMatchObject({ status: { code: 429 } });
  await budget.run('b', () => Promise.resolve());
  resolve();
  await Promise.all([first, second]);
  await budget.run('a', () => Promise.resolve());
});
