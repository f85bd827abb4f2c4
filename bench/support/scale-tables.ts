/** The figures of the benchmark of scale as tables, with the goals beside them. */
import { percentile } from './percentile.ts';
import { megabytes, seconds } from './progress.ts';
import type { PushLag } from './push-lag.ts';
import type { QuietRun } from './quiet-run.ts';
import type { ScaleResults } from './scale-run.ts';
import { memoryText } from './start-run.ts';

type Row = Readonly<Record<string, string>>;
type Counts = ReadonlyMap<string, number>;

const hourMs = 3_600_000;
/** Of the setting schedule-period. */
const defaultPeriodMs = 900_000;

/** What there was. */
export function stateRows({ shape, cost }: ScaleResults): readonly Row[] {
  const { streams, tags, scheduled, deployments, fanout, namespaces, hasTokens } = shape;
  return [
    {
      streams: String(streams),
      tags: String(streams * tags),
      'scheduled tags, each with a source of its own': String(streams * scheduled),
      Deployments: `${deployments}, ${fanout} of them of one tag`,
      namespaces: String(namespaces),
      registry: hasTokens ? 'bearer tokens, with an account' : 'open',
      etcd: megabytes(cost.etcd),
      "API server's heap, memory": `${megabytes(cost.apiHeap)}, ${megabytes(cost.apiRss)}`,
    },
  ];
}

/** The starts, each with its floor. */
export function scaleStartRows({ starts, shape }: ScaleResults): readonly Row[] {
  return starts.map(({ run, floor }, i) => ({
    start: String(i + 1),
    'ready (goal 15 s)': seconds(run.readyMs),
    'all looked at': seconds(run.lookedMs ?? Number.NaN),
    'floor: bare lists': seconds(floor.ms),
    'CPU until ready, floor': `${seconds(run.readyCpuMs)}, ${seconds(floor.cpuMs)}`,
    'API writes but the Lease (goal 0)': listed(others(run.writes, isOfLease)),
    'downloads (goal 0)': listed(others(run.requests, isProbe)),
    [`HEADs of the schedule, of ${shape.streams * shape.scheduled} in 15 min`]: String(
      run.requests.get('HEAD manifests') ?? 0,
    ),
    'memory a minute after': memoryText(run.rss),
    'peak (goal 300 MB)': megabytes(run.peakRssBytes),
    'others used': `${run.foreign.toFixed(1)} CPU`,
  }));
}

/** Requests of a settled operator in an hour: measured at the default period, and converted from a shorter one. */
export function requestRows({ rest, checks }: ScaleResults): readonly Row[] {
  const { periodMs, periods } = checks;
  const measured = `an hour, measured over ${seconds(rest.ms)} at the default period`;
  const counted = `a period of ${periodMs / 1_000} s, of ${periods}`;
  const converted = 'an hour of four such periods, converted';
  const [atRest, atShort] = [registryCounts(rest), registryCounts(checks)];
  const registry = namesIn(atRest, atShort).map((name) => {
    const perPeriod = (atShort.get(name) ?? 0) / periods;
    return {
      request: `registry: ${name}`,
      [measured]: perHour(atRest.get(name) ?? 0, rest),
      [counted]: perPeriod.toFixed(0),
      [converted]: ((perPeriod * hourMs) / defaultPeriodMs).toFixed(0),
    };
  });
  const [apiAtRest, apiAtShort] = [apiCounts(rest), apiCounts(checks)];
  const api = namesIn(apiAtRest, apiAtShort).map((name) => ({
    request: `API server: ${name}`,
    [measured]: perHour(apiAtRest.get(name) ?? 0, rest),
    [counted]: ((apiAtShort.get(name) ?? 0) / periods).toFixed(0),
    // It depends on the time, not on the periods.
    [converted]: '',
  }));
  return [...registry, ...api];
}

/** What a settled operator takes. */
export function usageRows(results: ScaleResults): readonly Row[] {
  const { rest, checks, peaks } = results;
  return [
    usageRow('at rest, default period', rest, peaks.announced),
    usageRow(`period of ${checks.periodMs / 1_000} s`, checks, peaks.checks),
  ];
}

/** How long pushes took to be seen. */
export function lagRows({ announced, fanouts, polled, checks, shape }: ScaleResults): readonly Row[] {
  return [
    lagRow('announced, one after the other', announced),
    lagRow(`announced, ${shape.fanout} Deployments`, fanouts),
    lagRow(`found by the schedule, every ${checks.periodMs / 1_000} s`, polled),
  ];
}

function usageRow(name: string, run: QuietRun, peak: number): Row {
  const heads = run.requests.get('HEAD manifests') ?? 0;
  return {
    operator: name,
    'processor time an hour': `${((run.cpuMs * hourMs) / run.ms / 1_000).toFixed(0)} s`,
    'of a processor': `${((100 * run.cpuMs) / run.ms).toFixed(1)} %`,
    'CPU a check': heads === 0 ? 'no checks' : `${(run.cpuMs / heads).toFixed(2)} ms`,
    memory: memoryText(run.rss),
    'peak, with the pushes that followed (goal 300 MB)': megabytes(peak),
    'others used': `${run.foreign.toFixed(1)} CPU`,
  };
}

function lagRow(name: string, lags: readonly PushLag[]): Row {
  return {
    'from the push to the sight of it': name,
    pushes: String(lags.length),
    'status: p50, p99, most': spread(lags.map(({ statusMs }) => statusMs)),
    'first Deployment': spread(lags.map(({ firstMs }) => firstMs)),
    'last Deployment': spread(lags.map(({ lastMs }) => lastMs)),
  };
}

function registryCounts({ requests, tokens }: QuietRun): Counts {
  return new Map([...requests, ['tokens', tokens]]);
}

/** All watches in one, for there is one of each kind of object every few minutes. */
function apiCounts({ api }: QuietRun): Counts {
  const counts = new Map<string, number>();
  for (const [kind, count] of api) {
    const name = kind.startsWith('watch ') ? 'watches begun anew' : kind;
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return counts;
}

function namesIn(...counts: readonly Counts[]): readonly string[] {
  return [...new Set(counts.flatMap((each) => [...each.keys()]))].toSorted();
}

function perHour(count: number, { ms }: QuietRun): string {
  return ((count * hourMs) / ms).toFixed(0);
}

function isOfLease(kind: string): boolean {
  return kind.includes(' leases');
}

function isProbe(kind: string): boolean {
  return kind.startsWith('HEAD ');
}

function others(counts: Counts, isLeftOut: (kind: string) => boolean): Counts {
  return new Map([...counts].filter(([kind]) => !isLeftOut(kind)));
}

function listed(counts: Counts): string {
  return counts.size === 0 ? '0' : [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
}

function spread(times: readonly number[]): string {
  return [0.5, 0.99, 1].map((share) => seconds(percentile(times, share))).join(', ');
}
