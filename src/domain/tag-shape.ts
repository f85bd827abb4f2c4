/** Reading a tag that somebody sent: its fields and their types, as the reference's decoder takes them. Pure. */
import type { TagReference } from '../api/generated/image-stream.ts';
import { isJsonObject, type JsonObject } from '../api/json.ts';

/** A tag with nothing but what a tag has, or a sentence on what is no tag. */
export type ReadTag = { readonly tag: JsonObject } | { readonly problem: string };

type Shape = 'string' | 'bool' | 'int64' | 'map[string]string' | Shapes;
interface Shapes {
  readonly [field: string]: Shape;
}

const tagShapes: Shapes = {
  name: 'string',
  annotations: 'map[string]string',
  from: {
    kind: 'string',
    namespace: 'string',
    name: 'string',
    uid: 'string',
    apiVersion: 'string',
    resourceVersion: 'string',
    fieldPath: 'string',
  },
  reference: 'bool',
  generation: 'int64',
  importPolicy: { insecure: 'bool', scheduled: 'bool', importMode: 'string' },
  referencePolicy: { type: 'string' },
};

/** Reads a tag. Fields that are null count as absent, and those that tags do not have are left out. `path` says where it stands: `ImageStreamTag.tag`. */
export function readTag(value: unknown, path: string): ReadTag {
  try {
    return { tag: readFields(value, tagShapes, path) };
  } catch (error) {
    if (error instanceof WrongType) return { problem: error.message };
    throw error;
  }
}

/** A tag that {@link readTag} has read, under its name. What its fields hold is for `tagFaults` to say. */
export function namedTag(tag: JsonObject, name: string): TagReference {
  return { ...tag, name };
}

/** Reads labels or annotations; undefined for none. `path` as with {@link readTag}. */
export function readTexts(
  value: unknown,
  path: string,
): { readonly texts: Readonly<Record<string, string>> | undefined } | { readonly problem: string } {
  if (value === undefined || value === null) return { texts: undefined };
  if (!isTexts(value)) return { problem: wrongType(value, path, 'map[string]string') };
  return { texts: value };
}

class WrongType extends Error {}

function readFields(value: unknown, shapes: Shapes, path: string): JsonObject {
  if (!isJsonObject(value)) throw new WrongType(wrongType(value, path, 'object'));
  const fields: [string, unknown][] = [];
  for (const [name, field] of Object.entries(value)) {
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (shape === undefined || field === null || field === undefined) continue;
    const fieldPath = `${path}.${name}`;
    if (typeof shape === 'object') fields.push([name, readFields(field, shape, fieldPath)]);
    else if (hasType(field, shape)) fields.push([name, field]);
    else throw new WrongType(wrongType(field, fieldPath, shape));
  }
  return Object.fromEntries(fields);
}

function hasType(value: unknown, shape: Exclude<Shape, Shapes>): boolean {
  switch (shape) {
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int64':
      return Number.isInteger(value);
    case 'map[string]string':
      return isTexts(value);
  }
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isJsonObject(value) && Object.values(value).every((text) => typeof text === 'string');
}

/** That a value has another type than a field, as the reference's decoder says it. `path` as with {@link readTag}. */
export function wrongType(value: unknown, path: string, shape: string): string {
  const type = typeOf(value);
  return `json: cannot unmarshal ${type === 'boolean' ? 'bool' : type} into Go struct field ${path} of type ${shape}`;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
