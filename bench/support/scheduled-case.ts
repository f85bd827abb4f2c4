/** Scheduled tags that do not change: what their checks cost. */
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorProcess } from '../../test/support/operator-process.ts';
import { countRequests, markLog, type RequestCounts } from './access-log.ts';
import { durationMs } from './command-line.ts';
import { planStreams, pushShared, type Shape } from './image-set.ts';
import { ImportWatch } from './import-watch.ts';
import { type ApiWrites, apiWrites, settledWrites, totalWrites, writesSince } from './operator-metrics.ts';
import { operatorAgent } from './operator-run.ts';
import { cpuMs, type Load, peakRssBytes, startLoadMeter } from './process-usage.ts';
import { createNamespace, createStreams, deleteStreams } from './stream-set.ts';
import type { World } from './world.ts';

const shape: Shape = { streams: 500, tagsPerStream: 10 };
const firstImportMs = 300_000;

/** What was measured over some periods, after all tags had been imported. */
export interface ScheduledRun {
  readonly tags: number;
  readonly periodMs: number;
  readonly periods: number;
  readonly requests: RequestCounts;
  readonly writes: ApiWrites;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
  readonly load: Load;
}

/** Imports the tags, lets a period pass, and measures the next ones. */
export async function runScheduledCase(
  world: World,
  { period, periods }: { readonly period: string; readonly periods: number },
): Promise<ScheduledRun> {
  const { progress, cluster, kube, signal } = world;
  const periodMs = durationMs('--period', period);
  const namespace = 'bench-scheduled';
  const streams = planStreams(shape, 'scheduled');
  const tags = shape.streams * shape.tagsPerStream;
  await createNamespace(kube, namespace);
  await progress.step(`push ${tags} tags`, () => pushShared(cluster.registry, streams, signal));
  const where = { namespace, host: cluster.registry.host, scheduled: true, signal };
  await createStreams(kube, streams, where);
  const wanted = new Map(streams.map((stream) => [stream.name, stream.tags.length]));
  await using watch = await ImportWatch.open(cluster.facts, { namespace, wanted });
  const args = ['--schedule-period', period];
  const operator = await OperatorProcess.start({ kubeconfigPath: cluster.kubeconfigPath, args });
  try {
    await progress.step('import them', () => watch.imported({ timeoutMs: firstImportMs, signal }));
    await progress.step('let it write its events', () => settledWrites(operator.healthUrl, signal));
    await progress.step(`let a period of ${period} pass`, () => delay(periodMs, undefined, { signal }));
    const measured = await progress.step(`measure ${periods} periods`, () =>
      measure(world, operator, { ms: periods * periodMs }),
    );
    return { tags, periodMs, periods, ...measured };
  } finally {
    await operator.stop();
    if (!signal.aborted) await deleteStreams(kube, namespace);
  }
}

/** The figures of a run for the table. */
export function scheduledRow(run: ScheduledRun): Record<string, string> {
  const { tags, periods, periodMs, requests, writes } = run;
  const checks = (requests.get('HEAD manifests') ?? 0) + (requests.get('GET manifests') ?? 0);
  const perPeriod = (kind: string): string => ((requests.get(kind) ?? 0) / periods).toFixed(0);
  return {
    tags: String(tags),
    period: `${periodMs / 1_000} s`,
    'HEADs a period': perPeriod('HEAD manifests'),
    'GETs a period': perPeriod('GET manifests'),
    'blobs a period': perPeriod('GET blobs'),
    'API writes': String(totalWrites(writes)),
    'CPU a check': checks === 0 ? 'no checks' : `${(run.cpuMs / checks).toFixed(2)} ms`,
    'peak RSS': `${Math.round(run.peakRssBytes / 1024 ** 2)} MB`,
    'others used': `${run.load.foreign.toFixed(1)} CPU`,
  };
}

async function measure(
  { cluster, signal }: World,
  operator: OperatorProcess,
  { ms }: { readonly ms: number },
): Promise<Pick<ScheduledRun, 'requests' | 'writes' | 'cpuMs' | 'peakRssBytes' | 'load'>> {
  const { logPath } = cluster.registry;
  const before = await apiWrites(operator.healthUrl);
  const [since, cpuBefore] = [await markLog(logPath), await cpuMs(operator.pid)];
  const meter = await startLoadMeter([...cluster.pids, operator.pid]);
  await delay(ms, undefined, { signal });
  const cpu = (await cpuMs(operator.pid)) - cpuBefore;
  const requests = await countRequests(logPath, { since, userAgent: operatorAgent });
  const load = await meter.stop();
  const writes = writesSince(before, await apiWrites(operator.healthUrl));
  return { requests, writes, cpuMs: cpu, peakRssBytes: await peakRssBytes(operator.pid), load };
}
