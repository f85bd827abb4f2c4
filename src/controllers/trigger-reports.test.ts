import { describe, expect, it } from 'vitest';
import type { TagReport } from '../domain/tag-report.ts';
import { TriggerReports, type WorkloadReports } from './trigger-reports.ts';

const report: TagReport = { tag: '1', workload: 'Deployment/web', container: 'web', image: 'a' };

function setUp() {
  const reports = new TriggerReports();
  const heard: string[] = [];
  reports.onChange((stream) => heard.push(stream));
  return { reports, heard };
}

const about = (...streams: readonly string[]): WorkloadReports =>
  new Map(streams.map((stream) => [stream, [report]]));

describe('reports', () => {
  it('are told once for each change of them', () => {
    const { reports, heard } = setUp();
    const states = new Set([reports.stateOf('a/x')]);
    reports.set('w', about('a/x', 'a/y'));
    states.add(reports.stateOf('a/x'));
    reports.set('w', about('a/x', 'a/y'));
    expect(heard).toEqual(['a/x', 'a/y']);
    reports.set('v', about('a/x'));
    states.add(reports.stateOf('a/x'));
    expect(reports.of('a/x')).toEqual([report, report]);
    reports.set('w');
    expect(heard).toEqual(['a/x', 'a/y', 'a/x', 'a/x', 'a/y']);
    states.add(reports.stateOf('a/x'));
    expect(states.size).toBe(4);
    expect([reports.of('a/x'), reports.of('a/y')]).toEqual([[report], []]);
  });

  it('are no change of streams that have none', () => {
    const { reports, heard } = setUp();
    const before = reports.stateOf('a/x');
    reports.set('w');
    reports.looked('w');
    expect(heard).toEqual([]);
    expect(reports.stateOf('a/x')).toBe(before);
  });
});

describe('a stream whose workloads are still to be looked at', () => {
  it.each<{ name: string; look: (reports: TriggerReports) => void }>([
    { name: 'have something to report', look: (reports) => reports.set('w', about('a/x')) },
    { name: 'have nothing to report', look: (reports) => reports.set('w') },
    { name: 'cannot be looked at', look: (reports) => reports.looked('w') },
  ])('is pending until they $name', ({ look }) => {
    const { reports, heard } = setUp();
    reports.expect('w', ['a/x']);
    expect(reports.isPending('a/x')).toBe(true);
    look(reports);
    expect(reports.isPending('a/x')).toBe(false);
    expect(heard).toEqual(['a/x']);
  });

  it('waits for all of them', () => {
    const { reports, heard } = setUp();
    reports.expect('w', ['a/x']);
    reports.expect('v', ['a/x']);
    reports.set('w');
    expect(reports.isPending('a/x')).toBe(true);
    expect(heard).toEqual([]);
    reports.set('v');
    expect(heard).toEqual(['a/x']);
  });
});
