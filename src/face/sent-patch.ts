/** Patches as a Kubernetes API server takes them for its own kinds: JSON patch, merge patch, strategic merge patch, apply. */
import { isJsonObject, type JsonObject } from '../api/json.ts';
import { invalidFault, requiredFault } from '../domain/field-fault.ts';
import { JsonPatchError, jsonPatched } from '../domain/json-patch.ts';
import { strategicallyPatched } from '../domain/strategic-patch.ts';
import { type Exchange, readBody } from './exchange.ts';
import { mergePatched } from './merge-patch.ts';
import { checkType, mediaTypeOf, parsedJson, parsedYaml } from './sent-body.ts';
import { badRequest, invalidOptions, StatusError, unsupportedMediaType } from './status.ts';

/** A patch that was sent. */
export interface SentPatch {
  /** An apply: it makes what is not there. */
  readonly isApply: boolean;
  /** What it makes of a document, which stays as it is. Throws a Status when it does not fit. */
  patched(document: JsonObject): unknown;
}

const jsonType = 'application/json-patch+json';
const mergeType = 'application/merge-patch+json';
const strategicType = 'application/strategic-merge-patch+json';
const applyType = 'application/apply-patch+yaml';
/** Media types of patches. kubectl sends a strategic merge patch where one is offered. */
export const patchTypes = [jsonType, mergeType, strategicType, applyType];
const decoding = 'error decoding patch: ';

/**
 * Reads the patch of an object of a kind. `applied` says what an apply makes of a document: which of its members are replaced as a whole
 * is the kind's to say. Throws 415 for a type that is none of these, and 400 for what is no patch.
 */
export async function readPatch(
  exchange: Exchange,
  kind: string,
  applied: (document: JsonObject, sent: JsonObject) => JsonObject,
): Promise<SentPatch> {
  const type = mediaTypeOf(exchange) ?? '';
  if (!patchTypes.includes(type)) throw unsupportedMediaType(patchTypes);
  if (type === applyType && !exchange.url.searchParams.get('fieldManager'))
    throw invalidOptions('PatchOptions', [requiredFault('fieldManager', 'is required for apply patch')]);
  const text = await readBody(exchange.request);
  if (type === jsonType) {
    const operations = parsedJson(text, decoding);
    return { isApply: false, patched: (document) => jsonResult(document, operations) };
  }
  const patch = type === applyType ? parsedYaml(text, decoding) : parsedJson(text, decoding);
  if (!isJsonObject(patch)) throw badRequest(`${decoding}it is no object`);
  switch (type) {
    case mergeType:
      return { isApply: false, patched: (document) => mergePatched(document, patch) };
    case strategicType:
      return { isApply: false, patched: (document) => strategicResult(document, patch) };
    default:
      if (!patch['kind'] || !patch['apiVersion'])
        throw badRequest(`${decoding}an apply has to name its apiVersion and kind`);
      checkType(patch, kind);
      return { isApply: true, patched: (document) => applied(document, patch) };
  }
}

/** A JSON patch that does not fit is a 422 in the words of a Kubernetes API server, and says what does not fit. */
export function jsonResult(document: unknown, operations: unknown): unknown {
  try {
    return jsonPatched(document, operations);
  } catch (error) {
    if (!(error instanceof JsonPatchError)) throw error;
    if (error.problem === 'malformed') throw badRequest(error.message);
    if (error.problem === 'too large') throw new StatusError(413, 'RequestEntityTooLarge', error.message);
    const message = `the server rejected our request due to an error in our request: ${error.message}`;
    const cause = { ...invalidFault('patch', ''), message: error.message };
    throw new StatusError(422, 'Invalid', message, { causes: [cause] });
  }
}

function strategicResult(document: JsonObject, patch: JsonObject): unknown {
  try {
    return strategicallyPatched(document, patch);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}
