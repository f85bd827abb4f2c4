/** What comes with a request, read by its content type as a Kubernetes API server does. */
import { load } from 'js-yaml';
import { type Exchange, readBody } from './exchange.ts';
import { badRequest, unsupportedMediaType } from './status.ts';

/** Content types of patches. */
export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const objectTypes = ['application/json', 'application/yaml'];

/** The content type of a request, without parameters. */
export function contentTypeOf({ request }: Exchange): string {
  return ((request.headers['content-type'] ?? '').split(';')[0] ?? '').trim().toLowerCase();
}

/** Reads an object of a kind, as JSON or YAML. Throws 413, 415, or 400 for what is neither. */
export async function readObject(exchange: Exchange, kind: string): Promise<unknown> {
  const type = contentTypeOf(exchange);
  if (type !== '' && !objectTypes.includes(type)) throw unsupportedMediaType(objectTypes);
  const text = await readBody(exchange.request);
  return type === 'application/yaml' ? parsedYaml(text) : parsedJson(text, kind);
}

/** Reads the DeleteOptions of a request; undefined when there are none. */
export async function readOptions(exchange: Exchange): Promise<unknown> {
  const type = contentTypeOf(exchange);
  const text = await readBody(exchange.request);
  if (text === '') return undefined;
  if (type !== '' && !objectTypes.includes(type)) throw unsupportedMediaType(objectTypes);
  return type === 'application/yaml' ? parsedYaml(text) : parsedJson(text, 'DeleteOptions');
}

/** Reads a patch, of one of the types that the resource takes. Throws 413, 415, or 400 for what is none. */
export async function readPatch(
  exchange: Exchange,
  types: readonly string[],
): Promise<{ readonly type: string; readonly patch: unknown }> {
  const type = contentTypeOf(exchange);
  if (!types.includes(type)) throw unsupportedMediaType(types);
  const text = await readBody(exchange.request);
  return { type, patch: type === patchTypes.apply ? parsedYaml(text) : parsedJson(text, 'Patch') };
}

function parsedJson(text: string, kind: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): ${(error as Error).message}`,
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
