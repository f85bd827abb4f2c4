/** What comes with a deletion: DeleteOptions, of which there need not be any. */
import { arrayOf, isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { type FieldFault, invalidFault, notSupportedFault } from '../domain/field-fault.ts';
import { type Exchange, isDryRun, readBody } from './exchange.ts';
import { mediaTypeOf, parsedJson, parsedYaml } from './sent-body.ts';
import { badRequest, invalidOptions, unsupportedMediaType } from './status.ts';

/** How an object is to be deleted. */
export interface DeleteOptions {
  readonly dryRun: boolean;
  /** Only the object with this uid. */
  readonly uid: string | undefined;
  /** Only this version of it. */
  readonly resourceVersion: string | undefined;
}

const types = ['application/json', 'application/yaml'];
const policies = ['Foreground', 'Background', 'Orphan'];
/** The fields and their types, as kube-apiserver names them in a refusal. */
const shapes: readonly (readonly [path: readonly string[], type: string])[] = [
  [['preconditions'], 'v1.Preconditions'],
  [['preconditions', 'uid'], 'types.UID'],
  [['preconditions', 'resourceVersion'], 'string'],
  [['dryRun'], '[]string'],
  [['gracePeriodSeconds'], 'int64'],
  [['orphanDependents'], 'bool'],
  [['propagationPolicy'], 'v1.DeletionPropagation'],
];

/** Reads them for an API server, which judges them; undefined when there are none. Throws 400 or 415 for what cannot be read. */
export async function readDeletion(exchange: Exchange): Promise<JsonObject | undefined> {
  const text = await readBody(exchange.request);
  return text === '' ? undefined : optionsOf(text, mediaTypeOf(exchange) ?? 'application/json');
}

/** Reads them from the body and from the URL. Throws 400, 415 or 422 in the words of a Kubernetes API server. */
export async function readDeleteOptions(exchange: Exchange): Promise<DeleteOptions> {
  const text = await readBody(exchange.request);
  const sent = text === '' ? {} : optionsOf(text, mediaTypeOf(exchange) ?? 'application/json');
  const faults = faultsOf(sent);
  if (faults.length > 0) throw invalidOptions('DeleteOptions', faults);
  return {
    dryRun: isDryRun(exchange, sent['dryRun']),
    uid: textOf(valueAt(sent, ['preconditions', 'uid'])),
    resourceVersion: textOf(valueAt(sent, ['preconditions', 'resourceVersion'])),
  };
}

function optionsOf(text: string, type: string): JsonObject {
  if (!types.includes(type)) throw unsupportedMediaType(types);
  const prefix = "couldn't get version/kind; json parse error: ";
  const sent = (type === 'application/json' ? parsedJson : parsedYaml)(text, prefix) ?? {};
  if (!isJsonObject(sent)) throw badRequest(`${prefix}it is no object`);
  const kind = textOf(sent['kind']) ?? '';
  if (kind !== '' && kind !== 'DeleteOptions')
    throw badRequest(`no kind ${JSON.stringify(kind)} is registered for a deletion: it takes DeleteOptions`);
  for (const [path, shape] of shapes) {
    const value = valueAt(sent, path) ?? null;
    if (value !== null && !hasShape(value, shape))
      throw badRequest(
        `json: cannot unmarshal ${nameOf(value)} into Go struct field DeleteOptions.${path.join('.')} of type ${shape}`,
      );
  }
  return sent;
}

function faultsOf(sent: JsonObject): readonly FieldFault[] {
  const policy = textOf(sent['propagationPolicy']);
  if (policy === undefined) return [];
  const field = 'propagationPolicy';
  if (typeof sent['orphanDependents'] === 'boolean')
    return [invalidFault(field, policy, 'orphanDependents and deletionPropagation cannot be both set')];
  return policies.includes(policy) ? [] : [notSupportedFault(field, policy, [...policies, 'nil'])];
}

function hasShape(value: unknown, shape: string): boolean {
  switch (shape) {
    case 'v1.Preconditions':
      return isJsonObject(value);
    case '[]string':
      return Array.isArray(value) && arrayOf(value).every((each) => typeof each === 'string');
    case 'int64':
      return Number.isInteger(value);
    case 'bool':
      return typeof value === 'boolean';
    default:
      return typeof value === 'string';
  }
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
