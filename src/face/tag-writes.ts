/** Writes of ImageStreamTags and ImageTags: each is one write of the stream's spec, as in the reference. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { textOf, valueAt } from '../api/json.ts';
import { imageStreams } from '../api/resources.ts';
import { invalidFault } from '../domain/field-fault.ts';
import { type ShownDefaults, shownStream } from '../domain/shown-stream.ts';
import { followedTag } from '../domain/tag-source.ts';
import type { NamedTag, PresentTag, TagWrite } from '../domain/tag-writes.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, undefinedIfNotFound } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Access } from './access.ts';
import type { DeclaredTags } from './declared-tags.ts';
import type { DerivedViews } from './derived-views.ts';
import { type Exchange, isDryRun, sendJson } from './exchange.ts';
import { checkUnknownFields } from './field-validation.ts';
import { isTakenAtOnce, observed } from './observed-stream.ts';
import { checkPlace, readObject } from './sent-body.ts';
import { readPatch } from './sent-patch.ts';
import type { SourceCheck } from './source-check.ts';
import { maxWriteAttempts, writeSpecTags } from './spec-tags.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  invalid,
  notFound,
  type StatusError,
  serverTimeout,
} from './status.ts';
import { TagDeletion } from './tag-deletion.ts';
import { appliedTag, effectiveStream, type TagKind, tagKindOf, targetOf } from './tag-kinds.ts';

/** Options of {@link TagWrites}. */
export interface TagWritesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly views: DerivedViews;
  readonly access: Access;
  readonly declared: DeclaredTags;
  readonly sources: SourceCheck;
  readonly defaults: ShownDefaults;
  readonly localRegistry: string | undefined;
}

/** A tag that is written as an object of a kind. */
interface Target {
  readonly kind: TagKind;
  readonly tag: NamedTag;
}

/** What was written. */
interface Written {
  readonly stream: ImageStream;
  readonly isNew: boolean;
  /** The tag as it is in the spec now; undefined when it is not. */
  readonly tag: TagReference | undefined;
}

type Decide = (present: PresentTag) => TagWrite;

/** Answers all of them. */
export class TagWrites {
  readonly #options: TagWritesOptions;
  readonly #deletion: TagDeletion;

  constructor(options: TagWritesOptions) {
    this.#options = options;
    this.#deletion = new TagDeletion(options);
  }

  /** Creates, updates, patches or deletes the tag that a request names. */
  async serve(exchange: Exchange): Promise<void> {
    const kind = tagKindOf(exchange);
    if (exchange.info.verb === 'delete') return this.#deletion.serve(exchange);
    if (exchange.info.verb === 'patch') return this.#patch(exchange, kind);
    const isCreation = exchange.info.verb === 'create';
    const body = await readObject(exchange, kind.kind);
    checkUnknownFields(exchange, kind.kind, body);
    const name = isCreation ? (textOf(valueAt(body, ['metadata', 'name'])) ?? '') : exchange.info.name;
    const tag = targetOf(exchange, kind, name ?? '');
    checkPlace(body, tag);
    const written = await this.#write(exchange, { kind, tag }, (present) => {
      const decided = isCreation
        ? kind.create(present, tag, body)
        : kind.update(present, tag, body, this.#options.defaults);
      if ('problem' in decided)
        throw badRequest(
          `${kind.kind} in version "v1" cannot be handled as a ${kind.kind}: ${decided.problem}`,
        );
      return decided;
    });
    return this.#answer(exchange, { kind, tag }, written);
  }

  /** Of what a GET shows, or would show if the tag had an image already; anew whenever the stream has changed. */
  async #patch(exchange: Exchange, kind: TagKind): Promise<void> {
    const patch = await readPatch(exchange, kind.kind, (...parts) => appliedTag(kind, ...parts));
    const tag = targetOf(exchange, kind, exchange.info.name ?? '');
    const written = await this.#write(exchange, { kind, tag }, (present) => {
      const { stream } = present;
      if (!patch.isApply && !isThere(present, tag.tag)) throw notFound(kind.resource, tag.name);
      const document = stream === undefined ? {} : this.#view(present, { kind, tag });
      const patched = patch.patched(document);
      checkUnknownFields(exchange, kind.kind, patched);
      checkPlace(patched, tag);
      const decided = kind.update(present, tag, patched, this.#options.defaults);
      if ('problem' in decided)
        throw invalid(kind.kind, tag.name, [invalidFault('patch', '', decided.problem)]);
      return decided;
    });
    return this.#answer(exchange, { kind, tag }, written);
  }

  #view(present: PresentTag, { kind, tag }: Target) {
    const { defaults } = this.#options;
    const stream = effectiveStream(present);
    if (stream === undefined) return {};
    return kind.view(shownStream(stream, defaults), tag.tag, undefined, this.#options);
  }

  /** Until the write is to the stream that was decided on. */
  async #write(exchange: Exchange, { kind, tag }: Target, decide: Decide): Promise<Written> {
    const { client, access, sources, declared } = this.#options;
    const { signal, caller, info } = exchange;
    const dryRun = isDryRun(exchange);
    const { namespace, stream: name } = tag;
    for (let attempt = 1; ; attempt++) {
      const present = await this.#present(tag, signal);
      const write = decide(present);
      if (write.kind !== 'write') throw refusal(write, { kind, tag });
      const { tags, isNew, written } = write;
      // Who makes something that was not there needs the right to create it.
      if (isNew && info.verb !== 'create')
        await access.check(caller, { ...info, verb: 'create', name: undefined });
      const place = { namespace, name, present: present.stream };
      if (write.isChanged && written !== undefined) await sources.check(exchange, place, [written]);
      try {
        const stream = await writeSpecTags(client, exchange, { ...place, dryRun }, tags);
        // Else what an object declares would count from now on.
        if (written === undefined && !dryRun) await declared.takeBack(namespace, tag, signal);
        return { stream, isNew, tag: written };
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === maxWriteAttempts) throw serverTimeout(kind.resource, info.verb);
      }
    }
  }

  async #present(tag: NamedTag, signal: AbortSignal): Promise<PresentTag> {
    const { client, declared } = this.#options;
    const place = { namespace: tag.namespace, name: tag.stream };
    const stream = await client.get(imageStreams, place, signal).catch(undefinedIfNotFound);
    return {
      stream,
      declared: stream === undefined ? undefined : await declared.of(stream, tag.tag, signal),
    };
  }

  async #answer(exchange: Exchange, { kind, tag }: Target, written: Written): Promise<void> {
    const { response, signal, info } = exchange;
    const { client, clock, views } = this.#options;
    const stream =
      isDryRun(exchange) || !(written.tag && isTakenAtOnce(written.tag))
        ? written.stream
        : await observed(client, written.stream, {
            clock,
            signal,
            isDone: (current) => isAnswered(current, written),
          });
    const entry = stream.status?.tags?.find((each) => each.tag === tag.tag);
    const image: Image | undefined = await views.image(entry?.items?.[0]?.image, signal);
    const code = info.verb === 'create' || written.isNew ? 201 : 200;
    const shown = shownStream(stream, this.#options.defaults);
    sendJson(response, code, kind.view(shown, tag.tag, image, this.#options));
  }
}

function isThere({ stream, declared }: PresentTag, tag: string): boolean {
  if (declared !== undefined) return true;
  return [
    ...(stream?.spec?.tags ?? []).map(({ name }) => name),
    ...(stream?.status?.tags ?? []).map((entry) => entry.tag),
  ].includes(tag);
}

/** The generation of a copy comes back with what was copied. A tag that follows another of its stream gets what that one has. */
function isAnswered(stream: ImageStream, { tag }: Written): boolean {
  if (!tag?.from || followedTag(stream, { ...tag, from: tag.from }) !== undefined) return true;
  const entry = stream.status?.tags?.find((each) => each.tag === tag.name);
  return (tag.generation ?? undefined) === entry?.lastImport?.generation;
}

function refusal(
  write: Exclude<TagWrite, { readonly kind: 'write' }>,
  { kind: { kind, resource, duplicate }, tag: { name } }: Target,
): StatusError {
  switch (write.kind) {
    case 'exists':
      return alreadyExists(duplicate, name);
    case 'absent':
      return notFound(resource, name);
    case 'stale':
      return conflict(
        resource,
        name,
        `another caller has updated the resource version to ${write.resourceVersion}`,
      );
    case 'refused':
      return badRequest(write.message);
    case 'invalid':
      return invalid(kind, name, write.faults);
  }
}
