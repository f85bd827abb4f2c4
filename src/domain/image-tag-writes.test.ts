import { describe, expect, it } from 'vitest';

import { dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { createdImageTag, updatedImageTag, writtenImageTagOf } from './image-tag-writes.ts';
import { writtenImageTagView } from './reference-views.ts';
import type { NamedTag, TagWrite } from './tag-writes.ts';

const from = { kind: 'DockerImage', name: 'r.example/app:2' } as const;
const latest = dockerTag('latest', 'r.example/app:1', { generation: 3 });
const history = { tag: 'latest', items: [itemOf('a')], hasImageStreamTag: true };
const left = { tag: 'left', items: [itemOf('b')] };
const stream = streamOf([latest], [history, left], { generation: 7, annotations: { of: 'the stream' } });
const target = (tag: string): NamedTag => ({ namespace: 'apps', stream: 'web', tag, name: `web:${tag}` });

function sent(body: object) {
  const read = writtenImageTagOf(body);
  if ('problem' in read) throw new Error(read.problem);
  return read;
}

/** A write of what a GET shows, with changes. */
function update(
  tag: string,
  changes: object,
  { of = stream, declared }: { of?: ImageStream | undefined; declared?: TagReference } = {},
): TagWrite {
  const view = writtenImageTagView(of, tag, undefined, { localRegistry: undefined });
  return updatedImageTag({ stream: of, declared, view }, target(tag), sent({ ...view, ...changes }));
}

const faultsOf = (write: TagWrite): readonly string[] =>
  write.kind === 'invalid' ? write.faults.map(({ field, message }) => `${field}: ${message}`) : [write.kind];

describe('an ImageTag that is created', () => {
  const create = (tag: string, body: object, declared?: TagReference): TagWrite =>
    createdImageTag({ stream, declared }, target(tag), sent(body));

  it('is added, and counted, with the name of its tag', () => {
    for (const name of [undefined, null, '', 'new'])
      expect(create('new', { spec: { name, from } })).toMatchObject({
        kind: 'write',
        isNew: true,
        written: { name: 'new', from, generation: 8 },
        tags: [latest, { name: 'new' }],
      });
  });

  it('may be there in the history, but neither in the spec nor as an object', () => {
    expect(create('left', { spec: { from } }).kind).toBe('write');
    expect(create('latest', { spec: { from } }).kind).toBe('exists');
    expect(create('git', { spec: { from } }, dockerTag('git', 'r.example/app:1')).kind).toBe('exists');
  });

  it.each([
    { spec: null, faults: ['spec: Required value: spec is a required field during creation'] },
    { spec: { name: 'y' }, faults: ['spec.name: Invalid value: "y": must match image tag name'] },
    { spec: { from: { kind: 'DockerImage', name: '' } }, faults: ['spec.from.name: Required value'] },
  ])('has the faults $faults', ({ spec, faults }) => {
    expect(faultsOf(create('new', { spec }))).toEqual(faults);
  });
});

describe('an ImageTag that is updated', () => {
  it('is replaced as a whole', () => {
    const spec = { name: 'latest', from, annotations: { a: 'b' } };
    expect(update('latest', { spec })).toMatchObject({
      kind: 'write',
      isNew: false,
      isChanged: true,
      tags: [{ ...spec, generation: 8 }],
    });
    expect(update('latest', { spec: { ...latest, generation: 99 } })).toMatchObject({
      isChanged: false,
      tags: [latest],
    });
  });

  it('is made when only the history has it', () => {
    expect(update('left', { spec: { name: 'left', from } })).toMatchObject({ kind: 'write', isNew: true });
  });

  it('is made with its stream', () => {
    const absent = { stream: undefined, declared: undefined, view: undefined };
    const spec = { name: 'x', from };
    expect(updatedImageTag(absent, target('x'), sent({ spec }))).toMatchObject({
      isNew: true,
      tags: [{ ...spec, generation: 1 }],
    });
    expect(faultsOf(updatedImageTag(absent, target('x'), sent({})))).toEqual([
      'spec: Required value: spec is a required field during creation',
    ]);
  });

  it('leaves the spec without one of its own, also when it is declared', () => {
    expect(update('latest', { spec: null })).toEqual({
      kind: 'write',
      isNew: false,
      isChanged: false,
      tags: [],
      written: undefined,
    });
    const declared = dockerTag('git', 'r.example/app:1');
    expect(update('git', { spec: null }, { declared })).toMatchObject({ kind: 'write', tags: [latest] });
    expect(update('none', { spec: null }).kind).toBe('absent');
  });

  it('is written from what is declared, which is not new', () => {
    const declared = dockerTag('git', 'r.example/app:1');
    expect(update('git', { spec: { ...declared, from } }, { declared })).toMatchObject({
      isNew: false,
      isChanged: true,
    });
  });

  const metadata = { name: 'web:latest', annotations: { of: 'the stream' }, resourceVersion: '7' };
  const only = 'Invalid value: "": may not update fields other than spec';
  it.each([
    { name: 'what was seen', changes: {}, want: ['write'] },
    { name: 'no version', changes: { metadata: { ...metadata, resourceVersion: '' } }, want: ['write'] },
    {
      name: 'empty lists and members',
      changes: { metadata: { ...metadata, labels: {}, finalizers: [], ownerReferences: null } },
      want: ['write'],
    },
    {
      name: 'another version',
      changes: { metadata: { ...metadata, resourceVersion: '6' } },
      want: ['stale'],
    },
    { name: 'no annotations', changes: { metadata: { name: 'web:latest' } }, want: [`metadata: ${only}`] },
    {
      name: 'labels',
      changes: { metadata: { ...metadata, labels: { a: 'b' } } },
      want: [`metadata: ${only}`],
    },
    {
      name: 'another uid',
      changes: { metadata: { ...metadata, uid: 'u9' } },
      want: ['metadata.uid: Invalid value: "u9": field is immutable'],
    },
    { name: 'no status', changes: { status: null }, want: [`status: ${only}`] },
    { name: 'another status', changes: { status: { tag: 'latest', items: [] } }, want: [`status: ${only}`] },
    {
      name: 'another name of the tag',
      changes: { spec: { ...latest, name: '' } },
      want: ['spec.name: Invalid value: "": must match image tag name'],
    },
  ])('with $name is $want', ({ changes, want }) => {
    expect(faultsOf(update('latest', changes))).toEqual(want);
  });
});

it.each([{ spec: 'x' }, { metadata: { labels: [] } }, 7])('%j is no ImageTag', (body) => {
  expect(writtenImageTagOf(body)).toEqual({ problem: expect.any(String) });
});
