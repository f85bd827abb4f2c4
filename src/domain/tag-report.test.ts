import { describe, expect, it } from 'vitest';
import { reportCondition, type TagReport } from './tag-report.ts';

function reportOf(more: Partial<TagReport> = {}): TagReport {
  return { tag: '1', workload: 'Deployment/web', container: 'web', image: 'quay.io/acme/shop:1', ...more };
}

describe('the condition of a tag', () => {
  it('is not there without a report', () => {
    expect(reportCondition([], 3)).toBeUndefined();
  });

  it('names what would get its image, and what that has now', () => {
    expect(reportCondition([reportOf(), reportOf({ workload: 'CronJob/job', image: ' ' })], 3)).toEqual({
      type: 'UpdateReported',
      status: 'True',
      reason: 'ModeReport',
      message:
        'would get this image, but imagestream-operator/mode of theirs is report: ' +
        'CronJob/job container web (now no image), Deployment/web container web (now quay.io/acme/shop:1)',
      generation: 3,
    });
  });

  it('is the same in another order', () => {
    const reports = [reportOf(), reportOf({ workload: 'CronJob/job' })];
    expect(reportCondition(reports.toReversed(), 3)).toEqual(reportCondition(reports, 3));
  });

  it('counts those of other namespaces, and all but a few', () => {
    expect(reportCondition([reportOf(), reportOf({ workload: undefined })], 3)?.message).toMatch(
      /shop:1\), 1 others$/,
    );
    const many = Array.from({ length: 1_000 }, (_, i) =>
      reportOf({ workload: `Deployment/web-${i}`, container: 'c'.repeat(10_000), image: 'i'.repeat(10_000) }),
    );
    const { message = '' } = reportCondition(many, 3) ?? {};
    expect(message).toMatch(/, 990 others$/);
    expect(message.length).toBeLessThan(8_192);
  });
});
