/** Short names for long things. */
import { createHash } from 'node:crypto';

/** 16 hexadecimal digits (64 bits) that depend on the texts and their boundaries only. */
export function stableHash(texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 16);
}
