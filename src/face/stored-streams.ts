/** ImageStreams: reads, watches and deletions are passed to the custom resource behind them, and shown as the reference does. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { isJsonObject, type JsonObject, parseJsonObject } from '../api/json.ts';
import { imageStreamTable } from '../domain/reference-tables.ts';
import { type ShownDefaults, shownStream } from '../domain/shown-stream.ts';
import type { KubeClient } from '../kube/client.ts';
import { readBounded } from '../runtime/bounded-body.ts';
import type { Clock } from '../runtime/clock.ts';
import { readDeletion } from './delete-options.ts';
import { type Exchange, isDryRun, sendJson } from './exchange.ts';
import { isTakenAtOnce, observed } from './observed-stream.ts';
import type { OwnerBudget } from './owner-budget.ts';
import { passAnswer } from './passed-answer.ts';
import { type Show, ShownList } from './shown-list.ts';
import { type ShownRows, ShownTable } from './shown-table.ts';
import { maxObjectBytes, type StreamRequests } from './stream-requests.ts';
import type { StreamWrites } from './stream-writes.ts';
import { includeObjectOf, tableOf } from './tables.ts';
import { ServedVersion, toServed, toStored } from './versions.ts';
import type { WatchBeginnings, WatchProgress } from './watch-beginnings.ts';
import { changedEvents } from './watch-events.ts';

/** Options of {@link StoredStreams}. */
export interface StoredStreamsOptions {
  readonly requests: StreamRequests;
  readonly writes: StreamWrites;
  readonly defaults: ShownDefaults;
  /** Sees what the operator has made of a write. */
  readonly client: KubeClient;
  readonly watches: OwnerBudget;
  readonly beginnings: WatchBeginnings;
  readonly clock: Clock;
}

/** Serves ImageStreams and their status. */
export class StoredStreams {
  readonly #options: StoredStreamsOptions;

  constructor(options: StoredStreamsOptions) {
    this.#options = options;
  }

  /** Answers a request that the caller may make. Throws a Status when it cannot be passed on. */
  async serve(exchange: Exchange): Promise<void> {
    switch (exchange.info.verb) {
      case 'get':
      case 'list':
        return this.#read(exchange);
      case 'watch':
        return this.#options.watches.run(exchange.caller.user, () =>
          this.#options.beginnings.run(exchange, (progress) => this.#watch(exchange, progress)),
        );
      case 'delete':
      case 'deletecollection':
        return this.#delete(exchange);
      default:
        return this.#write(exchange);
    }
  }

  async #write(exchange: Exchange): Promise<void> {
    const { client, clock, defaults, writes } = this.#options;
    const { code, warnings, stream, changed } = await writes.write(exchange);
    const { response, form, signal } = exchange;
    if (warnings.length > 0) response.setHeader('warning', [...warnings]);
    // What the reference does in the same write the operator does a moment later.
    const isAwaited = !isDryRun(exchange) && changed.some(isTakenAtOnce);
    const seen = isAwaited ? await observed(client, stream, { clock, signal }) : stream;
    const shown = toServed(shownStream(seen, defaults));
    sendJson(response, code, form === 'table' ? this.#table(exchange, shown) : shown);
  }

  async #read(exchange: Exchange): Promise<void> {
    const { form, info } = exchange;
    const metadataOnly = form === 'metadata';
    const answer = await this.#options.requests.send(exchange, { method: 'GET', metadataOnly });
    if (answer.statusCode !== 200 || metadataOnly) return passAnswer(exchange, answer, new ServedVersion());
    if (info.verb === 'list')
      return passAnswer(
        exchange,
        answer,
        form === 'table' ? new ShownTable(imageStreamTable, this.#rows(exchange)) : new ShownList(this.#show),
      );
    const text = (await readBounded(answer.body, maxObjectBytes)).toString();
    const document = toServed(parseJsonObject(text)) as JsonObject;
    if (form === 'table') return sendJson(exchange.response, 200, this.#table(exchange, document));
    sendJson(exchange.response, 200, shownStream(document as unknown as ImageStream, this.#options.defaults));
  }

  async #watch(exchange: Exchange, progress: WatchProgress): Promise<void> {
    const { form } = exchange;
    const metadataOnly = form === 'metadata';
    const answer = await this.#options.requests.send(exchange, { method: 'GET', metadataOnly });
    progress.opened();
    if (metadataOnly) return passAnswer(exchange, answer, new ServedVersion());
    const show: Show = form === 'table' ? (object) => this.#table(exchange, toServed(object)) : this.#show;
    await passAnswer(
      exchange,
      answer,
      changedEvents((event) => shownEvent(event, show), progress),
    );
  }

  /** What comes back is a Status, or the object as it was: neither is shown as rows. */
  async #delete(exchange: Exchange): Promise<void> {
    const options = await readDeletion(exchange);
    const answer = await this.#options.requests.send(exchange, {
      method: 'DELETE',
      ...(options === undefined ? {} : { body: JSON.stringify(toStored(options)) }),
    });
    await passAnswer(exchange, answer, new ServedVersion());
  }

  readonly #show: Show = (object) => shownStream(toServed(object) as ImageStream, this.#options.defaults);

  #table(exchange: Exchange, document: unknown): JsonObject {
    return tableOf(imageStreamTable, document, this.#rows(exchange));
  }

  #rows({ url }: Exchange): ShownRows {
    return { include: includeObjectOf(url), now: this.#options.clock.now() };
  }
}

/** Of errors and bookmarks nothing but the version is changed. */
function shownEvent(event: JsonObject, show: Show): JsonObject {
  const { type, object } = event;
  const isObject = type !== 'ERROR' && type !== 'BOOKMARK' && isJsonObject(object);
  return { ...event, object: isObject ? show(object) : toServed(object) };
}
