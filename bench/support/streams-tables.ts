/** The figures of the benchmark of many streams as tables, with the goals beside them. */
import { totalOf } from './access-log.ts';
import { type ChangeRun, statusWrite } from './change-case.ts';
import { megabytes, seconds } from './progress.ts';
import { memoryText, spreadOf } from './start-run.ts';
import type { StreamsResults } from './streams-run.ts';

type Row = Readonly<Record<string, string>>;

/** The starts: each after a crash, with its floor. */
export function startRows({ starts }: StreamsResults): readonly Row[] {
  return starts.map(({ run, floor }, i) => ({
    start: String(i + 1),
    'ready (goal 15 s)': seconds(run.readyMs),
    floor: seconds(floor.ms),
    'ready/floor': (run.readyMs / floor.ms).toFixed(2),
    'API writes (goal 0)': namedCounts(run.writes),
    'registry requests (goal 0)': String(totalOf(run.requests)),
    'memory (goal 250 MB)': memoryText(run.rss),
    'peak memory': megabytes(run.peakRssBytes),
    "floor's memory, peak": `${megabytes(floor.rssBytes)}, ${megabytes(floor.peakRssBytes)}`,
    'CPU until ready, floor': `${seconds(run.readyCpuMs)}, ${seconds(floor.cpuMs)}`,
    'CPU after': seconds(run.idleCpuMs),
    'others used': `${run.foreign.toFixed(1)} CPU`,
  }));
}

/** A pass of the sweeper. */
export function sweepRows({ sweep, rssAfterChanges }: StreamsResults): readonly Row[] {
  if (sweep === undefined) return [];
  return [
    {
      'sweeper: pages': String(sweep.pages),
      CPU: seconds(sweep.cpuMs),
      'peak memory': megabytes(sweep.peakRssBytes),
      'memory after it': megabytes(sweep.rssBytes),
      'memory after all changes': memoryText(rssAfterChanges),
    },
  ];
}

/** The changes by kind. */
export function changeRows({ changes }: StreamsResults): readonly Row[] {
  return changes.map((run) => {
    const { median, max } = spreadOf(run.latencies);
    return {
      change: run.name,
      streams: String(run.streams),
      'tags each': String(run.tags / run.streams),
      'status writes (goal 1)': `${perStream(run, statusWrite)}, at most ${run.mostStatusWrites}`,
      'ImageStreamTag writes a tag (goal 1)': perTag(run, 'patch imagestreamtags'),
      'Image creates a tag (goal 1)': perTag(run, 'create images'),
      events: perStream(run, 'create events', 'patch events'),
      'others, of all streams': namedCounts(othersOf(run)),
      'registry requests': (totalOf(run.requests) / run.streams).toFixed(2),
      'latency (median, most)': `${median.toFixed(0)} ms, ${max.toFixed(0)} ms`,
    };
  });
}

/** What objects cost etcd and the API server. */
export function costRows({ costs, apiServerAtEnd }: StreamsResults): readonly Row[] {
  const { kinds, empty, derivedTags } = costs;
  const rows = kinds.map(({ kind, objects, jsonBytes, cost }) => ({
    kind,
    objects: String(objects),
    'one as JSON': kilobytes(jsonBytes),
    'etcd, one': kilobytes(cost.etcd / objects),
    'etcd, per tag': kilobytes(cost.etcd / derivedTags),
    'API heap, one': kilobytes(cost.apiHeap / objects),
    'API heap, per tag': kilobytes(cost.apiHeap / derivedTags),
    'API RSS, per tag': kilobytes(cost.apiRss / derivedTags),
    etcd: megabytes(cost.etcd),
    'API heap': megabytes(cost.apiHeap),
    'API RSS': megabytes(cost.apiRss),
  }));
  const sum = (member: 'etcd' | 'apiHeap' | 'apiRss'): number =>
    kinds.reduce((total, { cost }) => total + cost[member], 0);
  return [
    ...rows,
    {
      kind: 'together',
      'etcd, per tag': kilobytes(sum('etcd') / derivedTags),
      'API heap, per tag': kilobytes(sum('apiHeap') / derivedTags),
      'API RSS, per tag': kilobytes(sum('apiRss') / derivedTags),
      etcd: megabytes(sum('etcd')),
      'API heap': megabytes(sum('apiHeap')),
      'API RSS': megabytes(sum('apiRss')),
    },
    {
      kind: 'an empty cluster',
      etcd: megabytes(empty.etcd),
      'API heap': megabytes(empty.apiHeap),
      'API RSS': megabytes(empty.apiRss),
    },
    {
      kind: 'all, at the end',
      'API heap, per tag': kilobytes((apiServerAtEnd.apiHeap - empty.apiHeap) / derivedTags),
      'API RSS, per tag': kilobytes((apiServerAtEnd.apiRss - empty.apiRss) / derivedTags),
      'API heap': megabytes(apiServerAtEnd.apiHeap),
      'API RSS': megabytes(apiServerAtEnd.apiRss),
    },
  ];
}

const namedKinds = [statusWrite, 'patch imagestreamtags', 'create images', 'create events', 'patch events'];

function othersOf({ writes }: ChangeRun): ReadonlyMap<string, number> {
  return new Map([...writes].filter(([kind]) => !namedKinds.includes(kind)));
}

function perStream({ writes, streams }: ChangeRun, ...kinds: readonly string[]): string {
  return (kinds.reduce((sum, kind) => sum + (writes.get(kind) ?? 0), 0) / streams).toFixed(2);
}

function perTag({ writes, tags }: ChangeRun, kind: string): string {
  return ((writes.get(kind) ?? 0) / tags).toFixed(2);
}

function namedCounts(counts: ReadonlyMap<string, number>): string {
  return counts.size === 0 ? '0' : [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}
