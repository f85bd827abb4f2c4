/** Stores what the operator would have written for all streams, derived from what it wrote for one. */
import { randomUUID } from 'node:crypto';
import { arrayOf, canonicalJson, isJsonObject } from '../../src/api/json.ts';
import { imageStreams, imageStreamTags, images } from '../../src/api/resources.ts';
import { eachParallel } from './bounded-parallel.ts';
import { Etcd, storageKey } from './etcd.ts';
import { distinctTexts, type StatedStream } from './planned-state.ts';
import { readStored, type StoredStream } from './template-stream.ts';
import { TextTemplate } from './text-template.ts';
import type { World } from './world.ts';

const writers = 16;

/** A kind of which the operator's state consists. */
export type StateKind = 'ImageStreams' | 'ImageStreamTags' | 'Images';

/** The kinds, in the order in which they have to be written. */
export const stateKinds: readonly StateKind[] = ['ImageStreams', 'ImageStreamTags', 'Images'];

/** An object of the first stream as it is stored, as a template for those of others. */
interface StoredText {
  readonly key: TextTemplate;
  readonly value: TextTemplate;
}

/** Derives the other streams from the first. */
export class DerivedState {
  readonly #world: World;
  readonly #streams: readonly StatedStream[];
  readonly #template: StoredStream;
  /** Of the streams. */
  readonly #uids: readonly string[];

  /** `template` is what is stored of the first of the streams. */
  constructor(world: World, streams: readonly StatedStream[], template: StoredStream) {
    this.#world = world;
    this.#streams = streams;
    this.#template = template;
    this.#uids = streams.map((_, i) => (i === 0 ? (template.stream.metadata.uid ?? '') : randomUUID()));
  }

  /**
   * Writes all objects of a kind; those of the first stream are there. They are written to etcd, as what the API server
   * stored of the first stream with other names and digests: it would make the same of them, ten times more slowly.
   */
  async write(kind: StateKind): Promise<void> {
    const { progress, cluster, signal } = this.#world;
    const derived = this.#streams.map((stream, i) => ({ i, stream })).slice(1);
    await using etcd = await Etcd.of(cluster, writers);
    const stored = await this.#storedOf(etcd, kind);
    await progress.counted(`write ${kind} of ${derived.length} streams`, derived.length, (done) =>
      eachParallel(derived, { limit: writers, signal }, async ({ i, stream }) => {
        const texts = distinctTexts(stream, this.#uids[i] ?? '');
        for (const { key, value } of stored)
          await etcd.put(key.fill(texts), value.fill(texts.concat(randomUUID())));
        done();
      }),
    );
  }

  /** Throws when the API server does not hold of some derived stream just what it holds of the template. */
  async verify(): Promise<void> {
    const i = this.#streams.length - 1;
    const stream = this.#streams[i];
    if (stream === undefined) return;
    const uid = this.#uids[i] ?? '';
    const expected = this.#fitted(JSON.stringify(this.#template)).fill(distinctTexts(stream, uid));
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

  /** The objects of a kind that the first stream has. */
  #storedOf(etcd: Etcd, kind: StateKind): Promise<readonly StoredText[]> {
    const [resource, objects] = {
      ImageStreams: [imageStreams, [this.#template.stream]] as const,
      ImageStreamTags: [imageStreamTags, this.#template.tagObjects] as const,
      Images: [images, this.#template.images] as const,
    }[kind];
    return Promise.all(
      objects.map(async ({ metadata }) => {
        const key = storageKey(resource, metadata);
        const value = this.#fitted(await etcd.get(key), metadata.uid ?? '');
        return { key: this.#fitted(key), value };
      }),
    );
  }

  get #first(): StatedStream {
    const [first] = this.#streams;
    if (first === undefined) throw new Error('there is no first stream to derive others from');
    return first;
  }

  /** A text of the first stream, to be filled with {@link distinctTexts}, and then the uid of an object of its. */
  #fitted(text: string, uid = ''): TextTemplate {
    const words = distinctTexts(this.#first, this.#uids[0] ?? '');
    // That of the stream itself is among them.
    return new TextTemplate(text, uid === '' || words.includes(uid) ? words : [...words, uid]);
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
