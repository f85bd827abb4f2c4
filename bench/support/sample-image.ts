/** Images whose metadata is about as large as that of Docker's official ones for nginx or Python. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  type Blob,
  type BuiltManifest,
  mountBlob,
  pushManifest,
  uploadBlob,
} from '../../test/support/images.ts';
import type { RegistryServer } from '../../test/support/registry-server.ts';

const created = '2026-11-03T18:22:07Z';
const version = '3.14.6';

/** An image that is one of many: all have the same layers, and a configuration of their own. */
export interface SampleImage extends BuiltManifest {
  readonly config: Blob;
  /** A text that only this image's configuration has. */
  readonly revision: string;
}

const layers: readonly Blob[] = Array.from({ length: 8 }, (_, i) => blobOf(gzipSync(`layer ${i}`)));

/** Builds the image that its name stands for; all have the same length. */
export function sampleImage(name: string): SampleImage {
  const revision = createHash('sha1').update(name).digest('hex');
  const config = blobOf(Buffer.from(JSON.stringify(configuration(revision))));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = blobOf(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType,
        config: descriptorOf(config, 'application/vnd.oci.image.config.v1+json'),
        layers: layers.map((layer) => descriptorOf(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')),
      }),
    ),
  );
  return { digest: manifest.digest, mediaType, manifest: manifest.bytes, config, revision };
}

/** How the layers, which all images share, come into a repository; or they are there. */
export type LayerSource = 'upload' | 'present' | { readonly mountFrom: string };

/** Pushes images under tags of a repository, in the order of the list. */
export async function pushSamples(
  registry: RegistryServer,
  repository: string,
  images: readonly { readonly tag: string; readonly image: SampleImage }[],
  source: LayerSource = 'upload',
): Promise<void> {
  const target = registry.target(repository);
  if (source === 'upload') await Promise.all(layers.map((layer) => uploadBlob(target, layer)));
  if (typeof source === 'object') await mountLayers(registry, repository, source.mountFrom);
  for (const { tag, image } of images) {
    await uploadBlob(target, image.config);
    await pushManifest(registry.target(repository, tag), image);
  }
}

async function mountLayers(registry: RegistryServer, repository: string, from: string): Promise<void> {
  const target = registry.target(repository, undefined, from);
  await Promise.all(layers.map(({ digest }) => mountBlob(target, { digest, from })));
}

function configuration(revision: string): object {
  return {
    architecture: 'amd64',
    os: 'linux',
    created,
    author: 'Example Docker Maintainers <docker-maint@example.com>',
    config: {
      ExposedPorts: { '80/tcp': {} },
      Env: [
        'PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'LANG=C.UTF-8',
        'GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305',
        `PYTHON_VERSION=${version}`,
        'PYTHON_SHA256=a97d5549e9ad81fe17159ed02c68774ad5d266c72f8d9a0b5a9c371fe85d902b',
        'PKG_RELEASE=1~trixie',
        'PIP_NO_CACHE_DIR=1',
        'SETUPTOOLS_USE_DISTUTILS=stdlib',
        'APP_HOME=/usr/src/app',
        'ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE=1',
      ],
      Entrypoint: ['/docker-entrypoint.sh'],
      Cmd: ['nginx', '-g', 'daemon off;'],
      WorkingDir: '/usr/src/app',
      StopSignal: 'SIGQUIT',
      Labels: {
        maintainer: 'Example Docker Maintainers <docker-maint@example.com>',
        'org.opencontainers.image.title': 'sample',
        'org.opencontainers.image.source': 'https://git.example.com/images/sample',
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.created': created,
        'org.opencontainers.image.revision': revision,
      },
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map((_, i) => ({ created, created_by: `RUN /bin/sh -c step-${i} # buildkit` })),
  };
}

function descriptorOf({ digest, bytes }: Blob, mediaType: string): object {
  return { mediaType, digest, size: bytes.length };
}

function blobOf(bytes: Buffer): Blob {
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes };
}
