import { inspect } from 'node:util';

const PERIOD_MS = 30;

export interface EventuallyOptions {
  /** What is awaited, for the message of a failure: `the Deployment's new image`. */
  readonly what: string;
  /** Default: 20 seconds. */
  readonly timeoutMs?: number;
}

/** What a probe gives while the awaited thing is not there. */
export type NotYet = undefined | null | false;

/**
 * Asks again and again until `probe` gives a value, and returns that value. Undefined, null and false mean "not
 * yet", and so does throwing (so a probe may use `expect`, and then return something).
 * @throws Error that names what was awaited, with the last value or error, when the time is over.
 */
export async function eventually<T extends object | string | number | boolean>(
  probe: () => Promise<T | NotYet> | T | NotYet,
  { what, timeoutMs = 20_000 }: EventuallyOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last = 'the first attempt did not end';
  let cause: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await within(deadline - Date.now(), async () => probe());
      if (value === 'expired') break;
      if (value.result !== undefined && value.result !== null && value.result !== false) return value.result;
      last = `the last value was ${inspect(value.result)}`;
    } catch (error) {
      last = `the last attempt threw: ${error instanceof Error ? error.message : inspect(error)}`;
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
  throw new Error(`Waited ${timeoutMs / 1000} s in vain for ${what}: ${last}`, { cause });
}

/** Runs an attempt that may hang. */
async function within<T>(
  milliseconds: number,
  attempt: () => Promise<T>,
): Promise<{ result: T } | 'expired'> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<'expired'>((resolve) => {
    timer = setTimeout(() => resolve('expired'), milliseconds);
  });
  try {
    return await Promise.race([attempt().then((result) => ({ result })), expired]);
  } finally {
    clearTimeout(timer);
  }
}
