import { describe, expect, it } from 'vitest';

import { namedTag, readTag, readTexts } from './tag-shape.ts';

describe('a tag that was sent', () => {
  it('is read with the fields that tags have, and without those that are null', () => {
    const sent = {
      name: 'x',
      annotations: { a: 'b' },
      from: { kind: 'DockerImage', name: 'a', uid: null, colour: 'red' },
      reference: null,
      generation: 0,
      importPolicy: { insecure: true, scheduled: null },
      referencePolicy: {},
      frm: {},
    };
    const read = readTag(sent, 'ImageStreamTag.tag');
    expect(read).toEqual({
      tag: {
        name: 'x',
        annotations: { a: 'b' },
        from: { kind: 'DockerImage', name: 'a' },
        generation: 0,
        importPolicy: { insecure: true },
        referencePolicy: {},
      },
    });
    if ('tag' in read) expect(namedTag(read.tag, 'y')).toMatchObject({ name: 'y', generation: 0 });
  });

  it.each([
    { sent: 'x', problem: 'string into Go struct field T.tag of type object' },
    { sent: [], problem: 'array into Go struct field T.tag of type object' },
    { sent: { from: 'x' }, problem: 'string into Go struct field T.tag.from of type object' },
    { sent: { name: 1 }, problem: 'number into Go struct field T.tag.name of type string' },
    { sent: { reference: 'yes' }, problem: 'string into Go struct field T.tag.reference of type bool' },
    { sent: { generation: 1.5 }, problem: 'number into Go struct field T.tag.generation of type int64' },
    { sent: { generation: true }, problem: 'bool into Go struct field T.tag.generation of type int64' },
    {
      sent: { annotations: { a: 1 } },
      problem: 'object into Go struct field T.tag.annotations of type map[string]string',
    },
  ])('is none: $problem', ({ sent, problem }) => {
    expect(readTag(sent, 'T.tag')).toEqual({ problem: `json: cannot unmarshal ${problem}` });
  });

  it('has no fields by inheritance', () => {
    expect(readTag(JSON.parse('{"__proto__":{},"toString":1}'), 'T.tag')).toMatchObject({ tag: {} });
  });
});

it.each([
  { sent: undefined, want: { texts: undefined } },
  { sent: null, want: { texts: undefined } },
  { sent: { a: 'b' }, want: { texts: { a: 'b' } } },
  { sent: { a: null }, want: { problem: expect.any(String) } },
  { sent: [], want: { problem: expect.any(String) } },
])('labels that are $sent are $want', ({ sent, want }) => {
  expect(readTexts(sent, 'T.metadata.labels')).toEqual(want);
});
