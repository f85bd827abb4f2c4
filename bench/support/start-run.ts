/** A start of the operator over a state that is in order: how long it takes, what it asks, and what memory it has then. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AuditedWrite, type AuditLog, countByKind, isWrite } from '../../test/support/audit-log.ts';
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import { countRequests, markLog, type RequestCounts } from './access-log.ts';
import { type Looks, looksDone } from './operator-metrics.ts';
import { operatorAgent } from './operator-run.ts';
import { cpuMs, peakRssBytes, rssBytes, startLoadMeter } from './process-usage.ts';
import { megabytes } from './progress.ts';
import { type StartOptions, startContainer, whileRunning } from './start-container.ts';
import type { World } from './world.ts';

const samplePeriodMs = 500;

/** Memory of a process over some time, in bytes. */
export interface MemorySamples {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The samples as a person reads them. */
export function memoryText({ min, median, max }: MemorySamples): string {
  return `${megabytes(median)} (${megabytes(min)} to ${megabytes(max)})`;
}

/** What a start was like. */
export interface StartRun {
  /** From the start of the process to its log line `operator ready`. */
  readonly readyMs: number;
  /** From the start of the process until it had looked at all that {@link StartRunOptions.looks} says. */
  readonly lookedMs: number | undefined;
  /** Processor time until it was ready. */
  readonly readyCpuMs: number;
  /** Processor time after that, until the memory was measured. */
  readonly idleCpuMs: number;
  /** Writes to the API server by kind, and a few of them, until the memory was measured. */
  readonly writes: ReadonlyMap<string, number>;
  /** Reads by kind, if the log has them. */
  readonly reads: ReadonlyMap<string, number>;
  readonly someWrites: readonly AuditedWrite[];
  readonly requests: RequestCounts;
  readonly rss: MemorySamples;
  /** The most until the end of the measurement. */
  readonly peakRssBytes: number;
  /** Processors that were busy, on average, with programs other than the benchmark's until it was ready. */
  readonly foreign: number;
}

/** How a start is measured. */
export interface StartRunOptions {
  readonly audit: AuditLog;
  readonly start: StartOptions;
  /** Milliseconds after it is ready, over which requests are counted. */
  readonly idleMs: number;
  /** Milliseconds after that, over which memory is measured. */
  readonly sampleMs: number;
  /** What it is to look at before it is left alone. */
  readonly looks?: Looks;
}

/** Starts the operator and measures; it then still runs. */
export async function measureStart(
  { progress, cluster, signal }: World,
  name: string,
  { audit, start, idleMs, sampleMs, looks }: StartRunOptions,
): Promise<{ readonly operator: OperatorProcess; readonly run: StartRun }> {
  const { logPath } = cluster.registry;
  const [auditMark, registryMark] = [await audit.mark(), await markLog(logPath)];
  const meter = await startLoadMeter(cluster.pids);
  const startedAt = Date.now();
  const operator = await progress.step(`${name}: until it is ready`, () => startContainer(start));
  try {
    const readyMs = readyAt(operator) - startedAt;
    const readyCpuMs = await cpuMs(operator.pid);
    const { foreign } = await meter.stop(readyCpuMs);
    if (looks !== undefined)
      await progress.step(`${name}: until it has looked at everything`, () =>
        whileRunning(operator, looksDone(operator.healthUrl, { looks, signal })),
      );
    const lookedMs = looks === undefined ? undefined : Date.now() - startedAt;
    await progress.step(`${name}: leave it alone`, () => delay(idleMs, undefined, { signal }));
    const rss = await progress.step(`${name}: measure its memory`, () =>
      sampleRss(operator.pid, { ms: sampleMs, signal }),
    );
    const [writes, reads] = partition(await audit.since(auditMark), isWrite);
    const run: StartRun = {
      readyMs,
      lookedMs,
      readyCpuMs,
      idleCpuMs: (await cpuMs(operator.pid)) - readyCpuMs,
      writes: countByKind(writes),
      reads: countByKind(reads),
      someWrites: writes.slice(0, 5),
      requests: await countRequests(logPath, { since: registryMark, userAgent: operatorAgent }),
      rss,
      peakRssBytes: await peakRssBytes(operator.pid),
      foreign,
    };
    return { operator, run };
  } catch (error) {
    await operator.stop();
    throw error;
  }
}

/** Ends an operator as a crash would. */
export async function crash(operator: OperatorProcess): Promise<void> {
  operator.kill('SIGKILL');
  await operator.stop();
}

/** Measures the memory of a process for a while. */
export async function sampleRss(
  pid: number,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<MemorySamples> {
  const samples: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    samples.push(await rssBytes(pid));
    await delay(samplePeriodMs, undefined, { signal });
  }
  return spreadOf(samples);
}

/** Least, middle and greatest of some numbers. */
export function spreadOf(numbers: readonly number[]): MemorySamples {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { min: at(0), median: at(0.5), max: at(1) };
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): readonly [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

function readyAt(operator: OperatorProcess): number {
  const ready = operator.logs.find(({ msg }) => msg === 'operator ready');
  return Date.parse(String(ready?.['time']));
}
