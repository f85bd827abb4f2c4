/** Writes what the operator would have written for all streams, derived from what it wrote for one. */
import { fieldManager } from '../../src/api/annotations.ts';
import { arrayOf, canonicalJson, isJsonObject } from '../../src/api/json.ts';
import { imageStreams, imageStreamTags, images, resourcePath } from '../../src/api/resources.ts';
import { tagObjectName } from '../../src/domain/tag-object-name.ts';
import { imageStreams as servedStreams } from '../../test/support/resources.ts';
import { ApiWriter, writers } from './api-writer.ts';
import { eachParallel } from './bounded-parallel.ts';
import { distinctTexts, type StatedStream } from './planned-state.ts';
import { creationPath, readStored, type StoredObject, type StoredStream } from './template-stream.ts';
import { TextTemplate } from './text-template.ts';
import type { World } from './world.ts';

/** A kind of which the operator's state consists. */
export type StateKind = 'ImageStreams' | 'ImageStreamTags' | 'Images';

/** The kinds, in the order in which they have to be written. */
export const stateKinds: readonly StateKind[] = ['ImageStreams', 'ImageStreamTags', 'Images'];

interface Numbered {
  readonly i: number;
  readonly stream: StatedStream;
}

/** Derives the other streams from the first. */
export class DerivedState {
  readonly #world: World;
  readonly #streams: readonly StatedStream[];
  readonly #template: StoredStream;
  readonly #uids: string[] = [];

  /** `template` is what is stored of the first of the streams. */
  constructor(world: World, streams: readonly StatedStream[], template: StoredStream) {
    this.#world = world;
    this.#streams = streams;
    this.#template = template;
    this.#uids[0] = template.stream.metadata.uid ?? '';
  }

  /** Writes all objects of a kind; those of the first stream are there. */
  async write(kind: StateKind): Promise<void> {
    const { progress, cluster, signal } = this.#world;
    const work = {
      ImageStreams: this.#streamWriter(),
      ImageStreamTags: this.#tagObjectWriter(),
      Images: this.#imageWriter(),
    }[kind];
    const derived = this.#streams.map((stream, i) => ({ i, stream })).slice(1);
    await using writer = new ApiWriter(cluster.facts);
    await progress.counted(`write ${kind} of ${derived.length} streams`, derived.length, (done) =>
      eachParallel(derived, { limit: writers, signal }, async (each) => {
        await work(writer, each);
        done();
      }),
    );
  }

  /** Throws when the API server does not hold of some derived stream just what it holds of the template. */
  async verify(): Promise<void> {
    const i = this.#streams.length - 1;
    const stream = this.#streams[i];
    if (stream === undefined) return;
    const expected = this.#fitted(JSON.stringify(this.#template)).fill(
      distinctTexts(stream, this.#uids[i] ?? ''),
    );
    const want = timeless(JSON.parse(expected));
    const got = timeless(await readStored(this.#world.kube, stream));
    if (want === got) return;
    let at = 0;
    while (want[at] === got[at]) at++;
    const [wanted, found] = [want, got].map((text) => text.slice(Math.max(0, at - 200), at + 200));
    throw new Error(
      `a derived stream is not what the operator would have written:\n… ${found} …\ninstead of\n… ${wanted} …`,
    );
  }

  #streamWriter(): (writer: ApiWriter, each: Numbered) => Promise<void> {
    const { metadata, spec, status } = this.#template.stream;
    const { namespace, name, annotations } = metadata;
    const created = this.#fitted(
      JSON.stringify({
        apiVersion: servedStreams.apiVersion,
        kind: servedStreams.kind,
        metadata: { namespace, name, annotations },
        spec,
      }),
    );
    const patch = this.#fitted(JSON.stringify({ status }));
    return async (writer, { i, stream }) => {
      const texts = distinctTexts(stream, '');
      const answer = await writer.send({
        kind: 'create',
        path: creationPath(stream),
        body: created.fill(texts),
      });
      this.#uids[i] = (JSON.parse(answer) as StoredObject).metadata.uid ?? '';
      const place = { namespace: stream.namespace, name: stream.name, subresource: 'status' } as const;
      const statusPath = `${resourcePath(imageStreams, place)}?fieldManager=${fieldManager}`;
      await writer.send({ kind: 'merge', path: statusPath, body: patch.fill(texts) });
    };
  }

  #tagObjectWriter(): (writer: ApiWriter, each: Numbered) => Promise<void> {
    const documents = this.#template.tagObjects.map((object) => {
      const { namespace, name, labels, annotations = {}, ownerReferences } = object.metadata;
      const metadata = { namespace, name, labels, annotations, ownerReferences };
      return this.#fitted(JSON.stringify({ ...object, metadata }));
    });
    return async (writer, { i, stream }) => {
      const texts = distinctTexts(stream, this.#uids[i] ?? '');
      for (const [j, document] of documents.entries()) {
        const place = { namespace: stream.namespace, name: tagObjectName(stream.name, stream.tags[j] ?? '') };
        const path = `${resourcePath(imageStreamTags, place)}?fieldManager=${fieldManager}&force=false`;
        await writer.send({ kind: 'apply', path, body: document.fill(texts) });
      }
    };
  }

  #imageWriter(): (writer: ApiWriter, each: Numbered) => Promise<void> {
    const path = `${resourcePath(images, {})}?fieldManager=${fieldManager}`;
    const documents = this.#template.images.map((image) => {
      const { name, labels, annotations } = image.metadata;
      return this.#fitted(JSON.stringify({ ...image, metadata: { name, labels, annotations } }));
    });
    return async (writer, { stream }) => {
      const texts = distinctTexts(stream, '');
      for (const document of documents)
        await writer.send({ kind: 'create', path, body: document.fill(texts) });
    };
  }

  #fitted(text: string): TextTemplate {
    const [first] = this.#streams;
    if (first === undefined) throw new Error('there is no first stream to derive others from');
    return new TextTemplate(text, distinctTexts(first, this.#uids[0] ?? ''));
  }
}

/** The same text for objects that differ only in when, and how often, they were written. */
function timeless(stored: unknown): string {
  const plain = JSON.stringify(stored, (key, value: unknown) => {
    if (key === 'metadata')
      return without(value, ['uid', 'resourceVersion', 'creationTimestamp', 'generation']);
    // In the order of their times.
    if (key === 'managedFields')
      return arrayOf(value)
        .map((entry) => canonicalJson(without(entry, ['time'])))
        .toSorted();
    return value;
  });
  return canonicalJson(JSON.parse(plain));
}

function without(value: unknown, keys: readonly string[]): unknown {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
}
