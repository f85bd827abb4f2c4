import { assert, dictionary, jsonValue, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, isJsonObject, valueAt } from './json.ts';

describe('the canonical text', () => {
  it.each([
    { name: 'has the keys in order', value: { b: 1, a: 2 }, want: '{"a":2,"b":1}' },
    {
      name: 'has them in order at every depth',
      value: { b: [{ d: 1, c: { f: 1, e: 2 } }], a: 1 },
      want: '{"a":1,"b":[{"c":{"e":2,"f":1},"d":1}]}',
    },
    { name: 'leaves out what is undefined', value: { a: undefined, b: 1 }, want: '{"b":1}' },
    { name: 'leaves out what is null', value: { a: { b: null }, c: null }, want: '{"a":{}}' },
    {
      name: 'keeps what is empty or false',
      value: { a: '', b: 0, c: false, d: [] },
      want: '{"a":"","b":0,"c":false,"d":[]}',
    },
    { name: 'keeps the order of an array, and null in it', value: ['b', null, 'a'], want: '["b",null,"a"]' },
    { name: 'is that of a value that is no object', value: 'a', want: '"a"' },
    {
      name: 'keeps a key that objects inherit',
      value: JSON.parse('{"__proto__":{"b":1,"a":2}}'),
      want: '{"__proto__":{"a":2,"b":1}}',
    },
  ])('$name', ({ value, want }) => {
    expect(canonicalJson(value)).toBe(want);
  });

  it('is the same whatever the order of the keys', () => {
    assert(
      property(dictionary(string(), jsonValue()), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it('reads as the value that it was made from, when nothing of it is null', () => {
    assert(
      property(dictionary(string(), jsonValue()), (value) => {
        const text = JSON.stringify(value, (_key, member: unknown) => member ?? 0);
        expect(JSON.parse(canonicalJson(JSON.parse(text)))).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('the value behind a row of names', () => {
  it.each([
    { name: 'is found in objects in objects', value: { a: { b: 1 } }, path: ['a', 'b'], want: 1 },
    { name: 'is the value itself without names', value: 7, path: [], want: 7 },
    {
      name: 'is undefined where a member is missing',
      value: { a: {} },
      path: ['a', 'b', 'c'],
      want: undefined,
    },
    { name: 'is undefined behind an array', value: { a: [{ b: 1 }] }, path: ['a', '0'], want: undefined },
    { name: 'is undefined behind null', value: { a: null }, path: ['a', 'b'], want: undefined },
  ])('$name', ({ value, path, want }) => {
    expect(valueAt(value, path)).toBe(want);
  });
});

/** The same value with the keys of all its objects the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, reversed(member)]);
  return Object.fromEntries(entries.toReversed());
}
