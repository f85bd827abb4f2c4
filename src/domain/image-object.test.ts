import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import { isJsonObject, type JsonObject } from '../api/json.ts';
import { imageObjectName, imageOf } from './image-object.ts';
import { type Descriptor, type IndexEntry, type Manifest, maxDescriptors } from './manifest.ts';

const fetchedAt = Date.parse('2026-01-01T12:00:00Z');
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const gzip = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const config: Descriptor = { mediaType: 'application/json', digest: digest('c'), size: 7 };

const layerOf = (digit: string, size: number): Descriptor => ({
  mediaType: gzip,
  digest: digest(digit),
  size,
});

function imageWith(document: JsonObject, layers: readonly Descriptor[] = []) {
  const manifest: Manifest = { kind: 'image', mediaType: dockerManifest, config, layers };
  const dockerImageReference = `r.example/app@${digest('a')}`;
  return imageOf({ digest: digest('a'), dockerImageReference, manifest, config: document, fetchedAt });
}

function indexWith(entries: readonly IndexEntry[]) {
  const manifest: Manifest = { kind: 'index', mediaType: ociIndex, entries };
  return imageOf({
    digest: digest('a'),
    dockerImageReference: `r.example/app@${digest('a')}`,
    manifest,
    config: undefined,
    fetchedAt,
  });
}

const metadataOf = (document: JsonObject): JsonObject => imageWith(document).dockerImageMetadata ?? {};
const configOf = (members: JsonObject): unknown => metadataOf({ config: members })['Config'];

describe('the object of an image', () => {
  it('holds what the reference shows of it', () => {
    const document = {
      architecture: 'amd64',
      os: 'linux',
      variant: 'v2',
      author: 'somebody',
      comment: 'a comment',
      container: 'abc',
      container_config: { Cmd: ['#(nop)'] },
      created: '2025-06-01T10:00:00.123456789Z',
      docker_version: '20.10',
      parent: digest('f'),
      config: {
        Env: ['PATH=/bin'],
        Cmd: ['sh'],
        WorkingDir: '/',
        ExposedPorts: { '80/tcp': {} },
        Labels: { a: 'b' },
      },
      history: [{ created_by: 'x' }],
      rootfs: { type: 'layers', diff_ids: [] },
    };
    expect(imageWith(document, [layerOf('1', 32), layerOf('2', 100)])).toEqual({
      apiVersion: 'image.openshift.io/v1crd',
      kind: 'Image',
      metadata: {
        name: `sha256-${'a'.repeat(64)}`,
        annotations: { 'image.openshift.io/dockerLayersOrder': 'ascending' },
      },
      dockerImageReference: `r.example/app@${digest('a')}`,
      dockerImageMetadata: {
        kind: 'DockerImage',
        apiVersion: 'image.openshift.io/1.0',
        Id: digest('c'),
        Parent: digest('f'),
        Comment: 'a comment',
        Created: '2025-06-01T10:00:00.123456789Z',
        Container: 'abc',
        ContainerConfig: {},
        DockerVersion: '20.10',
        Author: 'somebody',
        Architecture: 'amd64',
        OS: 'linux',
        Variant: 'v2',
        Config: { ...document.config },
        Size: 139,
      },
      dockerImageMetadataVersion: '1.0',
      dockerImageManifestMediaType: dockerManifest,
      dockerImageLayers: [
        { name: digest('1'), size: 32, mediaType: gzip },
        { name: digest('2'), size: 100, mediaType: gzip },
      ],
    });
  });

  it('holds little of an image that says nothing', () => {
    const { dockerImageMetadata, dockerImageLayers } = imageWith({});
    const head = { kind: 'DockerImage', apiVersion: 'image.openshift.io/1.0', Id: digest('c') };
    expect(dockerImageMetadata).toEqual({ ...head, ContainerConfig: {}, Size: 7 });
    expect(dockerImageLayers).toEqual([]);
  });

  it('keeps every member of the configuration that the reference has, and no other', () => {
    const members = {
      Hostname: 'h',
      Domainname: 'd',
      User: '1000',
      Memory: 1,
      MemorySwap: -1,
      CpuShares: 2,
      Cpuset: '0',
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      PortSpecs: ['80'],
      ExposedPorts: { '80/tcp': {} },
      Tty: true,
      OpenStdin: true,
      StdinOnce: true,
      Env: ['A=b'],
      Cmd: ['c'],
      Dns: ['1.1.1.1'],
      Image: 'base',
      Volumes: { '/data': {} },
      VolumesFrom: 'other',
      WorkingDir: '/w',
      Entrypoint: ['e'],
      NetworkDisabled: true,
      SecurityOpts: ['s'],
      OnBuild: ['RUN x'],
      Labels: { l: 'v' },
    };
    expect(configOf({ ...members, Healthcheck: { Test: ['NONE'] }, StopSignal: 'SIGTERM' })).toEqual(members);
  });

  it.each([
    {
      name: 'of distinct layers and the configuration',
      layers: [layerOf('1', 30), layerOf('2', 5)],
      want: 42,
    },
    {
      name: 'of a layer once, however often it is there',
      layers: [layerOf('1', 30), layerOf('1', 30)],
      want: 37,
    },
    { name: 'of the configuration once, when it is a layer too', layers: [layerOf('c', 7)], want: 7 },
    {
      name: 'that is a number, whatever a registry claims',
      layers: [layerOf('1', Number.MAX_SAFE_INTEGER), layerOf('2', Number.MAX_SAFE_INTEGER)],
      want: Number.MAX_SAFE_INTEGER,
    },
  ])('has a size $name', ({ layers, want }) => {
    expect(imageWith({}, layers).dockerImageMetadata?.['Size']).toBe(want);
  });

  it('is named for its digest', () => {
    expect(imageObjectName(digest('a'))).toBe(`sha256-${'a'.repeat(64)}`);
    expect(imageObjectName(`sha512:${'b'.repeat(128)}`)).toBe(`sha512-${'b'.repeat(128)}`);
  });
});

describe('the object of an index', () => {
  const entry = (more: Partial<IndexEntry> = {}): IndexEntry => ({
    mediaType: dockerManifest,
    digest: digest('1'),
    size: 500,
    platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ...more,
  });

  it('holds its images and when it was fetched, and can be found by a label', () => {
    const other = entry({ digest: digest('2'), platform: { os: 'linux', architecture: 'amd64' } });
    expect(indexWith([entry(), other])).toEqual({
      apiVersion: 'image.openshift.io/v1crd',
      kind: 'Image',
      metadata: { name: `sha256-${'a'.repeat(64)}`, labels: { 'imagestream-operator/index': 'true' } },
      dockerImageReference: `r.example/app@${digest('a')}`,
      dockerImageMetadata: {
        kind: 'DockerImage',
        apiVersion: 'image.openshift.io/1.0',
        Id: digest('a'),
        Created: '2026-01-01T12:00:00Z',
        ContainerConfig: {},
      },
      dockerImageMetadataVersion: '1.0',
      dockerImageManifestMediaType: ociIndex,
      dockerImageManifests: [
        {
          digest: digest('1'),
          mediaType: dockerManifest,
          manifestSize: 500,
          architecture: 'arm64',
          os: 'linux',
          variant: 'v8',
        },
        {
          digest: digest('2'),
          mediaType: dockerManifest,
          manifestSize: 500,
          architecture: 'amd64',
          os: 'linux',
        },
      ],
    });
  });

  it.each([
    { name: 'no platform', more: { platform: undefined }, want: { architecture: '', os: '' } },
    {
      name: 'a platform that is no platform',
      more: { platform: { os: 'unknown', architecture: 'unknown' } },
      want: { architecture: 'unknown', os: 'unknown' },
    },
    {
      name: 'a platform of a thousand letters',
      more: {
        platform: { os: 'o'.repeat(1_000), architecture: 'a'.repeat(1_000), variant: 'v'.repeat(1_000) },
      },
      want: { architecture: 'a'.repeat(255), os: 'o'.repeat(255), variant: 'v'.repeat(255) },
    },
  ])('holds an entry with $name', ({ more, want }) => {
    expect(indexWith([entry(more)]).dockerImageManifests).toMatchObject([want]);
  });

  it.each([
    { mediaType: '', want: 'application/octet-stream' },
    { mediaType: 'text', want: 'application/octet-stream' },
    { mediaType: 'a/b/c', want: 'application/octet-stream' },
    { mediaType: 'text/html; charset=utf-8', want: 'application/octet-stream' },
    { mediaType: 'text/ünicode', want: 'application/octet-stream' },
    { mediaType: `text/${'x'.repeat(124)}`, want: 'application/octet-stream' },
    { mediaType: `text/${'x'.repeat(123)}`, want: `text/${'x'.repeat(123)}` },
    { mediaType: 'application/vnd.x+json', want: 'application/vnd.x+json' },
  ])('holds the media type $mediaType as one that may be stored', ({ mediaType, want }) => {
    expect(indexWith([entry({ mediaType })]).dockerImageManifests?.[0]?.mediaType).toBe(want);
  });
});

describe('a document that means harm or nothing', () => {
  it.each<{ name: string; members: JsonObject }>([
    { name: 'numbers for texts', members: { User: 7, WorkingDir: false, Image: {} } },
    { name: 'texts for numbers', members: { Memory: '1', CpuShares: null } },
    { name: 'numbers that are none', members: { Memory: 1.5, MemorySwap: 1e300 } },
    { name: 'texts for true', members: { Tty: 'true', OpenStdin: 1 } },
    { name: 'texts for lists', members: { Cmd: 'sh', Entrypoint: { 0: 'sh' } } },
    { name: 'lists of other things', members: { Env: ['A=b', 7], OnBuild: [['x']] } },
    { name: 'lists for sets', members: { Volumes: ['/data'], ExposedPorts: 'all' } },
    {
      name: 'sets of other things',
      members: { Volumes: { '/data': 'x' }, ExposedPorts: { '80/tcp': null } },
    },
    { name: 'sets with one other thing', members: { Volumes: { '/data': {}, '/other': 'x' } } },
    { name: 'labels of which one is no text', members: { Labels: { a: 'b', c: 7 } } },
    { name: 'labels that are no texts', members: { Labels: { a: { b: 'c' } } } },
    { name: 'a list for labels', members: { Labels: ['a=b'] } },
    {
      name: 'what is empty',
      members: { User: '', Memory: 0, Tty: false, Cmd: [], Env: null, Volumes: {}, Labels: {} },
    },
    {
      name: 'inherited names',
      members: JSON.parse('{"__proto__":{"User":"root"},"constructor":"x"}') as JsonObject,
    },
  ])('has its configuration left out where it has $name', ({ members }) => {
    expect(metadataOf({ config: members })).not.toHaveProperty('Config');
    expect(configOf({ ...members, Domainname: 'kept' })).toEqual({ Domainname: 'kept' });
  });

  it.each([null, 'text', 7, ['a'], true])('may have %j for its configuration', (value) => {
    expect(metadataOf({ config: value })).not.toHaveProperty('Config');
  });

  it('has members of the wrong type left out', () => {
    const document = { architecture: 7, author: ['x'], comment: null, created: {}, os: '', parent: true };
    expect(Object.keys(metadataOf(document)).sort()).toEqual([
      'ContainerConfig',
      'Id',
      'Size',
      'apiVersion',
      'kind',
    ]);
  });

  it.each([
    { created: '2025-06-01T10:00:00Z', kept: true },
    { created: '2025-06-01T10:00:00.5+02:00', kept: true },
    { created: '0001-01-01T00:00:00Z', kept: true },
    { created: '2025-13-01T10:00:00Z', kept: false },
    { created: 'yesterday', kept: false },
    // What JavaScript reads, but no client of the API.
    { created: '2025', kept: false },
    { created: '2025-06-01', kept: false },
    { created: 'Sun, 01 Jun 2025 10:00:00 GMT', kept: false },
    { created: '', kept: false },
  ])('has its time of creation kept only where it is one: $created', ({ created, kept }) => {
    expect(metadataOf({ created })['Created']).toBe(kept ? created : undefined);
  });

  it('has its texts cut, never inside a pair of surrogates', () => {
    expect(metadataOf({ author: 'x'.repeat(5_000) })['Author']).toBe('x'.repeat(1_024));
    expect(metadataOf({ author: `${'x'.repeat(1_023)}🐳` })['Author']).toBe('x'.repeat(1_023));
    expect(metadataOf({ author: `${'x'.repeat(1_022)}🐳` })['Author']).toBe(`${'x'.repeat(1_022)}🐳`);
  });

  it('may have half a pair of surrogates, which is stored as it came', () => {
    const document = JSON.parse(
      String.raw`{"author":"\ud83d","config":{"Labels":{"\udc33":"\ud83d"}}}`,
    ) as JsonObject;
    const { Author, Config } = metadataOf(document);
    expect(Author).toBe('\ud83d');
    expect(Config).toEqual({ Labels: { '\udc33': '\ud83d' } });
  });

  it('has the media types of its layers cut', () => {
    const layer = { ...layerOf('1', 1), mediaType: 'm'.repeat(1_000) };
    expect(imageWith({}, [layer]).dockerImageLayers?.[0]?.mediaType).toBe('m'.repeat(128));
  });

  it('has its sets kept without what is in them, however deep that is', () => {
    const depth = 100_000;
    const deep = JSON.parse(`${'{"a":'.repeat(depth)}{}${'}'.repeat(depth)}`) as JsonObject;
    expect(configOf({ Volumes: { '/data': deep }, ExposedPorts: { '80/tcp': { HostPort: '1' } } })).toEqual({
      Volumes: { '/data': {} },
      ExposedPorts: { '80/tcp': {} },
    });
  });
});

describe('a configuration that is too long', () => {
  const labels = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`label-${i}`, 'x'.repeat(1_000)]));
  const omitted = (document: JsonObject): unknown =>
    imageWith(document).metadata.annotations?.['imagestream-operator/omitted'];
  const small = { User: 'me', Cmd: ['sh'] };

  it.each([
    { name: 'labels of megabytes', config: { ...small, Labels: labels(5_000) }, gone: 'Labels' },
    { name: 'a variable of megabytes', config: { ...small, Env: ['x'.repeat(3_000_000)] }, gone: 'Env' },
    {
      name: 'two long members, the longest first',
      config: { ...small, Labels: labels(50), Env: ['x'.repeat(65_536)] },
      gone: 'Env',
    },
    {
      name: 'several members that are each too long',
      config: { ...small, Labels: labels(1_000), Env: ['x'.repeat(200_000)] },
      gone: 'Labels,Env',
    },
  ])('has $name left out, and the others kept', ({ config: members, gone }) => {
    const kept = configOf(members);
    expect(omitted({ config: members })).toBe(gone);
    expect(kept).toMatchObject(small);
    for (const name of gone.split(',')) expect(kept).not.toHaveProperty(name);
    expect(JSON.stringify(kept).length).toBeLessThan(70_000);
  });

  it('has nothing left out while it is short enough', () => {
    const members = { ...small, Labels: labels(60) };
    expect(configOf(members)).toEqual(members);
    expect(omitted({ config: members })).toBeUndefined();
  });

  it('may have very many layers beside it', () => {
    const layers = Array.from({ length: maxDescriptors }, (_, i) => ({
      ...layerOf('1', i),
      mediaType: 'm'.repeat(255),
    }));
    const image = imageWith({ config: { Labels: labels(63) } }, layers);
    expect(isJsonObject(image.dockerImageMetadata?.['Config'])).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(image))).toBeLessThan(250_000);
  });
});
