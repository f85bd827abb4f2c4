/**
 * Keeps a {@link Store} equal to a collection of the API server: list, then watch, for as long as the
 * process lives. It never gives up, never spins and loses no event (ADR 0003: the library's informer does).
 *
 * The list is the beginning of the watch where the API server offers that ("streaming lists", Kubernetes 1.34 and later): it
 * comes out of the server's cache, object by object. When that fails the list is read in pages.
 */
import type { Logger } from 'pino';
import { textOf, valueAt } from '../api/json.ts';
import { type KubeObject, type Resource, resourcePath } from '../api/resources.ts';
import { type BackoffPolicy, backoffMs, spread } from '../domain/backoff.ts';
import { BodyTooLargeError } from '../runtime/bounded-body.ts';
import { type Clock, nextTurn, sleep } from '../runtime/clock.ts';
import type { KubeClient, ListPage } from './client.ts';
import { isForbidden, isGone, isInvalid, isNotFound, KubeApiError } from './errors.ts';
import { objectKey, type Store } from './store.ts';
import { endsInitialEvents, type WatchEvent, watchEvents } from './watch-stream.ts';

/**
 * Why a list and watch begins again: the server ended it in its time, what it knew was too old, nothing came for too long, an
 * optional kind is not there, the server said no, or something else went wrong.
 */
export type RestartReason = 'ended' | 'expired' | 'silent' | 'absent' | 'refused' | 'broken';

/** Options of {@link Reflector}. `T` is what the API server sends, `S` what is kept of it. */
export interface ReflectorOptions<T extends KubeObject, S> {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  /** The one namespace whose objects are wanted; those of all when undefined. */
  readonly namespace?: string | undefined;
  readonly store: Store<S>;
  /** What to keep of an object; undefined keeps nothing. Must not throw. */
  readonly keep: (object: T) => S | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called for each list, watch and failure, for the metrics. */
  readonly onEvent?: (event: 'list' | 'watch' | 'failure') => void;
  /** Called when a list and watch has to begin again, for the metrics. */
  readonly onRestart?: (reason: RestartReason) => void;
  /** True for a kind that the cluster may not have, or may have one day: then there are no objects, and it is tried again. */
  readonly isOptional?: boolean;
  /** Objects of one list page; 500 when not given. */
  readonly pageSize?: number;
}

/** A watch that ends earlier than this counts as a failure, so that a server which closes at once is not hammered. */
const shortWatchMs = 5_000;
/** Bookmarks come about every minute; a connection silent for longer than this is dead. */
const silentWatchMs = 150_000;
/** An optional kind that was there, and has not been for so long, has gone. */
const absentForGoodMs = 30_000;
/** The server ends a watch after about this time, spread over kinds by the hash of the path. */
const watchSeconds = 300;
const backoff: BackoffPolicy = { baseMs: 500, maxMs: 10_000 };
/** Asks a watch to begin with all objects that there are (Kubernetes API concepts, "Streaming lists"). */
const streamingList = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };

/** Lists and watches one collection until its signal is aborted. */
export class Reflector<T extends KubeObject, S> {
  readonly #options: ReflectorOptions<T, S>;
  readonly #path: string;
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  #resourceVersion: string | undefined;
  /** True from a list that could not be had as a stream until one in pages was had. */
  #listsPages = false;
  /** Why an optional kind was not there the last time, so that it is not said again. */
  #absence = '';
  /** Since when it has not been there without a break; undefined while it is. */
  #absentSince: number | undefined;
  #pageSize: number;

  constructor(options: ReflectorOptions<T, S>) {
    this.#options = options;
    this.#path = resourcePath(options.resource, { namespace: options.namespace });
    this.#pageSize = options.pageSize ?? 500;
  }

  /** Resolves when the first list is in the store. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** True from the first complete list on. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      let watchedSince = Number.POSITIVE_INFINITY;
      let retryAfterMs = 0;
      try {
        if (this.#resourceVersion === undefined && this.#listsPages) await this.#list(signal);
        await this.#watch(signal, () => {
          watchedSince = clock.now();
        });
        if (!signal.aborted) this.#options.onRestart?.('ended');
      } catch (error) {
        if (signal.aborted) return;
        if (this.#fallsBackToPages(error)) continue;
        retryAfterMs = this.#failed(error);
      }
      if (signal.aborted) return;
      // Only a watch that lived for a while shows that all is well; a list that takes long to fail does not.
      failures = clock.now() - watchedSince < shortWatchMs ? failures + 1 : 0;
      const pause = failures === 0 ? 0 : backoffMs(backoff, failures, this.#path);
      if (failures > 0 || retryAfterMs > 0) await sleep(clock, Math.max(pause, retryAfterMs), signal);
    }
  }

  /** The time in milliseconds for which the server wants to be left alone. */
  #failed(error: unknown): number {
    const { log, onEvent, onRestart, isOptional } = this.#options;
    onEvent?.('failure');
    const isAbsent = isOptional === true && (isNotFound(error) || isForbidden(error));
    onRestart?.(isAbsent ? 'absent' : restartReason(error));
    const isKnown = isAbsent && this.#absence === String(error);
    this.#absence = isAbsent ? String(error) : '';
    log[isKnown ? 'debug' : 'warn']({ err: error, path: this.#path }, 'list and watch interrupted');
    if (isAbsent) this.#goWithKind();
    else this.#absentSince = undefined;
    if (isAbsent || isGone(error)) this.#resourceVersion = undefined;
    return error instanceof KubeApiError ? (error.retryAfterMs ?? 0) : 0;
  }

  /**
   * Empties the store of a kind that is not there, if that was said often enough: an API server that has just started says
   * no to what it does not know yet. Before the first list there is nothing to lose.
   */
  #goWithKind(): void {
    const now = this.#options.clock.now();
    this.#absentSince ??= now;
    const isForGood = !this.#hasSynced || now - this.#absentSince >= absentForGoodMs;
    // Only a list shows that nothing is left: a watch may be refused for a moment, or alone.
    if (isForGood && this.#resourceVersion === undefined) this.#replace(new Set());
  }

  /**
   * Has the next list read in pages when this one could not be had as a stream, for whatever reason: older
   * API servers refuse it, and a server that always fails half-way must not keep the operator from its work.
   * @returns true when the server refused, and can be asked for pages at once.
   */
  #fallsBackToPages(error: unknown): boolean {
    if (this.#listsPages || this.#resourceVersion !== undefined) return false;
    this.#listsPages = true;
    const isRefused = isInvalid(error) || isNotFound(error) || isForbidden(error);
    if (!isRefused) return false;
    const { log } = this.#options;
    const isKnown = this.#absence === String(error);
    log[isKnown ? 'debug' : 'info']({ err: error, path: this.#path }, 'no list as a stream: reading pages');
    return true;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const seen = new Set<string>();
    let page = await this.#page(undefined, signal);
    for (;;) {
      const { continue: next = '' } = page.metadata;
      // The server makes the next page while this one is put into the store.
      const following = next === '' ? undefined : this.#page(next, signal);
      following?.catch(() => undefined);
      if (following !== undefined) await nextTurn();
      for (const object of page.items) seen.add(this.#put(object));
      if (following === undefined) break;
      page = await following;
    }
    this.#listed(seen, page.metadata.resourceVersion);
    this.#listsPages = false;
  }

  /** All objects of a list were put into the store. */
  #listed(seen: ReadonlySet<string>, resourceVersion: string | undefined): void {
    this.#replace(seen);
    this.#absentSince = undefined;
    this.#resourceVersion = resourceVersion;
    this.#options.onEvent?.('list');
  }

  /** Those that a list did not have are gone. */
  #replace(seen: ReadonlySet<string>): void {
    const { store } = this.#options;
    for (const key of store.keys()) if (!seen.has(key)) store.delete(key);
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  /** Objects may be large, of any user's making: a page that is too long is asked for in smaller ones from then on. */
  async #page(next: string | undefined, signal: AbortSignal): Promise<ListPage<T>> {
    const { client, resource, namespace } = this.#options;
    for (;;) {
      try {
        const options = { limit: this.#pageSize, continue: next, namespace };
        return await client.listPage(resource, options, signal);
      } catch (error) {
        if (!(error instanceof BodyTooLargeError) || this.#pageSize === 1) throw error;
        this.#pageSize = Math.ceil(this.#pageSize / 4);
      }
    }
  }

  /** Watches until the server or the signal ends it; `onWatching` hears when there is nothing left to list. */
  async #watch(signal: AbortSignal, onWatching: () => void): Promise<void> {
    const { client, clock, onEvent } = this.#options;
    const silence = new AbortController();
    const giveUp = (): void =>
      silence.abort(new SilentWatchError(`no bytes from the watch for ${silentWatchMs / 1000} s`));
    let cancel = clock.setTimer(silentWatchMs, giveUp);
    const heard = (): void => {
      cancel();
      cancel = clock.setTimer(silentWatchMs, giveUp);
    };
    try {
      const from = this.#resourceVersion;
      const query = {
        watch: 'true',
        allowWatchBookmarks: 'true',
        ...(from === undefined ? streamingList : { resourceVersion: from }),
        timeoutSeconds: String(Math.round(watchSeconds * (1 + spread(this.#path)))),
      };
      const response = await client.watch(this.#path, query, AbortSignal.any([signal, silence.signal]));
      onEvent?.('watch');
      // The keys of the objects at the beginning of a watch that begins with a list, until the bookmark that ends it.
      let listed = from === undefined ? new Set<string>() : undefined;
      if (listed === undefined) onWatching();
      for await (const event of watchEvents(response.body, heard)) {
        const metadata = this.#apply(event, listed);
        if (listed === undefined) {
          this.#resourceVersion = metadata.resourceVersion ?? this.#resourceVersion;
        } else if (endsInitialEvents(event)) {
          this.#listed(listed, metadata.resourceVersion);
          listed = undefined;
          onWatching();
        }
      }
      if (listed !== undefined) throw new Error('the watch ended within its list');
    } catch (error) {
      // Who reads the bytes may say it in other words.
      throw silence.signal.aborted ? silence.signal.reason : error;
    } finally {
      cancel();
    }
  }

  /** Takes an event into the store, and its key in or out of `listed`; the metadata of its object. Throws an error that was sent. */
  #apply(event: WatchEvent, listed: Set<string> | undefined): T['metadata'] {
    if (event.type === 'ERROR') throw statusError(this.#path, event.object);
    const object = event.object as T;
    if (event.type === 'DELETED') {
      const key = this.#remove(object);
      listed?.delete(key);
    } else if (event.type !== 'BOOKMARK') {
      const key = this.#put(object);
      listed?.add(key);
    }
    return object.metadata;
  }

  #remove({ metadata: { namespace, name } }: T): string {
    const key = objectKey(namespace, name);
    this.#options.store.delete(key);
    return key;
  }

  #put(object: T): string {
    const { keep, store, log } = this.#options;
    const key = objectKey(object.metadata.namespace, object.metadata.name ?? '');
    try {
      const kept = keep(object);
      if (kept === undefined) store.delete(key);
      else store.put(key, kept);
    } catch (error) {
      // Nobody's object keeps those of others away.
      log.error({ err: error, path: this.#path, object: key }, 'an object cannot be kept');
    }
    return key;
  }
}

class SilentWatchError extends Error {}

function restartReason(error: unknown): RestartReason {
  if (error instanceof SilentWatchError) return 'silent';
  if (isGone(error)) return 'expired';
  return error instanceof KubeApiError ? 'refused' : 'broken';
}

function statusError(path: string, status: unknown): KubeApiError {
  const code = valueAt(status, ['code']);
  return new KubeApiError({
    method: 'WATCH',
    path,
    status: typeof code === 'number' ? code : 500,
    reason: textOf(valueAt(status, ['reason'])) ?? '',
    message: textOf(valueAt(status, ['message'])) ?? 'the watch ended with an error',
    retryAfterMs: undefined,
  });
}
