import { describe, expect, it } from 'vitest';
import { digest, itemOf, streamOf } from '../../test/support/builders.ts';
import type { Image } from '../api/generated/image.ts';
import { historyImages, imageLayers, runnableMembers, streamLayers } from './stream-layers.ts';

const oci = 'application/vnd.oci.image.manifest.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';

function imageWith(parts: Partial<Image>): Image {
  return {
    apiVersion: 'image.openshift.io/v1crd',
    kind: 'Image',
    metadata: { name: 'sha256-x' },
    dockerImageReference: 'r.example/app@sha256:x',
    ...parts,
  };
}

const layered = imageWith({
  dockerImageManifestMediaType: oci,
  dockerImageMetadata: { Id: digest('c') },
  dockerImageLayers: [
    { name: digest('1'), size: 10, mediaType: layerType },
    { name: digest('2'), size: 20, mediaType: layerType },
  ],
});

const index = imageWith({
  dockerImageManifestMediaType: 'application/vnd.oci.image.index.v1+json',
  dockerImageMetadata: { Id: digest('i') },
  dockerImageManifests: [
    { digest: digest('a'), mediaType: oci, manifestSize: 1, architecture: 'amd64', os: 'linux' },
    { digest: digest('f'), mediaType: oci, manifestSize: 1, architecture: 'unknown', os: 'unknown' },
    { digest: digest('e'), mediaType: oci, manifestSize: 1, architecture: '', os: '' },
  ],
});

describe('what an image is made of', () => {
  it('is its layers in their order, its configuration and its manifest', () => {
    expect(streamLayers(new Map([[digest('a'), imageLayers(layered)]]))).toEqual({
      blobs: {
        [digest('1')]: { size: 10, mediaType: layerType },
        [digest('2')]: { size: 20, mediaType: layerType },
        [digest('c')]: { size: null, mediaType: 'application/vnd.oci.image.config.v1+json' },
        [digest('a')]: { size: null, mediaType: oci },
      },
      images: {
        [digest('a')]: { imageMissing: false, layers: [digest('1'), digest('2')], config: digest('c') },
      },
    });
  });

  it('is, for an index, its images that run', () => {
    const { blobs, images } = streamLayers(new Map([[digest('d'), imageLayers(index)]]));
    expect(Object.keys(blobs)).toEqual([digest('d')]);
    expect(images[digest('d')]).toEqual({
      imageMissing: false,
      layers: null,
      config: null,
      manifests: [digest('a')],
    });
  });

  it('is not known of an image that is missing', () => {
    expect(streamLayers(new Map([[digest('a'), undefined]]))).toEqual({
      blobs: {},
      images: { [digest('a')]: { imageMissing: true, layers: null, config: null } },
    });
  });

  it('has no configuration when the manifest is of a kind that has none', () => {
    expect(imageLayers({ ...layered, dockerImageManifestMediaType: 'text/plain' }).config).toBeUndefined();
  });

  it('is listed once where several images share a blob', () => {
    const found = imageLayers(layered);
    const { blobs } = streamLayers(
      new Map([
        [digest('a'), found],
        [
          digest('b'),
          { ...found, config: undefined, layers: [{ name: digest('1'), size: 9, mediaType: '' }] },
        ],
      ]),
    );
    expect(blobs[digest('1')]).toEqual({ size: 10, mediaType: layerType });
  });
});

it('the images of a stream are those of all histories, each once, without pull specs that are only recorded', () => {
  const stream = streamOf(
    [],
    [
      { tag: '1', items: [itemOf('a'), itemOf('b')] },
      { tag: '2', items: [itemOf('b'), itemOf('c', { image: '' })] },
      { tag: '3' },
    ],
  );
  expect([...historyImages(stream)]).toEqual([digest('a'), digest('b')]);
  expect([...historyImages({ ...stream, status: {} })]).toEqual([]);
});

it('the members of an index that run have a platform', () => {
  expect(runnableMembers(index)).toEqual([digest('a')]);
  expect(runnableMembers(layered)).toEqual([]);
});
