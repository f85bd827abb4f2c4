/** Fields that a kind does not have, in what clients send: told or refused as a Kubernetes API server does. */
import { isJsonObject, type JsonObject } from '../api/json.ts';
import type { OpenApiSchema } from '../api/open-api-schema.ts';
import type { Exchange } from './exchange.ts';
import { kindSchemas } from './kind-schemas.ts';
import { badRequest, StatusError } from './status.ts';

/** An API server names as many. */
const maxFields = 100;
/** Characters of a field with its place. */
const maxPath = 1_024;
/** Of headers, in characters: of one warning, and of all. */
const maxWarning = 256;
const maxWarnings = 4_096;

/**
 * The fields of a document that its kind does not have, as paths such as `spec.tags[0].foo`; the first hundred. Directives of
 * patches (`$…`) are none. Values of a wrong type are not looked into. Unknown for a kind that the face does not have.
 */
export function unknownFields(kind: string, document: unknown): readonly string[] {
  const found: string[] = [];
  const look = (schema: OpenApiSchema | undefined, value: unknown, path: string): void => {
    if (schema?.$ref !== undefined) look(kindSchemas[schema.$ref], value, path);
    else if (schema?.items !== undefined && Array.isArray(value))
      for (const [i, item] of value.entries()) look(schema.items, item, `${path}[${i}]`);
    else if (schema !== undefined && isJsonObject(value)) lookAtMembers(schema, value, path);
  };
  const lookAtMembers = (schema: OpenApiSchema, value: JsonObject, path: string): void => {
    for (const [key, member] of Object.entries(value)) {
      if (found.length >= maxFields) return;
      const at = (path === '' ? key : `${path}.${key}`).slice(0, maxPath);
      const field = fieldOf(schema, key);
      if (field === undefined && schema.properties !== undefined && !key.startsWith('$')) found.push(at);
      else look(field ?? schema.additionalProperties, member, at);
    }
  };
  look(kindSchemas[kind], document, '');
  return found;
}

/** Not what every object of JavaScript has. */
function fieldOf({ properties = {} }: OpenApiSchema, key: string): OpenApiSchema | undefined {
  return Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/**
 * Does with unknown fields what the request asks for by `fieldValidation`: Strict throws 400, Warn (also without a word) puts
 * warnings into the head of the answer, Ignore does nothing. Throws 422 for another value. Call it once for a request, before it is answered.
 */
export function checkUnknownFields({ url, response }: Exchange, kind: string, document: unknown): void {
  const validation = url.searchParams.get('fieldValidation') || 'Warn';
  if (!['Ignore', 'Strict', 'Warn'].includes(validation)) throw unsupported(validation);
  if (validation === 'Ignore') return;
  const problems = unknownFields(kind, document).map((field) => `unknown field ${JSON.stringify(field)}`);
  if (problems.length === 0) return;
  if (validation === 'Warn') response.setHeader('warning', warningsOf(problems));
  else
    throw badRequest(
      `${kind} in version "v1" cannot be handled as a ${kind}: strict decoding error: ${problems.join(', ')}`,
    );
}

function unsupported(value: string): StatusError {
  const message = `fieldValidation: Unsupported value: ${JSON.stringify(value.slice(0, maxWarning))}: supported values: "Ignore", "Strict", "Warn"`;
  return new StatusError(422, 'Invalid', message);
}

/** Values of `Warning` headers, as many as are not too long. */
function warningsOf(problems: readonly string[]): string[] {
  const warnings: string[] = [];
  let length = 0;
  for (const problem of problems) {
    const text = problem.slice(0, maxWarning);
    length += text.length;
    if (length > maxWarnings) break;
    const quoted = text.replaceAll(/["\\]/g, '\\$&').replaceAll('\u007f', '?');
    // Node writes headers as Latin-1, and clients read UTF-8.
    warnings.push(`299 - "${Buffer.from(quoted).toString('latin1')}"`);
  }
  return warnings;
}
