/** The streams that the tags of a stream may copy from: what is in the cluster, by leave of the namespaces that it is in. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import {
  attemptFor,
  type LastImport,
  type SourcedTag,
  sameRequest,
  sourcedTags,
} from '../domain/import-attempt.ts';
import { isOwn, localSource, type SourceStreams, type StreamName } from '../domain/tag-source.ts';
import { type ObjectKey, objectKey, type Store } from '../kube/store.ts';
import type { Sharing, Wish } from './sharing.ts';
import type { StreamViews } from './tag-objects.ts';

/** Index of both stores: the streams that a stream's tags still want something from. */
const bySource = 'by source';

/** What a stream may copy from at the moment. */
export interface GatheredSources {
  readonly streams: SourceStreams;
  /** When to ask again for what was refused, in milliseconds; undefined when nothing was. */
  readonly recheckAfterMs: number | undefined;
}

/** Asks for the sources of streams. */
export class StreamSources {
  readonly #views: StreamViews;
  readonly #sharing: Pick<Sharing, 'ask'>;

  constructor(options: { views: StreamViews; sharing: Pick<Sharing, 'ask'> }) {
    this.#views = options.views;
    this.#sharing = options.sharing;
  }

  /**
   * What a stream, with all of its tags, may copy from. Rights are asked for only where a tag wants something; what the API
   * server gives no answer about is not shared for now. Rejects only when the signal is aborted.
   */
  async of(stream: ImageStream, signal: AbortSignal): Promise<GatheredSources> {
    const { namespace = '', name } = stream.metadata;
    const { shared, recheckAfterMs } = await this.#sharing.ask(
      { namespace, name: `imagestream/${name}` },
      wishesOf(stream),
      signal,
    );
    return {
      streams: (source) => {
        if (isOwn(stream, source)) return stream;
        const known = source.namespace === namespace || shared.has(keyOf(source));
        return known ? this.#views.get(keyOf(source)) : undefined;
      },
      recheckAfterMs,
    };
  }
}

/** Files streams and ImageStreamTags under the streams that they want something from; before the first object is there. */
export function indexBySource(stores: {
  readonly streams: Store<ImageStream>;
  readonly tagObjects: Store<KnownTagObject>;
}): void {
  stores.streams.addIndex(bySource, (stream) => new Set(wishesOf(stream).map(({ source }) => keyOf(source))));
  stores.tagObjects.addIndex(bySource, ({ namespace, of, declared }) => {
    if (of === undefined || !declared?.from) return [];
    const stream = { metadata: { namespace, name: of.stream } } as ImageStream;
    const source = localSource(stream, { ...declared, from: declared.from });
    return source === undefined || isOwn(stream, source) ? [] : [keyOf(source)];
  });
}

/** The streams with tags that want something from the stream under a key. */
export function dependentsOf(
  key: ObjectKey,
  stores: { readonly streams: Store<ImageStream>; readonly tagObjects: Store<KnownTagObject> },
): ReadonlySet<ObjectKey> {
  const dependents = new Set(stores.streams.keysByIndex(bySource, key));
  for (const objectKeyOf of stores.tagObjects.keysByIndex(bySource, key)) {
    const { namespace, of } = stores.tagObjects.get(objectKeyOf) ?? {};
    if (of !== undefined) dependents.add(objectKey(namespace, of.stream));
  }
  return dependents;
}

/** The other streams that a stream's tags have not taken their image from yet, or have to take it from again. */
function wishesOf(stream: ImageStream): readonly Wish[] {
  const done = new Map(stream.status?.tags?.map(({ tag, lastImport }) => [tag, lastImport]));
  return sourcedTags(stream).flatMap((tag) => {
    if (tag.from.kind === 'DockerImage') return [];
    const source = localSource(stream, tag);
    if (source === undefined || isOwn(stream, source)) return [];
    const last = done.get(tag.name);
    const fresh = !isAnswered(stream, tag, last);
    return fresh || (last?.failures ?? 0) > 0 ? [{ source, fresh }] : [];
  });
}

/** True when the last import, however it ended, was for what the tag asks for now. */
function isAnswered(stream: ImageStream, tag: SourcedTag, last: LastImport | undefined): boolean {
  if (last === undefined) return false;
  const attempt = attemptFor(stream, tag);
  return sameRequest(last, attempt) && (attempt.generation ?? last.generation) === last.generation;
}

function keyOf({ namespace, stream }: StreamName): ObjectKey {
  return objectKey(namespace, stream);
}
