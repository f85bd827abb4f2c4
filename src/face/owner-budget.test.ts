import { expect, it } from 'vitest';
import { OwnerBudget } from './owner-budget.ts';
import { StatusError } from './status.ts';

it('an owner has so much at a time, whatever others have, and more when something has ended or failed', async () => {
  const budget = new OwnerBudget({ each: 2 });
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

it('all together have no more than there is', () => {
  const budget = new OwnerBudget({ all: 3, each: 2 });
  const giveBack = budget.take('apps');
  budget.take('apps');
  expect(() => budget.take('apps')).toThrow(StatusError);
  budget.take('shop');
  expect(() => budget.take('test')).toThrow('Too many requests');
  giveBack();
  budget.take('test');
  expect(() => budget.take('apps')).toThrow(StatusError);
});
