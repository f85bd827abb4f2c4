import { expect, it } from 'vitest';
import { BoundedMap } from './bounded-map.ts';

it('forgets what was set longest ago', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('a', 3);
  map.set('c', 4);
  expect(['a', 'b', 'c'].map((key) => map.get(key))).toEqual([3, undefined, 4]);
  expect(map.size).toBe(2);
  expect([map.has('c'), map.delete('c'), map.delete('c'), map.has('c')]).toEqual([true, true, false, false]);
});
