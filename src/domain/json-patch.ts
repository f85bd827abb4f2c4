/** JSON Patch (RFC 6902), as a Kubernetes API server takes it. Pure: the document stays as it is. */
import { isJsonObject, type JsonObject, textOf } from '../api/json.ts';
import { jsonEqual } from './json-difference.ts';

/**
 * Why a patch was not carried out: it is no list of operations (400), has too many of them or makes the document too large (413),
 * or an operation does not fit the document (422).
 */
export type JsonPatchProblem = 'malformed' | 'too large' | 'inapplicable';

/** A patch that cannot be carried out. */
export class JsonPatchError extends Error {
  readonly problem: JsonPatchProblem;

  constructor(problem: JsonPatchProblem, message: string) {
    super(message);
    this.name = 'JsonPatchError';
    this.problem = problem;
  }
}

/** As of kube-apiserver. */
const maxOperations = 10_000;
/** A few copies of a document into itself are as large as one likes. */
const maxCopiedCharacters = 3 * 1024 * 1024;
/** Entries of lists that make room for others: ten thousand of a list of a million would take many seconds. */
const maxShiftedEntries = 100_000_000;

type Path = readonly string[];

/** A copy of the document that is changed in place: ten thousand operations on a long list would make as many copies of it. */
interface Draft {
  root: unknown;
  copiedCharacters: number;
  shiftedEntries: number;
}

/** The document after all operations, one after the other. Throws a {@link JsonPatchError}; then none of them counts. */
export function jsonPatched(document: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations) || !operations.every(isJsonObject))
    throw new JsonPatchError('malformed', 'error decoding patch: a JSON patch is a list of operations');
  if (operations.length > maxOperations)
    throw new JsonPatchError(
      'too large',
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    );
  const draft: Draft = { root: structuredClone(document), copiedCharacters: 0, shiftedEntries: 0 };
  // What is added is changed by the operations after it.
  for (const operation of structuredClone(operations)) operate(draft, operation);
  return draft.root;
}

function operate(draft: Draft, operation: JsonObject): void {
  const path = pathOf(operation, 'path');
  switch (operation['op']) {
    case 'add':
      add(draft, path, givenValue(operation));
      break;
    case 'remove':
      remove(draft, path);
      break;
    case 'replace':
      replace(draft, path, givenValue(operation));
      break;
    case 'test':
      test(draft, path, operation['value'] ?? null);
      break;
    case 'copy':
      add(draft, path, copied(draft, pathOf(operation, 'from')));
      break;
    case 'move': {
      const from = pathOf(operation, 'from');
      if (path.length > from.length && from.every((token, i) => token === path[i]))
        throw unfit(`${pointerOf(from)} cannot be moved into itself`);
      const value = found(draft.root, from);
      remove(draft, from);
      add(draft, path, value);
      break;
    }
    default:
      throw unfit(`Unexpected kind: ${String(operation['op']).slice(0, 64)}`);
  }
}

/** A value that is not there counts as null, as for an API server. */
function test({ root }: Draft, path: Path, wanted: unknown): void {
  const holder = path.length === 0 ? undefined : found(root, path.slice(0, -1));
  const isMissing = isJsonObject(holder) && !Object.hasOwn(holder, path.at(-1) ?? '');
  const value = isMissing ? null : found(root, path);
  if (!jsonEqual(value, wanted)) throw unfit(`testing path ${pointerOf(path)} failed`);
}

function add(draft: Draft, path: Path, value: unknown): void {
  const place = placeOf(draft, path);
  if (place === undefined) draft.root = value;
  else if (Array.isArray(place.holder)) {
    const { length } = place.holder;
    const index = place.last === '-' ? length : indexOf(place.last, length + 1, path);
    shift(draft, length - index);
    place.holder.splice(index, 0, value);
  } else setMember(place.holder, place.last, value);
}

/** A member that is not there is added, as an API server does, against the RFC. */
function replace(draft: Draft, path: Path, value: unknown): void {
  const place = placeOf(draft, path);
  if (place === undefined) draft.root = value;
  else if (Array.isArray(place.holder)) place.holder[indexOf(place.last, place.holder.length, path)] = value;
  else setMember(place.holder, place.last, value);
}

function remove(draft: Draft, path: Path): void {
  found(draft.root, path);
  const place = placeOf(draft, path);
  if (place === undefined) draft.root = null;
  else if (Array.isArray(place.holder)) {
    const index = indexOf(place.last, place.holder.length, path);
    shift(draft, place.holder.length - index);
    place.holder.splice(index, 1);
  } else delete place.holder[place.last];
}

function shift(draft: Draft, entries: number): void {
  draft.shiftedEntries += entries;
  if (draft.shiftedEntries > maxShiftedEntries)
    throw new JsonPatchError(
      'too large',
      `the operations of a JSON patch shift more than ${maxShiftedEntries} entries of lists`,
    );
}

function copied(draft: Draft, from: Path): unknown {
  const value = found(draft.root, from);
  draft.copiedCharacters += JSON.stringify(value).length;
  if (draft.copiedCharacters > maxCopiedCharacters)
    throw new JsonPatchError(
      'too large',
      `the copies of a JSON patch have more than ${maxCopiedCharacters} bytes`,
    );
  return structuredClone(value);
}

/** What holds the value at a path, and the value's name or index in it; undefined for the document itself. */
function placeOf(
  { root }: Draft,
  path: Path,
): { readonly holder: Record<string, unknown> | unknown[]; readonly last: string } | undefined {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const holder = found(root, path.slice(0, -1));
  if (Array.isArray(holder)) return { holder: holder as unknown[], last };
  if (isJsonObject(holder)) return { holder: holder as Record<string, unknown>, last };
  throw unfit(`missing path: ${pointerOf(path)}`);
}

/** A member of any name: an assignment to `__proto__` would be something else. */
function setMember(holder: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The value at a path, which has to be there. */
function found(document: unknown, path: Path): unknown {
  let value = document;
  for (const token of path) {
    if (Array.isArray(value)) value = value[indexOf(token, value.length, path)];
    else if (isJsonObject(value) && Object.hasOwn(value, token)) value = value[token];
    else throw unfit(`missing path: ${pointerOf(path)}`);
  }
  return value;
}

function indexOf(token: string, length: number, path: Path): number {
  const index = /^(?:0|[1-9]\d{0,8})$/.test(token) ? Number(token) : length;
  if (index >= length) throw unfit(`invalid index: ${pointerOf(path)}`);
  return index;
}

function givenValue(operation: JsonObject): unknown {
  if (Object.hasOwn(operation, 'value')) return operation['value'];
  throw unfit(`${String(operation['op'])} operation has no value`);
}

function pathOf(operation: JsonObject, member: 'path' | 'from'): Path {
  const pointer = textOf(operation[member]);
  if (pointer === undefined || (pointer !== '' && !pointer.startsWith('/')))
    throw unfit(`${String(operation['op']).slice(0, 64)} operation has no ${member}`);
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function pointerOf(path: Path): string {
  const pointer = path.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return JSON.stringify(pointer.slice(0, 256));
}

function unfit(message: string): JsonPatchError {
  return new JsonPatchError('inapplicable', message);
}
