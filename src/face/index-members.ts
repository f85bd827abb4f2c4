/** The images of the indexes that a stream's histories hold. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { historyImages, runnableMembers } from '../domain/stream-layers.ts';

/** Images of a history that are looked into. */
const maxIndexes = 200;
const parallelReads = 8;

/** By digest of an image of a history the images in it: none but for an index. `read` gives the stored Image of a digest. */
export async function indexMembers(
  stream: ImageStream,
  read: (digest: string) => Promise<Image | undefined>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const members = new Map<string, readonly string[]>();
  const waiting = [...historyImages(stream)].slice(0, maxIndexes).values();
  const worker = async (): Promise<void> => {
    for (const digest of waiting) {
      const image = await read(digest);
      members.set(digest, image === undefined ? [] : runnableMembers(image));
    }
  };
  await Promise.all(Array.from({ length: parallelReads }, worker));
  return members;
}
