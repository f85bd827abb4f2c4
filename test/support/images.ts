import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { request } from 'undici';

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
  /** OCI media types unless told. */
  readonly format?: keyof typeof mediaTypes;
}

export interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A small valid image of one platform, not yet pushed anywhere. */
export interface BuiltImage {
  /** Of the manifest: what an image reference pins. */
  readonly digest: string;
  readonly mediaType: string;
  readonly manifest: Buffer;
  readonly config: Blob;
  readonly layer: Blob;
  readonly platform: Platform;
}

/** Where to push to. */
export interface ImageTarget {
  /** `host:port` of a registry that speaks plain HTTP. */
  readonly host: string;
  readonly repository: string;
  /** Without it the manifest is reachable by its digest only. */
  readonly tag?: string;
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
  const config = blob(
    json({
      created: CREATED,
      ...platform,
      config: {
        Env: Object.entries(options.environment ?? {}).map(([name, value]) => `${name}=${value}`),
        Entrypoint: options.entrypoint ?? ['/bin/sh'],
        Labels: options.labels ?? {},
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
  await uploadBlob(target, image.layer);
  await uploadBlob(target, image.config);
  await putManifest(target, target.tag ?? image.digest, image.mediaType, image.manifest);
  return image;
}

/** Builds an image for each platform and pushes them with an index over them; the tag names the index. */
export async function pushIndex(
  target: ImageTarget,
  options: Omit<ImageOptions, 'platform'> & { readonly platforms: readonly Platform[] },
): Promise<PushedIndex> {
  const { platforms, ...common } = options;
  const untagged = { host: target.host, repository: target.repository };
  const images: BuiltImage[] = [];
  for (const platform of platforms) images.push(await pushImage(untagged, { ...common, platform }));
  const mediaType = mediaTypes[options.format ?? 'oci'].index;
  const index = json({
    schemaVersion: 2,
    mediaType,
    manifests: images.map((image) => ({
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.manifest.length,
      platform: image.platform,
    })),
  });
  const digest = digestOf(index);
  await putManifest(target, target.tag ?? digest, mediaType, index);
  return { digest, mediaType, images };
}

/** Deletes a manifest by digest: tags that point to it stop existing. */
export async function deleteManifest(target: Omit<ImageTarget, 'tag'>, digest: string): Promise<void> {
  await send('DELETE', `http://${target.host}/v2/${target.repository}/manifests/${digest}`, 202);
}

async function uploadBlob({ host, repository }: ImageTarget, { digest, bytes }: Blob): Promise<void> {
  const location = await send('POST', `http://${host}/v2/${repository}/blobs/uploads/`, 202);
  const url = new URL(location ?? '', `http://${host}`);
  url.searchParams.set('digest', digest);
  await send('PUT', url.href, 201, { type: 'application/octet-stream', bytes });
}

async function putManifest(
  { host, repository }: ImageTarget,
  reference: string,
  type: string,
  bytes: Buffer,
): Promise<void> {
  await send('PUT', `http://${host}/v2/${repository}/manifests/${reference}`, 201, { type, bytes });
}

/** Returns the Location header, if there is one. */
async function send(
  method: 'POST' | 'PUT' | 'DELETE',
  url: string,
  wantStatus: number,
  content?: { readonly type: string; readonly bytes: Buffer },
): Promise<string | undefined> {
  const { statusCode, headers, body } = await request(url, {
    method,
    headers: content === undefined ? {} : { 'content-type': content.type },
    body: content?.bytes ?? null,
  });
  const text = await body.text();
  if (statusCode !== wantStatus) throw new Error(`${method} ${url}: ${statusCode} ${text}`);
  return [headers['location']].flat()[0];
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
