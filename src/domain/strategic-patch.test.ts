import { expect, it } from 'vitest';
import { strategicallyPatched } from './strategic-patch.ts';

const stream = {
  metadata: { name: 'web', annotations: { a: '1', b: '2' }, finalizers: ['x', 'y'] },
  spec: {
    lookupPolicy: { local: false },
    tags: [
      { name: '1', from: { kind: 'DockerImage', name: 'a' }, importPolicy: { scheduled: true } },
      { name: '2', from: { kind: 'DockerImage', name: 'b' } },
    ],
  },
};

it.each([
  {
    name: 'sets and removes members',
    patch: { metadata: { annotations: { a: null, c: '3' } }, spec: { lookupPolicy: { local: true } } },
    want: {
      metadata: { ...stream.metadata, annotations: { b: '2', c: '3' } },
      spec: { ...stream.spec, lookupPolicy: { local: true } },
    },
  },
  {
    name: 'merges tags by their names',
    patch: {
      spec: {
        tags: [
          { name: '2', reference: true },
          { name: '3', from: { kind: 'DockerImage', name: 'c' } },
        ],
      },
    },
    want: {
      ...stream,
      spec: {
        ...stream.spec,
        tags: [
          stream.spec.tags[0],
          { ...stream.spec.tags[1], reference: true },
          { name: '3', from: { kind: 'DockerImage', name: 'c' } },
        ],
      },
    },
  },
  {
    name: 'deletes a tag',
    patch: {
      spec: {
        tags: [
          { name: '1', $patch: 'delete' },
          { name: 'none', $patch: 'delete' },
        ],
      },
    },
    want: { ...stream, spec: { ...stream.spec, tags: [stream.spec.tags[1]] } },
  },
  {
    name: 'replaces all tags',
    patch: { spec: { tags: [{ name: '9' }, { $patch: 'replace' }] } },
    want: { ...stream, spec: { ...stream.spec, tags: [{ name: '9' }] } },
  },
  {
    name: 'replaces an object',
    patch: { metadata: { annotations: { $patch: 'replace', z: '9' } } },
    want: { ...stream, metadata: { ...stream.metadata, annotations: { z: '9' } } },
  },
  {
    name: 'orders tags',
    patch: { spec: { '$setElementOrder/tags': [{ name: '2' }, { name: '1' }], tags: [] } },
    want: { ...stream, spec: { ...stream.spec, tags: stream.spec.tags.toReversed() } },
  },
  {
    name: 'adds to sets and takes from them',
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['x'], finalizers: ['y', 'z'] } },
    want: { ...stream, metadata: { ...stream.metadata, finalizers: ['y', 'z'] } },
  },
  { name: 'does nothing', patch: {}, want: stream },
])('a patch $name', ({ patch, want }) => {
  expect(strategicallyPatched(stream, patch)).toEqual(want);
});

it.each([{ reference: true }, 'x', null])('refuses a tag without a name: %j', (tag) => {
  expect(() => strategicallyPatched(stream, { spec: { tags: [tag] } })).toThrow(
    'does not contain declared merge key: name',
  );
});

it('leaves the object as it is', () => {
  const before = structuredClone(stream);
  strategicallyPatched(stream, { spec: { tags: [{ name: '1', reference: true }] } });
  expect(stream).toEqual(before);
});

it('refuses more tags than a stream can have', () => {
  const tags = Array.from({ length: 200_000 }, (_, i) => ({ name: String(i) }));
  expect(() => strategicallyPatched(stream, { spec: { tags } })).toThrow('spec.tags: more than 2000 entries');
});
