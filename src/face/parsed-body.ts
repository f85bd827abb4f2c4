/** Documents that come with requests. */
import { isJsonObject, type JsonObject, textOf } from '../api/json.ts';
import { badRequest } from './status.ts';
import { served } from './versions.ts';

/** An object of a kind of the served version. Throws 400 for anything else. */
export function parsedObject(text: string, kind: string): JsonObject {
  const value = parsed(text, kind);
  if (!isJsonObject(value) || (value['kind'] ?? kind) !== kind) throw unrecognized(kind);
  const { apiVersion = served } = value;
  if (apiVersion !== served)
    throw badRequest(
      `the API version in the data (${textOf(apiVersion) ?? ''}) does not match the expected API version (${served})`,
    );
  return value;
}

/** DeleteOptions, of which there need not be any. Throws 400 for anything else. */
export function parsedDeleteOptions(text: string): JsonObject {
  if (text === '') return {};
  const value = parsed(text, 'DeleteOptions');
  if (!isJsonObject(value)) throw unrecognized('DeleteOptions');
  return value;
}

/** Any JSON. Throws 400 for what is none. */
export function parsed(text: string, kind: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`${unrecognized(kind).message}: ${(error as Error).message}`);
  }
}

function unrecognized(kind: string): Error {
  return badRequest(`the object provided is unrecognized (must be of type ${kind})`);
}
