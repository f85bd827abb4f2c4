/** Answers that are no objects: Status documents, in the words of a Kubernetes API server. */
import { isJsonObject, type JsonObject, textOf } from '../api/json.ts';
import { imageGroup } from '../api/resources.ts';
import { type FieldFault, faultsText } from '../domain/field-fault.ts';
import type { KubeApiError } from '../kube/errors.ts';

/** A Status (meta.k8s.io/v1) that is a failure. */
export interface FailureStatus {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: 'Failure';
  readonly message: string;
  readonly reason: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

/** What a failure is about. */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly retryAfterSeconds?: number;
  /** Each fault of what was sent, as programs read it. */
  readonly causes?: readonly FieldFault[];
}

/** A request that ends with a Status. */
export class StatusError extends Error {
  readonly status: FailureStatus;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = 'StatusError';
    const more = details === undefined ? {} : { details };
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...more,
      code,
    };
  }

  /** A failure that the API server has answered with, with all that it says. */
  static of(code: number, document: JsonObject): StatusError {
    const text = (name: string): string => textOf(document[name]) ?? '';
    const reason = text('reason') || 'InternalError';
    const details = document['details'];
    return new StatusError(code, reason, text('message'), isJsonObject(details) ? details : undefined);
  }
}

/** 401: nobody that is known. */
export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

/** 404 for a path that leads nowhere. */
export function noSuchResource(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource');
}

/** 404 for an object. */
export function notFound(resource: string, name: string): StatusError {
  const details = { name, group: imageGroup, kind: resource };
  return new StatusError(
    404,
    'NotFound',
    `${resource}.${imageGroup} ${JSON.stringify(name)} not found`,
    details,
  );
}

/** 400 with a sentence. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** 422: what is wrong with an object of a kind, such as `ImageStream`, in one sentence and field by field. */
export function invalid(kind: string, name: string, faults: readonly FieldFault[]): StatusError {
  return invalidOf({ group: imageGroup, kind, name }, faults);
}

/** 422: what is wrong with the parameters of a request, of which `kind` is such as `PatchOptions`. */
export function invalidOptions(kind: string, faults: readonly FieldFault[]): StatusError {
  return invalidOf({ group: 'meta.k8s.io', kind, name: '' }, faults);
}

function invalidOf(
  { group, kind, name }: { readonly group: string; readonly kind: string; readonly name: string },
  faults: readonly FieldFault[],
): StatusError {
  const message = `${kind}.${group} ${JSON.stringify(name)} is invalid: ${faultsText(faults)}`;
  const causes = faults.map(({ reason, message: problem, field }) => ({ reason, message: problem, field }));
  const named = name === '' ? {} : { name };
  return new StatusError(422, 'Invalid', message, { ...named, group, kind, causes });
}

/** Why a write to a version that is no more is a conflict. */
export const hasChanged =
  'the object has been modified; please apply your changes to the latest version and try again';

/** 409: it cannot be done to the object as it is now. */
export function conflict(resource: string, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${resource}.${imageGroup} ${JSON.stringify(name)}: ${why}`;
  return new StatusError(409, 'Conflict', message, { name, group: imageGroup, kind: resource });
}

/** 409: it was to be created, and is there. */
export function alreadyExists(resource: string, name: string): StatusError {
  const message = `${resource}.${imageGroup} ${JSON.stringify(name)} already exists`;
  return new StatusError(409, 'AlreadyExists', message, { name, group: imageGroup, kind: resource });
}

/** 500: others keep changing the object; the client may try again in two seconds. */
export function serverTimeout(resource: string, verb: string): StatusError {
  const message = `The ${verb} operation against ${resource}.${imageGroup} could not be completed at this time, please try again.`;
  const details = { group: imageGroup, kind: resource, retryAfterSeconds: 2 };
  return new StatusError(500, 'ServerTimeout', message, details);
}

/** 415: a body of a type that is not read. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new StatusError(415, 'UnsupportedMediaType', message);
}

/** 405: the resource has no such verb. */
export function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  );
}

/** 406: nothing that the client takes. */
export function notAcceptable(): StatusError {
  return new StatusError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json',
  );
}

/** 429: come again in a second. */
export function tooManyRequests(): StatusError {
  const message = 'Too many requests, please try again later.';
  return new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds: 1 });
}

/** 413; `remark` is added to the words of a Kubernetes API server. */
export function tooLarge(limit: number, remark?: string): StatusError {
  const message = `Request entity too large: limit is ${limit}`;
  return new StatusError(
    413,
    'RequestEntityTooLarge',
    remark === undefined ? message : `${message} ${remark}`,
  );
}

/** What the API server says of a stored object, as the answer to who wanted it. */
export function refusalOf(error: KubeApiError): StatusError {
  const message = error.message.replace(/^\S+ \S+: \d+ /, '');
  const { retryAfterMs } = error;
  const details = retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) };
  return new StatusError(
    error.status,
    error.reason === '' ? 'InternalError' : error.reason,
    message,
    details,
  );
}
