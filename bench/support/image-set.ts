/** The images and streams of a benchmark case. */
import { type BuiltImage, buildImage, pushManifest, uploadBlob } from '../../test/support/images.ts';
import type { RegistryServer } from '../../test/support/registry-server.ts';
import { eachParallel } from './bounded-parallel.ts';

/** How many of what. */
export interface Shape {
  /** Streams, each with a repository of its own. */
  readonly streams: number;
  readonly tagsPerStream: number;
}

/** A stream and where its tags come from. */
export interface PlannedStream {
  readonly name: string;
  readonly repository: string;
  readonly tags: readonly string[];
}

const pushers = 16;

/** Names of streams and tags; names of different prefixes never meet. */
export function planStreams({ streams, tagsPerStream }: Shape, prefix: string): readonly PlannedStream[] {
  return Array.from({ length: streams }, (_, i) => {
    const name = `${prefix}-${String(i).padStart(4, '0')}`;
    return {
      name,
      repository: `bench/${name}`,
      tags: Array.from({ length: tagsPerStream }, (_tag, j) => `v${j}`),
    };
  });
}

/** Pushes an image of its own for each tag: one layer for all, a configuration and a manifest each. */
export async function pushDistinct(
  registry: RegistryServer,
  streams: readonly PlannedStream[],
  signal: AbortSignal,
): Promise<void> {
  await eachParallel(streams, { limit: pushers, signal }, async ({ repository, tags }) => {
    const images = tags.map((tag) => imageOf({ repository, tag }));
    await pushLayer(registry, repository, images);
    for (const [i, image] of images.entries()) {
      await uploadBlob(registry.target(repository), image.config);
      await pushManifest(registry.target(repository, tags[i]), image);
    }
  });
}

/** Pushes one image for all tags of all streams. */
export async function pushShared(
  registry: RegistryServer,
  streams: readonly PlannedStream[],
  signal: AbortSignal,
): Promise<void> {
  const image = imageOf({ shared: 'true' });
  await eachParallel(streams, { limit: pushers, signal }, async ({ repository, tags }) => {
    await pushLayer(registry, repository, [image]);
    await uploadBlob(registry.target(repository), image.config);
    for (const tag of tags) await pushManifest(registry.target(repository, tag), image);
  });
}

function imageOf(labels: Readonly<Record<string, string>>): BuiltImage {
  return buildImage({ content: 'the layer of all', labels });
}

async function pushLayer(
  registry: RegistryServer,
  repository: string,
  [image]: readonly BuiltImage[],
): Promise<void> {
  if (image !== undefined) await uploadBlob(registry.target(repository), image.layer);
}
