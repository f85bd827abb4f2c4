import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import { outcomeOf, tagsToImport, wantedImports } from './stream-import.ts';

const image = (more: object = {}) => ({ from: { kind: 'DockerImage', name: 'quay.io/a/b:1' }, ...more });

describe('what is asked for', () => {
  it.each([
    { name: 'the tag of the source', images: [image()], tags: ['1'] },
    { name: 'the named tag', images: [image({ to: { name: 'latest' } })], tags: ['latest'] },
    { name: 'both of two', images: [image(), image({ to: { name: '2' } })], tags: ['1', '2'] },
  ])('is kept under $name', ({ images, tags }) => {
    const { wanted, faults } = wantedImports({ images });
    expect(faults).toEqual([]);
    expect(wanted.map(({ tag }) => tag)).toEqual(tags);
  });

  it.each([
    {
      images: undefined,
      field: 'spec.images',
      message: 'you must specify at least one image or a repository import',
    },
    {
      images: [],
      field: 'spec.images',
      message: 'you must specify at least one image or a repository import',
    },
    { images: [7], field: 'spec.images[0].from.kind', message: 'only DockerImage is supported' },
    {
      images: [{ from: { kind: 'ImageStreamTag', name: 'a:b' } }],
      field: 'spec.images[0].from.kind',
      message: 'only DockerImage is supported',
    },
    {
      images: [{ from: { kind: 'DockerImage' } }],
      field: 'spec.images[0].from.name',
      message: 'Required value',
    },
    {
      images: [image({ from: { kind: 'DockerImage', name: 'A' } })],
      field: 'spec.images[0].from.name',
      message: 'lowercase',
    },
    { images: [image(), image()], field: 'spec.images[1].to.name', message: 'Duplicate value: "1"' },
    {
      images: Array.from({ length: 101 }, () => image()),
      field: 'spec.images',
      message: 'must have at most 100 items',
    },
    {
      images: [image({ to: { name: '' } })],
      field: 'spec.images[0].to.name',
      message: 'the name of the target tag must be specified',
    },
    {
      images: [image({ from: { kind: 'DockerImage', name: `quay.io/a/b@${digest('a')}` } })],
      field: 'spec.images[0].to.name',
      message: 'the name of the target tag must be specified',
    },
  ])('is refused: $field $message', ({ images, field, message }) => {
    expect(wantedImports({ images }).faults).toEqual([{ field, message: expect.stringContaining(message) }]);
  });
});

it('replaces the source and the import policy of a tag, and nothing else of it', () => {
  const present = {
    ...dockerTag('1', 'quay.io/a/old:1'),
    annotations: { a: 'b' },
    importPolicy: { scheduled: true },
    referencePolicy: { type: 'Local' as const },
    generation: 2,
  };
  const stream = streamOf([present, dockerTag('other', 'quay.io/x')], [], { generation: 4 });
  const { wanted } = wantedImports({
    images: [image({ importPolicy: { insecure: true }, referencePolicy: { type: 'Source' } })],
  });
  expect(tagsToImport(stream, wanted)).toEqual([
    {
      ...present,
      from: { kind: 'DockerImage', name: 'quay.io/a/b:1' },
      importPolicy: { insecure: true },
      generation: 5,
    },
    dockerTag('other', 'quay.io/x'),
  ]);
  expect(tagsToImport(undefined, wanted)).toMatchObject([
    { name: '1', referencePolicy: { type: 'Source' }, generation: 1 },
  ]);
});

it('counts beyond what a stream has brought along', () => {
  const { wanted } = wantedImports({ images: [image({ to: { name: 'new' } })] });
  const stream = streamOf([{ ...dockerTag('1', 'quay.io/a/b:1'), generation: 57 }], [], { generation: 1 });
  expect(tagsToImport(stream, wanted)).toMatchObject([{ generation: 57 }, { name: 'new', generation: 58 }]);
});

describe('what came of it', () => {
  const lastImport = {
    from: { kind: 'DockerImage' as const, name: 'x' },
    attemptedAt: '2026-01-01T00:00:00Z',
    generation: 5,
  };
  const failed = {
    type: 'ImportSuccess',
    status: 'False' as const,
    reason: 'NotFound',
    message: 'gone',
    generation: 5,
  };

  it.each([
    {
      name: 'nothing yet',
      entry: { tag: '1', lastImport: { ...lastImport, generation: 4 } },
      want: undefined,
    },
    { name: 'nothing at all', entry: { tag: '1' }, want: undefined },
    {
      name: 'an image',
      entry: { tag: '1', lastImport, items: [itemOf('a')] },
      want: { tag: '1', digest: digest('a'), status: { metadata: {}, status: 'Success' } },
    },
    {
      name: 'a failure, with an image of before',
      entry: { tag: '1', lastImport, items: [itemOf('a')], conditions: [failed] },
      want: {
        tag: '1',
        status: { metadata: {}, status: 'Failure', reason: 'NotFound', message: 'gone', code: 404 },
      },
    },
  ])('is $name', ({ entry, want }) => {
    expect(outcomeOf(streamOf([], [entry]), '1', 5)).toEqual(want);
  });
});
