/**
 * ImageStreamImports that are kept: written as wishes into the spec of their stream, which the operator fulfils. The request waits
 * for its answer, so that the face needs neither registries nor pull secrets.
 */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { isJsonObject, type JsonObject, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import { imageGroup, imageStreams } from '../api/resources.ts';
import {
  type ImportOutcomeView,
  importedImage,
  importGeneration,
  lateOutcome,
  outcomeOf,
  tagsToImport,
  type WantedImport,
  wantedImports,
} from '../domain/stream-import.ts';
import { isStreamName, streamNamePattern } from '../domain/stream-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, undefinedIfNotFound } from '../kube/errors.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { DerivedViews } from './derived-views.ts';
import { type Exchange, isDryRun, readBody, sendJson } from './exchange.ts';
import { checkUnknownFields } from './field-validation.ts';
import { writeSpecTags } from './spec-tags.ts';
import { badRequest, StatusError } from './status.ts';
import { served, toServed } from './versions.ts';

/** Options of {@link StreamImports}. */
export interface StreamImportsOptions {
  readonly client: KubeClient;
  readonly views: DerivedViews;
  readonly clock: Clock;
}

const maxAttempts = 10;
/** An API server gives a request a minute. */
const maxWaitMs = 50_000;
const firstPauseMs = 25;
const maxPauseMs = 500;

interface Target {
  readonly namespace: string;
  readonly name: string;
  /** Of the stream that the client has seen. */
  readonly resourceVersion: string | undefined;
}

/** Answers creations. */
export class StreamImports {
  readonly #options: StreamImportsOptions;

  constructor(options: StreamImportsOptions) {
    this.#options = options;
  }

  /** Imports, and answers with what came of it. */
  async serve(exchange: Exchange): Promise<void> {
    const { request, response, signal } = exchange;
    const { namespace = '' } = exchange.info;
    if (isDryRun(exchange)) throw badRequest('an import cannot be rehearsed');
    const body = parseJsonObject(await readBody(request));
    if (body === undefined)
      throw badRequest('the object provided is unrecognized (must be of type ImageStreamImport)');
    checkUnknownFields(exchange, 'ImageStreamImport', body);
    const { wanted, target } = readImport(body, namespace);
    const { stream, generation } = await this.#wish(exchange, target, wanted);
    const { after, outcomes } = await this.#answers(stream, { generation, wanted }, signal);
    const images = await Promise.all(outcomes.map((outcome) => this.#shown(after, outcome, signal)));
    const document = {
      kind: 'ImageStreamImport',
      apiVersion: served,
      metadata: { namespace, name: target.name, creationTimestamp: null },
      spec: body['spec'],
      status: { import: toServed(after), images },
    };
    sendJson(response, 201, document);
  }

  /** Writes the wishes into the spec. */
  async #wish(
    exchange: Exchange,
    { namespace, name, resourceVersion }: Target,
    wanted: readonly WantedImport[],
  ): Promise<{ readonly stream: ImageStream; readonly generation: number }> {
    const { client } = this.#options;
    const { signal } = exchange;
    for (let attempt = 1; ; attempt++) {
      const present = await client.get(imageStreams, { namespace, name }, signal).catch(undefinedIfNotFound);
      if (resourceVersion !== undefined && present?.metadata.resourceVersion !== resourceVersion)
        throw outdated(name, resourceVersion, present?.metadata.resourceVersion ?? '');
      const tags = tagsToImport(present, wanted);
      const generation = importGeneration(present);
      try {
        const written = { namespace, name, present, dryRun: false };
        return { stream: await writeSpecTags(client, exchange, written, tags), generation };
      } catch (error) {
        if (!isConflict(error) || attempt === maxAttempts) throw error;
      }
    }
  }

  /** Waits for the operator. */
  async #answers(
    stream: ImageStream,
    { generation, wanted }: { readonly generation: number; readonly wanted: readonly WantedImport[] },
    signal: AbortSignal,
  ): Promise<{ readonly after: ImageStream; readonly outcomes: readonly ImportOutcomeView[] }> {
    const { client, clock } = this.#options;
    const { namespace, name } = stream.metadata;
    const startedAt = clock.now();
    let after = stream;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      const outcomes = wanted.map(({ tag }) => outcomeOf(after, tag, generation));
      const waitedMs = clock.now() - startedAt;
      if (outcomes.every((outcome) => outcome !== undefined) || waitedMs >= maxWaitMs) {
        const all = outcomes.map((outcome, i) => outcome ?? lateOutcome(wanted[i]?.tag ?? '', maxWaitMs));
        return { after, outcomes: all };
      }
      await sleep(clock, pauseMs, signal);
      signal.throwIfAborted();
      after = await client.get(imageStreams, { namespace, name }, signal);
    }
  }

  async #shown(
    stream: ImageStream,
    { status, tag, digest }: ImportOutcomeView,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    if (digest === undefined) return { status, tag };
    const image = await this.#options.views.image(digest, signal);
    const entry = stream.status?.tags?.find((candidate) => candidate.tag === tag);
    const reference = entry?.items?.[0]?.dockerImageReference ?? '';
    return {
      status,
      tag,
      ...(image === undefined ? {} : { image: importedImage(image, digest, reference) }),
    };
  }
}

function readImport(
  body: JsonObject,
  namespace: string,
): { readonly wanted: readonly WantedImport[]; readonly target: Target } {
  const name = textOf(valueAt(body, ['metadata', 'name'])) ?? '';
  const resourceVersion = textOf(valueAt(body, ['metadata', 'resourceVersion']));
  const spec = body['spec'];
  if (valueAt(spec, ['import']) !== true || isJsonObject(valueAt(spec, ['repository'])))
    throw new StatusError(
      501,
      'NotImplemented',
      'imports that only look (import: false) and imports of whole repositories are not served yet',
    );
  const { wanted, faults: found } = wantedImports(spec);
  const faults = isStreamName(name)
    ? found
    : [
        {
          field: 'metadata.name',
          message: `Invalid value: ${JSON.stringify(name)}: must match ${streamNamePattern}`,
        },
        ...found,
      ];
  if (faults.length > 0) {
    const what = faults.map(({ field, message }) => `${field}: ${message}`);
    const text = what.length === 1 ? (what[0] ?? '') : `[${what.join(', ')}]`;
    const message = `ImageStreamImport.${imageGroup} ${JSON.stringify(name)} is invalid: ${text}`;
    throw new StatusError(422, 'Invalid', message, { name, group: imageGroup, kind: 'ImageStreamImport' });
  }
  return {
    wanted,
    target: { namespace, name, resourceVersion: resourceVersion === '' ? undefined : resourceVersion },
  };
}

function outdated(name: string, from: string, to: string): StatusError {
  const message = `Operation cannot be fulfilled on imagestream.${imageGroup} ${JSON.stringify(name)}: the image stream was updated from ${JSON.stringify(from)} to ${JSON.stringify(to)}`;
  return new StatusError(409, 'Conflict', message, { name, group: imageGroup, kind: 'imagestream' });
}
