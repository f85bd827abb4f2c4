/** Bodies of requests: JSON or YAML, bounded, and of the kind that the resource has. */
import { load } from 'js-yaml';
import { isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import type { Exchange } from './exchange.ts';
import { readBody } from './exchange.ts';
import { badRequest, tooLarge, unsupportedMediaType } from './status.ts';
import { served } from './versions.ts';

/** As of kube-apiserver; deeper is no object of the API. */
const maxDepth = 1_000;
/** Characters. */
const maxYamlLength = 512 * 1024;
const objectTypes = ['application/json', 'application/yaml'] as const;

/** The type of a body without its parameters; undefined when the client has not said. */
export function mediaTypeOf({ request }: Pick<Exchange, 'request'>): string | undefined {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  return type.trim() === '' ? undefined : type.trim().toLowerCase();
}

/** Reads an object of a kind, such as `ImageStreamTag`. Throws 400 for anything else, and 415 for another type. */
export async function readObject(exchange: Exchange, kind: string): Promise<JsonObject> {
  const type = mediaTypeOf(exchange) ?? 'application/json';
  if (!objectTypes.some((each) => each === type)) throw unsupportedMediaType(objectTypes);
  const text = await readBody(exchange.request);
  const prefix = `the object provided is unrecognized (must be of type ${kind}): `;
  const object = type === 'application/json' ? parsedJson(text, prefix) : parsedYaml(text, prefix);
  if (!isJsonObject(object)) throw badRequest(`${prefix}it is no object`);
  checkType(object, kind);
  return object;
}

/** Parses JSON. Throws 400 with a sentence that begins with `prefix`. */
export function parsedJson(text: string, prefix: string): unknown {
  if (isTooDeep(text)) throw badRequest(`${prefix}exceeded max depth`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`${prefix}${(error as Error).message}`);
  }
}

/**
 * Parses YAML, without aliases: a few of them are as large as one likes. Throws as {@link parsedJson} does, and 413 for more than
 * {@link maxYamlLength}: the parser takes half a second for a megabyte, and nobody else is answered meanwhile.
 */
export function parsedYaml(text: string, prefix: string): unknown {
  // kubectl applies JSON, and says that it is YAML, which it is.
  const json = text.trimStart().startsWith('{') ? jsonIn(text) : undefined;
  if (json !== undefined) return parsedJson(json, prefix);
  if (text.length > maxYamlLength) throw tooLarge(maxYamlLength, 'of YAML, of JSON it is 3 MiB');
  // Through JSON, so that nothing is there that JSON does not have.
  return parsedJson(jsonOf(text, prefix), prefix);
}

/** The text when it is JSON. */
function jsonIn(text: string): string | undefined {
  try {
    return isTooDeep(text) || JSON.parse(text) !== undefined ? text : undefined;
  } catch {
    return undefined;
  }
}

function jsonOf(text: string, prefix: string): string {
  try {
    return JSON.stringify(load(text, { maxAliases: 0 }) ?? null);
  } catch (error) {
    throw badRequest(`${prefix}${(error as Error).message.split('\n')[0] ?? ''}`);
  }
}

/** What says of itself that it is something else is not read. Throws 400. */
export function checkType(object: JsonObject, kind: string): void {
  const sentKind = textOf(object['kind']) ?? '';
  const version = textOf(object['apiVersion']) ?? '';
  if (sentKind !== '' && sentKind !== kind)
    throw badRequest(
      `${sentKind} in version ${JSON.stringify(versionOf(version))} cannot be handled as a ${kind}: no kind ${JSON.stringify(sentKind)} is registered for this resource`,
    );
  if (version !== '' && version !== served)
    throw badRequest(
      `the API version in the data (${version}) does not match the expected API version (${served})`,
    );
}

/** What is sent has to be for where it is sent to. Throws 400. */
export function checkPlace(
  object: unknown,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): void {
  const named = valueAt(object, ['metadata', 'name']) ?? '';
  if (named !== '' && named !== name)
    throw badRequest(
      `the name of the object (${textOf(named) ?? ''}) does not match the name on the URL (${name})`,
    );
  const place = valueAt(object, ['metadata', 'namespace']) ?? '';
  if (place !== '' && place !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

function versionOf(apiVersion: string): string {
  return apiVersion === '' ? 'v1' : apiVersion.slice(apiVersion.indexOf('/') + 1);
}

/** Recursion over what is deeper would not end well. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}
