/** An operator that is left alone: what it asks of registry and API server over some time, and what it takes for that. */
import { type AuditLog, countByKind } from '../../test/support/audit-log.ts';
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import type { TokenServer } from '../../test/support/token-server.ts';
import { countRequests, markLog, type RequestCounts } from './access-log.ts';
import { operatorAgent } from './operator-run.ts';
import { cpuMs, startLoadMeter } from './process-usage.ts';
import { type MemorySamples, sampleRss } from './start-run.ts';
import type { World } from './world.ts';

/** What was counted. */
export interface QuietRun {
  readonly ms: number;
  /** Of the registry. */
  readonly requests: RequestCounts;
  /** Requests to the token server. */
  readonly tokens: number;
  /** Requests to the API server by kind; a watch counts when it begins. */
  readonly api: ReadonlyMap<string, number>;
  readonly cpuMs: number;
  readonly rss: MemorySamples;
  /** Processors that were busy, on average, with programs other than the benchmark's. */
  readonly foreign: number;
}

/** Whom to look at, and for how long. */
export interface QuietRunOptions {
  readonly operator: OperatorProcess;
  /** With reads. */
  readonly audit: AuditLog;
  /** Of the registry, if it wants tokens. */
  readonly tokenServer: TokenServer | undefined;
  readonly ms: number;
}

/** Counts while nothing is done to the operator. */
export async function measureQuiet(
  { cluster, signal }: World,
  { operator: { pid }, audit, tokenServer, ms }: QuietRunOptions,
): Promise<QuietRun> {
  const { logPath } = cluster.registry;
  const tokens = (): number => tokenServer?.requests.length ?? 0;
  const [auditMark, since, tokensBefore] = [await audit.mark(), await markLog(logPath), tokens()];
  const meter = await startLoadMeter([...cluster.pids, pid]);
  const [cpuBefore, startedAt] = [await cpuMs(pid), performance.now()];
  const rss = await sampleRss(pid, { ms, signal });
  const [measuredMs, used] = [performance.now() - startedAt, (await cpuMs(pid)) - cpuBefore];
  const { foreign } = await meter.stop();
  return {
    ms: measuredMs,
    requests: await countRequests(logPath, { since, userAgent: operatorAgent }),
    tokens: tokens() - tokensBefore,
    api: countByKind(await audit.since(auditMark)),
    cpuMs: used,
    rss,
    foreign,
  };
}
