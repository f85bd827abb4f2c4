import { array, assert, constantFrom, dictionary, integer, oneof, property, string } from 'fast-check';
import { expect, it } from 'vitest';
import { jsonEqual, mergePatchOf } from './json-difference.ts';

it.each([
  { a: 1, b: 1, want: true },
  { a: 1, b: '1', want: false },
  { a: null, b: undefined, want: false },
  { a: {}, b: { x: undefined }, want: true },
  { a: { x: 1, y: 2 }, b: { y: 2, x: 1 }, want: true },
  { a: [1, 2], b: [2, 1], want: false },
  { a: [], b: {}, want: false },
  { a: { x: [{ y: null }] }, b: { x: [{ y: null }] }, want: true },
])('$a and $b', ({ a, b, want }) => {
  expect(jsonEqual(a, b)).toBe(want);
});

it.each([
  { name: 'nothing', before: { a: 1 }, after: { a: 1 }, want: undefined },
  { name: 'a change with its whole value', before: { a: [1] }, after: { a: [1, 2] }, want: { a: [1, 2] } },
  { name: 'an addition', before: {}, after: { a: 1 }, want: { a: 1 } },
  { name: 'a removal as null', before: { a: 1, b: 2 }, after: { b: 2 }, want: { a: null } },
])('a patch says $name', ({ before, after, want }) => {
  expect(mergePatchOf(before, after)).toEqual(want);
});

it('makes of any object the other one', () => {
  // Without null: a merge patch cannot set it.
  const value = oneof(integer(), string(), array(integer(), { maxLength: 3 }));
  const object = dictionary(constantFrom('a', 'b', 'c', 'd'), value);
  assert(
    property(object, object, (before, after) => {
      const patched = Object.entries({ ...before, ...mergePatchOf(before, after) }).filter(
        ([, v]) => v !== null,
      );
      expect(Object.fromEntries(patched)).toEqual(after);
    }),
  );
});
