/** Why an import failed, and how that is told: reason and message of the `ImportSuccess` condition (semantics 2.3). */
import { truncate } from '../api/conditions.ts';

/** Every way in which an import can fail, as a stable code. */
export type ImportFailureCode =
  | 'invalid-reference'
  | 'forbidden'
  | 'forbidden-address'
  | 'unsupported-source'
  | 'manifest-unknown'
  | 'repository-unknown'
  | 'unauthorized'
  | 'denied'
  | 'too-many-requests'
  | 'registry-error'
  | 'unreachable'
  | 'timeout'
  | 'certificate'
  | 'plain-http'
  | 'not-a-registry'
  | 'digest-mismatch'
  | 'too-large'
  | 'unsupported-manifest'
  | 'invalid-manifest';

/** A failed import. `detail` is cleaned text for people; it never holds a credential or a token. */
export interface ImportFailure {
  readonly code: ImportFailureCode;
  readonly detail: string;
  /** The earliest time at which the registry wants to be asked again, in milliseconds from the failure. */
  readonly retryAfterMs?: number | undefined;
  /** With what was tried and what stood in the way, as clauses: names of secrets, never their content. */
  readonly notes?: readonly string[] | undefined;
}

/** Longest text that a registry gets into a condition, in UTF-16 units. */
export const maxRegistryText = 512;

/** Failures that only a change of the stream can mend: they are not tried again by themselves. */
const permanentCodes: ReadonlySet<ImportFailureCode> = new Set(['invalid-reference', 'unsupported-source']);

/** What to do about a failure where the text alone does not say it. */
const advice: Partial<Readonly<Record<ImportFailureCode, string>>> = {
  certificate:
    'set importPolicy.insecure on the tag if this registry is meant to be used without a trusted certificate',
  'plain-http': 'set importPolicy.insecure on the tag if this registry is meant to be used over plain HTTP',
  'unsupported-manifest': 'push the image again with a current tool',
};

/** False when only an edit of the stream can help. */
export function isRetried(failure: ImportFailure): boolean {
  return !permanentCodes.has(failure.code);
}

/**
 * Reason and message for a failed import of `pullSpec` (as the person wrote it). Reasons and the
 * start of the messages are the reference's; where it has nothing to say, what to do is appended.
 */
export function describeFailure(
  failure: ImportFailure,
  pullSpec: string,
): { reason: string; message: string } {
  const hint = advice[failure.code];
  const suffix = [...(failure.notes ?? []), ...(hint === undefined ? [] : [hint])]
    .map((clause) => `; ${clause}`)
    .join('');
  switch (failure.code) {
    case 'invalid-reference':
    case 'unsupported-source':
      return { reason: 'Invalid', message: failure.detail };
    case 'forbidden':
      return { reason: 'Forbidden', message: failure.detail };
    case 'manifest-unknown':
    case 'repository-unknown':
      return {
        reason: 'NotFound',
        message: `dockerimage.image.openshift.io ${JSON.stringify(pullSpec)} not found`,
      };
    case 'unauthorized':
      return {
        reason: 'Unauthorized',
        message: `you may not have access to the container image ${JSON.stringify(pullSpec)}${suffix}`,
      };
    default:
      return {
        reason: 'InternalError',
        message: `Internal error occurred: ${pullSpec}: ${failure.detail}${suffix}`,
      };
  }
}

/** Text from outside made fit for a status, an event or a log: one line, no control characters, bounded. */
export function cleanText(text: string, limit: number = maxRegistryText): string {
  // Cut first: the text may be long, the rest of the work should not be.
  const bounded = text.slice(0, limit * 4);
  const oneLine = bounded.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
  return truncate(oneLine.toWellFormed().replace(/ {2,}/g, ' ').trim(), limit);
}
