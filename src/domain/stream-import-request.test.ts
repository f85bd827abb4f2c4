import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import { emptyPolicy } from './registry-policy.ts';
import { forbiddenSources, type ImportRequest, readStreamImport } from './stream-import-request.ts';

const docker = (name: string): object => ({ from: { kind: 'DockerImage', name } });
const image = (more: object = {}): object => ({ ...docker('quay.io/a/b:1'), ...more });
const bodyOf = (spec: object, metadata: object = {}): object => ({
  kind: 'ImageStreamImport',
  metadata: { name: 'web', ...metadata },
  spec,
});

function requestOf(spec: object, metadata: object = {}): ImportRequest {
  const sent = readStreamImport(bodyOf(spec, metadata), { namespace: 'shop', importMode: 'Legacy' });
  if (sent.kind !== 'request') throw new Error(JSON.stringify(sent));
  return sent.request;
}

describe('the target of an image', () => {
  it.each([
    { name: 'is the tag of the source', sent: image(), to: '1' },
    { name: 'is the named tag', sent: image({ to: { name: 'latest' } }), to: 'latest' },
    { name: 'is none without a tag', sent: docker('nginx'), to: undefined },
    { name: 'is none with a digest', sent: docker(`quay.io/a/b:1@${digest('a')}`), to: undefined },
    {
      name: 'may be named for a digest',
      sent: { ...docker(`quay.io/a/b@${digest('a')}`), to: { name: 'x' } },
      to: 'x',
    },
    { name: 'is none where null is sent', sent: { ...docker('nginx'), to: null }, to: undefined },
  ])('$name', ({ sent, to }) => {
    expect(requestOf({ images: [sent] }).images.map((read) => read.to)).toEqual([to]);
  });
});

it('gives policies their defaults, and shows them', () => {
  const request = requestOf({
    import: true,
    images: [image({ importPolicy: { insecure: true, scheduled: false } }), image({ includeManifest: true })],
    repository: {
      ...docker('quay.io/a/b'),
      importPolicy: { importMode: 'PreserveOriginal' },
      referencePolicy: { type: 'Local' },
    },
  });
  expect(request.persist).toBe(true);
  expect(request.spec).toEqual({
    import: true,
    images: [
      {
        ...image({ to: { name: '1' } }),
        importPolicy: { insecure: true, importMode: 'Legacy' },
        referencePolicy: { type: 'Source' },
      },
      {
        ...image({ to: { name: '1' }, includeManifest: true }),
        importPolicy: { importMode: 'Legacy' },
        referencePolicy: { type: 'Source' },
      },
    ],
    repository: {
      ...docker('quay.io/a/b'),
      importPolicy: { importMode: 'PreserveOriginal' },
      referencePolicy: { type: 'Local' },
    },
  });
});

it('reads what the client has seen, and empty texts as nothing', () => {
  const images = [image()];
  expect(requestOf({ images }, { resourceVersion: '7', uid: 'u' })).toMatchObject({
    resourceVersion: '7',
    uid: 'u',
    persist: false,
  });
  expect(requestOf({ images }, { resourceVersion: '', uid: '' })).toMatchObject({
    resourceVersion: undefined,
    uid: undefined,
  });
});

it('lets the name * pass, which old clients send', () => {
  expect(requestOf({ images: [docker('*')] }).images).toMatchObject([
    { from: '*', reference: undefined, to: undefined },
  ]);
});

describe('is refused', () => {
  const nothing =
    'spec.images: Invalid value: null: you must specify at least one image or a repository import';
  const modes = "invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'";
  it.each<{ spec: object; name?: string; faults: readonly string[] }>([
    { spec: {}, faults: [nothing] },
    { spec: { images: [] }, faults: [nothing] },
    {
      spec: { images: [{ from: { kind: 'ImageStreamTag', name: 'a:b' } }] },
      faults: ['spec.images[0].from.kind: Invalid value: "ImageStreamTag": only DockerImage is supported'],
    },
    {
      spec: { images: [{}] },
      faults: ['spec.images[0].from.kind: Invalid value: "": only DockerImage is supported'],
    },
    { spec: { images: [docker('')] }, faults: ['spec.images[0].from.name: Required value'] },
    {
      spec: { images: [docker('A')] },
      faults: ['spec.images[0].from.name: Invalid value: "A": repository name must be lowercase'],
    },
    {
      spec: { images: [image({ to: { name: '' } })] },
      faults: ['spec.images[0].to.name: Invalid value: "": the name of the target tag must be specified'],
    },
    {
      spec: { images: [image({ importPolicy: { importMode: 'legacy' } })] },
      faults: [`spec.images[0].importPolicy.importMode: Invalid value: "legacy": ${modes}`],
    },
    {
      spec: { images: [image({ referencePolicy: { type: 'Bar' } })] },
      faults: [
        'spec.images[0].referencePolicy.type: Invalid value: "Bar": valid values are "Source", "Local"',
      ],
    },
    {
      spec: { images: Array.from({ length: 101 }, () => image()) },
      faults: ['spec.images: Too many: 101: must have at most 100 items'],
    },
    {
      spec: { repository: { from: { kind: 'DockerImage' } } },
      faults: ['spec.repository.from.name: Required value: container image references require a name'],
    },
    {
      spec: { repository: docker('quay.io/a/b:1') },
      faults: [
        'spec.repository.from.name: Invalid value: "quay.io/a/b:1": you must specify an image repository, not a tag or ID',
      ],
    },
    {
      spec: { repository: { from: { kind: 'ImageStream', name: 'b' } } },
      faults: ['spec.repository.from.kind: Invalid value: "ImageStream": only DockerImage is supported'],
    },
    {
      spec: { images: [image()] },
      name: 'Foo',
      faults: ['metadata.name: Invalid value: "Foo": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"'],
    },
    {
      spec: { images: [image()] },
      name: '',
      faults: ['metadata.name: Required value: name or generateName is required'],
    },
    {
      spec: {
        images: [docker('A'), image(), { ...docker('B'), importPolicy: { importMode: 'x' } }],
        repository: docker('c:1'),
      },
      name: 'a/b',
      faults: [
        'spec.images[0].from.name: Invalid value: "A": repository name must be lowercase',
        `spec.images[2].importPolicy.importMode: Invalid value: "x": ${modes}`,
        'spec.images[2].from.name: Invalid value: "B": repository name must be lowercase',
        'spec.repository.from.name: Invalid value: "c:1": you must specify an image repository, not a tag or ID',
        `metadata.name: Invalid value: "a/b": may not contain '/'`,
      ],
    },
  ])('for $faults', ({ spec, name = 'web', faults }) => {
    const sent = readStreamImport(bodyOf(spec, { name }), { namespace: 'shop', importMode: 'Legacy' });
    if (sent.kind !== 'invalid') throw new Error(JSON.stringify(sent));
    expect(sent.faults.map(({ field, message }) => `${field}: ${message}`)).toEqual(faults);
  });
});

describe('cannot be read', () => {
  it.each<{ body: unknown; message: string }>([
    { body: undefined, message: 'must be of type ImageStreamImport' },
    { body: { ...bodyOf({}), kind: 'ImageStream' }, message: 'must be of type ImageStreamImport' },
    { body: bodyOf({ images: {} }), message: 'spec.images must be a list' },
    { body: bodyOf({ images: [7] }), message: 'spec.images[0] must be an object' },
    { body: bodyOf({ images: [null] }), message: 'spec.images[0] must be an object' },
    { body: bodyOf({ import: 'yes' }), message: 'spec.import must be a boolean' },
    { body: bodyOf({ images: [image({ to: 'latest' })] }), message: 'spec.images[0].to must be an object' },
    {
      body: bodyOf({ repository: { importPolicy: { insecure: 'true' } } }),
      message: 'spec.repository.importPolicy.insecure must be a boolean',
    },
    { body: bodyOf({}, { name: 7 }), message: 'metadata.name must be a string' },
  ])('because $message', ({ body, message }) => {
    expect(readStreamImport(body, { namespace: 'shop', importMode: 'Legacy' })).toEqual({
      kind: 'unreadable',
      message: expect.stringContaining(message),
    });
  });
});

it('names the sources that the policy does not allow, each with its field', () => {
  const policy = { ...emptyPolicy, allowed: [{ host: 'quay.io', ports: ['443'] }] };
  const request = requestOf({
    images: [image(), docker('nginx:1'), docker('*'), image({ importPolicy: { insecure: true } })],
    repository: docker('r.test:5000/a'),
  });
  const why = (registry: string): string =>
    `Forbidden: importing images from registry "${registry}" is forbidden: registry "${registry}" not allowed by whitelist: "quay.io:443"`;
  expect(forbiddenSources(request, policy)).toMatchObject([
    { field: 'spec.repository.from.name', message: why('r.test:5000') },
    { field: 'spec.images[1].from.name', message: why('docker.io:443') },
    { field: 'spec.images[3].from.name', message: why('quay.io:80') },
  ]);
  expect(forbiddenSources(request, emptyPolicy)).toEqual([]);
});
