/**
 * Writes of ImageStreams, as the reference takes them: what was only shown is not stored, generations are counted, sources are
 * looked up with the caller's rights. The custom resource behind is written in one request.
 */
import type { Dispatcher } from 'undici';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { isJsonObject, type JsonObject, parseJsonObject, valueAt } from '../api/json.ts';
import { type ShownDefaults, shownStream, storedStream } from '../domain/shown-stream.ts';
import { withItemGenerations } from '../domain/status-generation.ts';
import { streamShapeProblem } from '../domain/stream-shape.ts';
import { streamFaults } from '../domain/stream-validation.ts';
import { changedTags } from '../domain/tag-change.ts';
import { readBounded } from '../runtime/bounded-body.ts';
import type { Access } from './access.ts';
import type { Exchange } from './exchange.ts';
import { readObject } from './sent-body.ts';
import { readPatch } from './sent-patch.ts';
import type { SourceCheck } from './source-check.ts';
import { badRequest, invalid, StatusError } from './status.ts';
import { maxObjectBytes, type StreamRequest, type StreamRequests } from './stream-requests.ts';
import { served, toServed, toStored } from './versions.ts';

/** Options of {@link StreamWrites}. */
export interface StreamWritesOptions {
  readonly requests: StreamRequests;
  readonly access: Access;
  readonly sources: SourceCheck;
  readonly defaults: ShownDefaults;
}

/** What a write has come to. */
export interface WriteAnswer {
  readonly code: number;
  /** Values of Warning headers. */
  readonly warnings: readonly string[];
  /** As it is stored now. */
  readonly stream: ImageStream;
  /** The tags whose source is another one, or is asked for again. */
  readonly changed: readonly TagReference[];
}

const maxPatchAttempts = 5;

/** Creates, updates and patches. */
export class StreamWrites {
  readonly #options: StreamWritesOptions;

  constructor(options: StreamWritesOptions) {
    this.#options = options;
  }

  /** Writes what came with a request. Throws the Status of whoever refuses it. */
  async write(exchange: Exchange): Promise<WriteAnswer> {
    const { verb } = exchange.info;
    if (verb === 'patch') return this.#patch(exchange);
    const sent = streamOf(await readObject(exchange, 'ImageStream'));
    if (verb === 'create') return this.#store(exchange, 'POST', { sent, present: undefined });
    const present = await this.#present(exchange);
    return this.#store(exchange, 'PUT', { sent, present });
  }

  async #patch(exchange: Exchange): Promise<WriteAnswer> {
    const patch = await readPatch(exchange, 'ImageStream', (_, config) => config);
    if (patch.isApply) return this.#apply(exchange, patch.patched({}) as JsonObject);
    for (let attempt = 1; ; attempt++) {
      const present = await this.#present(exchange);
      const shown = shownStream(present, this.#options.defaults) as unknown as JsonObject;
      const sent = streamOf(patch.patched(shown));
      try {
        return await this.#store(exchange, 'PUT', { sent, present });
      } catch (error) {
        // A version of the client's own does not become another one.
        const isFinal = sent.metadata.resourceVersion !== present.metadata.resourceVersion;
        if (!isConflict(error) || isFinal || attempt === maxPatchAttempts) throw error;
      }
    }
  }

  /**
   * An apply makes what is not there: that takes the right to create it. It is rehearsed, to see what it comes to; nothing else may
   * come of it, so that it is for the version that was rehearsed.
   */
  async #apply(exchange: Exchange, config: JsonObject): Promise<WriteAnswer> {
    const { info, caller } = exchange;
    for (let attempt = 1; ; attempt++) {
      const present = await this.#present(exchange).catch(undefinedIfAbsent);
      if (present === undefined)
        await this.#options.access.check(caller, { ...info, verb: 'create', name: undefined });
      const body = JSON.stringify(toStored(pinned(withoutGenerations(config), present)));
      const request: StreamRequest = { method: 'PATCH', contentType: 'application/apply-patch+yaml', body };
      try {
        const rehearsed = await this.#answer(exchange, { ...request, rehearsed: true });
        const changed = await this.#check(exchange, present, rehearsed.stream);
        return { ...(await this.#answer(exchange, request)), changed };
      } catch (error) {
        const isFinal = hasVersion(config) || isOfManagers(error) || attempt === maxPatchAttempts;
        if (!isConflict(error) || isFinal) throw error;
      }
    }
  }

  async #store(
    exchange: Exchange,
    method: 'POST' | 'PUT',
    { sent, present }: { readonly sent: ImageStream; readonly present: ImageStream | undefined },
  ): Promise<WriteAnswer> {
    const isStatus = exchange.info.subresource === 'status';
    const stored =
      isStatus && present !== undefined
        ? withItemGenerations(sent, present)
        : storedStream(sent, present, this.#options.defaults);
    const changed = isStatus ? [] : await this.#check(exchange, present, stored);
    const body = JSON.stringify(toStored(stored));
    return { ...(await this.#answer(exchange, { method, body })), changed };
  }

  async #check(
    exchange: Exchange,
    present: ImageStream | undefined,
    next: ImageStream,
  ): Promise<readonly TagReference[]> {
    const { namespace = '' } = exchange.info;
    const { name = '', generateName = '' } = next.metadata as { name?: string; generateName?: string };
    // As long as the name that the API server will make of it.
    const assumed = name === '' && generateName !== '' ? `${generateName}00000` : name;
    const all = streamFaults({ ...next, metadata: { ...next.metadata, namespace, name: assumed } });
    // The name of a stream that is there is as it is, also of one that was made as a custom resource.
    const faults = present === undefined ? all : all.filter(({ field }) => field !== 'metadata.name');
    // Each source is a question to the API server: of more tags than there may be, none is asked.
    if (faults.some(({ reason }) => reason === 'FieldValueTooMany'))
      throw invalid('ImageStream', name, faults);
    const changed = changedTags(present?.spec?.tags ?? [], next.spec?.tags ?? [], namespace);
    const missing = await this.#options.sources.faultsOf(exchange, { namespace, name, present }, changed);
    if (faults.length + missing.length > 0) throw invalid('ImageStream', name, [...faults, ...missing]);
    return changed;
  }

  async #answer(exchange: Exchange, request: StreamRequest): Promise<Omit<WriteAnswer, 'changed'>> {
    const answer = await this.#options.requests.send(exchange, request);
    const stream = await documentOf(answer);
    const warnings = [answer.headers['warning'] ?? []].flat();
    return { code: answer.statusCode, warnings, stream };
  }

  /** The stored stream, in the version that people speak. */
  async #present(exchange: Exchange): Promise<ImageStream> {
    return documentOf(await this.#options.requests.send(exchange, { method: 'GET' }));
  }
}

/** Reads an answer that is an object. Throws it, when it is a failure. */
async function documentOf({ statusCode, body }: Dispatcher.ResponseData): Promise<ImageStream> {
  const document = toServed(parseJsonObject((await readBounded(body, maxObjectBytes)).toString()) ?? {});
  if (statusCode >= 300) throw StatusError.of(statusCode, document as JsonObject);
  return document as ImageStream;
}

function isConflict(error: unknown): boolean {
  return error instanceof StatusError && error.status.reason === 'Conflict';
}

/** A field is another manager's: that stays so, unless the client forces it. */
function isOfManagers(error: unknown): boolean {
  const causes = error instanceof StatusError ? (error.status.details?.causes ?? []) : [];
  return causes.some(({ reason }) => reason === 'FieldManagerConflict');
}

function hasVersion(config: JsonObject): boolean {
  return (valueAt(config, ['metadata', 'resourceVersion']) ?? '') !== '';
}

/** For this version of this object, and for none that is made meanwhile; a client may have said so itself. */
function pinned(config: JsonObject, present: ImageStream | undefined): JsonObject {
  const { metadata } = config;
  if (present === undefined || !isJsonObject(metadata)) return config;
  const { uid, resourceVersion } = present.metadata;
  const own = hasVersion(config) ? {} : { resourceVersion };
  return { ...config, metadata: { uid, ...metadata, ...own } };
}

function undefinedIfAbsent(error: unknown): undefined {
  if (error instanceof StatusError && error.status.code === 404) return undefined;
  throw error;
}

/** A stream as it was sent, with what need not be sent. Throws 400 for what has not the shape of one. */
function streamOf(document: unknown): ImageStream {
  if (!isJsonObject(document))
    throw badRequest('the object provided is unrecognized (must be of type ImageStream)');
  const problem = streamShapeProblem(document);
  if (problem !== undefined)
    throw badRequest(`ImageStream in version "v1" cannot be handled as a ImageStream: ${problem}`);
  const { metadata, spec, ...rest } = document;
  return {
    apiVersion: served,
    kind: 'ImageStream',
    ...rest,
    metadata: isJsonObject(metadata) ? metadata : {},
    ...(spec === undefined || spec === null ? {} : { spec }),
  } as unknown as ImageStream;
}

/** Generations that a manifest has brought along are not taken, as in the reference; a 0 asks for an import. */
function withoutGenerations(config: JsonObject): JsonObject {
  const tags = valueAt(config, ['spec', 'tags']);
  if (!Array.isArray(tags)) return config;
  const taken = tags.map((tag: unknown) => {
    if (!isJsonObject(tag) || tag['generation'] === 0) return tag;
    const { generation: _, ...rest } = tag;
    return rest;
  });
  return { ...config, spec: { ...(config['spec'] as JsonObject), tags: taken } };
}
