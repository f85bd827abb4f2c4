/** Answers that are no objects: Status documents, in the words of a Kubernetes API server. */
import { imageGroup } from '../api/resources.ts';
import type { FieldFault } from '../domain/field-fault.ts';
import { streamNameFaults } from '../domain/stream-name.ts';
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
  readonly causes?: readonly StatusCause[];
}

/** One of the things that are wrong with what was sent. */
export interface StatusCause extends FieldFault {
  readonly reason: string;
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
}

/** 401: nobody that is known. */
export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

/** 404 for a path that leads nowhere. */
export function noSuchResource(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource');
}

/** 404 for an object; the resource is named as the reference does there, mostly in the plural. */
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

/** 422: all that is wrong with an object of a kind, at once. */
export function invalid(kind: string, name: string, faults: readonly FieldFault[]): StatusError {
  const texts = faults.map(({ field, message }) => `${field}: ${message}`);
  const text = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  const causes = faults.map((fault) => ({ reason: causeOf(fault), ...fault }));
  return new StatusError(
    422,
    'Invalid',
    `${kind}.${imageGroup} ${JSON.stringify(name)} is invalid: ${text}`,
    {
      name,
      group: imageGroup,
      kind,
      causes,
    },
  );
}

/** Throws 422 for a name that no stream may have. */
export function checkStreamName(name: string): void {
  const faults = streamNameFaults(name);
  if (faults.length > 0) throw invalid('ImageStream', name, faults);
}

/** The reason of a cause, by how its text begins. */
function causeOf({ message }: FieldFault): string {
  if (message.startsWith('Required value')) return 'FieldValueRequired';
  if (message.startsWith('Forbidden')) return 'FieldValueForbidden';
  return message.startsWith('Too many') ? 'FieldValueTooMany' : 'FieldValueInvalid';
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

/** 413 */
export function tooLarge(limit: number): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);
}

/** What the API server says of a stored object, as the answer to who wanted it. */
export function refusalOf(error: KubeApiError): StatusError {
  const message = error.message.replace(/^\S+ \S+: \d+ /, '');
  return new StatusError(error.status, error.reason === '' ? 'InternalError' : error.reason, message);
}
