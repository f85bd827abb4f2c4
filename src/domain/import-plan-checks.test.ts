import { describe, expect, it } from 'vitest';
import { digest, dockerTag, factsOf, importSettings, itemOf, streamOf } from '../../test/support/builders.ts';
import type { NamedTagEventList } from '../api/generated/image-stream.ts';
import { type ImportPlan, nextLookAfterChecks, planImports } from './import-plan.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const nothing: ImportPlan = { tags: [], repository: undefined, wakeAt: undefined };

/** The plan for a stream with a scheduled tag, a due check. */
function planWithCheck(): ImportPlan {
  const from = { kind: 'DockerImage', name: 'r.example/app:1' };
  const tag = dockerTag('latest', from.name, { importPolicy: { scheduled: true } });
  const entry = {
    tag: 'latest',
    lastImport: { from, digest: digest('a'), attemptedAt: '2025-01-01T00:00:00Z' },
  };
  return planImports(streamOf([tag], [entry]), now, importSettings, factsOf({ checkedAt: () => 0 }));
}

describe('an import of a tag whose digest is known', () => {
  const from = { kind: 'DockerImage', name: 'r.example/app:1' };
  const lastImport = { from, digest: digest('a'), attemptedAt: '2025-01-01T00:00:00Z' };
  const planned = (image: string, entry: NamedTagEventList) =>
    planImports(streamOf([dockerTag('latest', image)], [entry]), now, importSettings, factsOf()).tags;

  it('is no mere check when something else is asked for', () => {
    expect(planned('r.example/app:2', { tag: 'latest', lastImport })).toMatchObject([
      { reason: 'source changed', kind: 'import' },
    ]);
  });

  it.each([
    { name: 'has', items: [itemOf('b'), itemOf('a')], want: digest('b') },
    { name: 'has not', items: [], want: undefined },
    { name: 'only records', items: [itemOf('b', { image: '' })], want: undefined },
  ])('knows the image that the tag $name', ({ items, want }) => {
    const [first] = planned('r.example/app:2', { tag: 'latest', items, lastImport });
    expect(first).toMatchObject({ held: want });
  });
});

it('after checks that found nothing new the next look is the next check', () => {
  const next = nextLookAfterChecks(planWithCheck());
  expect(next).toBeGreaterThan(now);
  expect(next).toBeLessThanOrEqual(now + importSettings.schedulePeriodMs);
});

it.each([
  {
    name: 'is earlier where the plan itself says so',
    plan: { ...planWithCheck(), wakeAt: now + 1 },
    want: now + 1,
  },
  {
    name: 'is when the plan says where nothing was checked',
    plan: { ...nothing, wakeAt: now + 9 },
    want: now + 9,
  },
  { name: 'is never where nothing is to come', plan: nothing, want: undefined },
  {
    name: 'is not because of a tag that was imported',
    plan: planImports(streamOf([dockerTag('latest', 'r.example/app:1')]), now, importSettings, factsOf()),
    want: undefined,
  },
])('after checks that found nothing new the next look $name', ({ plan, want }) => {
  expect(nextLookAfterChecks(plan)).toBe(want);
});
