import { expect, it } from 'vitest';
import { objectKey, Store, splitKey } from './store.ts';

interface Thing {
  readonly version: string;
  readonly color: string;
}

function setUp() {
  const store = new Store<Thing>(({ version }) => version);
  store.addIndex('color', ({ color }) => [color]);
  const heard: string[] = [];
  store.onChange((key, after, before) =>
    heard.push(`${key} ${before?.version ?? '-'} ${after?.version ?? '-'}`),
  );
  const colored = (color: string): readonly string[] => [...store.keysByIndex('color', color)];
  return { store, heard, colored };
}

it('tells of each change once: new, newer, gone', () => {
  const { store, heard } = setUp();
  store.put('a/x', { version: '1', color: 'red' });
  store.put('a/x', { version: '1', color: 'red' });
  store.put('a/x', { version: '2', color: 'red' });
  store.delete('a/x');
  store.delete('a/x');
  expect(heard).toEqual(['a/x - 1', 'a/x 1 2', 'a/x 2 -']);
  expect(store.size).toBe(0);
});

it('files objects under their present values', () => {
  const { store, colored } = setUp();
  store.put('a/x', { version: '1', color: 'red' });
  store.put('a/y', { version: '1', color: 'red' });
  expect(colored('red')).toEqual(['a/x', 'a/y']);
  store.put('a/x', { version: '2', color: 'blue' });
  expect([colored('red'), colored('blue')]).toEqual([['a/y'], ['a/x']]);
  store.delete('a/y');
  expect(colored('red')).toEqual([]);
});

it.each([
  { namespace: 'apps', name: 'web', key: 'apps/web' },
  { namespace: undefined, name: 'sha256-1', key: 'sha256-1' },
])('$key is a key', ({ namespace, name, key }) => {
  expect(objectKey(namespace, name)).toBe(key);
  expect(splitKey(key)).toEqual({ namespace, name });
});
