import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { CheckMemory } from './check-memory.ts';

it('takes every tag for looked at when the process starts, and remembers looks', async () => {
  const clock = new FakeClock();
  const start = clock.now();
  const memory = new CheckMemory({ clock });
  await clock.advance(5_000);
  expect(memory.of('a/web').checkedAt('latest')).toBe(start);
  memory.checked('a/web', 'latest', memory.begin());
  expect(memory.of('a/web').checkedAt('latest')).toBe(start + 5_000);
  expect(memory.of('a/web').checkedAt('other')).toBe(start);
  memory.forget('a/web');
  expect(memory.of('a/web').checkedAt('latest')).toBe(start);
});

it('keeps an announcement until a look that began after it', () => {
  const memory = new CheckMemory({ clock: new FakeClock() });
  const announced = (): boolean => memory.of('a/web').announced('latest');
  const begun = memory.begin();
  memory.announce('a/web', 'latest');
  memory.checked('a/web', 'latest', begun);
  expect(announced()).toBe(true);
  memory.checked('a/web', 'latest', memory.begin());
  expect(announced()).toBe(false);
});

it('tells a look when the first announcement came that it answers, and a later one of the rest', async () => {
  const clock = new FakeClock();
  const memory = new CheckMemory({ clock });
  const first = clock.now();
  memory.announce('a/web', 'latest');
  await clock.advance(1_000);
  memory.announce('a/web', 'latest');
  const begun = memory.begin();
  await clock.advance(1_000);
  const during = clock.now();
  memory.announce('a/web', 'latest');
  expect(memory.checked('a/web', 'latest', begun)).toBe(first);
  expect(memory.of('a/web').announced('latest')).toBe(true);
  expect(memory.checked('a/web', 'latest', begun)).toBeUndefined();
  expect(memory.checked('a/web', 'latest', memory.begin())).toBe(during);
  expect(memory.checked('a/web', 'latest', memory.begin())).toBeUndefined();
});
