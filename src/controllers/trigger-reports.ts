/** What workloads with the mode `report` would get, by the streams that they follow: kept for the ImageStreamTags of those. */
import type { TagReport } from '../domain/tag-report.ts';
import type { ObjectKey } from '../kube/store.ts';

/** Reports of a workload by the key of the stream that they are about. */
export type WorkloadReports = ReadonlyMap<ObjectKey, readonly TagReport[]>;

interface StreamReports {
  readonly byWorkload: Map<string, readonly TagReport[]>;
  /** Workloads that have not been looked at since the start. */
  readonly expected: Set<string>;
  /** Changes with the reports. */
  version: number;
}

const nothing: WorkloadReports = new Map();

/** Between the trigger controller, which finds out, and the writer of ImageStreamTags, which tells. */
export class TriggerReports {
  readonly #streams = new Map<ObjectKey, StreamReports>();
  /** The streams of each workload that has reports or is expected to have some. */
  readonly #workloads = new Map<string, ReadonlySet<ObjectKey>>();
  #onChange: (stream: ObjectKey) => void = () => undefined;
  #version = 0;

  /** Sets who hears of streams whose reports have changed. */
  onChange(listener: (stream: ObjectKey) => void): void {
    this.#onChange = listener;
  }

  /** At the start: a workload may have reports, and the ImageStreamTags of its streams may hold them already. */
  expect(workload: string, streams: Iterable<ObjectKey>): void {
    const keys = new Set(streams);
    this.#workloads.set(workload, keys);
    for (const stream of keys) this.#at(stream).expected.add(workload);
  }

  /** True while it is not known what there is to report about a stream. */
  isPending(stream: ObjectKey): boolean {
    return (this.#streams.get(stream)?.expected.size ?? 0) > 0;
  }

  /** The reports about a stream. */
  of(stream: ObjectKey): readonly TagReport[] {
    return [...(this.#streams.get(stream)?.byWorkload.values() ?? [])].flat();
  }

  /** The same text as long as the reports about a stream are the same. */
  stateOf(stream: ObjectKey): string {
    return String(this.#streams.get(stream)?.version ?? 0);
  }

  /** What a workload that was looked at has to report, in place of what it had before. */
  set(workload: string, reports: WorkloadReports = nothing): void {
    const before = this.#workloads.get(workload);
    if (before === undefined && reports.size === 0) return;
    if (reports.size === 0) this.#workloads.delete(workload);
    else this.#workloads.set(workload, new Set(reports.keys()));
    for (const stream of new Set([...(before ?? []), ...reports.keys()]))
      this.#setAt(stream, workload, reports.get(stream) ?? []);
  }

  #setAt(stream: ObjectKey, workload: string, own: readonly TagReport[]): void {
    const entry = this.#at(stream);
    const wasExpected = entry.expected.delete(workload);
    const isSame = JSON.stringify(entry.byWorkload.get(workload) ?? []) === JSON.stringify(own);
    if (own.length === 0) entry.byWorkload.delete(workload);
    else entry.byWorkload.set(workload, own);
    if (!isSame) entry.version = ++this.#version;
    if (entry.byWorkload.size === 0 && entry.expected.size === 0) this.#streams.delete(stream);
    if (!isSame || (wasExpected && entry.expected.size === 0)) this.#onChange(stream);
  }

  /** A workload that could not be looked at is not waited for. */
  looked(workload: string): void {
    for (const stream of this.#workloads.get(workload) ?? []) {
      const entry = this.#streams.get(stream);
      if (entry?.expected.delete(workload) === true && entry.expected.size === 0) this.#onChange(stream);
    }
  }

  #at(stream: ObjectKey): StreamReports {
    const known = this.#streams.get(stream);
    if (known !== undefined) return known;
    const entry: StreamReports = { byWorkload: new Map(), expected: new Set(), version: 0 };
    this.#streams.set(stream, entry);
    return entry;
  }
}
