import { expect, it } from 'vitest';
import { compressedCodec, jsonCodec } from '../runtime/codec.ts';
import { objectKey, Store, type StoreOptions, splitKey } from './store.ts';

interface Thing {
  readonly version: string;
  readonly color: string;
}

function setUp(options: StoreOptions<Thing> = {}) {
  const store = new Store<Thing>(({ version }) => version, options);
  store.addIndex('color', ({ color }) => [color]);
  const heard: string[] = [];
  store.onChange((key, after, before) =>
    heard.push(`${key} ${before?.version ?? '-'} ${after?.version ?? '-'}`),
  );
  const colored = (color: string): readonly string[] => [...store.keysByIndex('color', color)];
  return { store, heard, colored };
}

const ways = [
  { held: 'as objects', options: {} },
  { held: 'as JSON', options: { codec: jsonCodec<Thing>() } },
  { held: 'compressed', options: { codec: compressedCodec<Thing>('{"version":"","color":""}') } },
];

it.each(ways)('tells of each change once: new, newer, gone, held $held', ({ options }) => {
  const { store, heard } = setUp(options);
  store.put('a/x', { version: '1', color: 'red' });
  store.put('a/x', { version: '1', color: 'red' });
  store.put('a/x', { version: '2', color: 'red' });
  store.delete('a/x');
  store.delete('a/x');
  expect(heard).toEqual(['a/x - 1', 'a/x 1 2', 'a/x 2 -']);
  expect(store.size).toBe(0);
});

it.each(ways)('gives what was put last, held $held', ({ options }) => {
  const { store } = setUp(options);
  const keys = Array.from({ length: 100 }, (_, i) => `a/${i}`);
  for (const key of keys) store.put(key, { version: '1', color: key });
  for (const key of keys) store.put(key, { version: '2', color: `new ${key}` });
  store.delete('a/7');
  expect([...store.keys()]).toEqual(keys.filter((key) => key !== 'a/7'));
  expect(store.size).toBe(99);
  for (const key of store.keys()) expect(store.get(key)).toEqual({ version: '2', color: `new ${key}` });
  expect(store.get('a/7')).toBeUndefined();
  expect(store.get('a/99')).toBe(store.get('a/99'));
});

it.each(ways)('files objects under their present values, held $held', ({ options }) => {
  const { store, colored } = setUp(options);
  store.put('a/x', { version: '1', color: 'red' });
  store.put('a/y', { version: '1', color: 'red' });
  expect(colored('red')).toEqual(['a/x', 'a/y']);
  store.put('a/x', { version: '2', color: 'blue' });
  expect([colored('red'), colored('blue')]).toEqual([['a/y'], ['a/x']]);
  store.delete('a/y');
  expect(colored('red')).toEqual([]);
});

it.each(ways)(
  'files objects that were put long ago under their present values too, held $held',
  ({ options }) => {
    const { store, colored } = setUp(options);
    const keys = Array.from({ length: 100 }, (_, i) => `a/${i}`);
    for (const key of keys) store.put(key, { version: '1', color: 'red' });
    store.put('a/0', { version: '2', color: 'blue' });
    store.delete('a/1');
    expect(colored('red')).toEqual(keys.slice(2));
    expect(colored('blue')).toEqual(['a/0']);
  },
);

it.each([
  { namespace: 'apps', name: 'web', key: 'apps/web' },
  { namespace: undefined, name: 'sha256-1', key: 'sha256-1' },
])('$key is a key', ({ namespace, name, key }) => {
  expect(objectKey(namespace, name)).toBe(key);
  expect(splitKey(key)).toEqual({ namespace, name });
});

it.each(ways)('gives back any text, held $held', ({ options }) => {
  const store = new Store<Thing>(({ version }) => version, options);
  const color = `${'ä€😀\u0000"\\ '.repeat(5_000)}red`;
  store.put('a/x', { version: '1', color });
  for (let i = 0; i < 100; i++) store.put(`a/${i}`, { version: '1', color: '' });
  expect(store.get('a/x')).toEqual({ version: '1', color });
});
