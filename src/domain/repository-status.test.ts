import { describe, expect, it } from 'vitest';
import { streamOf } from '../../test/support/builders.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { RepositoryOutcome } from './import-outcome.ts';
import type { PlannedRepository } from './repository-plan.ts';
import { foldRepository, listingFailure } from './repository-status.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const attemptedAt = '2026-01-01T12:00:00Z';
const settings = { historyLimit: 3, retry: { baseMs: 30_000, maxMs: 900_000 }, localRegistry: undefined };
const from = 'r.example/app';
const failure = { code: 'repository-unknown' as const, detail: 'no such repository' };
const message = 'dockerimage.image.openshift.io "r.example/app" not found; push it, or correct the name';

function planned(more: Partial<PlannedRepository> = {}): PlannedRepository {
  return { reason: 'new tag', from, insecure: false, requested: undefined, target: failure, ...more };
}

const listed = (more: Partial<PlannedRepository> = {}): RepositoryOutcome => {
  return { planned: planned(more), kind: 'listed', tags: ['1', '2'], additionalTags: 3 };
};
const failed: RepositoryOutcome = { planned: planned(), kind: 'failed', failure };

function fold(before: object | undefined, outcome: RepositoryOutcome | undefined, repository = from) {
  const stream: ImageStream = {
    ...streamOf([]),
    spec: { dockerImageRepository: repository },
    ...(before === undefined ? {} : { status: { repositoryImport: before } }),
  };
  return foldRepository(stream, outcome, { now, settings });
}

describe('what the status says of a repository', () => {
  const tags = ['1', '2'];
  it.each([
    {
      name: 'is what was found',
      before: undefined,
      outcome: listed(),
      want: { from, attemptedAt, tags, additionalTags: 3 },
    },
    {
      name: 'is how it was asked for',
      before: undefined,
      outcome: listed({ insecure: true, requested: 'monday' }),
      want: { from, attemptedAt, insecure: true, requested: 'monday', tags, additionalTags: 3 },
    },
    {
      name: 'is no failure any more after a success',
      before: { from, failures: 3, retryAt: attemptedAt, reason: 'NotFound', message },
      outcome: listed(),
      want: { from, attemptedAt, tags, additionalTags: 3 },
    },
    {
      name: 'is as before when nothing was listed',
      before: { from, tags },
      outcome: undefined,
      want: { from, tags },
    },
    {
      name: 'is as before when something else was listed',
      before: { from, tags },
      outcome: listed({ from: 'r.example/old' }),
      want: { from, tags },
    },
    { name: 'is nothing before it was listed', before: undefined, outcome: undefined, want: undefined },
  ])('$name', ({ before, outcome, want }) => {
    expect(fold(before, outcome)).toEqual(want);
  });

  it('is nothing when the stream has none any more', () => {
    expect(fold({ from, tags }, listed(), '')).toBeUndefined();
  });

  it.each([
    {
      name: 'keeps what was found before, and counts',
      before: { from, tags, additionalTags: 3, failures: 1 },
      want: { tags, additionalTags: 3, failures: 2 },
    },
    { name: 'at once has no tags', before: undefined, want: { failures: 1 } },
    {
      name: 'of another repository than before has none of its tags, and counts anew',
      before: { from: 'r.example/old', tags, additionalTags: 3, failures: 9 },
      want: { failures: 1 },
    },
  ])('of one that cannot be listed $name', ({ before, want }) => {
    const { retryAt, ...status } = fold(before, failed) ?? {};
    expect(status).toEqual({ from, attemptedAt, reason: 'NotFound', message, ...want });
    expect(Date.parse(retryAt ?? '')).toBeGreaterThan(now);
  });
});

describe('people hear of a repository', () => {
  const told = { reason: 'NotFound', message };
  it.each([
    {
      name: 'that cannot be listed',
      before: undefined,
      after: told,
      want: [{ kind: 'listing failed', ...told }],
    },
    {
      name: 'that fails in another way',
      before: { ...told, message: 'slow' },
      after: told,
      want: [{ kind: 'listing failed', ...told }],
    },
    { name: 'not again while it fails as before', before: told, after: told, want: [] },
    { name: 'not when it can be listed', before: undefined, after: {}, want: [] },
    { name: 'not when it can be listed again', before: told, after: {}, want: [] },
    { name: 'not when there is none', before: told, after: undefined, want: [] },
  ])('$name', ({ before, after, want }) => {
    expect(listingFailure(before, after)).toEqual(want);
  });
});
