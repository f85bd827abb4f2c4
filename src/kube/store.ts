/** What the operator knows of a collection: objects by key, with listeners and named indexes. Filled by a reflector. */

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

/** Objects in memory. Readers must not change what they get. */
export class Store<T> {
  readonly #versionOf: (object: T) => string;
  readonly #objects = new Map<ObjectKey, T>();
  readonly #listeners: StoreListener<T>[] = [];
  readonly #indexes = new Map<string, { of: IndexFunction<T>; keys: Map<string, Set<ObjectKey>> }>();

  /** `versionOf` tells an object's resourceVersion: the same one put again, as after a new list, is no change. */
  constructor(versionOf: (object: T) => string) {
    this.#versionOf = versionOf;
  }

  /** Number of objects. */
  get size(): number {
    return this.#objects.size;
  }

  /** The object under a key. */
  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
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
