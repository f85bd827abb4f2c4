/** Structured logs: one JSON line for each thing that happened, nothing that could be a secret. */
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
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: redacted, censor: '[redacted]' },
    serializers: { err: serializeError },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Message, code and stack of an error and its causes; not the other fields, which may hold whole requests. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
