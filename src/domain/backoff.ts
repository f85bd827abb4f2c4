/** Waiting times after failures. Pure: randomness is replaced by a hash of the key, so that restarts keep the spread. */

/** Exponential waiting times: `baseMs`, twice that, … at most `maxMs`, each lengthened by up to a quarter of itself. */
export interface BackoffPolicy {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Milliseconds to wait after the given number of consecutive failures (1 or more); `key` decides the spread. */
export function backoffMs(policy: BackoffPolicy, failures: number, key: string): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  const plain = Math.min(policy.baseMs * 2 ** exponent, policy.maxMs);
  return Math.round(plain * (1 + spread(key) / 4));
}

/** A number in [0, 1) that depends on the text only (FNV-1a): jitter without randomness. */
export function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}
