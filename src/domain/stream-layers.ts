/** ImageStreamLayers: which blobs the images of a stream are made of (semantics 4.5). Registries ask for it before they serve one. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { textOf } from '../api/json.ts';

/** A blob; its size in bytes, null where nobody knows it. */
export interface LayerBlob {
  readonly size: number | null;
  readonly mediaType: string;
}

/** What an image is made of, by digests of blobs and, for an index, of images. */
export interface BlobReferences {
  readonly imageMissing: boolean;
  readonly layers: readonly string[] | null;
  readonly config: string | null;
  readonly manifests?: readonly string[];
}

/** The two maps of an ImageStreamLayers, by digest. */
export interface StreamLayers {
  readonly blobs: Readonly<Record<string, LayerBlob>>;
  readonly images: Readonly<Record<string, BlobReferences>>;
}

/** What is kept of an Image while those of a stream are gathered. */
export interface ImageLayers {
  /** Of the manifest itself. */
  readonly mediaType: string;
  readonly layers: readonly (LayerBlob & { readonly name: string })[];
  readonly config: (LayerBlob & { readonly name: string }) | undefined;
  /** Of an index: its images. What does not run, such as an attestation, was never read: nobody has shown that it is theirs. */
  readonly manifests: readonly string[];
}

/** Of a configuration, by the media type of the manifest. */
const configTypes: Readonly<Record<string, string>> = {
  'application/vnd.docker.distribution.manifest.v2+json': 'application/vnd.docker.container.image.v1+json',
  'application/vnd.oci.image.manifest.v1+json': 'application/vnd.oci.image.config.v1+json',
};

/** What of an Image says what it is made of. */
export function imageLayers(image: Image): ImageLayers {
  const mediaType = image.dockerImageManifestMediaType ?? '';
  const configType = configTypes[mediaType];
  const id = textOf(image.dockerImageMetadata?.['Id']);
  return {
    mediaType,
    layers: (image.dockerImageLayers ?? []).map(({ name, size, mediaType: type }) => ({
      name,
      size,
      mediaType: type,
    })),
    config:
      configType === undefined || id === undefined
        ? undefined
        : { name: id, size: null, mediaType: configType },
    manifests: runnableMembers(image),
  };
}

/** The images of an index that were read with it: those with a platform. */
export function runnableMembers({ dockerImageManifests = [] }: Image): readonly string[] {
  return dockerImageManifests.flatMap(({ digest, os }) => (os === '' || os === 'unknown' ? [] : [digest]));
}

/** The images of all histories of a stream, each once. */
export function historyImages({ status }: ImageStream): ReadonlySet<string> {
  const digests = (status?.tags ?? []).flatMap(({ items = [] }) => items.map(({ image }) => image));
  return new Set(digests.filter((digest) => digest !== ''));
}

/** Puts the maps together; what was found for a digest is undefined where its Image is missing. */
export function streamLayers(found: ReadonlyMap<string, ImageLayers | undefined>): StreamLayers {
  const blobs = new Map<string, LayerBlob>();
  const images = new Map<string, BlobReferences>();
  const add = (name: string, { size, mediaType }: LayerBlob): void => {
    if (!blobs.has(name)) blobs.set(name, { size, mediaType });
  };
  for (const [digest, image] of found) {
    if (image === undefined) {
      images.set(digest, { imageMissing: true, layers: null, config: null });
      continue;
    }
    const { mediaType, layers, config, manifests } = image;
    for (const layer of layers) add(layer.name, layer);
    if (config !== undefined) add(config.name, config);
    // A manifest is a blob too.
    add(digest, { size: null, mediaType });
    images.set(digest, {
      imageMissing: false,
      layers: layers.length === 0 ? null : layers.map(({ name }) => name),
      config: config?.name ?? null,
      ...(manifests.length === 0 ? {} : { manifests }),
    });
  }
  return { blobs: Object.fromEntries(blobs), images: Object.fromEntries(images) };
}
