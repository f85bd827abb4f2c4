import { describe, expect, it } from 'vitest';
import { digest, dockerTag, factsOf, importSettings, streamOf } from '../../test/support/builders.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { parseTime } from '../api/time.ts';
import type { ImportFailure } from './import-failure.ts';
import type { TagOutcome } from './import-outcome.ts';
import { planImports } from './import-plan.ts';
import { foldOutcomes } from './import-status.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const later = now + 3_600_000;
const settings = { historyLimit: 3, retry: { baseMs: 30_000, maxMs: 900_000 }, localRegistry: undefined };
const latest = dockerTag('latest', 'r.example/app:1');
const notFound: ImportFailure = { code: 'manifest-unknown', detail: 'manifest unknown' };

function attemptOf(stream: ImageStream, tag = 'latest') {
  const planned = planImports(stream, now, importSettings, factsOf()).tags.find(
    (candidate) => candidate.tag === tag,
  );
  if (planned === undefined) throw new Error(`nothing is planned for ${tag}`);
  return planned.attempt;
}

function resolved(stream: ImageStream, digit: string, tag = 'latest'): TagOutcome {
  const image = digest(digit);
  return {
    tag,
    attempt: attemptOf(stream, tag),
    kind: 'resolved',
    image,
    dockerImageReference: `r.example/app@${image}`,
    digest: image,
  };
}

function failed(stream: ImageStream, failure: ImportFailure, tag = 'latest'): TagOutcome {
  return { tag, attempt: attemptOf(stream, tag), kind: 'failed', failure };
}

/** When the stream is looked at again. */
function wakeOf(stream: ImageStream): number | undefined {
  return planImports(stream, now, importSettings, factsOf()).wakeAt;
}

/** The stream with the status that an outcome gives it. */
function statusAfter(stream: ImageStream, outcomes: readonly TagOutcome[], time = now): ImageStream {
  return { ...stream, status: foldOutcomes(stream, { tags: outcomes }, time, settings).status };
}

describe('a success', () => {
  it('gives the tag its first history item and makes the stream ready', () => {
    const stream = streamOf([latest]);
    const { status, transitions } = foldOutcomes(stream, { tags: [resolved(stream, 'a')] }, now, settings);
    expect(status).toEqual({
      dockerImageRepository: '',
      observedGeneration: 1,
      tagSummary: 'latest',
      lastUpdated: '2026-01-01T12:00:00Z',
      tags: [
        {
          tag: 'latest',
          items: [
            {
              created: '2026-01-01T12:00:00Z',
              dockerImageReference: `r.example/app@${digest('a')}`,
              image: digest('a'),
              generation: 1,
            },
          ],
          lastImport: {
            from: { kind: 'DockerImage', name: 'r.example/app:1' },
            attemptedAt: '2026-01-01T12:00:00Z',
            digest: digest('a'),
          },
        },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'TagsImported',
          message: '1 tag is up to date',
          observedGeneration: 1,
          lastTransitionTime: '2026-01-01T12:00:00Z',
        },
      ],
    });
    expect(transitions).toEqual([
      { kind: 'moved', tag: 'latest', from: undefined, to: `r.example/app@${digest('a')}` },
    ]);
  });

  it('clears the conditions of an earlier failure', () => {
    const stream = streamOf([latest]);
    const broken = statusAfter(stream, [failed(stream, notFound)]);
    const { status, transitions } = foldOutcomes(broken, { tags: [resolved(stream, 'a')] }, later, settings);
    expect(status.tags?.[0]).not.toHaveProperty('conditions');
    expect(status.tags?.[0]?.lastImport).not.toHaveProperty('failures');
    expect(status.tags?.[0]?.lastImport).not.toHaveProperty('retryAt');
    expect(transitions.map(({ kind }) => kind)).toEqual(['moved', 'recovered']);
  });

  it('of the same image moves nothing and keeps the time of the item', () => {
    const stream = streamOf([latest]);
    const first = statusAfter(stream, [resolved(stream, 'a')]);
    const { status, transitions } = foldOutcomes(first, { tags: [resolved(stream, 'a')] }, later, settings);
    expect(status.tags?.[0]?.items).toEqual(first.status?.tags?.[0]?.items);
    expect(transitions).toEqual([]);
  });

  it.each([
    { name: 'the generation of the stream', tag: latest, want: 4 },
    { name: "the client's own generation where it counts", tag: { ...latest, generation: 9 }, want: 9 },
    {
      name: 'the generation of the stream when the client resets its own',
      tag: { ...latest, generation: 0 },
      want: 4,
    },
  ])('carries $name', ({ tag, want }) => {
    const stream = streamOf([tag], undefined, { generation: 4 });
    const { status } = foldOutcomes(stream, { tags: [resolved(stream, 'a')] }, now, settings);
    expect(status.tags?.[0]?.items?.[0]?.generation).toBe(want);
  });
});

describe('a failure', () => {
  it('leaves the history alone and says why', () => {
    const stream = streamOf([latest]);
    const good = statusAfter(stream, [resolved(stream, 'a')]);
    const { status, transitions } = foldOutcomes(good, { tags: [failed(stream, notFound)] }, later, settings);
    expect(status.tags?.[0]?.items).toEqual(good.status?.tags?.[0]?.items);
    const message =
      'dockerimage.image.openshift.io "r.example/app:1" not found; push it, or correct the name';
    expect(status.tags?.[0]?.conditions).toEqual([
      {
        type: 'ImportSuccess',
        status: 'False',
        reason: 'NotFound',
        message,
        lastTransitionTime: '2026-01-01T13:00:00Z',
        generation: 1,
      },
    ]);
    expect(status.conditions).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'ImportFailed', message: `tag latest: ${message}` },
      { type: 'Reconciling', status: 'True', reason: 'Retrying', observedGeneration: 1 },
    ]);
    expect(transitions).toEqual([{ kind: 'failed', tag: 'latest', reason: 'NotFound', message }]);
  });

  it('that repeats itself is counted, keeps its transition time and is not told again', () => {
    const stream = streamOf([latest]);
    const once = statusAfter(stream, [failed(stream, notFound)]);
    const { status, transitions } = foldOutcomes(once, { tags: [failed(stream, notFound)] }, later, settings);
    expect(status.tags?.[0]?.lastImport?.failures).toBe(2);
    expect(status.tags?.[0]?.conditions?.[0]?.lastTransitionTime).toBe('2026-01-01T12:00:00Z');
    expect(transitions).toEqual([]);
  });

  it.each([
    { name: 'waits half a minute at first', failure: notFound, failures: 0, atLeast: 30_000, atMost: 37_500 },
    {
      name: 'waits twice as long after each',
      failure: notFound,
      failures: 3,
      atLeast: 240_000,
      atMost: 300_000,
    },
    {
      name: 'waits a quarter of an hour or little more',
      failure: notFound,
      failures: 60,
      atLeast: 900_000,
      atMost: 1_125_000,
    },
    {
      name: 'waits as long as the registry asks',
      failure: { code: 'too-many-requests' as const, detail: '', retryAfterMs: 400_000 },
      failures: 0,
      atLeast: 400_000,
      atMost: 400_000,
    },
  ])('$name', ({ failure, failures, atLeast, atMost }) => {
    const stream = streamOf([latest]);
    const before = streamOf([latest], [{ tag: 'latest', lastImport: { ...attemptOf(stream), failures } }]);
    const { status } = foldOutcomes(before, { tags: [failed(stream, failure)] }, now, settings);
    const wait = (parseTime(status.tags?.[0]?.lastImport?.retryAt) ?? 0) - now;
    expect(wait).toBeGreaterThanOrEqual(atLeast - 1_000);
    expect(wait).toBeLessThanOrEqual(atMost);
    expect(wakeOf({ ...before, status })).toBe(now + wait);
  });

  it('that only an edit can mend is not tried again', () => {
    const stream = streamOf([dockerTag('latest', 'r.example/App')]);
    const outcome = failed(stream, { code: 'invalid-reference', detail: 'bad' });
    const { status } = foldOutcomes(stream, { tags: [outcome] }, now, settings);
    expect(status.tags?.[0]?.lastImport).not.toHaveProperty('retryAt');
    expect(wakeOf({ ...stream, status })).toBeUndefined();
  });
});

it('counts the failures of another wish from one on', () => {
  const stream = streamOf([latest]);
  const before = streamOf(
    [latest],
    [{ tag: 'latest', lastImport: { from: { kind: 'DockerImage', name: 'r.example/old' }, failures: 9 } }],
  );
  const { status } = foldOutcomes(before, { tags: [failed(stream, notFound)] }, now, settings);
  expect(status.tags?.[0]?.lastImport?.failures).toBe(1);
});

it('is not ready for a generation that it has not answered yet', () => {
  const old = streamOf([latest]);
  const imported = statusAfter(old, [resolved(old, 'a')]);
  const edited: ImageStream = {
    ...imported,
    ...streamOf([dockerTag('latest', 'r.example/app:2')], undefined, { generation: 2 }),
    status: imported.status ?? {},
  };
  const waiting = { reason: 'Importing', observedGeneration: 2, message: 'waiting for the import of latest' };
  expect(foldOutcomes(edited, { tags: [] }, later, settings).status.conditions).toMatchObject([
    { type: 'Ready', status: 'False', ...waiting },
    { type: 'Reconciling', status: 'True', ...waiting },
  ]);
});

describe('the rest of the status', () => {
  it('keeps the history of a tag that was removed, and nothing about its source', () => {
    const stream = streamOf([latest, dockerTag('old', 'r.example/app:0')]);
    const full = statusAfter(stream, [resolved(stream, 'a'), resolved(stream, 'b', 'old')]);
    const shortened: ImageStream = { ...full, spec: { tags: [latest] } };
    const { status, transitions } = foldOutcomes(shortened, { tags: [] }, later, settings);
    const [kept, old] = full.status?.tags ?? [];
    expect(status.tags).toEqual([kept, { tag: 'old', items: old?.items }]);
    expect(transitions).toEqual([]);
  });

  it('forgets a tag that was removed and never had an image', () => {
    const stream = streamOf([latest]);
    const broken = statusAfter(stream, [failed(stream, notFound)]);
    const { status, transitions } = foldOutcomes({ ...broken, spec: {} }, { tags: [] }, later, settings);
    expect(status.tags).toBeUndefined();
    expect(status.conditions).toMatchObject([{ type: 'Ready', status: 'True' }]);
    expect(transitions).toEqual([{ kind: 'dropped', tag: 'latest', images: 0 }]);
  });

  it('leaves out an outcome whose tag asks for something else by now', () => {
    const stream = streamOf([latest]);
    const changed = streamOf([dockerTag('latest', 'r.example/app:2')], undefined, { generation: 2 });
    const { status } = foldOutcomes(changed, { tags: [resolved(stream, 'a')] }, now, settings);
    expect(status.tags).toBeUndefined();
    expect(status.conditions).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'Importing' },
      { type: 'Reconciling', status: 'True', reason: 'Importing' },
    ]);
  });

  it('is the same again when nothing happened', () => {
    const stream = streamOf([latest]);
    const good = statusAfter(stream, [resolved(stream, 'a')]);
    expect(foldOutcomes(good, { tags: [] }, later, settings).status).toEqual(good.status);
  });

  it('says that a stream without tags is ready', () => {
    expect(foldOutcomes(streamOf([]), { tags: [] }, now, settings).status.conditions).toMatchObject([
      { type: 'Ready', status: 'True' },
    ]);
  });
});

describe('a listed repository', () => {
  const stream: ImageStream = { ...streamOf([]), spec: { dockerImageRepository: 'r.example/app' } };
  const planned = {
    reason: 'new tag' as const,
    from: 'r.example/app',
    insecure: false,
    requested: undefined,
    target: notFound,
  };
  const listed = { planned, kind: 'listed' as const, tags: ['latest', '1'], additionalTags: 3 };

  it('is remembered with its tags, which are waited for', () => {
    const { status } = foldOutcomes(stream, { tags: [], repository: listed }, now, settings);
    expect(status.repositoryImport).toEqual({
      from: 'r.example/app',
      attemptedAt: '2026-01-01T12:00:00Z',
      tags: ['latest', '1'],
      additionalTags: 3,
    });
    expect(status.dockerImageRepository).toBe('r.example/app');
    expect(status.conditions?.[0]).toMatchObject({
      reason: 'Importing',
      message: 'waiting for the import of latest, 1',
    });
  });

  it('that cannot be listed any more keeps its tags and says why', () => {
    const before = {
      ...stream,
      status: foldOutcomes(stream, { tags: [], repository: listed }, now, settings).status,
    };
    const failedListing = { planned, kind: 'failed' as const, failure: notFound };
    const { status, transitions } = foldOutcomes(
      before,
      { tags: [], repository: failedListing },
      later,
      settings,
    );
    expect(transitions).toMatchObject([{ kind: 'listing failed', reason: 'NotFound' }]);
    expect(status.repositoryImport).toMatchObject({ tags: ['latest', '1'], failures: 1, reason: 'NotFound' });
    expect(wakeOf({ ...before, status })).toBeGreaterThan(now);
    expect(status.conditions?.[0]).toMatchObject({
      status: 'False',
      message:
        'spec.dockerImageRepository: dockerimage.image.openshift.io "r.example/app" not found; push it, or correct the name',
    });
  });

  it('that was exchanged meanwhile is not remembered', () => {
    const other = { ...stream, spec: { dockerImageRepository: 'r.example/other' } };
    expect(
      foldOutcomes(other, { tags: [], repository: listed }, now, settings).status.repositoryImport,
    ).toBeUndefined();
  });
});
