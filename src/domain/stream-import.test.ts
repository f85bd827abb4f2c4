import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import {
  importItems,
  lateStatus,
  lookStatus,
  lookupOf,
  outcomeOf,
  repositoryStatus,
  tagsToImport,
} from './stream-import.ts';
import { type ImportRequest, readStreamImport } from './stream-import-request.ts';

function requestOf(spec: object): ImportRequest {
  const sent = readStreamImport(
    { metadata: { name: 'web' }, spec },
    { namespace: 'shop', importMode: 'Legacy' },
  );
  if (sent.kind !== 'request') throw new Error(JSON.stringify(sent));
  return sent.request;
}

const from = (name: string, to?: string): object => ({
  from: { kind: 'DockerImage', name },
  ...(to === undefined ? {} : { to: { name: to } }),
});

describe('what is done for a request', () => {
  const pinned = `quay.io/a/b@${digest('a')}`;
  it.each([
    {
      name: 'keeps images under their targets, and only looks at those without one',
      spec: { import: true, images: [from('quay.io/a/b:1'), from('nginx'), from(pinned), from(pinned, 'x')] },
      images: [
        ['1', '1'],
        ['latest', undefined],
        ['', undefined],
        ['', 'x'],
      ],
    },
    {
      name: 'only looks without import',
      spec: { images: [from('quay.io/a/b:1'), from('quay.io/a/b:1', 'x')] },
      images: [
        ['1', undefined],
        ['1', undefined],
      ],
    },
    {
      name: 'keeps the last of two for one tag',
      spec: {
        import: true,
        images: [from('quay.io/a/b:1', 'x'), from('quay.io/a/b:2', 'x'), from('*', 'x')],
      },
      images: [
        ['1', undefined],
        ['2', 'x'],
        ['latest', undefined],
      ],
    },
  ])('$name', ({ spec, images }) => {
    const items = importItems(requestOf(spec), []);
    expect(items.images.map(({ tag, keptAs }) => [tag, keptAs])).toEqual(images);
    expect(items.repository).toEqual([]);
  });

  it('has the tags of the repository, of which images win', () => {
    const spec = { import: true, repository: from('quay.io/a/b'), images: [from('quay.io/c:1', 'latest')] };
    const { repository, images } = importItems(requestOf(spec), ['latest', '1.2']);
    expect(repository.map(({ tag, keptAs, image }) => [tag, keptAs, image.from])).toEqual([
      ['latest', undefined, 'quay.io/a/b:latest'],
      ['1.2', '1.2', 'quay.io/a/b:1.2'],
    ]);
    expect(images.map(({ keptAs }) => keptAs)).toEqual(['latest']);
  });
});

describe('the tags of the spec', () => {
  const wish = {
    tag: '1',
    from: 'quay.io/a/b:1',
    importPolicy: { insecure: true, importMode: 'Legacy' },
    referencePolicy: { type: 'Source' },
  } as const;

  it('get another source and import policy, and keep the rest', () => {
    const present = {
      ...dockerTag('1', 'quay.io/a/old:1'),
      annotations: { a: 'b' },
      importPolicy: { scheduled: true },
      referencePolicy: { type: 'Local' as const },
      generation: 2,
    };
    const stream = streamOf([present, dockerTag('other', 'quay.io/x')], [], { generation: 4 });
    expect(tagsToImport(stream, [wish])).toEqual([
      {
        ...present,
        from: { kind: 'DockerImage', name: 'quay.io/a/b:1' },
        importPolicy: wish.importPolicy,
        generation: 5,
      },
      dockerTag('other', 'quay.io/x'),
    ]);
    expect(tagsToImport(undefined, [wish])).toMatchObject([
      { name: '1', referencePolicy: { type: 'Source' }, generation: 1 },
    ]);
  });

  it('count beyond what a stream has brought along', () => {
    const stream = streamOf([{ ...dockerTag('1', 'quay.io/a/b:1'), generation: 57 }], [], { generation: 1 });
    expect(tagsToImport(stream, [{ ...wish, tag: 'new' }])).toMatchObject([
      { generation: 57 },
      { name: 'new', generation: 58 },
    ]);
  });
});

describe('a look', () => {
  const platform = { os: 'linux', architecture: 'amd64' };
  const [image, star] = requestOf({
    images: [{ ...from('quay.io/a/b:1', 'x'), importPolicy: { insecure: true } }, from('*')],
  }).images;

  it('asks as an import would, for the platform that the tag prefers', () => {
    if (image === undefined) throw new Error('no image');
    const annotations = { 'importer.image.openshift.io/prefer-arch': 'arm64' };
    const stream = streamOf([{ ...dockerTag('x', 'quay.io/old'), annotations }], []);
    expect(lookupOf(undefined, image, platform)).toEqual({
      reference: { registry: 'quay.io', repository: 'a/b', tag: '1', digest: undefined },
      insecure: true,
      importMode: 'Legacy',
      platform,
    });
    expect(lookupOf(stream, image, platform)?.platform).toEqual({ os: 'linux', architecture: 'arm64' });
  });

  it('is none at a name that nothing has', () => {
    expect(star === undefined || lookupOf(undefined, star, platform)).toBeUndefined();
  });
});

describe('what came of a wish', () => {
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
      want: { digest: digest('a'), status: { metadata: {}, status: 'Success' } },
    },
    {
      name: 'a failure, with an image of before',
      entry: { tag: '1', lastImport, items: [itemOf('a')], conditions: [failed] },
      want: { status: { metadata: {}, status: 'Failure', reason: 'NotFound', message: 'gone', code: 404 } },
    },
  ])('is $name', ({ entry, want }) => {
    expect(outcomeOf(streamOf([], [entry]), '1', 5)).toEqual(want);
  });
});

describe('the Status', () => {
  it('of a failed look has the reason and the text of an import, with the cause', () => {
    expect(lookStatus({ code: 'denied', detail: 'denied: no' }, 'r.test/a:1')).toEqual({
      metadata: {},
      status: 'Failure',
      reason: 'InternalError',
      message: 'Internal error occurred: r.test/a:1: denied: no; give the account the right to pull',
      details: { causes: [{ message: 'r.test/a:1: denied: no; give the account the right to pull' }] },
      code: 500,
    });
    expect(lookStatus({ code: 'unauthorized', detail: '' }, 'r.test/a')).toMatchObject({
      reason: 'Unauthorized',
      message: 'you may not have access to the container image "r.test/a"',
      code: 401,
    });
  });

  it('of a failed look does not promise another try', () => {
    const { message } = lookStatus({ code: 'too-many-requests', detail: 'slow down' }, 'r.test/a:1');
    expect(message).not.toContain('it is tried again');
  });

  it('of one that is late tells whether it goes on', () => {
    expect(lateStatus(50_000, 'look')).toMatchObject({
      message: 'no answer within 50 seconds',
      reason: 'Timeout',
      code: 504,
    });
    expect(lateStatus(50_000, 'import')['message']).toContain('the import goes on');
  });

  it.each([
    { failures: 0, want: { status: 'Success' } },
    {
      failures: 1,
      want: { reason: 'ImportFailed', message: 'one of the images from this repository failed to import' },
    },
    { failures: 3, want: { message: '3 of the images from this repository failed to import' } },
  ])('of a repository counts $failures', ({ failures, want }) => {
    expect(repositoryStatus(failures)).toMatchObject(want);
  });
});
