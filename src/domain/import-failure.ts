/** Why an import failed, and how that is told: reason and message of the `ImportSuccess` condition (semantics 2.3). */
import { truncate } from '../api/conditions.ts';

/** Every way in which an import can fail, as a stable code. */
export type ImportFailureCode =
  | 'invalid-reference'
  | 'forbidden'
  | 'forbidden-address'
  | 'source-not-found'
  | 'source-ambiguous'
  | 'source-circle'
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
  | 'invalid-manifest'
  | 'image-refused';

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

/**
 * Failures that time does not mend. Most of them want an edit of the stream; a source that is not there is seen when it
 * comes, without a try.
 */
const untriedCodes: ReadonlySet<ImportFailureCode> = new Set([
  'invalid-reference',
  'source-not-found',
  'source-ambiguous',
  'source-circle',
]);

/** The reason of failures that only an edit of the stream mends. */
export const invalidReason = 'Invalid';

/** What to do about a failure where the text alone does not say it. */
const advice: Partial<Readonly<Record<ImportFailureCode, string>>> = {
  certificate:
    'set importPolicy.insecure on the tag if this registry is meant to be used without a trusted certificate',
  'plain-http': 'set importPolicy.insecure on the tag if this registry is meant to be used over plain HTTP',
  'unsupported-manifest': 'push the image again with a current tool',
  'manifest-unknown': 'push it, or correct the name',
  'repository-unknown': 'push it, or correct the name',
  denied: 'give the account the right to pull',
  'too-many-requests':
    'it is tried again when the registry allows it; an account or a mirror gets more requests',
  'registry-error': 'it is tried again; look at the registry if it stays',
  forbidden: 'ask whoever keeps the registry policy',
  unreachable: 'look at the name of the host, at network policies and at the proxy',
  timeout: 'look at the registry, at network policies and at the proxy',
  'not-a-registry': 'correct the name of the host',
  'digest-mismatch': 'do not use this image; look at the registry and at what is between',
  'too-large': 'push it again with less in it',
  'invalid-manifest': 'push it again with a current tool',
  'image-refused': 'ask whoever keeps the cluster',
};

/** The same where nobody tries again, because nothing is kept. */
const adviceOfLook: Partial<Readonly<Record<ImportFailureCode, string>>> = {
  ...advice,
  'too-many-requests': 'try again later; an account or a mirror gets more requests',
  'registry-error': 'look at the registry if it stays',
};

/** Why a registry was asked: to import, or only to look. */
export type AskedFor = 'import' | 'look';

/** True for a failure that is tried again after a while. */
export function isRetried(failure: ImportFailure): boolean {
  return !untriedCodes.has(failure.code);
}

/**
 * Reason and message for a failed import of `pullSpec` (as the person wrote it). Reasons and the
 * start of the messages are the reference's; where it has nothing to say, what to do is appended.
 */
export function describeFailure(
  failure: ImportFailure,
  pullSpec: string,
  askedFor: AskedFor = 'import',
): { reason: string; message: string } {
  const hint = (askedFor === 'look' ? adviceOfLook : advice)[failure.code];
  const suffix = [...(failure.notes ?? []), ...(hint === undefined ? [] : [hint])]
    .map((clause) => `; ${clause}`)
    .join('');
  switch (failure.code) {
    case 'invalid-reference':
    case 'source-ambiguous':
    case 'source-circle':
      return { reason: invalidReason, message: failure.detail };
    case 'source-not-found':
      return { reason: 'NotFound', message: `${failure.detail}${suffix}` };
    case 'forbidden':
      return { reason: 'Forbidden', message: `${failure.detail}${suffix}` };
    case 'manifest-unknown':
    case 'repository-unknown':
      return {
        reason: 'NotFound',
        message: `dockerimage.image.openshift.io ${JSON.stringify(pullSpec)} not found${suffix}`,
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
