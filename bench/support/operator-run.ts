/** One run of the operator over streams that are there when it starts. */
import { OperatorProcess } from '../../test/support/operator-process.ts';
import { countRequests, markLog, type RequestCounts } from './access-log.ts';
import { ImportWatch } from './import-watch.ts';
import { type ApiWrites, settledWrites } from './operator-metrics.ts';
import { cpuMs, type Load, peakRssBytes, startLoadMeter } from './process-usage.ts';
import type { World } from './world.ts';

/** How the operator calls itself in the registry's log. */
export const operatorAgent = 'imagestream-operator/';

/** What an operator did, from its log line `operator ready` to the last image that a watch saw. */
export interface OperatorRun {
  readonly ms: number;
  readonly requests: RequestCounts;
  readonly writes: ApiWrites;
  /** Processor time after the log line; the time before it is `startupCpuMs`. */
  readonly cpuMs: number;
  readonly startupCpuMs: number;
  readonly peakRssBytes: number;
  /** Operator, API server, etcd, registry and this process together, and all others. */
  readonly load: Load;
}

/** Which streams the run waits for. */
export interface OperatorRunOptions {
  readonly namespace: string;
  /** Tags by stream. */
  readonly wanted: ReadonlyMap<string, number>;
  /** Flags of the operator. */
  readonly args?: readonly string[];
  readonly timeoutMs?: number;
}

/** Starts an operator, waits until it has imported what is wanted, and stops it. */
export async function runOperator(world: World, options: OperatorRunOptions): Promise<OperatorRun> {
  const { cluster, signal } = world;
  await using watch = await ImportWatch.open(cluster.facts, options);
  const since = await markLog(cluster.registry.logPath);
  const operator = await OperatorProcess.start({
    kubeconfigPath: cluster.kubeconfigPath,
    args: options.args ?? [],
  });
  try {
    const startupCpuMs = await cpuMs(operator.pid);
    const meter = await startLoadMeter([...cluster.pids, operator.pid]);
    const { lastAt } = await watch.imported({ timeoutMs: options.timeoutMs ?? 180_000, signal });
    const used = (await cpuMs(operator.pid)) - startupCpuMs;
    const load = await meter.stop();
    const writes = await settledWrites(operator.healthUrl, signal);
    const peak = await peakRssBytes(operator.pid);
    const run = { ms: lastAt - readyAt(operator), cpuMs: used, startupCpuMs, load };
    await operator.stop();
    const requests = await countRequests(cluster.registry.logPath, { since, userAgent: operatorAgent });
    return { ...run, requests, writes, peakRssBytes: peak };
  } finally {
    await operator.stop();
  }
}

function readyAt(operator: OperatorProcess): number {
  const ready = operator.logs.find(({ msg }) => msg === 'operator ready');
  return Date.parse(String(ready?.['time']));
}
