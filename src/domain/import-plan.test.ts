import { describe, expect, it } from 'vitest';
import { dockerTag, streamOf } from '../../test/support/builders.ts';
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { formatTime } from '../api/time.ts';
import { isCurrentAttempt, type LastImport, planImports } from './import-plan.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const settings = { importMode: 'Legacy' as const };

function done(lastImport: LastImport, tag = 'latest'): NamedTagEventList {
  return { tag, lastImport };
}

const from = { kind: 'DockerImage', name: 'r.example/app:1' };

function reasons(stream: ImageStream): readonly string[] {
  return planImports(stream, now, settings).tags.map(({ tag, reason }) => `${tag}: ${reason}`);
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
      name: 'another kind of source is refused, not ignored',
      tag: { name: 'latest', from: { kind: 'ImageStreamTag' as const, name: '1' } },
      want: { kind: 'refuse', failure: { code: 'unsupported-source' } },
    },
  ])('$name', ({ tag, want }) => {
    expect(planImports(streamOf([tag]), now, settings).tags[0]).toMatchObject(want);
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
  expect(planImports(stream, now, settings)).toEqual({ tags: [], wakeAt: now + 4_000 });
});

it('tells an answer to an old wish from one to the present wish', () => {
  const before = streamOf([dockerTag('latest', 'r.example/app:1')]);
  const attempt = planImports(before, now, settings).tags[0]?.attempt ?? {};
  expect(isCurrentAttempt(before, 'latest', attempt)).toBe(true);
  expect(isCurrentAttempt(streamOf([dockerTag('latest', 'r.example/app:2')]), 'latest', attempt)).toBe(false);
  expect(isCurrentAttempt(streamOf([]), 'latest', attempt)).toBe(false);
});
