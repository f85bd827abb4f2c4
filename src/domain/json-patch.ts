/** JSON Patch (RFC 6902), as a Kubernetes API server takes it. Pure: the document stays as it is, the result shares parts of it. */
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

type Path = readonly string[];

/** The document after all operations, one after the other. Throws a {@link JsonPatchError}; then none of them counts. */
export function jsonPatched(document: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations) || !operations.every(isJsonObject))
    throw new JsonPatchError('malformed', 'error decoding patch: a JSON patch is a list of operations');
  if (operations.length > maxOperations)
    throw new JsonPatchError(
      'too large',
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    );
  const copied = { characters: 0 };
  let result = document;
  for (const operation of operations) result = operated(result, operation, copied);
  return result;
}

function operated(document: unknown, operation: JsonObject, copied: { characters: number }): unknown {
  const path = pathOf(operation, 'path');
  switch (operation['op']) {
    case 'add':
      return added(document, path, givenValue(operation));
    case 'remove':
      return removed(document, path);
    case 'replace':
      return replaced(document, path, givenValue(operation));
    case 'test':
      tested(document, path, operation['value'] ?? null);
      return document;
    case 'copy': {
      const value = found(document, pathOf(operation, 'from'));
      copied.characters += JSON.stringify(value).length;
      if (copied.characters > maxCopiedCharacters)
        throw new JsonPatchError(
          'too large',
          `the copies of a JSON patch have more than ${maxCopiedCharacters} bytes`,
        );
      return added(document, path, value);
    }
    case 'move': {
      const from = pathOf(operation, 'from');
      if (path.length > from.length && from.every((token, i) => token === path[i]))
        throw unfit(`${pointerOf(from)} cannot be moved into itself`);
      return added(removed(document, from), path, found(document, from));
    }
    default:
      throw unfit(`Unexpected kind: ${String(operation['op']).slice(0, 64)}`);
  }
}

/** A value that is not there counts as null. */
function tested(document: unknown, path: Path, wanted: unknown): void {
  const holder = path.length === 0 ? undefined : found(document, path.slice(0, -1));
  const last = path.at(-1) ?? '';
  const isMissing = isJsonObject(holder) && !Object.hasOwn(holder, last);
  const value = isMissing ? null : found(document, path);
  if (!jsonEqual(value, wanted)) throw unfit(`testing path ${pointerOf(path)} failed`);
}

function added(document: unknown, path: Path, value: unknown): unknown {
  return changed(
    document,
    path,
    (holder, last) => {
      if (isJsonObject(holder)) return { ...holder, [last]: value };
      const at = last === '-' ? holder.length : indexOf(last, holder.length + 1, path);
      return holder.toSpliced(at, 0, value);
    },
    value,
  );
}

/** A member that is not there is added, as an API server does, against the RFC. */
function replaced(document: unknown, path: Path, value: unknown): unknown {
  return changed(
    document,
    path,
    (holder, last) => {
      if (isJsonObject(holder)) return { ...holder, [last]: value };
      return holder.with(indexOf(last, holder.length, path), value);
    },
    value,
  );
}

function removed(document: unknown, path: Path): unknown {
  found(document, path);
  return changed(
    document,
    path,
    (holder, last) => {
      if (Array.isArray(holder))
        return (holder as readonly unknown[]).toSpliced(indexOf(last, holder.length, path), 1);
      return Object.fromEntries(Object.entries(holder).filter(([key]) => key !== last));
    },
    null,
  );
}

/** The document with another holder of what the path leads to; `whole` is what becomes of the document itself. */
function changed(
  document: unknown,
  path: Path,
  change: (holder: JsonObject | readonly unknown[], last: string) => unknown,
  whole: unknown,
): unknown {
  const last = path.at(-1);
  if (last === undefined) return whole;
  const parents = path.slice(0, -1);
  const holder = found(document, parents);
  if (!isJsonObject(holder) && !Array.isArray(holder)) throw unfit(`missing path: ${pointerOf(path)}`);
  const next = change(holder, last);
  return parents.length === 0 ? next : replaced(document, parents, next);
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
