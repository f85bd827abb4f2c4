import { describe, expect, it } from 'vitest';

import { JsonPatchError, jsonPatched } from './json-patch.ts';

const document = { a: { b: 1, 'c/d': 2, 'e~f': 3 }, list: ['x', { y: 1 }, 'z'], nothing: null };

function problemOf(operations: unknown, of: unknown = document): string {
  try {
    jsonPatched(of, operations);
  } catch (error) {
    if (error instanceof JsonPatchError) return `${error.problem}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('a JSON patch', () => {
  it.each([
    { name: 'adds a member', op: { op: 'add', path: '/a/new', value: [1] }, at: ['a', 'new'], want: [1] },
    { name: 'replaces what add finds', op: { op: 'add', path: '/a/b', value: 9 }, at: ['a', 'b'], want: 9 },
    {
      name: 'adds to the front of a list',
      op: { op: 'add', path: '/list/0', value: 'w' },
      at: ['list'],
      want: ['w', 'x', { y: 1 }, 'z'],
    },
    {
      name: 'adds to the end of a list by its length',
      op: { op: 'add', path: '/list/3', value: 'w' },
      at: ['list'],
      want: ['x', { y: 1 }, 'z', 'w'],
    },
    {
      name: 'adds to the end of a list by a dash',
      op: { op: 'add', path: '/list/-', value: 'w' },
      at: ['list'],
      want: ['x', { y: 1 }, 'z', 'w'],
    },
    { name: 'removes a member', op: { op: 'remove', path: '/a/b' }, at: ['a'], want: { 'c/d': 2, 'e~f': 3 } },
    { name: 'removes from a list', op: { op: 'remove', path: '/list/1' }, at: ['list'], want: ['x', 'z'] },
    {
      name: 'replaces in a list',
      op: { op: 'replace', path: '/list/1/y', value: 2 },
      at: ['list', '1'],
      want: { y: 2 },
    },
    {
      name: 'adds what replace does not find',
      op: { op: 'replace', path: '/a/new', value: 2 },
      at: ['a', 'new'],
      want: 2,
    },
    { name: 'reads a slash', op: { op: 'replace', path: '/a/c~1d', value: 0 }, at: ['a', 'c/d'], want: 0 },
    { name: 'reads a tilde', op: { op: 'replace', path: '/a/e~0f', value: 0 }, at: ['a', 'e~f'], want: 0 },
    { name: 'copies', op: { op: 'copy', from: '/a', path: '/list/0' }, at: ['list', '0'], want: document.a },
    { name: 'moves', op: { op: 'move', from: '/a/b', path: '/moved' }, at: ['moved'], want: 1 },
    {
      name: 'tests a value',
      op: { op: 'test', path: '/list', value: ['x', { y: 1 }, 'z'] },
      at: ['a', 'b'],
      want: 1,
    },
    { name: 'tests null', op: { op: 'test', path: '/nothing', value: null }, at: ['a', 'b'], want: 1 },
    { name: 'tests that nothing is there', op: { op: 'test', path: '/a/none' }, at: ['a', 'b'], want: 1 },
    {
      name: 'takes names of prototypes as any other',
      op: { op: 'add', path: '/__proto__', value: { polluted: true } },
      at: ['__proto__'],
      want: { polluted: true },
    },
  ])('$name', ({ op, at, want }) => {
    const before = JSON.stringify(document);
    let value: unknown = jsonPatched(document, [op]);
    for (const key of at) value = Object.getOwnPropertyDescriptor(value, key)?.value as unknown;
    expect(value).toEqual(want);
    expect(JSON.stringify(document)).toBe(before);
    expect({}).not.toHaveProperty('polluted');
  });

  it('does its operations one after the other, and replaces the document', () => {
    const operations = [
      { op: 'add', path: '', value: { a: [] } },
      { op: 'add', path: '/a/-', value: 1 },
      { op: 'add', path: '/a/-', value: 2 },
      { op: 'move', from: '/a/0', path: '/b' },
    ];
    expect(jsonPatched(document, operations)).toEqual({ a: [2], b: 1 });
    expect(jsonPatched(document, [])).toEqual(document);
    expect(jsonPatched(document, [{ op: 'remove', path: '' }])).toBeNull();
  });

  it.each([
    { operations: {}, problem: 'malformed' },
    { operations: null, problem: 'malformed' },
    { operations: [1], problem: 'malformed' },
    {
      operations: Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/nothing' })),
      problem: 'too large',
    },
    { operations: [{ op: 'remove', path: '/none' }], problem: 'inapplicable: missing path: "/none"' },
    {
      operations: [{ op: 'replace', path: '/none/deeper', value: 1 }],
      problem: 'inapplicable: missing path',
    },
    { operations: [{ op: 'add', path: '/none/deeper', value: 1 }], problem: 'inapplicable: missing path' },
    { operations: [{ op: 'add', path: '/a/b/c', value: 1 }], problem: 'inapplicable: missing path' },
    { operations: [{ op: 'remove', path: '/toString' }], problem: 'inapplicable: missing path' },
    { operations: [{ op: 'add', path: '/list/4', value: 1 }], problem: 'inapplicable: invalid index' },
    { operations: [{ op: 'add', path: '/list/01', value: 1 }], problem: 'inapplicable: invalid index' },
    { operations: [{ op: 'add', path: '/list/-1', value: 1 }], problem: 'inapplicable: invalid index' },
    { operations: [{ op: 'replace', path: '/list/-', value: 1 }], problem: 'inapplicable: invalid index' },
    { operations: [{ op: 'remove', path: '/list/3' }], problem: 'inapplicable: invalid index' },
    {
      operations: [{ op: 'test', path: '/a/b', value: 2 }],
      problem: 'inapplicable: testing path "/a/b" failed',
    },
    { operations: [{ op: 'test', path: '/a/none', value: 2 }], problem: 'inapplicable: testing path' },
    { operations: [{ op: 'move', from: '/a', path: '/a/b' }], problem: 'inapplicable: "/a" cannot be moved' },
    { operations: [{ op: 'add', path: '/a/x' }], problem: 'inapplicable: add operation has no value' },
    { operations: [{ op: 'add', path: 'a', value: 1 }], problem: 'inapplicable: add operation has no path' },
    { operations: [{ op: 'copy', path: '/x' }], problem: 'inapplicable: copy operation has no from' },
    { operations: [{ op: 'grow', path: '/x' }], problem: 'inapplicable: Unexpected kind: grow' },
    { operations: [{}], problem: 'inapplicable' },
  ])('is refused: $problem', ({ operations, problem }) => {
    expect(problemOf(operations)).toContain(problem);
  });

  it('changes neither its own values nor each other', () => {
    const operations = [
      { op: 'add', path: '/a', value: { list: [] } },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'add', path: '/a/list/-', value: 1 },
    ];
    for (let i = 0; i < 2; i++)
      expect(jsonPatched({}, operations)).toEqual({ a: { list: [1] }, b: { list: [] } });
  });

  it('does not grow a document without end', () => {
    const doubling = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '', path: `/copy${i}` }));
    expect(problemOf(doubling)).toContain('too large');
  });

  it.each([
    { op: 'add', path: '/list/0', value: 0 },
    { op: 'remove', path: '/list/1' },
    { op: 'move', from: '/list/1', path: '/list/-' },
  ])('does not shift a long list as often as it likes: $op', (operation) => {
    const long = { op: 'add', path: '/list', value: Array.from({ length: 500_000 }, () => 0) };
    expect(problemOf([long, ...Array.from({ length: 1_000 }, () => operation)])).toContain('too large');
  });
});
