/** The streams that the tags of a stream may copy from: what is in the cluster, by leave of the namespaces that it is in. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { attemptFor, type SourcedTag, sameRequest, sourcedTags } from '../domain/import-attempt.ts';
import { earliest } from '../domain/import-plan.ts';
import {
  isOwn,
  type LocalSource,
  localSource,
  type SourceStreams,
  type StreamName,
} from '../domain/tag-source.ts';
import { type ObjectKey, objectKey, type Store } from '../kube/store.ts';
import type { Sharing } from './sharing.ts';
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
  readonly #sharing: Sharing;

  constructor(options: { views: StreamViews; sharing: Sharing }) {
    this.#views = options.views;
    this.#sharing = options.sharing;
  }

  /** What a stream, with all of its tags, may copy from. Rights are asked for only where a tag wants something. */
  async of(stream: ImageStream, signal: AbortSignal): Promise<GatheredSources> {
    const { namespace = '' } = stream.metadata;
    const shared = new Set<ObjectKey>();
    let recheckAfterMs: number | undefined;
    for (const source of wantedSources(stream)) {
      if (source.namespace === namespace || shared.has(keyOf(source))) continue;
      if (await this.#sharing.allows(namespace, source, signal)) shared.add(keyOf(source));
      else recheckAfterMs = earliest(recheckAfterMs, this.#sharing.recheckAfterMs(namespace, source));
    }
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
  stores.streams.addIndex(bySource, (stream) => new Set(wantedSources(stream).map(keyOf)));
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
function wantedSources(stream: ImageStream): readonly LocalSource[] {
  return sourcedTags(stream).flatMap((tag) => {
    if (tag.from.kind === 'DockerImage') return [];
    const source = localSource(stream, tag);
    return source === undefined || isOwn(stream, source) || isAnswered(stream, tag) ? [] : [source];
  });
}

function isAnswered(stream: ImageStream, tag: SourcedTag): boolean {
  const last = stream.status?.tags?.find((entry) => entry.tag === tag.name)?.lastImport;
  if (last === undefined || (last.failures ?? 0) > 0) return false;
  const attempt = attemptFor(stream, tag);
  return sameRequest(last, attempt) && (attempt.generation ?? last.generation) === last.generation;
}

function keyOf({ namespace, stream }: StreamName): ObjectKey {
  return objectKey(namespace, stream);
}
