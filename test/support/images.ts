import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Dispatcher, request } from 'undici';

const mediaTypes = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const;

const CREATED = '2026-01-01T00:00:00Z';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface ImageOptions {
  /** Decides the digest: same content (and options), same image. It is the text of the image's only file. */
  readonly content: string;
  /** Default linux/amd64. */
  readonly platform?: Platform;
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  /** More of how to run it, by the keys of a configuration: `ExposedPorts`, `Volumes`, `User`. */
  readonly run?: Readonly<Record<string, unknown>>;
  /** OCI media types unless told. */
  readonly format?: ImageFormat;
  /** Makes the configuration at least this many bytes long; some real ones have megabytes of labels. */
  readonly configBytes?: number;
}

/** Whose media types an image has. */
export type ImageFormat = keyof typeof mediaTypes;

export interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A manifest or an index, not yet pushed anywhere. */
export interface BuiltManifest {
  /** Of the bytes: what an image reference pins. */
  readonly digest: string;
  readonly mediaType: string;
  readonly manifest: Buffer;
}

/** A small valid image of one platform, not yet pushed anywhere. */
export interface BuiltImage extends BuiltManifest {
  readonly config: Blob;
  readonly layer: Blob;
  readonly platform: Platform;
}

/** How to get into a registry that is not open to everybody. */
export interface RegistryAccess {
  readonly scheme: 'http' | 'https';
  /** Trusts its certificate. */
  readonly dispatcher?: Dispatcher;
  /** Value of the Authorization header. */
  readonly authorization?: string;
}

/** Where to push to. */
export interface ImageTarget {
  /** `host:port`. */
  readonly host: string;
  readonly repository: string;
  /** Without it the manifest is reachable by its digest only. */
  readonly tag?: string;
  /** Plain HTTP without credentials unless told. */
  readonly access?: RegistryAccess;
}

/** An index that was pushed. */
export interface PushedIndex {
  /** Of the index. */
  readonly digest: string;
  readonly mediaType: string;
  /** One per platform, in the order that was asked for. */
  readonly images: readonly BuiltImage[];
}

/** Builds an image. */
export function buildImage(options: ImageOptions): BuiltImage {
  const types = mediaTypes[options.format ?? 'oci'];
  const platform = options.platform ?? { os: 'linux', architecture: 'amd64' };
  const tar = tarOf('content.txt', Buffer.from(options.content));
  const layer = blob(gzipSync(tar));
  const filler = 'x'.repeat(options.configBytes ?? 0);
  const config = blob(
    json({
      created: CREATED,
      ...platform,
      config: {
        Env: Object.entries(options.environment ?? {}).map(([name, value]) => `${name}=${value}`),
        Entrypoint: options.entrypoint ?? ['/bin/sh'],
        Labels: { ...options.labels, ...(filler !== '' && { filler }) },
        ...options.run,
      },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      history: [{ created: CREATED, created_by: 'test' }],
    }),
  );
  const manifest = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: config.digest, size: config.bytes.length },
    layers: [{ mediaType: types.layer, digest: layer.digest, size: layer.bytes.length }],
  });
  return { digest: digestOf(manifest), mediaType: types.manifest, manifest, config, layer, platform };
}

/** Builds an image and pushes it: its blobs, then its manifest. */
export async function pushImage(target: ImageTarget, options: ImageOptions): Promise<BuiltImage> {
  const image = buildImage(options);
  await pushBuilt(target, image);
  return image;
}

/** Pushes an image that is built: its blobs, then its manifest. */
export async function pushBuilt(target: ImageTarget, image: BuiltImage): Promise<void> {
  await uploadBlob(target, image.layer);
  await uploadBlob(target, image.config);
  await pushManifest(target, image);
}

/** Builds an image for each platform and pushes them with an index over them; the tag names the index. */
export async function pushIndex(
  target: ImageTarget,
  options: Omit<ImageOptions, 'platform'> & { readonly platforms: readonly Platform[] },
): Promise<PushedIndex> {
  const { platforms, ...common } = options;
  const { tag: _, ...untagged } = target;
  const images: BuiltImage[] = [];
  for (const platform of platforms) images.push(await pushImage(untagged, { ...common, platform }));
  const entries = images.map((image) => ({ ...descriptorOf(image), platform: image.platform }));
  const index = buildIndex({ entries, ...(options.format && { format: options.format }) });
  await pushManifest(target, index);
  return { digest: index.digest, mediaType: index.mediaType, images };
}

/** One line of an index. Real ones lack the platform, or stand for what is no image at all. */
export interface IndexEntry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Builds an index over any entries, also over other indexes or over none. */
export function buildIndex(options: {
  readonly entries: readonly IndexEntry[];
  readonly format?: ImageFormat;
}): BuiltManifest {
  const mediaType = mediaTypes[options.format ?? 'oci'].index;
  const manifest = json({ schemaVersion: 2, mediaType, manifests: options.entries });
  return { digest: digestOf(manifest), mediaType, manifest };
}

/** How an index points at a manifest; the platform is the caller's to add. */
export function descriptorOf({ mediaType, digest, manifest }: BuiltManifest): IndexEntry {
  return { mediaType, digest, size: manifest.length };
}

/**
 * What BuildKit puts beside an image to say how it was made: a manifest whose only layer is an in-toto statement.
 * https://docs.docker.com/build/metadata/attestations/attestation-storage/
 */
export function buildAttestation(subject: BuiltImage): { image: BuiltImage; entry: IndexEntry } {
  const unknown = { os: 'unknown', architecture: 'unknown' };
  const layer = blob(json({ _type: 'https://in-toto.io/Statement/v0.1', subject: [subject.digest] }));
  const config = blob(json({ ...unknown, config: {}, rootfs: { type: 'layers', diff_ids: [layer.digest] } }));
  const types = mediaTypes.oci;
  const manifest = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: config.digest, size: config.bytes.length },
    layers: [
      {
        mediaType: 'application/vnd.in-toto+json',
        digest: layer.digest,
        size: layer.bytes.length,
        annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' },
      },
    ],
  });
  const image: BuiltImage = {
    digest: digestOf(manifest),
    mediaType: types.manifest,
    manifest,
    config,
    layer,
    platform: unknown,
  };
  const annotations = {
    'vnd.docker.reference.digest': subject.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  };
  return { image, entry: { ...descriptorOf(image), platform: unknown, annotations } };
}

/**
 * A signed manifest of Docker's schema 1, as registries before 2017 kept them. The registry that the tests run takes
 * none of these any more; the signature is no true one.
 */
export function buildSchema1(repository: string, tag: string): BuiltManifest {
  const emptyLayer = digestOf(Buffer.from('an empty layer'));
  const history = JSON.stringify({
    id: 'a'.repeat(64),
    created: CREATED,
    os: 'linux',
    architecture: 'amd64',
  });
  const manifest = json({
    schemaVersion: 1,
    name: repository,
    tag,
    architecture: 'amd64',
    fsLayers: [{ blobSum: emptyLayer }],
    history: [{ v1Compatibility: history }],
    signatures: [{ header: { alg: 'ES256' }, signature: 'none', protected: 'none' }],
  });
  const mediaType = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
  return { digest: digestOf(manifest), mediaType, manifest };
}

/** Pushes a manifest or an index; what it points at must be there. */
export async function pushManifest(target: ImageTarget, built: BuiltManifest): Promise<void> {
  const content = { type: built.mediaType, bytes: built.manifest };
  await send(target, {
    method: 'PUT',
    path: `manifests/${target.tag ?? built.digest}`,
    content,
    status: 201,
  });
}

/** Deletes a manifest by digest: tags that point to it stop existing. */
export async function deleteManifest(target: Omit<ImageTarget, 'tag'>, digest: string): Promise<void> {
  await send(target, { method: 'DELETE', path: `manifests/${digest}`, status: 202 });
}

/** Puts a blob into a repository. */
export async function uploadBlob(target: ImageTarget, { digest, bytes }: Blob): Promise<void> {
  const location = await send(target, { method: 'POST', path: 'blobs/uploads/', status: 202 });
  const url = new URL(location ?? '', baseUrl(target));
  url.searchParams.set('digest', digest);
  const content = { type: 'application/octet-stream', bytes };
  await send(target, { method: 'PUT', path: url.href, content, status: 201 });
}

/** Puts a blob into a repository that another one of the same registry has. */
export async function mountBlob(
  target: ImageTarget,
  { digest, from }: { readonly digest: string; readonly from: string },
): Promise<void> {
  const query = new URLSearchParams({ mount: digest, from });
  await send(target, { method: 'POST', path: `blobs/uploads/?${query.toString()}`, status: 201 });
}

interface RegistryWrite {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  /** Below the repository, or a whole URL. */
  readonly path: string;
  readonly content?: { readonly type: string; readonly bytes: Buffer };
  /** What the answer must have. */
  readonly status: number;
}

/** Returns the Location header, if there is one. */
async function send(target: ImageTarget, write: RegistryWrite): Promise<string | undefined> {
  const { access } = target;
  const url = new URL(write.path, baseUrl(target)).href;
  const { statusCode, headers, body } = await request(url, {
    method: write.method,
    headers: {
      ...(write.content && { 'content-type': write.content.type }),
      ...(access?.authorization !== undefined && { authorization: access.authorization }),
    },
    body: write.content?.bytes ?? null,
    ...(access?.dispatcher && { dispatcher: access.dispatcher }),
  });
  const text = await body.text();
  if (statusCode !== write.status) throw new Error(`${write.method} ${url}: ${statusCode} ${text}`);
  return [headers['location']].flat()[0];
}

function baseUrl({ host, repository, access }: ImageTarget): string {
  return `${access?.scheme ?? 'http'}://${host}/v2/${repository}/`;
}

function blob(bytes: Buffer): Blob {
  return { digest: digestOf(bytes), bytes };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A tar archive with one file: a ustar header, the content in blocks of 512 bytes, two empty blocks. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(content.length, 11), 124);
  header.write(octal(0, 11), 136);
  // The checksum is computed with spaces in its own place.
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 6)} `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`;
}
