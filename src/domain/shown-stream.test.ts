import { describe, expect, it } from 'vitest';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { repositoryCheckAnnotation, shownStream, storedStream } from './shown-stream.ts';

const defaults = { importMode: 'Legacy', localRegistry: undefined } as const;
const from = { kind: 'DockerImage', name: 'quay.io/a/b:1' } as const;
const digest = `sha256:${'1'.repeat(64)}`;
const item = {
  created: '2026-01-01T00:00:00Z',
  dockerImageReference: `quay.io/a/b@${digest}`,
  image: digest,
  generation: 3,
};

/** A stream in its seventh generation with one tag, imported in the third. */
function streamWith(tag: TagReference, more: Partial<ImageStream> = {}): ImageStream {
  return {
    apiVersion: 'image.openshift.io/v1',
    kind: 'ImageStream',
    metadata: { name: 'web', namespace: 'shop', generation: 7 },
    spec: { tags: [tag] },
    status: {
      tags: [{ tag: tag.name, items: [item], lastImport: { from, attemptedAt: '2026-01-02T00:00:00Z' } }],
    },
    ...more,
  };
}

/** What is stored of the one tag after an edit of what was shown. */
function edited(stream: ImageStream, edit: (shown: TagReference) => TagReference): TagReference | undefined {
  const shown = shownStream(stream, defaults);
  const tags = (shown.spec?.tags ?? []).map(edit);
  return storedStream({ ...shown, spec: { ...shown.spec, tags } }, stream, defaults).spec?.tags?.[0];
}

describe('shownStream', () => {
  it('shows the defaults of the reference', () => {
    const shown = shownStream(streamWith({ name: 'a', from }), defaults);
    expect(shown.spec).toEqual({
      lookupPolicy: { local: false },
      tags: [
        {
          name: 'a',
          from,
          generation: 3,
          importPolicy: { importMode: 'Legacy' },
          referencePolicy: { type: 'Source' },
        },
      ],
    });
    expect(shown.status?.dockerImageRepository).toBe('');
  });

  it.each([
    {
      name: 'as it is stored',
      localRegistry: 'r.example:5000',
      stored: 's.example/a/b',
      shown: 's.example/a/b',
    },
    {
      name: "in the cluster's registry",
      localRegistry: 'r.example:5000',
      stored: undefined,
      shown: 'r.example:5000/shop/web',
    },
    { name: 'that it follows', localRegistry: undefined, stored: '', shown: 'quay.io/a/b' },
  ])('shows the repository $name, before the operator has seen the stream too', (each) => {
    const stream = streamWith({ name: 'a', from });
    const spec = { ...stream.spec, dockerImageRepository: 'quay.io/a/b' };
    const status = each.stored === undefined ? undefined : { dockerImageRepository: each.stored };
    const { localRegistry } = each;
    const shown = shownStream({ ...stream, spec, ...(status && { status }) }, { ...defaults, localRegistry });
    expect(shown.status?.dockerImageRepository).toBe(each.shown);
  });

  it.each<{ name: string; tag: TagReference; more?: Partial<ImageStream>; generation: number }>([
    { name: 'its own, where a client counts', tag: { name: 'a', from, generation: 5 }, generation: 5 },
    {
      name: 'the one that was observed, when nothing is asked for',
      tag: { name: 'a', from, generation: 0 },
      generation: 3,
    },
    {
      name: "the stream's, while another source is being imported",
      tag: { name: 'a', from: { ...from, name: 'quay.io/a/b:2' } },
      generation: 7,
    },
    {
      name: "the stream's, before the first import",
      tag: { name: 'a', from },
      more: { status: {} },
      generation: 7,
    },
    { name: "the stream's, for a tag without a source", tag: { name: 'a' }, generation: 7 },
    {
      name: 'that of the failure, when the last import has failed',
      tag: { name: 'a', from },
      more: {
        status: {
          tags: [
            {
              tag: 'a',
              items: [item],
              conditions: [{ type: 'ImportSuccess', status: 'False', generation: 4 }],
              lastImport: { from },
            },
          ],
        },
      },
      generation: 4,
    },
  ])('a tag has the generation: $name', ({ tag, more, generation }) => {
    expect(shownStream(streamWith(tag, more), defaults).spec?.tags?.[0]?.generation).toBe(generation);
  });

  it('sorts tags by name, and shows those that were found in the repository', () => {
    const stream = streamWith(
      { name: 'b', from },
      {
        spec: { dockerImageRepository: 'quay.io/a/b', tags: [{ name: 'b', from }] },
        status: {
          repositoryImport: { from: 'quay.io/a/b', tags: ['a', 'b'], attemptedAt: '2026-01-03T00:00:00Z' },
        },
      },
    );
    const shown = shownStream(stream, defaults);
    expect(shown.spec?.tags?.map(({ name, from: source }) => [name, source?.name])).toEqual([
      ['a', 'quay.io/a/b:a'],
      ['b', 'quay.io/a/b:1'],
    ]);
    expect(shown.metadata.annotations).toEqual({ [repositoryCheckAnnotation]: '2026-01-03T00:00:00Z' });
    expect(storedStream(shown, stream, defaults).spec).toEqual(stream.spec);
  });

  it.each<{ name: string; tag: TagReference; lastImport: object }>([
    {
      name: 'a copy',
      tag: { name: 'a', from: { kind: 'ImageStreamTag', name: 'x:1' } },
      lastImport: { from: { kind: 'ImageStreamTag', name: 'x:1' } },
    },
    {
      name: 'a pull spec that is only recorded',
      tag: { name: 'a', from, reference: true },
      lastImport: { from, reference: true },
    },
  ])('$name is no import', ({ tag, lastImport }) => {
    const status = {
      tags: [{ tag: 'a', lastImport: { ...lastImport, attemptedAt: '2026-01-02T00:00:00Z' } }],
    };
    expect(shownStream(streamWith(tag, { status }), defaults).metadata.annotations).toBeUndefined();
  });
});

describe('storedStream', () => {
  it.each<{ name: string; tag: TagReference }>([
    { name: 'with nothing but a source', tag: { name: 'a', from } },
    { name: 'with a generation', tag: { name: 'a', from, generation: 5 } },
    {
      name: 'with policies',
      tag: { name: 'a', from, importPolicy: { scheduled: true }, referencePolicy: { type: 'Local' } },
    },
    { name: 'with empty policies', tag: { name: 'a', from, importPolicy: {}, referencePolicy: {} } },
    {
      name: 'with empty values',
      tag: { name: 'a', from, importPolicy: { importMode: '' }, referencePolicy: { type: '' } },
    },
    {
      name: 'with the defaults written out',
      tag: { name: 'a', from, importPolicy: { importMode: 'Legacy' }, referencePolicy: { type: 'Source' } },
    },
  ])('a stream $name comes back as it was stored', ({ tag }) => {
    const { status: _, ...stored } = streamWith(tag);
    const stream = streamWith(tag);
    expect(storedStream(shownStream(stream, defaults), stream, defaults)).toEqual({
      ...stored,
      metadata: { ...stored.metadata, annotations: {} },
    });
  });

  it.each<{ name: string; tag: TagReference; edit: (shown: TagReference) => TagReference; stored: object }>([
    {
      name: 'a generation of 0 asks for an import, by a number above all others',
      tag: { name: 'a', from },
      edit: (tag) => ({ ...tag, generation: 0 }),
      stored: { name: 'a', from, generation: 8 },
    },
    {
      name: 'another generation is not taken',
      tag: { name: 'a', from, generation: 5 },
      edit: (tag) => ({ ...tag, generation: 99 }),
      stored: { name: 'a', from, generation: 5 },
    },
    {
      name: 'a generation that is taken out stays',
      tag: { name: 'a', from, generation: 5 },
      edit: (tag) => ({ ...tag, generation: null }),
      stored: { name: 'a', from, generation: 5 },
    },
    {
      name: 'another source is counted, where generations are',
      tag: { name: 'a', from, generation: 5 },
      edit: (tag) => ({ ...tag, from: { ...from, name: 'quay.io/a/b:2' } }),
      stored: { name: 'a', from: { ...from, name: 'quay.io/a/b:2' }, generation: 8 },
    },
    {
      name: 'another source needs no number, where there was none',
      tag: { name: 'a', from },
      edit: (tag) => ({ ...tag, from: { ...from, name: 'quay.io/a/b:2' } }),
      stored: { name: 'a', from: { ...from, name: 'quay.io/a/b:2' } },
    },
    {
      name: 'its own namespace spelled out is no other source',
      tag: { name: 'a', from, generation: 5 },
      edit: (tag) => ({ ...tag, from: { ...from, namespace: 'shop' } }),
      stored: { name: 'a', from: { ...from, namespace: 'shop' }, generation: 5 },
    },
    {
      name: 'a mode that differs from the default is stored',
      tag: { name: 'a', from },
      edit: (tag) => ({ ...tag, importPolicy: { importMode: 'PreserveOriginal' } }),
      stored: { name: 'a', from, importPolicy: { importMode: 'PreserveOriginal' } },
    },
    {
      name: 'a schedule is stored without the default beside it',
      tag: { name: 'a', from },
      edit: (tag) => ({ ...tag, importPolicy: { ...tag.importPolicy, scheduled: true } }),
      stored: { name: 'a', from, importPolicy: { scheduled: true } },
    },
  ])('$name', ({ tag, edit, stored }) => {
    expect(edited(streamWith(tag), edit)).toEqual(stored);
  });

  it('takes the generations of a new stream away, and its status', () => {
    const sent = streamWith({ name: 'a', from, generation: 9, importPolicy: { importMode: 'Legacy' } });
    const stored = storedStream(sent, undefined, defaults);
    expect(stored.spec?.tags).toEqual([{ name: 'a', from, importPolicy: { importMode: 'Legacy' } }]);
    expect(stored.status).toBeUndefined();
  });

  it('asks again for a tag of which only the history was left', () => {
    const stream = streamWith({ name: 'a', from }, { spec: {} });
    const sent = { ...stream, spec: { tags: [{ name: 'a', from }] } };
    expect(storedStream(sent, stream, defaults).spec?.tags).toEqual([{ name: 'a', from, generation: 8 }]);
  });

  it('keeps the order that is stored, new tags behind, and the last of a name', () => {
    const stream = streamWith({ name: 'z', from }, { spec: { tags: [{ name: 'z' }, { name: 'm' }] } });
    const tags = [{ name: 'a' }, { name: 'm' }, { name: 'a', reference: true }, { name: 'z' }];
    const stored = storedStream({ ...stream, spec: { tags } }, stream, defaults).spec?.tags;
    expect(stored).toEqual([{ name: 'z' }, { name: 'm' }, { name: 'a', reference: true }]);
  });

  it("keeps a stored time of an import under ours, and stores a client's own", () => {
    const key = repositoryCheckAnnotation;
    const stream = streamWith({ name: 'a', from });
    const restored = {
      ...stream,
      metadata: { ...stream.metadata, annotations: { [key]: 'from OpenShift', a: 'b' } },
    };
    const shown = shownStream(restored, defaults);
    expect(shown.metadata.annotations).toEqual({ [key]: '2026-01-02T00:00:00Z', a: 'b' });
    expect(storedStream(shown, restored, defaults).metadata.annotations).toEqual({
      [key]: 'from OpenShift',
      a: 'b',
    });
    const own = { ...shown, metadata: { ...shown.metadata, annotations: { [key]: 'mine' } } };
    expect(storedStream(own, stream, defaults).metadata.annotations).toEqual({ [key]: 'mine' });
  });

  it('keeps a lookup policy that was turned on or written out', () => {
    const stream = streamWith({ name: 'a', from });
    const on = { ...stream, spec: { ...stream.spec, lookupPolicy: { local: true } } };
    expect(storedStream(on, stream, defaults).spec?.lookupPolicy).toEqual({ local: true });
    const off = { ...stream, spec: { ...stream.spec, lookupPolicy: { local: false } } };
    expect(storedStream(shownStream(off, defaults), off, defaults).spec?.lookupPolicy).toEqual({
      local: false,
    });
  });
});
