/** Structured logs: one JSON line for each thing that happened, of a bounded length, with nothing that could be a secret. */
import { type DestinationStream, type Logger, pino } from 'pino';

/** Levels that can be set. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** Keys whose values never reach a log, wherever somebody puts them. */
const redacted = ['authorization', 'password', 'token', 'auth', 'data'].flatMap((key) => [
  key,
  `*.${key}`,
  `*.*.${key}`,
]);

/** Makes the logger; `destination` is stdout unless a test gives another one. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }), log: (fields: object) => bounded(fields, 0) },
    redact: { paths: redacted, censor: '[redacted]' },
    serializers: { err: (error: unknown) => serializeError(error) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Names and messages of users and servers may have any length. */
const maxText = 1_024;
const maxStack = 4_096;
const maxItems = 50;
const maxDepth = 3;
const maxCauses = 5;

/** Fields with texts, lists and depth cut to what a line may have. */
function bounded(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, cut(value, depth)]));
}

function cut(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cutText(value, maxText);
  // It has a serializer of its own.
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) {
    const more = value.length > maxItems ? ['…'] : [];
    return [...value.slice(0, maxItems).map((item) => cut(item, depth + 1)), ...more];
  }
  return bounded(value, depth + 1);
}

function cutText(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).toWellFormed()}…`;
}

/** Message, code and stack of an error and its causes; not the other fields, which may hold whole requests. */
function serializeError(error: unknown, causes = 0): unknown {
  if (!(error instanceof Error)) return { message: cutText(String(error), maxText) };
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const hasCause = error.cause !== undefined && causes < maxCauses;
  const cause = hasCause ? { cause: serializeError(error.cause, causes + 1) } : {};
  const message = cutText(error.message, maxText);
  return { type: error.name, message, ...code, stack: cutText(error.stack ?? '', maxStack), ...cause };
}
