import { describe, expect, it } from 'vitest';
import { dockerTag, linkTag, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { createdTag, type NamedTag, tagsWithout, updatedTag, writtenTagOf } from './tag-writes.ts';

const from = { kind: 'DockerImage', name: 'r.example/app:2' } as const;
const stream = streamOf(
  [
    { ...dockerTag('1', 'r.example/app:1'), generation: 3, annotations: { a: 'b' } },
    dockerTag('2', 'r.example/app:2'),
  ],
  [],
  { generation: 7, labels: { team: 'red' } },
);

const target = (tag: string): NamedTag => ({ namespace: 'apps', stream: 'web', tag, name: `web:${tag}` });
const present = (of: ImageStream | undefined, declared?: TagReference) => ({ stream: of, declared });

function written(tag: unknown, annotations?: unknown, more: object = {}, name = '1') {
  const read = writtenTagOf({ metadata: { annotations, ...more }, tag }, name);
  if ('problem' in read) throw new Error(read.problem);
  return read;
}

/** The fields and messages of an invalid write. */
function faultsOf(write: ReturnType<typeof updatedTag>): readonly string[] {
  if (write.kind !== 'invalid') throw new Error(`It is ${write.kind}.`);
  return write.faults.map(({ field, message }) => `${field}: ${message}`);
}

describe('what was sent', () => {
  it.each([
    undefined,
    null,
    'x',
    [],
    { metadata: 'x' },
    { metadata: { annotations: { a: 1 } } },
    { tag: 'x' },
  ])('is no ImageStreamTag when it is %j', (body) => {
    expect(writtenTagOf(body, '1')).toEqual({ problem: expect.any(String) });
  });

  it('has the name of the tag, whatever it says', () => {
    expect(written({ name: 'other', from })).toMatchObject({
      tag: { name: '1', from },
      annotations: undefined,
      resourceVersion: undefined,
    });
    expect(written(null).tag).toBeUndefined();
  });

  it('has the version that the client has seen, and none when that is empty', () => {
    expect(written(null, {}, { resourceVersion: '4' }).resourceVersion).toBe('4');
    expect(written(null, {}, { resourceVersion: '' }).resourceVersion).toBeUndefined();
  });
});

describe('a tag that is created', () => {
  it('is added, and counted', () => {
    expect(createdTag(present(stream), target('new'), written({ from }, { x: 'y' }, {}, 'new'))).toEqual({
      kind: 'write',
      isNew: true,
      isChanged: true,
      tags: [...(stream.spec?.tags ?? []), { name: 'new', from, annotations: { x: 'y' }, generation: 8 }],
      written: { name: 'new', from, annotations: { x: 'y' }, generation: 8 },
    });
    expect(createdTag(present(undefined), target('1'), written({ from }))).toMatchObject({
      isNew: true,
      tags: [{ name: '1', from, generation: 1 }],
    });
  });

  it('must not be there, neither in the spec nor as an object', () => {
    expect(createdTag(present(stream), target('1'), written({ from }))).toEqual({ kind: 'exists' });
    const declared = present(stream, dockerTag('3', 'r.example/app:3'));
    expect(createdTag(declared, target('3'), written({ from }, {}, {}, '3'))).toEqual({ kind: 'exists' });
  });

  it('may be none: then there is a stream', () => {
    expect(createdTag(present(undefined), target('1'), written(undefined))).toMatchObject({
      kind: 'write',
      isNew: false,
      tags: [],
    });
  });

  it('has no other annotations than its object', () => {
    const other = createdTag(present(undefined), target('1'), written({ from, annotations: { a: '1' } }));
    expect(faultsOf(other)).toEqual([
      'tag.annotations: Invalid value: "<map>": tag annotations must not be provided or must be equal to the object meta annotations',
    ]);
    const same = written({ from, annotations: { a: '1' } }, { a: '1' });
    expect(createdTag(present(undefined), target('1'), same)).toMatchObject({
      tags: [{ annotations: { a: '1' } }],
    });
  });

  it('has a name that a tag may have', () => {
    const name = 'BAD TAG';
    expect(faultsOf(createdTag(present(undefined), target(name), written({ from }, {}, {}, name)))).toEqual([
      expect.stringMatching(/^metadata\.name: Invalid value: "web:BAD TAG": a tag is/),
    ]);
  });
});

describe('a tag that is updated', () => {
  it('is replaced as a whole, with its annotations', () => {
    expect(updatedTag(present(stream), target('1'), written({ from, reference: true }))).toEqual({
      kind: 'write',
      isNew: false,
      isChanged: true,
      tags: [{ name: '1', from, reference: true, generation: 8 }, stream.spec?.tags?.[1]],
      written: { name: '1', from, reference: true, generation: 8 },
    });
  });

  it.each([
    { name: 'another schedule', more: { importPolicy: { scheduled: true } }, generation: 3 },
    { name: 'another count', more: { generation: 99 }, generation: 3 },
    { name: 'a count of 0, which asks for an import', more: { generation: 0 }, generation: 8 },
    { name: 'another mode', more: { importPolicy: { importMode: 'PreserveOriginal' } }, generation: 8 },
  ])('has the count $generation with $name', ({ more, generation }) => {
    const same = { from: { kind: 'DockerImage', name: 'r.example/app:1' }, ...more };
    expect(updatedTag(present(stream), target('1'), written(same))).toMatchObject({
      written: { generation },
      isChanged: generation === 8,
    });
  });

  it('is made when it is not there, with its stream', () => {
    expect(updatedTag(present(undefined), target('1'), written({ from }))).toMatchObject({
      kind: 'write',
      isNew: true,
      tags: [{ name: '1', from, generation: 1 }],
    });
  });

  it('is written into the spec when it was declared as an object, and is not new', () => {
    const declared = present(stream, { ...dockerTag('3', 'r.example/app:3'), annotations: { of: 'git' } });
    expect(updatedTag(declared, target('3'), written(undefined, { c: 'd' }, {}, '3'))).toEqual({
      kind: 'write',
      isNew: false,
      isChanged: false,
      tags: [...(stream.spec?.tags ?? []), { ...dockerTag('3', 'r.example/app:3'), annotations: { c: 'd' } }],
      written: { ...dockerTag('3', 'r.example/app:3'), annotations: { c: 'd' } },
    });
  });

  it('gets other annotations when no tag was sent', () => {
    expect(updatedTag(present(stream), target('1'), written(undefined, { c: 'd' }))).toMatchObject({
      tags: [{ name: '1', annotations: { c: 'd' }, generation: 3 }, {}],
    });
  });

  it('must be in the spec then', () => {
    expect(updatedTag(present(stream), target('none'), written(undefined, {}, {}, 'none'))).toEqual({
      kind: 'refused',
      message: 'imagestreamtag none is not a spec tag in imagestream apps/web, cannot be updated',
    });
  });

  it.each([
    { name: 'of this version', version: '7', of: stream, kind: 'write' },
    { name: 'of another version', version: '6', of: stream, kind: 'stale' },
    { name: 'that is gone', version: '7', of: undefined, kind: 'absent' },
  ])('$name is a $kind', ({ version, of, kind }) => {
    const sent = written({ from }, {}, { resourceVersion: version });
    expect(updatedTag(present(of), target('1'), sent).kind).toBe(kind);
  });

  it.each([
    { name: 'no labels', more: {}, faults: [] },
    { name: 'the same labels', more: { labels: { team: 'red' } }, faults: [] },
    { name: 'the same uid', more: { uid: 'u1' }, faults: [] },
    {
      name: 'other labels',
      more: { labels: { team: 'blue' } },
      faults: ['metadata: Invalid value: "": may not update fields other than metadata.annotations'],
    },
    {
      name: 'finalizers',
      more: { finalizers: ['a/b'] },
      faults: ['metadata: Invalid value: "": may not update fields other than metadata.annotations'],
    },
    {
      name: 'another uid',
      more: { uid: 'u2' },
      faults: ['metadata.uid: Invalid value: "u2": field is immutable'],
    },
    {
      name: 'an annotation that is none',
      annotations: { 'a b': 'c' },
      more: {},
      faults: [expect.stringMatching(/^metadata\.annotations: Invalid value: "a b": name part must consist/)],
    },
  ])('may have $name: $faults', ({ more, annotations, faults }) => {
    const write = updatedTag(present(stream), target('1'), written({ from }, annotations, more));
    expect(write.kind === 'write' ? [] : faultsOf(write)).toEqual(faults);
  });

  it('is looked through', () => {
    const bad = { ...linkTag('1', ''), importPolicy: { scheduled: true } };
    expect(faultsOf(updatedTag(present(stream), target('1'), written(bad)))).toEqual([
      'tag.from.name: Required value',
      'tag.importPolicy.scheduled: Invalid value: true: only tags pointing to Docker repositories may be scheduled for background import',
    ]);
  });
});

it('takes a tag away', () => {
  expect(tagsWithout(stream, '1')).toEqual([stream.spec?.tags?.[1]]);
  expect(tagsWithout(stream, 'none')).toBeUndefined();
});
