import { describe, expect, it } from 'vitest';
import type { Exchange } from './exchange.ts';
import { checkUnknownFields, unknownFields } from './field-validation.ts';
import { kindSchemas } from './kind-schemas.ts';
import { StatusError } from './status.ts';

describe('unknownFields', () => {
  it.each([
    {
      name: 'none in a whole ImageStreamTag',
      kind: 'ImageStreamTag',
      document: {
        apiVersion: 'image.openshift.io/v1',
        kind: 'ImageStreamTag',
        metadata: {
          name: 'web:1',
          labels: { any: 'thing' },
          annotations: { 'a.b/c': 'd' },
          managedFields: [{ manager: 'oc', fieldsV1: { 'f:tag': { '.': {} } } }],
        },
        tag: { name: '1', from: { kind: 'DockerImage', name: 'a/b' }, annotations: { any: 'thing' } },
        image: { metadata: { name: 'sha256:1' }, dockerImageMetadata: { Any: { Thing: 1 } } },
      },
      want: [],
    },
    {
      name: 'at the top',
      kind: 'ImageStreamTag',
      document: { spec: { foo: 1 }, tag: null },
      want: ['spec'],
    },
    {
      name: 'within a field',
      kind: 'ImageStreamImport',
      document: { spec: { import: true, foo: { bar: 1 } } },
      want: ['spec.foo'],
    },
    {
      name: 'in entries of lists, each with its place',
      kind: 'ImageStreamImport',
      document: {
        spec: {
          images: [
            { from: {}, form: {} },
            { to: { name: 'a' }, importPolicy: { secure: true } },
          ],
        },
      },
      want: ['spec.images[0].form', 'spec.images[1].importPolicy.secure'],
    },
    {
      name: 'in metadata',
      kind: 'ImageStream',
      document: { metadata: { nmae: 'web', ownerReferences: [{ uuid: '1' }] } },
      want: ['metadata.nmae', 'metadata.ownerReferences[0].uuid'],
    },
    {
      name: 'by the letter',
      kind: 'ImageStream',
      document: { Spec: {}, spec: { Tags: [] } },
      want: ['Spec', 'spec.Tags'],
    },
    {
      name: 'within the stream of another kind',
      kind: 'ImageStreamImport',
      document: { status: { import: { spec: { tags: [{ nmae: 'a' }] } } } },
      want: ['status.import.spec.tags[0].nmae'],
    },
    {
      name: 'within the values of a map',
      kind: 'ImageStreamLayers',
      document: { blobs: { 'sha256:1': { size: 1, length: 1 } } },
      want: ['blobs.sha256:1.length'],
    },
    {
      name: 'what every object of JavaScript has',
      kind: 'ImageStreamTag',
      document: JSON.parse('{"__proto__": 1, "constructor": 1, "tag": {"toString": 1}}'),
      want: ['__proto__', 'constructor', 'tag.toString'],
    },
    {
      name: 'no directives of patches',
      kind: 'ImageStreamTag',
      document: { metadata: { '$setElementOrder/finalizers': [] } },
      want: [],
    },
    {
      name: 'nothing in another type',
      kind: 'ImageStreamTag',
      document: { tag: ['a'], image: 'b' },
      want: [],
    },
    { name: 'nothing in what is no object', kind: 'ImageStreamTag', document: 'tag', want: [] },
    { name: 'nothing of a kind that there is not', kind: 'Pod', document: { foo: 1 }, want: [] },
  ])('finds $name', ({ kind, document, want }) => {
    expect(unknownFields(kind, document)).toEqual(want);
  });

  it('stops after a hundred, at every depth', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, 1]));
    expect(unknownFields('ImageStream', many)).toHaveLength(100);
    const tags = Array.from({ length: 500 }, () => ({ ...many, name: 'a' }));
    expect(unknownFields('ImageStream', { spec: { tags }, last: 1 })).toHaveLength(100);
  });

  it('names long fields by their beginning', () => {
    const blob = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, 1]));
    const found = unknownFields('ImageStreamLayers', { blobs: { ['a'.repeat(100_000)]: blob } });
    expect(found).toHaveLength(100);
    expect(found.join('').length).toBeLessThan(200_000);
  });

  it('ends for every kind: no schema holds itself', () => {
    const open = (name: string, above: readonly string[]): void => {
      expect(above).not.toContain(name);
      const text = JSON.stringify(kindSchemas[name]);
      for (const [, next = ''] of text.matchAll(/"\$ref":"(\w+)"/g)) open(next, [...above, name]);
    };
    for (const name of Object.keys(kindSchemas)) open(name, []);
  });
});

describe('checkUnknownFields', () => {
  const headers = (query: string, document: unknown): readonly string[] => {
    const set: string[] = [];
    const response = { setHeader: (_: string, value: readonly string[]) => set.push(...value) };
    checkUnknownFields(
      { url: new URL(`https://face/${query}`), response } as unknown as Exchange,
      'ImageStreamTag',
      document,
    );
    return set;
  };

  it('warns without a word, and for Warn', () => {
    for (const query of ['', '?fieldValidation=', '?fieldValidation=Warn'])
      expect(headers(query, { tag: { foo: 1 }, bar: 1 })).toEqual([
        '299 - "unknown field \\"tag.foo\\""',
        '299 - "unknown field \\"bar\\""',
      ]);
    expect(headers('', { tag: { name: 'a' } })).toEqual([]);
  });

  it('says nothing for Ignore', () => {
    expect(headers('?fieldValidation=Ignore', { foo: 1 })).toEqual([]);
  });

  it.each([
    {
      value: 'Strict',
      status: {
        code: 400,
        reason: 'BadRequest',
        message:
          'ImageStreamTag in version "v1" cannot be handled as a ImageStreamTag: strict decoding error: unknown field "tag.foo", unknown field "bar"',
      },
    },
    {
      value: 'strict',
      status: {
        code: 422,
        reason: 'Invalid',
        message: 'fieldValidation: Unsupported value: "strict": supported values: "Ignore", "Strict", "Warn"',
      },
    },
  ])('refuses for $value', ({ value, status }) => {
    let thrown: unknown;
    try {
      headers(`?fieldValidation=${value}`, { tag: { foo: 1 }, bar: 1 });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(StatusError);
    expect((thrown as StatusError).status).toMatchObject(status);
  });

  it('keeps headers short, and to characters that a header may have', () => {
    const long = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`${i}${'x'.repeat(10_000)}`, 1]));
    const warnings = headers('', long);
    expect(warnings.length).toBeGreaterThan(5);
    expect(warnings.join('').length).toBeLessThan(5_000);
    const [odd = ''] = headers('', { 'a\r\nset-cookie: b\u007f"\\é😀\ud800': 1 });
    // What Node lets into a header.
    expect(odd).toMatch(/^[\t\u0020-\u007e\u0080-\u00ff]+$/);
    expect(Buffer.from(odd, 'latin1').toString()).toContain('é😀');
  });
});
