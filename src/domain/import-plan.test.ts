import { describe, expect, it } from 'vitest';
import { checksOf, digest, dockerTag, importSettings, streamOf } from '../../test/support/builders.ts';
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { formatTime } from '../api/time.ts';
import { spread } from './backoff.ts';
import { isCurrentAttempt, type LastImport, type SourcedTag, sourcedTags } from './import-attempt.ts';
import { type CheckState, type ImportPlan, nextLook, planImports } from './import-plan.ts';
import { slotStart } from './schedule.ts';

const now = Date.parse('2026-01-01T12:00:00Z');

function done(lastImport: LastImport, tag = 'latest'): NamedTagEventList {
  return { tag, lastImport };
}

const from = { kind: 'DockerImage', name: 'r.example/app:1' };

function plan(stream: ImageStream, checks: CheckState = checksOf(), at = now) {
  return planImports(stream, at, importSettings, { checks, streams: () => undefined });
}

function reasons(stream: ImageStream, checks?: CheckState, at?: number): readonly string[] {
  return plan(stream, checks, at).tags.map(({ tag, reason }) => `${tag}: ${reason}`);
}

describe('why a tag is imported', () => {
  const tag = (more: Partial<TagReference> = {}): TagReference =>
    dockerTag('latest', 'r.example/app:1', more);
  const requested = (value: string) => ({ annotations: { [importRequestedAnnotation]: value } });
  it.each([
    { name: 'it is new', stream: streamOf([tag()]), want: ['latest: new tag'] },
    { name: 'nothing: it was imported', stream: streamOf([tag()], [done({ from })]), want: [] },
    {
      name: 'it points elsewhere',
      stream: streamOf([tag()], [done({ from: { ...from, name: 'r.example/app:0' } })]),
      want: ['latest: source changed'],
    },
    {
      name: 'it became insecure',
      stream: streamOf([tag({ importPolicy: { insecure: true } })], [done({ from })]),
      want: ['latest: source changed'],
    },
    {
      name: 'it changed its import mode',
      stream: streamOf(
        [tag({ importPolicy: { importMode: 'PreserveOriginal' } })],
        [done({ from, importMode: 'Legacy' })],
      ),
      want: ['latest: source changed'],
    },
    {
      name: 'nothing: an empty import mode is none',
      stream: streamOf([tag({ importPolicy: { importMode: '', scheduled: true } })], [done({ from })]),
      want: [],
    },
    {
      name: 'the annotation has a new value',
      stream: streamOf([tag()], [done({ from, requested: 'monday' })], requested('tuesday')),
      want: ['latest: import requested'],
    },
    {
      name: 'nothing: the annotation was answered',
      stream: streamOf([tag()], [done({ from, requested: 'monday' })], requested('monday')),
      want: [],
    },
    {
      name: 'nothing: the annotation was removed',
      stream: streamOf([tag()], [done({ from, requested: 'monday' })]),
      want: [],
    },
    {
      name: 'its generation was set to 0',
      stream: streamOf([tag({ generation: 0 })], [done({ from, generation: 3 })]),
      want: ['latest: generation set'],
    },
    {
      name: 'its generation was raised',
      stream: streamOf([tag({ generation: 4 })], [done({ from, generation: 3 })]),
      want: ['latest: generation set'],
    },
    {
      name: 'nothing: a lower generation asks for nothing',
      stream: streamOf([tag({ generation: 2 })], [done({ from, generation: 3 })]),
      want: [],
    },
    {
      name: 'nothing: null is no generation',
      stream: streamOf([tag({ generation: null })], [done({ from, generation: 3 })]),
      want: [],
    },
    {
      name: 'its failure is to be tried again now',
      stream: streamOf([tag()], [done({ from, failures: 1, retryAt: formatTime(now) })]),
      want: ['latest: retry after failure'],
    },
    {
      name: 'nothing: its failure has to wait',
      stream: streamOf([tag()], [done({ from, failures: 1, retryAt: formatTime(now + 1000) })]),
      want: [],
    },
    {
      name: 'nothing: it has no source',
      stream: streamOf([{ name: 'pushed' }, { name: 'null', from: null }]),
      want: [],
    },
  ])('$name', ({ stream, want }) => {
    expect(reasons(stream)).toEqual(want);
  });
});

describe('what is done for a tag', () => {
  it.each([
    {
      name: 'an import in the mode of the setting',
      tag: dockerTag('latest', 'r.example/app:1'),
      want: { kind: 'import', insecure: false, importMode: 'Legacy' },
    },
    {
      name: 'an import in its own mode, insecure',
      tag: dockerTag('latest', 'r.example/app:1', {
        importPolicy: { insecure: true, importMode: 'PreserveOriginal' },
      }),
      want: { kind: 'import', insecure: true, importMode: 'PreserveOriginal' },
    },
    {
      name: 'a reference is only recorded',
      tag: dockerTag('latest', 'r.example/app:1', { reference: true }),
      want: { kind: 'record', pullSpec: 'r.example/app:1' },
    },
    {
      name: 'a pull spec that does not parse is refused',
      tag: dockerTag('latest', 'r.example/App:1'),
      want: {
        kind: 'refuse',
        failure: {
          code: 'invalid-reference',
          detail:
            'spec.tags[latest].from.name: Invalid value: "r.example/App:1": repository name must be lowercase',
        },
      },
    },
    {
      name: 'a name that is of no tag is refused, not ignored',
      tag: { name: 'latest', from: { kind: 'ImageStreamTag' as const, name: 'a:b:c' } },
      want: {
        kind: 'refuse',
        failure: {
          code: 'invalid-reference',
          detail:
            'spec.tags[latest].from.name: Invalid value: "a:b:c": must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>',
        },
      },
    },
  ])('$name', ({ tag, want }) => {
    expect(plan(streamOf([tag])).tags[0]).toMatchObject(want);
  });
});

it('wakes at the earliest failure that has to wait', () => {
  const stream = streamOf(
    [dockerTag('a', 'r.example/app:1'), dockerTag('b', 'r.example/app:1'), dockerTag('c', 'r.example/app:1')],
    [
      done({ from, retryAt: formatTime(now + 9_000) }, 'a'),
      done({ from, retryAt: formatTime(now + 4_000) }, 'b'),
      done({ from }, 'c'),
    ],
  );
  expect(plan(stream)).toEqual({ tags: [], repository: undefined, wakeAt: now + 4_000 });
});

it('tells an answer to an old wish from one to the present wish', () => {
  const before = streamOf([dockerTag('latest', 'r.example/app:1')]);
  const tagOf = (stream: ImageStream): SourcedTag | undefined => sourcedTags(stream)[0];
  const attempt = plan(before).tags[0]?.attempt ?? {};
  expect(isCurrentAttempt(before, tagOf(before), attempt)).toBe(true);
  const after = streamOf([dockerTag('latest', 'r.example/app:2')]);
  expect(isCurrentAttempt(after, tagOf(after), attempt)).toBe(false);
  expect(isCurrentAttempt(streamOf([]), undefined, attempt)).toBe(false);
});

describe('a scheduled tag', () => {
  const period = importSettings.schedulePeriodMs;
  const source = 'r.example/app:1';
  const start = slotStart(now, period, spread(source));
  const known = digest('a');
  const scheduled = (more: object = {}) =>
    dockerTag('latest', source, { importPolicy: { scheduled: true }, ...more });
  const imported = streamOf(
    [scheduled()],
    [done({ from, digest: known, attemptedAt: formatTime(start - period) })],
  );
  const lookedAt = (time: number) => checksOf({ checkedAt: () => time });

  it('is only looked at, once a period', () => {
    expect(plan(imported, lookedAt(start - 1)).tags).toMatchObject([
      { kind: 'check', known, reason: 'scheduled check' },
    ]);
    expect(plan(imported, lookedAt(start))).toMatchObject({ tags: [], wakeAt: start + period });
    expect(reasons(imported, lookedAt(start), start + period - 1)).toEqual([]);
    expect(reasons(imported, lookedAt(start), start + period)).toEqual(['latest: scheduled check']);
  });

  it('is looked at less often while the pushes of its source are announced', () => {
    const stretched = checksOf({ checkedAt: () => now, stretch: () => 4 });
    expect(plan(imported, stretched).wakeAt).toBeGreaterThan(now);
    const wakes = Array.from({ length: 9 }, (_, i) => reasons(imported, stretched, now + i * period).length);
    expect(wakes.filter((count) => count > 0).length).toBeGreaterThan(0);
    const slots = new Set(
      Array.from({ length: 8 }, (_, i) => slotStart(now + i * period, period * 4, spread(source))),
    );
    expect(slots.size).toBeLessThanOrEqual(3);
  });

  it('is looked at at once when a push is announced', () => {
    expect(plan(imported, checksOf({ announced: () => true })).tags).toMatchObject([
      { kind: 'check', reason: 'push announced' },
    ]);
  });

  it('has the rhythm of its failures while it fails', () => {
    const failing = done({ from, digest: known, failures: 1, retryAt: formatTime(now + 5_000) });
    expect(plan(streamOf([scheduled()], [failing]), lookedAt(0))).toMatchObject({
      tags: [],
      wakeAt: now + 5_000,
    });
  });

  it.each([
    {
      name: 'is not scheduled',
      stream: streamOf([dockerTag('latest', source)], [done({ from, digest: known })]),
    },
    {
      name: 'is pinned to a digest and has been imported',
      stream: streamOf(
        [dockerTag('latest', `r.example/app@${known}`, { importPolicy: { scheduled: true } })],
        [done({ from: { ...from, name: `r.example/app@${known}` }, digest: known })],
      ),
    },
    {
      name: 'is only a reference',
      stream: streamOf([scheduled({ reference: true })], [done({ from, reference: true })]),
    },
  ])('is not looked at when it $name', ({ stream }) => {
    expect(plan(stream, checksOf({ checkedAt: () => 0, announced: () => true }))).toMatchObject({
      tags: [],
      wakeAt: undefined,
    });
  });
});

describe('the platform of a Legacy import', () => {
  const prefer = (annotations: Record<string, string>) =>
    dockerTag('latest', 'r.example/app:1', { annotations });
  it.each([
    { annotations: {}, want: { os: 'linux', architecture: 'amd64' } },
    {
      annotations: { 'importer.image.openshift.io/prefer-arch': 'arm64' },
      want: { os: 'linux', architecture: 'arm64' },
    },
    {
      annotations: {
        'importer.image.openshift.io/prefer-arch': 's390x',
        'importer.image.openshift.io/prefer-os': 'windows',
      },
      want: { os: 'windows', architecture: 's390x' },
    },
  ])('is $want.os/$want.architecture', ({ annotations, want }) => {
    expect(plan(streamOf([prefer(annotations)])).tags).toMatchObject([{ platform: want }]);
  });

  it('changes the source when it changes', () => {
    const stream = streamOf(
      [prefer({ 'importer.image.openshift.io/prefer-arch': 'arm64' })],
      [done({ from })],
    );
    expect(reasons(stream)).toEqual(['latest: source changed']);
  });
});

describe('a whole repository', () => {
  const repository = (status?: object, annotations: Record<string, string> = {}): ImageStream => {
    const base = streamOf([], undefined, { annotations });
    return {
      ...base,
      spec: { ...base.spec, dockerImageRepository: 'r.example/app' },
      ...(status === undefined ? {} : { status: { repositoryImport: status } }),
    };
  };
  const insecure = { 'openshift.io/image.insecureRepository': 'true' };
  it.each([
    { name: 'new', stream: repository(), want: 'new tag' },
    {
      name: 'another one than before',
      stream: repository({ from: 'r.example/old' }),
      want: 'source changed',
    },
    { name: 'insecure now', stream: repository({ from: 'r.example/app' }, insecure), want: 'source changed' },
    {
      name: 'asked for',
      stream: repository({ from: 'r.example/app' }, { [importRequestedAnnotation]: 'monday' }),
      want: 'import requested',
    },
    {
      name: 'to be tried again',
      stream: repository({ from: 'r.example/app', retryAt: formatTime(now) }),
      want: 'retry after failure',
    },
    { name: 'listed', stream: repository({ from: 'r.example/app' }), want: undefined },
  ])('is listed when it is $name', ({ stream, want }) => {
    expect(plan(stream).repository?.reason).toBe(want);
  });

  it.each([
    { from: 'r.example/app:1', problem: 'the repository name may not contain a tag' },
    { from: `r.example/app@${digest('a')}`, problem: 'the repository name may not contain an ID' },
    { from: 'r.example/App', problem: 'repository name must be lowercase' },
  ])('is refused as $from', ({ from: name, problem }) => {
    const stream = { ...repository(), spec: { dockerImageRepository: name } };
    expect(plan(stream).repository?.target).toMatchObject({
      code: 'invalid-reference',
      detail: `spec.dockerImageRepository: Invalid value: "${name}": ${problem}`,
    });
  });

  it('has its found tags imported, insecurely when it is', () => {
    const found = repository({ from: 'r.example/app', insecure: true, tags: ['1', '2'] }, insecure);
    expect(plan(found).tags).toMatchObject([
      {
        tag: '1',
        reason: 'new tag',
        kind: 'import',
        insecure: true,
        attempt: { from: { name: 'r.example/app:1' } },
      },
      { tag: '2' },
    ]);
  });

  it('gives way to a tag of the spec with the same name, and is forgotten with its field', () => {
    const found = repository({ from: 'r.example/app', tags: ['1', '2'] });
    const declared = { ...found, spec: { ...found.spec, tags: [dockerTag('1', 'elsewhere.example/x:9')] } };
    expect(plan(declared).tags.map(({ tag, attempt }) => `${tag} ${attempt.from?.name}`)).toEqual([
      '1 elsewhere.example/x:9',
      '2 r.example/app:2',
    ]);
    expect(plan({ ...found, spec: {} }).tags).toEqual([]);
  });
});

it('repeats only so much of a long request', () => {
  const long = { annotations: { [importRequestedAnnotation]: 'x'.repeat(100_000) } };
  const other = { annotations: { [importRequestedAnnotation]: `${'x'.repeat(100_000)}y` } };
  const [one, two] = [long, other].map((metadata) => {
    const { attempt } =
      plan(streamOf([dockerTag('latest', 'r.example/app:1')], undefined, metadata)).tags[0] ?? {};
    return attempt?.requested ?? '';
  });
  expect(one?.length).toBeLessThan(300);
  expect(one).not.toBe(two);
});

describe('the next look', () => {
  const due = plan(streamOf([dockerTag('latest', 'r.example/app:1')]));
  const idle: ImportPlan = { tags: [], repository: undefined, wakeAt: now + 9_000 };
  it.each([
    {
      name: 'is never when there is nothing to come',
      of: { ...idle, wakeAt: undefined },
      deferred: [],
      want: undefined,
    },
    { name: 'is when the plan says', of: idle, deferred: [], want: now + 9_000 },
    { name: 'is at once when something became due during the work', of: due, deferred: [], want: now },
    {
      name: 'waits with what was put off',
      of: due,
      deferred: [{ tag: 'latest', waitMs: 5_000 }],
      want: now + 5_000,
    },
    {
      name: 'does not wait for what was put off with the rest',
      of: { ...due, wakeAt: now + 1_000 },
      deferred: [{ tag: 'latest', waitMs: 5_000 }],
      want: now + 1_000,
    },
  ])('$name', ({ of, deferred, want }) => {
    expect(nextLook(of, deferred, now)).toBe(want);
  });
});
