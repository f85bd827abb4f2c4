import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import { chooseEntry, type IndexEntry, parseImageConfig, parseManifest } from './manifest.ts';

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';

const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest('c'), size: 7 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digest('1'), size: 32 };
const amd64 = {
  mediaType: ociManifest,
  digest: digest('a'),
  size: 5,
  platform: { os: 'linux', architecture: 'amd64' },
};

describe('manifests that are read', () => {
  it.each([
    {
      name: 'OCI',
      document: { mediaType: ociManifest, config, layers: [layer] },
      type: ociManifest,
      kind: 'image',
    },
    {
      name: 'OCI without a mediaType',
      document: { config, layers: [layer] },
      type: `${ociManifest}; charset=utf-8`,
      kind: 'image',
    },
    {
      name: 'Docker schema 2',
      document: { mediaType: dockerManifest, config, layers: [] },
      type: dockerManifest,
      kind: 'image',
    },
    {
      name: 'an OCI index',
      document: { mediaType: ociIndex, manifests: [amd64] },
      type: ociIndex,
      kind: 'index',
    },
    {
      name: 'a Docker list',
      document: { mediaType: dockerList, manifests: [amd64] },
      type: dockerList,
      kind: 'index',
    },
    {
      name: 'by its shape when the registry says only JSON',
      document: { config },
      type: 'application/json',
      kind: 'image',
    },
    { name: 'an index by its shape', document: { manifests: [amd64] }, type: '', kind: 'index' },
  ])('$name', ({ document, type, kind }) => {
    expect(parseManifest(JSON.stringify(document), type)).toMatchObject({ ok: true, value: { kind } });
  });

  it('accepts index entries without a platform, as attestations have', () => {
    const none = { mediaType: ociManifest, digest: digest('b'), size: 1 };
    const half = { digest: digest('b'), size: 1, platform: { os: 'linux' } };
    const entries = [none, half, amd64];
    const parsed = parseManifest(JSON.stringify({ manifests: entries }), ociIndex);
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        entries: [
          { platform: undefined },
          { platform: undefined, mediaType: '' },
          { platform: amd64.platform },
        ],
      },
    });
  });
});

describe('manifests that are refused', () => {
  it.each([
    { name: 'no JSON', text: '<html>', type: ociManifest, problem: 'not a JSON object', unsupported: false },
    { name: 'an array', text: '[]', type: ociManifest, problem: 'not a JSON object', unsupported: false },
    {
      name: 'schema 1',
      text: '{"schemaVersion":1,"fsLayers":[]}',
      type: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
      problem: 'obsolete Docker schema 1',
      unsupported: true,
    },
    {
      name: 'schema 1 that is announced as JSON',
      text: '{"schemaVersion":1}',
      type: 'application/json',
      problem: 'schema 1',
      unsupported: true,
    },
    {
      name: 'another type',
      text: '{}',
      type: 'text/plain',
      problem: 'manifests of the type "text/plain"',
      unsupported: true,
    },
    {
      name: 'no config',
      text: '{"layers":[]}',
      type: ociManifest,
      problem: 'no valid config',
      unsupported: false,
    },
    {
      name: 'a config whose digest is no digest',
      text: JSON.stringify({ config: { ...config, digest: '../../etc' } }),
      type: ociManifest,
      problem: 'no valid config',
      unsupported: false,
    },
    {
      name: 'a negative size',
      text: JSON.stringify({ config, layers: [{ ...layer, size: -1 }] }),
      type: ociManifest,
      problem: 'an invalid layer',
      unsupported: false,
    },
    {
      name: 'both a manifest and an index',
      text: JSON.stringify({ config, manifests: [amd64] }),
      type: ociManifest,
      problem: 'both a config and a list',
      unsupported: false,
    },
    {
      name: 'an index under the name of a manifest',
      text: JSON.stringify({ mediaType: ociIndex, manifests: [amd64] }),
      type: ociManifest,
      problem:
        'the registry calls the manifest application/vnd.oci.image.manifest.v1+json, the manifest itself',
      unsupported: false,
    },
    {
      name: 'an index with an entry that is none',
      text: JSON.stringify({ manifests: [amd64, 'x'] }),
      type: ociIndex,
      problem: 'the index has an invalid entry',
      unsupported: false,
    },
    {
      name: 'nothing at all',
      text: '{}',
      type: '',
      problem: 'manifests of the type "unknown"',
      unsupported: true,
    },
    {
      name: 'an index with layers',
      text: JSON.stringify({ manifests: [amd64], layers: [] }),
      type: ociIndex,
      problem: 'a config or layers of its own',
      unsupported: false,
    },
  ])('$name', ({ text, type, problem, unsupported }) => {
    const parsed = parseManifest(text, type);
    expect(parsed).toMatchObject({ ok: false, unsupported, problem: expect.stringContaining(problem) });
  });
});

describe('a manifest of very many parts', () => {
  const layersOf = (count: number) => ({ config, layers: Array.from({ length: count }, () => layer) });
  const entriesOf = (count: number) => ({ manifests: Array.from({ length: count }, () => amd64) });
  it.each([
    { name: '500 layers', document: layersOf(500), type: ociManifest },
    { name: '500 entries', document: entriesOf(500), type: ociIndex },
  ])('is read with $name', ({ document, type }) => {
    expect(parseManifest(JSON.stringify(document), type)).toMatchObject({ ok: true });
  });

  it.each([
    {
      name: '501 layers',
      document: layersOf(501),
      type: ociManifest,
      problem: 'the manifest has more than 500 layers',
    },
    {
      name: '501 entries',
      document: entriesOf(501),
      type: ociIndex,
      problem: 'the index has more than 500 entries',
    },
  ])('is refused with $name', ({ document, type, problem }) => {
    expect(parseManifest(JSON.stringify(document), type)).toEqual({ ok: false, unsupported: false, problem });
  });
});

describe('the entry that a Legacy import keeps', () => {
  const entry = (digit: string, os?: string, architecture = 'amd64'): IndexEntry => ({
    mediaType: ociManifest,
    digest: digest(digit),
    size: 1,
    platform: os === undefined ? undefined : { os, architecture },
  });
  const arm = { os: 'linux', architecture: 'arm64' };
  it.each([
    {
      name: 'the preferred platform',
      entries: [entry('1', 'linux'), entry('2', 'linux', 'arm64')],
      prefer: arm,
      want: '2',
    },
    {
      name: 'else linux/amd64',
      entries: [entry('1', 'windows'), entry('2', 'linux')],
      prefer: arm,
      want: '2',
    },
    {
      name: 'else the first real image',
      entries: [entry('1'), entry('2', 'unknown', 'unknown'), entry('3', 'linux', 's390x')],
      prefer: arm,
      want: '3',
    },
    { name: 'else the first entry', entries: [entry('1'), entry('2')], prefer: arm, want: '1' },
  ])('$name', ({ entries, prefer, want }) => {
    expect(chooseEntry(entries, prefer)?.digest).toBe(digest(want));
  });

  it('is none for an empty index', () => {
    expect(chooseEntry([])).toBeUndefined();
  });
});

it('reads the platform of a configuration and refuses what is no object', () => {
  const text = JSON.stringify({
    os: 'linux',
    architecture: 'arm64',
    variant: 'v8',
    created: '2026-01-01T00:00:00Z',
  });
  expect(parseImageConfig(text)).toEqual({
    ok: true,
    value: { os: 'linux', architecture: 'arm64', variant: 'v8', created: '2026-01-01T00:00:00Z' },
  });
  expect(parseImageConfig('"linux"')).toMatchObject({ ok: false });
});
