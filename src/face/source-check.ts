/** Whether the sources of tags within the cluster are there, and the caller may use them, at the moment of a write (semantics 1.7). */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { imageStreams } from '../api/resources.ts';
import {
  type FieldFault,
  faultsText,
  forbiddenFault,
  internalFault,
  notFoundFault,
} from '../domain/field-fault.ts';
import {
  type StreamPlace,
  sourceFault,
  type WantedSource,
  wantedSource,
} from '../domain/source-validation.ts';
import { isStreamName } from '../domain/stream-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedIfNotFound } from '../kube/errors.ts';
import type { Access } from './access.ts';
import type { Exchange } from './exchange.ts';
import { RequestTurns } from './request-turns.ts';
import { invalid } from './status.ts';

/** The stream whose tags are written. */
export interface CheckedStream extends StreamPlace {
  /** As it is before the write; undefined when it is not there. */
  readonly present: ImageStream | undefined;
}

/** Streams that are looked at at a time: a stream may name a thousand others, and each may be a question of right. */
const lookTurns = { all: 12, ofUser: 4, ofNamespace: 8, waiting: 20_000 };
const namespaceName = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** Looks at sources. */
export class SourceCheck {
  readonly #client: KubeClient;
  readonly #access: Access;
  readonly #turns = new RequestTurns(lookTurns);

  constructor({ client, access }: { readonly client: KubeClient; readonly access: Access }) {
    this.#client = client;
    this.#access = access;
  }

  /** Throws a 422 on the stream, as the reference does, when a source of these tags is not to be had. */
  async check(exchange: Exchange, stream: CheckedStream, tags: readonly TagReference[]): Promise<void> {
    const faults = await this.faultsOf(exchange, stream, tags);
    if (faults.length > 0) throw invalid('ImageStream', stream.name, faults);
  }

  /**
   * The same as a list: none, or one fault of the stream with all that is wrong in it, as the reference nests them. `tags` are those
   * that are new or changed.
   */
  async faultsOf(
    exchange: Exchange,
    stream: CheckedStream,
    tags: readonly TagReference[],
  ): Promise<readonly FieldFault[]> {
    const faults: FieldFault[] = [];
    const byStream = new Map<string, WantedSource[]>();
    for (const tag of tags) {
      const wanted = wantedSource(stream, tag);
      if (wanted === undefined) continue;
      if (!('source' in wanted)) {
        faults.push(wanted);
        continue;
      }
      const { namespace, stream: name } = wanted.source;
      const key = `${namespace}/${name}`;
      byStream.set(key, [...(byStream.get(key) ?? []), wanted]);
    }
    const waiting = byStream.values();
    const worker = async (): Promise<void> => {
      for (const wanted of waiting)
        faults.push(
          ...(await this.#turns.run(exchange, () => this.#faultsOfStream(exchange, stream, wanted))),
        );
    };
    await Promise.all(Array.from({ length: Math.min(lookTurns.ofUser, byStream.size) }, worker));
    if (faults.length === 0) return [];
    return [internalFault(`imagestreams ${JSON.stringify(stream.name)} is invalid: ${faultsText(faults)}`)];
  }

  /** Who may not use a stream does not hear whether it is there. */
  async #faultsOfStream(
    { caller, signal }: Exchange,
    { namespace: own, present }: CheckedStream,
    wanted: readonly WantedSource[],
  ): Promise<readonly FieldFault[]> {
    const [first] = wanted;
    if (first === undefined) return [];
    const { namespace, stream: name } = first.source;
    // What is no name is the name of nothing.
    if (!first.isOwn && !(isStreamName(name) && namespaceName.test(namespace)))
      return wanted.map(({ field, name: value }) => notFoundFault(`${field}.name`, value));
    if (namespace !== own) {
      const info = { verb: 'get', namespace, resource: 'imagestreams', name, subresource: 'layers' } as const;
      const { allowed, reason, evaluationError } = await this.#access.ask(caller, info);
      const detail = `${namespace}/${name}: ${JSON.stringify(reason)} ${JSON.stringify(evaluationError)}`;
      if (!allowed) return wanted.map(({ field }) => forbiddenFault(field, detail));
    }
    // Of the stream itself nothing but its history is looked at, and only for images.
    const stream = first.isOwn
      ? present
      : await this.#client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
    return wanted.flatMap((each) => sourceFault(each, stream) ?? []);
  }
}
