import { array, assert, constantFrom, property, shuffledSubarray, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dockerTag, linkTag, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { maxTags, withDeclaredTags } from './effective-stream.ts';

const own = dockerTag('latest', 'r.example/app:own');
const declared = (name: string): TagReference => dockerTag(name, `r.example/app:${name}`);

describe('a stream with the tags that are declared for it', () => {
  it.each<{ name: string; tags: TagReference[]; added: TagReference[]; want: TagReference[] }>([
    { name: 'has them behind its own', tags: [own], added: [declared('1')], want: [own, declared('1')] },
    {
      name: 'has them by name, its own as they are',
      tags: [own, declared('alpha')],
      added: [declared('b'), declared('c'), declared('a')],
      want: [own, declared('alpha'), declared('a'), declared('b'), declared('c')],
    },
    {
      name: 'keeps its own tag where both have it',
      tags: [own],
      added: [declared('latest'), declared('2')],
      want: [own, declared('2')],
    },
    {
      name: 'keeps its own tag also when that has no source',
      tags: [{ name: 'latest' }],
      added: [declared('latest'), linkTag('stable', 'latest')],
      want: [{ name: 'latest' }, linkTag('stable', 'latest')],
    },
    { name: 'has them when it has none', tags: [], added: [declared('1')], want: [declared('1')] },
  ])('$name', ({ tags, added, want }) => {
    expect(withDeclaredTags(streamOf(tags), added).spec?.tags).toEqual(want);
  });

  it.each<{ name: string; spec: Pick<ImageStream, 'spec'> }>([
    { name: 'no spec', spec: {} },
    { name: 'tags of null', spec: { spec: { tags: null } } },
  ])('has them when it has $name', ({ spec }) => {
    const { spec: _, ...stream } = streamOf([]);
    expect(withDeclaredTags({ ...stream, ...spec }, [declared('1')]).spec).toEqual({ tags: [declared('1')] });
  });

  it('keeps the rest of its spec, its status and its name, and leaves the stored object alone', () => {
    const stream = {
      ...streamOf([own], [{ tag: 'old' }]),
      spec: { lookupPolicy: { local: true }, tags: [own] },
    };
    const before = structuredClone(stream);
    expect(withDeclaredTags(stream, [declared('1')])).toEqual({
      ...before,
      spec: { lookupPolicy: { local: true }, tags: [own, declared('1')] },
    });
    expect(stream).toEqual(before);
  });

  it.each([
    { name: 'nothing is declared', added: [] },
    { name: 'it has all of them itself', added: [declared('latest')] },
  ])('is the very same object when $name', ({ added }) => {
    const stream = streamOf([own]);
    expect(withDeclaredTags(stream, added)).toBe(stream);
  });

  describe('of which there are very many', () => {
    const manyOwn = (count: number) => Array.from({ length: count }, (_, i) => declared(`own-${i}`));

    it('has as many declared ones as there is room for, by name', () => {
      const { spec } = withDeclaredTags(streamOf(manyOwn(maxTags - 2)), ['c', 'a', 'b'].map(declared));
      expect(spec?.tags?.slice(maxTags - 2)).toEqual(['a', 'b'].map(declared));
    });

    it.each([maxTags, maxTags + 1])('is the very same object when it has %i itself', (count) => {
      const stream = streamOf(manyOwn(count));
      expect(withDeclaredTags(stream, [declared('a')])).toBe(stream);
    });
  });

  it('does not depend on the order in which the tags are declared', () => {
    const name = constantFrom('latest', 'a', 'b', 'c', 'd', 'E');
    const declarations = uniqueArray(name).chain((names) =>
      array(shuffledSubarray(names, { minLength: names.length }), { minLength: 2, maxLength: 2 }),
    );
    assert(
      property(declarations, ([one = [], other = []]) => {
        const stream = streamOf([own]);
        const view = withDeclaredTags(stream, one.map(declared));
        expect(withDeclaredTags(stream, other.map(declared))).toEqual(view);
        expect(view.spec?.tags).toHaveLength(new Set(['latest', ...one]).size);
      }),
    );
  });
});
