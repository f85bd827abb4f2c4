import { describe, expect, it } from 'vitest';
import { dockerTag, streamOf } from '../../test/support/builders.ts';
import { createdTag, tagsWithout, updatedTag, writtenTagOf } from './tag-writes.ts';

const from = { kind: 'DockerImage', name: 'r.example/app:2' } as const;
const stream = streamOf(
  [
    { ...dockerTag('1', 'r.example/app:1'), generation: 3, annotations: { a: 'b' } },
    dockerTag('2', 'r.example/app:2'),
  ],
  [],
  { generation: 7 },
);

const place = { namespace: 'apps', name: 'web' };

function written(tag: unknown, annotations?: unknown) {
  const read = writtenTagOf({ metadata: { annotations }, tag }, '1');
  if (read === undefined) throw new Error('It was no object.');
  return read;
}

describe('what was sent', () => {
  it.each([undefined, null, 'x', []])('is nothing when it is %j', (body) => {
    expect(writtenTagOf(body, '1')).toBeUndefined();
  });

  it('has the name of the tag, whatever it says', () => {
    expect(written({ name: 'other', from })).toEqual({
      tag: { name: '1', from },
      annotations: undefined,
      resourceVersion: undefined,
    });
    expect(written(null).tag).toBeUndefined();
  });
});

describe('a tag that is created', () => {
  it('is added, and counted', () => {
    const read = writtenTagOf({ metadata: { annotations: { x: 'y' } }, tag: { from } }, 'new');
    expect(read && createdTag(stream, 'new', read)).toEqual({
      kind: 'write',
      isNew: true,
      tags: [...(stream.spec?.tags ?? []), { name: 'new', from, annotations: { x: 'y' }, generation: 8 }],
    });
    expect(createdTag(undefined, '1', written({ from }))).toEqual({
      kind: 'write',
      isNew: true,
      tags: [{ name: '1', from, generation: 1 }],
    });
  });

  it('must not be there', () => {
    expect(createdTag(stream, '1', written({ from }))).toEqual({ kind: 'exists' });
  });

  it('may be none: then there is a stream', () => {
    expect(createdTag(undefined, '1', written(undefined))).toEqual({ kind: 'write', isNew: false, tags: [] });
  });

  it('has no other annotations than its object', () => {
    const message = 'tag annotations must not be provided or must be equal to the object meta annotations';
    expect(createdTag(undefined, '1', written({ from, annotations: { a: '1' } }))).toEqual({
      kind: 'refused',
      message,
    });
    expect(createdTag(undefined, '1', written({ from, annotations: { a: '1' } }, { a: '1' }))).toMatchObject({
      tags: [{ annotations: { a: '1' } }],
    });
  });
});

describe('a tag that is updated', () => {
  it('is replaced as a whole, with its annotations', () => {
    expect(updatedTag(stream, '1', written({ from, reference: true }), place)).toEqual({
      kind: 'write',
      isNew: false,
      tags: [{ name: '1', from, reference: true, generation: 8 }, stream.spec?.tags?.[1]],
    });
  });

  it('keeps its count when nothing changes of where it comes from, unless an import is asked for', () => {
    const quiet = {
      from: { kind: 'DockerImage', name: 'r.example/app:1' },
      importPolicy: { scheduled: true },
    };
    expect(updatedTag(stream, '1', written(quiet, { c: 'd' }), place)).toMatchObject({
      tags: [{ ...quiet, generation: 3 }, {}],
    });
    const same = { from: { kind: 'DockerImage', name: 'r.example/app:1' } };
    expect(updatedTag(stream, '1', written(same, { a: 'b' }), place)).toMatchObject({
      tags: [{ generation: 3 }, {}],
    });
    expect(updatedTag(stream, '1', written({ ...same, generation: 0 }, { a: 'b' }), place)).toMatchObject({
      tags: [{ generation: 8 }, {}],
    });
  });

  it('is made when it is not there, with its stream', () => {
    expect(updatedTag(undefined, '1', written({ from }), place)).toEqual({
      kind: 'write',
      isNew: true,
      tags: [{ name: '1', from, generation: 1 }],
    });
  });

  it('gets other annotations when no tag was sent', () => {
    expect(updatedTag(stream, '1', written(undefined, { c: 'd' }), place)).toMatchObject({
      tags: [{ name: '1', annotations: { c: 'd' }, generation: 3 }, {}],
    });
  });

  it('must be in the spec then', () => {
    const read = written(undefined);
    expect(updatedTag(stream, 'none', read, place)).toEqual({
      kind: 'refused',
      message: 'imagestreamtag none is not a spec tag in imagestream apps/web, cannot be updated',
    });
  });
});

it('takes a tag away', () => {
  expect(tagsWithout(stream, '1')).toEqual([stream.spec?.tags?.[1]]);
  expect(tagsWithout(stream, 'none')).toBeUndefined();
});
