/** Texts of settings as values. Every function throws a sentence for a text that is none. */
import type { Platform } from './domain/manifest.ts';

/** A whole number of a range. */
export function integer(text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new Error(`must be a whole number from ${min} to ${max}`);
  }
  return value;
}

/** `true` or `false`. */
export function boolean(text: string): boolean {
  return oneOf(text, ['true', 'false'] as const) === 'true';
}

/** `os/architecture`. */
export function platform(text: string): Platform {
  const [, os, architecture] = /^([a-z0-9]{1,32})\/([a-z0-9]{1,32})$/.exec(text) ?? [];
  if (os === undefined || architecture === undefined)
    throw new Error('must be os/architecture, such as linux/arm64');
  return { os, architecture };
}

/** A name of an object or a namespace, of the strictest kind. */
export function objectName(text: string): string {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text))
    throw new Error('must be a name of lower-case letters, digits and dashes, of at most 63 characters');
  return text;
}

/** A host that pull specs can name: with a dot or a port, or a reader would take it for a part of the path. */
export function registryHostName(text: string): string {
  const host = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.?)+(?::\d{1,5})?$/i;
  if (!host.test(text) || !(text === 'localhost' || /[.:]/.test(text)))
    throw new Error('must be a host name with a dot or a port, such as registry.example.com:5000');
  return text;
}

/** Milliseconds of a duration such as 500ms, 30s, 15m or 1h. */
export function duration(text: string): number {
  const [, count, unit] = /^(\d{1,6})(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit ?? ''];
  if (unitMs === undefined || Number(count) === 0)
    throw new Error('must be a duration such as 500ms, 30s, 15m or 1h');
  return Number(count) * unitMs;
}

/** One of a closed set of words. */
export function oneOf<T extends string>(text: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === text);
  if (found === undefined) throw new Error(`must be one of ${allowed.join(', ')}`);
  return found;
}
