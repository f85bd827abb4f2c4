/** What a running operator would have left behind: so many streams, and under each tag an old and a current image. */
import { type PlannedStream, planStreams, type Shape } from './image-set.ts';
import { type SampleImage, sampleImage } from './sample-image.ts';

const streamsPerNamespace = 100;

/** The images of a tag, in the order in which they come. */
export type ImageAge = 'old' | 'current' | 'next';

/** A stream with its place. */
export interface StatedStream extends PlannedStream {
  readonly namespace: string;
}

/** Plans the streams, a hundred in a namespace. */
export function planState(shape: Shape): readonly StatedStream[] {
  return planStreams(shape, 'app').map((stream, i) => {
    const number = String(Math.floor(i / streamsPerNamespace)).padStart(4, '0');
    return { ...stream, namespace: `bench-${number}` };
  });
}

/** The namespaces of the streams. */
export function namespacesOf(streams: readonly StatedStream[]): readonly string[] {
  return [...new Set(streams.map(({ namespace }) => namespace))];
}

/** The image that a tag has at some time. */
export function imageOf({ repository }: StatedStream, tag: string, age: ImageAge): SampleImage {
  return sampleImage(`${repository}:${tag} ${age}`);
}

/** The images of all tags of a stream at some time, for a push. */
export function imagesOf(
  stream: StatedStream,
  age: ImageAge,
  tags: readonly string[] = stream.tags,
): readonly { readonly tag: string; readonly image: SampleImage }[] {
  return tags.map((tag) => ({ tag, image: imageOf(stream, tag, age) }));
}

/** All texts in the objects of a stream that no other stream has: lists of two streams correspond. */
export function distinctTexts(stream: StatedStream, uid: string): readonly string[] {
  const images = (['old', 'current'] as const).flatMap((age) =>
    imagesOf(stream, age).flatMap(({ image: { digest, config, revision } }) => [
      hexOf(digest),
      hexOf(config.digest),
      revision,
    ]),
  );
  return [stream.namespace, stream.name, uid, ...images];
}

/** In names of objects a digest has no colon. */
function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}
