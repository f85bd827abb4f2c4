/** What the operator knows of a collection: objects by key, with listeners and named indexes. Filled by a reflector. */
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { Codec } from '../runtime/codec.ts';

/** Namespace and name, joined by a slash; a cluster-scoped object has just its name. */
export type ObjectKey = string;

/** The key of an object by its place. */
export function objectKey(namespace: string | undefined, name: string): ObjectKey {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The place behind a key. */
export function splitKey(key: ObjectKey): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/');
  if (slash < 0) return { namespace: undefined, name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Hears of every change; `after` is undefined when the object is gone. Must not throw and must not do the work itself. */
export type StoreListener<T> = (key: ObjectKey, after: T | undefined, before: T | undefined) => void;

/** The values under which an index files an object. */
export type IndexFunction<T> = (object: T) => Iterable<string>;

/** Options of {@link Store}. */
export interface StoreOptions<T> {
  /**
   * Holds the objects as text, which takes a fraction of the memory, and reads them anew for whoever asks: then two answers
   * may be two objects, so versions have to be compared and not identities. Without it they are held as they are.
   */
  readonly codec?: Codec<T>;
}

/** Objects read from their text last, which are asked for again in the same moment. */
const maxRead = 32;

/** Objects in memory. Readers must not change what they get. */
export class Store<T> {
  readonly #versionOf: (object: T) => string;
  readonly #objects: Pick<Map<ObjectKey, T>, 'get' | 'has' | 'keys' | 'size'> & {
    set(key: ObjectKey, object: T): void;
    delete(key: ObjectKey): void;
  };
  readonly #listeners: StoreListener<T>[] = [];
  readonly #indexes = new Map<string, { of: IndexFunction<T>; keys: Map<string, Set<ObjectKey>> }>();

  /** `versionOf` tells an object's resourceVersion: the same one put again, as after a new list, is no change. */
  constructor(versionOf: (object: T) => string, { codec }: StoreOptions<T> = {}) {
    this.#versionOf = versionOf;
    this.#objects = codec === undefined ? new Map<ObjectKey, T>() : new TextMap<T>(codec);
  }

  /** Number of objects. */
  get size(): number {
    return this.#objects.size;
  }

  /** The object under a key. */
  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  /** True when there is an object under a key; it is not read for that. */
  has(key: ObjectKey): boolean {
    return this.#objects.has(key);
  }

  /** All keys. */
  keys(): IterableIterator<ObjectKey> {
    return this.#objects.keys();
  }

  /** Adds an index; before the first object only. */
  addIndex(name: string, of: IndexFunction<T>): void {
    this.#indexes.set(name, { of, keys: new Map() });
  }

  /** Keys of the objects that an index files under a value. */
  keysByIndex(name: string, value: string): Iterable<ObjectKey> {
    return this.#indexes.get(name)?.keys.get(value) ?? [];
  }

  /** Adds a listener; it hears of changes from now on. */
  onChange(listener: StoreListener<T>): void {
    this.#listeners.push(listener);
  }

  /** Puts an object, new or newer. */
  put(key: ObjectKey, object: T): void {
    const before = this.#objects.get(key);
    if (before !== undefined && this.#versionOf(before) === this.#versionOf(object)) return;
    this.#objects.set(key, object);
    this.#reindex(key, before, object);
    this.#notify(key, object, before);
  }

  /** Removes an object if it is there. */
  delete(key: ObjectKey): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#reindex(key, before, undefined);
    this.#notify(key, undefined, before);
  }

  #reindex(key: ObjectKey, before: T | undefined, after: T | undefined): void {
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of before === undefined ? [] : of(before)) {
        const filed = keys.get(value);
        filed?.delete(key);
        if (filed?.size === 0) keys.delete(value);
      }
      for (const value of after === undefined ? [] : of(after)) {
        const filed = keys.get(value);
        if (filed === undefined) keys.set(value, new Set([key]));
        else filed.add(key);
      }
    }
  }

  #notify(key: ObjectKey, after: T | undefined, before: T | undefined): void {
    for (const listener of this.#listeners) listener(key, after, before);
  }
}

/** A map of objects that are held as text. */
class TextMap<T> {
  readonly #codec: Codec<T>;
  readonly #texts = new Map<ObjectKey, string>();
  readonly #read = new BoundedMap<ObjectKey, T>(maxRead);

  constructor(codec: Codec<T>) {
    this.#codec = codec;
  }

  get size(): number {
    return this.#texts.size;
  }

  has(key: ObjectKey): boolean {
    return this.#texts.has(key);
  }

  keys(): MapIterator<ObjectKey> {
    return this.#texts.keys();
  }

  get(key: ObjectKey): T | undefined {
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const text = this.#texts.get(key);
    if (text === undefined) return undefined;
    const object = this.#codec.decode(text);
    this.#read.set(key, object);
    return object;
  }

  set(key: ObjectKey, object: T): void {
    this.#texts.set(key, this.#codec.encode(object));
    this.#read.set(key, object);
  }

  delete(key: ObjectKey): void {
    this.#texts.delete(key);
    this.#read.delete(key);
  }
}
