/** Refusals of the API server, converted once at the boundary. */

/** The API server answered with an error status. */
export class KubeApiError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** Machine-readable reason of the `Status` object, for example `Conflict`; empty when the answer was no Status. */
  readonly reason: string;
  /** Machine-readable causes in the details of the `Status`, for example `NamespaceTerminating`. */
  readonly causes: readonly string[];
  /** How long the server wants to be left alone, in milliseconds; undefined when it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(facts: {
    method: string;
    path: string;
    status: number;
    reason: string;
    message: string;
    causes?: readonly string[];
    retryAfterMs: number | undefined;
  }) {
    super(`${facts.method} ${facts.path}: ${facts.status} ${facts.message}`);
    this.name = 'KubeApiError';
    this.status = facts.status;
    this.reason = facts.reason;
    this.causes = facts.causes ?? [];
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The object, or the whole resource, is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeApiError && error.status === 404;
}

/** For reads of what need not be there: undefined instead of a 404; throws every other error. */
export function undefinedIfNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
  return undefined;
}

/** The object changed since it was read, is another one by now, or exists already. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeApiError && error.status === 409;
}

/** The operator's rights do not suffice. */
export function isForbidden(error: unknown): boolean {
  return error instanceof KubeApiError && error.status === 403;
}

/** The API server or an admission rule says no to this very request: the same one again will not do. */
export function isRefused(error: unknown): error is KubeApiError {
  return error instanceof KubeApiError && [400, 403, 413, 422].includes(error.status);
}

/** The namespace is being deleted: nothing can be created in it any more. */
export function isTerminating(error: unknown): boolean {
  return error instanceof KubeApiError && error.causes.includes('NamespaceTerminating');
}

/** etcd's own limit on the size of objects comes as an internal error of the API server. */
export function isTooLarge(error: unknown): error is KubeApiError {
  return (
    error instanceof KubeApiError &&
    (error.status === 413 || (error.status === 500 && error.message.includes('too large')))
  );
}

/** The request itself is not one that this server takes. */
export function isInvalid(error: unknown): boolean {
  return error instanceof KubeApiError && (error.status === 400 || error.status === 422);
}

/** The watch position or list continuation is too old: list again. */
export function isGone(error: unknown): boolean {
  return error instanceof KubeApiError && error.status === 410;
}
