/** ImageStreams: passed to the custom resource behind them, with the versions renamed both ways. */
import type { Transform } from 'node:stream';
import { load } from 'js-yaml';
import type { Dispatcher } from 'undici';
import { isJsonObject, type JsonObject, parseJsonObject, valueAt } from '../api/json.ts';
import { imageStreams, resourcePath } from '../api/resources.ts';
import { imageStreamTable } from '../domain/reference-tables.ts';
import { strategicallyPatched } from '../domain/strategic-patch.ts';
import type { KubeTransport } from '../kube/transport.ts';
import { readBounded } from '../runtime/bounded-body.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Access } from './access.ts';
import type { CallerBudget } from './caller-budget.ts';
import { type Exchange, isDryRun, managerOf, readBody, sendJson } from './exchange.ts';
import { passAnswer } from './passed-answer.ts';
import { badRequest, StatusError } from './status.ts';
import { includeObjectOf, tableOf } from './tables.ts';
import { ServedVersion, toServed, toStored } from './versions.ts';
import { changedEvents } from './watch-events.ts';

/** Parameters of a request that mean the same to the custom resource. */
const parameters = [
  'allowWatchBookmarks',
  'continue',
  'fieldManager',
  'fieldSelector',
  'fieldValidation',
  'force',
  'gracePeriodSeconds',
  'labelSelector',
  'limit',
  'orphanDependents',
  'propagationPolicy',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
/** A list that is shown as a table is held as a whole. */
const maxListBytes = 64 * 1024 * 1024;
const applyType = 'application/apply-patch+yaml';
const strategicType = 'application/strategic-merge-patch+json';
const maxPatchAttempts = 5;
const writes = ['create', 'update', 'patch', 'delete', 'deletecollection'];

interface Body {
  readonly body?: string;
  readonly contentType?: string;
}

/** Options of {@link StoredStreams}. */
export interface StoredStreamsOptions {
  /** For nothing else: clients that read slowly hold its connections. */
  readonly transport: KubeTransport;
  readonly access: Access;
  readonly watches: CallerBudget;
  readonly clock: Clock;
}

/** Serves ImageStreams and their status. */
export class StoredStreams {
  readonly #transport: KubeTransport;
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #watches: CallerBudget;

  constructor({ transport, access, watches, clock }: StoredStreamsOptions) {
    this.#transport = transport;
    this.#watches = watches;
    this.#access = access;
    this.#clock = clock;
  }

  /** Answers a request that the caller may make. Throws a Status when it cannot be passed on. */
  async serve(exchange: Exchange): Promise<void> {
    if (exchange.info.verb !== 'watch') return this.#pass(exchange);
    return this.#watches.run(exchange.caller.user, () => this.#pass(exchange));
  }

  async #pass(exchange: Exchange): Promise<void> {
    const { request, info, form } = exchange;
    await this.#checkCreation(exchange);
    const isStrategic = (request.headers['content-type'] ?? '').startsWith(strategicType);
    const answer =
      info.verb === 'patch' && isStrategic
        ? await this.#patch(exchange, parsed(await readBody(request)))
        : await this.#send(
            exchange,
            request.method === 'HEAD' ? 'GET' : (request.method as 'GET'),
            await bodyOf(exchange),
          );
    if (form === 'table' && answer.statusCode < 300 && info.verb !== 'watch')
      await this.#table(exchange, answer);
    else if (form === 'table' && answer.statusCode < 300)
      await passAnswer(exchange, answer, this.#rows(exchange));
    else await passAnswer(exchange, answer, new ServedVersion());
  }

  /** An apply makes what is not there: that takes the right to create it. */
  async #checkCreation(exchange: Exchange): Promise<void> {
    const { request, info, caller } = exchange;
    const isApply = info.verb === 'patch' && (request.headers['content-type'] ?? '').startsWith(applyType);
    if (!isApply) return;
    const read = await this.#send({ ...exchange, form: 'metadata' }, 'GET', {});
    await read.body.dump();
    if (read.statusCode === 404)
      await this.#access.check(caller, { ...info, verb: 'create', name: undefined });
  }

  #send(exchange: Exchange, method: 'GET' | 'PUT', body: Body): Promise<Dispatcher.ResponseData> {
    const { info, signal } = exchange;
    const { namespace, name } = info;
    const subresource = info.subresource === 'status' ? ({ subresource: 'status' } as const) : {};
    return this.#transport.send({
      method,
      path: resourcePath(imageStreams, { namespace, name, ...subresource }),
      query: queryOf(exchange),
      ...body,
      accept: acceptOf(exchange),
      watch: info.verb === 'watch',
      signal,
    });
  }

  /** A custom resource knows no strategic merge patch: it is read, patched here, and written back in the version that was read. */
  async #patch(exchange: Exchange, patch: unknown): Promise<Dispatcher.ResponseData> {
    if (!isJsonObject(patch)) throw badRequest('the patch is not an object');
    for (let attempt = 1; ; attempt++) {
      const read = await this.#send({ ...exchange, form: 'object' }, 'GET', {});
      if (read.statusCode !== 200) return read;
      const present = parseJsonObject((await readBounded(read.body, maxListBytes)).toString()) ?? {};
      const patched = patchedStream(toServed(present) as JsonObject, patch);
      const body = { contentType: 'application/json', body: JSON.stringify(toStored(patched)) };
      const answer = await this.#send(exchange, 'PUT', body);
      // A version of the client's own does not become another one.
      if (
        answer.statusCode !== 409 ||
        attempt === maxPatchAttempts ||
        valueAt(patch, ['metadata', 'resourceVersion'])
      )
        return answer;
      await answer.body.dump();
    }
  }

  async #table({ response, url }: Exchange, answer: Dispatcher.ResponseData): Promise<void> {
    const text = (await readBounded(answer.body, maxListBytes)).toString();
    const document = toServed(parseJsonObject(text));
    const shown = { include: includeObjectOf(url), now: this.#clock.now() };
    sendJson(response, answer.statusCode, tableOf(imageStreamTable, document, shown));
  }

  /** The events of a watch with rows in place of objects. */
  #rows({ url }: Exchange): Transform {
    const include = includeObjectOf(url);
    return changedEvents((event) => eventWithRow(event, { include, now: this.#clock.now() }));
  }
}

function eventWithRow(event: JsonObject, shown: Parameters<typeof tableOf>[2]): JsonObject {
  const object = toServed(event['object']);
  if (event['type'] === 'ERROR' || event['type'] === 'BOOKMARK') return { ...event, object };
  return { ...event, object: tableOf(imageStreamTable, object, shown) };
}

function patchedStream(stream: JsonObject, patch: JsonObject): JsonObject {
  try {
    return strategicallyPatched(stream, patch);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

function acceptOf({ form, info }: Exchange): string {
  if (form !== 'metadata' || info.verb === 'deletecollection') return 'application/json';
  const kind = info.verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}

/** Without a field manager the API server takes the name of the program: that is the client's and not ours. */
function queryOf(exchange: Exchange): Record<string, string> {
  const { url, info } = exchange;
  const query: Record<string, string> = {};
  for (const name of parameters) {
    const value = url.searchParams.get(name);
    if (value !== null) query[name] = value;
  }
  if (isDryRun(exchange)) query['dryRun'] = 'All';
  const { manager } = managerOf(exchange);
  if (['create', 'update', 'patch'].includes(info.verb) && manager !== undefined)
    query['fieldManager'] = manager;
  return query;
}

async function bodyOf({ request, info: { verb } }: Exchange): Promise<Body> {
  if (!writes.includes(verb)) return {};
  const text = await readBody(request);
  const [contentType = ''] = (request.headers['content-type'] ?? 'application/json').split(';');
  if (text === '') return {};
  switch (contentType.trim()) {
    case 'application/json':
    case 'application/merge-patch+json':
      return { contentType, body: JSON.stringify(toStored(parsed(text))) };
    case 'application/json-patch+json':
      return { contentType, body: JSON.stringify(operationsOf(parsed(text)).map(storedOperation)) };
    case 'application/apply-patch+yaml':
    case 'application/yaml':
      return { contentType, body: JSON.stringify(toStored(parsedYaml(text))) };
    default:
      throw new StatusError(
        415,
        'UnsupportedMediaType',
        'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
      );
  }
}

function operationsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw badRequest('a JSON patch is a list of operations');
}

/** An operation that speaks of the version, or of the whole object. */
function storedOperation(operation: unknown): unknown {
  if (!isJsonObject(operation)) return operation;
  if (operation['path'] === '/apiVersion')
    return {
      ...operation,
      value: (toStored({ apiVersion: operation['value'] }) as { apiVersion: unknown }).apiVersion,
    };
  return operation['path'] === '' ? { ...operation, value: toStored(operation['value']) } : operation;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ImageStream): ${(error as Error).message}`,
    );
  }
}

function parsedYaml(text: string): unknown {
  try {
    // Without aliases: a few of them are as large as one likes.
    return load(text, { maxAliases: 0 });
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}
