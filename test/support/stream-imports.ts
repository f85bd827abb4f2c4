import type { FaceAnswer, FaceView } from './face-view.ts';
import { imageStreams, images } from './resources.ts';

/** What the status of a result says that went well. */
export const success = { status: 'Success' };

/** A source of an ImageStreamImport, from a registry with plain HTTP. */
export function from(pullSpec: string, more: object = {}): object {
  return { from: { kind: 'DockerImage', name: pullSpec }, importPolicy: { insecure: true }, ...more };
}

/** ImageStreamImports of a test, as the admin in the namespace of the face's scenario. */
export class StreamImports {
  readonly #face: FaceView;

  constructor(face: FaceView) {
    this.#face = face;
  }

  /** A source in the scenario's repository. */
  own(tag: string, more: object = {}): object {
    return from(this.#face.scenario.pullSpec(tag), more);
  }

  /** Sends one for a stream. */
  async send(
    name: string,
    spec: object,
    { metadata = {}, query = '' }: { readonly metadata?: object; readonly query?: string } = {},
  ): Promise<FaceAnswer> {
    const kind = 'ImageStreamImport';
    const body = { kind, apiVersion: 'image.openshift.io/v1', metadata: { name, ...metadata }, spec };
    return this.#face.send('POST', this.#face.path(`imagestreamimports${query}`), body);
  }

  /** Names of all Images, and names and versions of all streams. */
  async stored(): Promise<unknown> {
    const { kube } = this.#face.view;
    const [allImages, streams] = [await kube.list(images, {}), await kube.list(imageStreams, {})];
    return {
      images: allImages.map(({ metadata }) => metadata.name),
      streams: streams.map(({ metadata }) => [metadata.namespace, metadata.name, metadata.resourceVersion]),
    };
  }
}
