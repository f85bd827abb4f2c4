import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { type ParsedPush, type PushContext, pushedImage } from './pushed-image.ts';

const oci = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';

function hash(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}

function digestOf(text: string): string {
  return `sha256:${hash('sha256', text)}`;
}

const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf('l'), size: 7 };
const config = JSON.stringify({ architecture: 'arm64', os: 'linux', config: { Labels: { a: 'true' } } });
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: oci,
  config: { mediaType: 'c', digest: digestOf(config), size: config.length },
  layers: [layer],
});
const index = JSON.stringify({
  schemaVersion: 2,
  mediaType: ociIndex,
  manifests: [
    { mediaType: oci, digest: digestOf(manifest), size: 1, platform: { os: 'linux', architecture: 'a' } },
  ],
});
const name = digestOf(manifest);
const context: PushContext = { hash, now: 0, ownRepository: undefined };

function push(image: object, more: object = {}, ownRepository?: string): ParsedPush {
  return pushedImage(
    {
      tag: 'latest',
      image: { metadata: { name }, dockerImageReference: 'r.example/app:1', ...image },
      ...more,
    },
    { ...context, ownRepository },
  );
}

function faultsOf(parsed: ParsedPush): readonly string[] {
  return parsed.ok ? [] : parsed.faults.map(({ field, message }) => `${field}: ${message}`);
}

describe('a pushed image', () => {
  it('is made of its bytes, and of nothing that is said about it', () => {
    const lies = {
      dockerImageMetadata: { Architecture: 'lie' },
      dockerImageLayers: [{ name: 'lie' }],
      signatures: [{ type: 'lie' }],
      metadata: { name, labels: { lie: 'x' }, annotations: { lie: 'x' } },
    };
    const parsed = push({ ...lies, dockerImageManifest: manifest, dockerImageConfig: config });
    expect(parsed).toMatchObject({
      ok: true,
      push: {
        digest: name,
        dockerImageReference: `r.example/app@${name}`,
        isManaged: false,
        image: {
          metadata: { name: name.replace(':', '-') },
          dockerImageReference: `r.example/app@${name}`,
          dockerImageManifestMediaType: oci,
          dockerImageMetadata: { Id: digestOf(config), Architecture: 'arm64' },
          dockerImageLayers: [{ name: layer.digest, size: 7 }],
        },
      },
    });
    expect(JSON.stringify(parsed)).not.toContain('lie');
  });

  it('may be an index, which needs no configuration', () => {
    const parsed = push({ metadata: { name: digestOf(index) }, dockerImageManifest: index });
    expect(parsed).toMatchObject({
      ok: true,
      push: { image: { dockerImageManifests: [{ digest: name, os: 'linux' }] } },
    });
  });

  it.each([
    { what: 'no bytes', image: {} },
    { what: 'no configuration', image: { dockerImageManifest: manifest } },
    { what: 'nothing but the configuration', image: { dockerImageConfig: config } },
  ])('with $what has no Image', ({ image }) => {
    expect(push(image)).toMatchObject({ ok: true, push: { image: undefined } });
  });

  it('without a pull spec is in the registry of the cluster, where there is one', () => {
    expect(push({ dockerImageReference: '' }, {}, 'reg:5000/ns/web')).toMatchObject({
      push: { dockerImageReference: `reg:5000/ns/web@${name}` },
    });
  });

  it('may be one of the registry of the cluster', () => {
    const metadata = { name, annotations: { 'openshift.io/image.managed': 'true' } };
    expect(push({ metadata })).toMatchObject({ push: { isManaged: true } });
  });

  it.each([
    { what: 'no tag', image: {}, more: { tag: '' }, want: ['tag: Required value'] },
    {
      what: 'a tag that is none',
      image: {},
      more: { tag: 'BAD TAG/!!' },
      want: [
        `tag: Invalid value: "BAD TAG/!!": a tag is 1 to 128 letters, digits, '_', '.' or '-', and does not start with '.' or '-'`,
      ],
    },
    {
      what: 'no image',
      image: {},
      more: { image: null },
      want: ['image.metadata.name: Required value: the digest of the manifest'],
    },
    {
      what: 'a name that is no digest',
      image: { metadata: { name: 'web' } },
      want: [
        'image.metadata.name: Invalid value: "web": must be the digest of the manifest: invalid reference format',
      ],
    },
    {
      what: 'no pull spec',
      image: { dockerImageReference: undefined },
      want: ['image.dockerImageReference: Required value: where the image can be pulled from'],
    },
    {
      what: 'a pull spec that is none',
      image: { dockerImageReference: 'NOT/one' },
      want: ['image.dockerImageReference: Invalid value: "NOT/one": repository name must be lowercase'],
    },
    {
      what: 'the pull spec of another image',
      image: { dockerImageReference: `r.example/app@${digestOf('x')}` },
      want: [
        `image.dockerImageReference: Invalid value: "r.example/app@${digestOf('x')}": names another digest than the image`,
      ],
    },
    {
      what: 'another manifest',
      image: { dockerImageManifest: `${manifest} ` },
      want: [`image.dockerImageManifest: Invalid value: "": does not hash to ${name}`],
    },
    {
      what: 'another configuration',
      image: { dockerImageManifest: manifest, dockerImageConfig: '{}' },
      want: [
        `image.dockerImageConfig: Invalid value: "": does not hash to ${digestOf(config)}, which the manifest names`,
      ],
    },
    {
      what: 'a manifest that is none',
      image: { metadata: { name: digestOf('x') }, dockerImageManifest: 'x' },
      want: ['image.dockerImageManifest: Invalid value: "": the manifest is not a JSON object'],
    },
    {
      what: 'a manifest that is called another thing',
      image: { dockerImageManifest: manifest, dockerImageManifestMediaType: ociIndex },
      want: [
        `image.dockerImageManifest: Invalid value: "": the registry calls the manifest ${ociIndex}, the manifest itself "${oci}"`,
      ],
    },
    {
      what: 'two things wrong',
      image: { dockerImageReference: '', dockerImageManifest: 'x' },
      want: [
        'image.dockerImageReference: Required value: where the image can be pulled from',
        `image.dockerImageManifest: Invalid value: "": does not hash to ${name}`,
      ],
    },
  ])('with $what is refused', ({ image, more, want }) => {
    expect(faultsOf(push(image, more))).toEqual(want);
  });
});
