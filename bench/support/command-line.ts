/** What the programs of this folder have in common: flags, Ctrl-C, and the facts of the machine. */
import { availableParallelism, cpus } from 'node:os';

/** The value of a flag. Throws a sentence. */
export function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${flag} ${text}: must be a whole number from 1`);
  return value;
}

/** Milliseconds of a flag whose value is a duration as the operator's settings have it. Throws a sentence. */
export function durationMs(flag: string, text: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit ?? ''];
  if (unitMs === undefined) throw new Error(`${flag} ${text}: must be a duration such as 30s or 1m`);
  return Number(count) * unitMs;
}

/** What figures have to be read with. */
export function machine(): { model: string; processors: number; node: string; date: string } {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  return { model, processors: availableParallelism(), node: process.version, date: new Date().toISOString() };
}

/** For JSON, which knows no maps. */
export function plainMaps(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** A program of this folder. */
export interface Program<T> {
  readonly usage: string;
  /** Undefined when help was asked for. Throws a sentence. */
  readonly readOptions: () => T | undefined;
  /** Works until the signal is aborted, which a signal of the system does. */
  readonly main: (options: T, signal: AbortSignal) => Promise<void>;
}

/** Runs it, or prints its usage; what it throws is printed as a sentence. */
export async function runProgram<T>({ usage, readOptions, main }: Program<T>): Promise<void> {
  try {
    const options = readOptions();
    if (options === undefined) process.stdout.write(usage);
    else await interruptible((signal) => main(options, signal));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? `\n${error.message}` : String(error)}\n`);
    process.exitCode = 1;
  }
}

/** Does the work until a signal of the system aborts the one that it gets; that is no error. */
async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // The second time somebody is out of patience; the programs die with this process.
      if (interrupt.signal.aborted) process.exit(130);
      interrupt.abort(new Error(`stopped by ${signal}`));
      process.stderr.write('\ninterrupted; everything is being stopped\n');
    });
  }
  try {
    await work(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = 130;
  }
}
