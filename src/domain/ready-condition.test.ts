import { describe, expect, it } from 'vitest';
import { dockerTag, itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { Condition } from '../api/conditions.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import type { LastImport } from './import-attempt.ts';
import { readyConditions } from './ready-condition.ts';
import { maxObjectBytes } from './status-size.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const earlier = '2025-12-01T00:00:00Z';

const latest = dockerTag('latest', 'r.example/app:1');
const answered: LastImport = { from: { kind: 'DockerImage', name: 'r.example/app:1' } };

/** A tag that works. */
function done(tag: string, lastImport: LastImport = answered): NamedTagEventList {
  return { tag, items: [itemOf('a')], lastImport };
}

/** A tag that has what it had, and fails. */
function failing(tag: string, reason: string, lastImport: LastImport = answered): NamedTagEventList {
  const condition = {
    type: 'ImportSuccess',
    status: 'False' as const,
    reason,
    message: `${reason} of ${tag}`,
  };
  return { ...done(tag, lastImport), conditions: [{ ...condition, generation: 1 }] };
}

const linked = (tag: string) => ({ from: { kind: 'ImageStreamTag', name: tag } });

/** Type, status, reason and message of each condition. */
function textsOf(stream: ImageStream, full = false): readonly string[] {
  return readyConditions(stream, { status: stream.status ?? {}, full }, now).map(
    ({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`,
  );
}

describe('the conditions of a stream', () => {
  const both = [latest, dockerTag('next', 'r.example/app:1')];
  const withLink: TagReference[] = [latest, linkTag('stable', 'x')];
  it.each<{ name: string; tags: TagReference[]; entries: NamedTagEventList[]; want: string[] }>([
    {
      name: 'without tags say that it is ready',
      tags: [],
      entries: [],
      want: ['Ready True TagsImported: 0 tags are up to date'],
    },
    {
      name: 'with a tag that is up to date say that it is ready',
      tags: [latest],
      entries: [done('latest')],
      want: ['Ready True TagsImported: 1 tag is up to date'],
    },
    {
      name: 'count only the tags that have a source',
      tags: [...both, { name: 'pushed' }, { name: 'null', from: null }],
      entries: [done('latest'), done('next'), done('old')],
      want: ['Ready True TagsImported: 2 tags are up to date'],
    },
    {
      name: 'do not mind the failure of a tag that nobody asks for any more',
      tags: [latest],
      entries: [done('latest'), failing('old', 'Invalid')],
      want: ['Ready True TagsImported: 1 tag is up to date'],
    },
    {
      name: 'with a tag that has not been tried say that it is awaited',
      tags: both,
      entries: [done('latest')],
      want: [
        'Ready False Importing: waiting for the import of next',
        'Reconciling True Importing: waiting for the import of next',
      ],
    },
    {
      name: 'with a tag that points elsewhere now say that it is awaited',
      tags: [dockerTag('latest', 'r.example/app:2')],
      entries: [done('latest')],
      want: [
        'Ready False Importing: waiting for the import of latest',
        'Reconciling True Importing: waiting for the import of latest',
      ],
    },
    {
      name: 'with a tag that was invalid and points elsewhere now say that it is awaited, not that it is stalled',
      tags: [dockerTag('latest', 'r.example/app:2')],
      entries: [failing('latest', 'Invalid')],
      want: [
        'Ready False Importing: waiting for the import of latest',
        'Reconciling True Importing: waiting for the import of latest',
      ],
    },
    {
      name: 'with a failure say that it is tried again',
      tags: both,
      entries: [failing('latest', 'NotFound'), done('next')],
      want: [
        'Ready False ImportFailed: tag latest: NotFound of latest',
        'Reconciling True Retrying: what failed is tried again by itself',
      ],
    },
    {
      name: 'with what only an edit mends say that it is stalled',
      tags: both,
      entries: [failing('latest', 'Invalid'), failing('next', 'Invalid')],
      want: [
        'Ready False ImportFailed: tag latest: Invalid of latest; tag next: Invalid of next',
        'Stalled True InvalidSpec: tag latest: Invalid of latest; tag next: Invalid of next',
      ],
    },
    {
      name: 'with a source in the cluster that is missing say that it is awaited',
      tags: withLink,
      entries: [done('latest'), failing('stable', 'NotFound', linked('x'))],
      want: [
        'Ready False WaitingForSource: tag stable: NotFound of stable',
        'Reconciling True WaitingForSource: tag stable: NotFound of stable',
      ],
    },
    {
      name: 'with a circle say that it is stalled',
      tags: [linkTag('stable', 'stable')],
      entries: [failing('stable', 'Invalid', linked('stable'))],
      want: [
        'Ready False ImportFailed: tag stable: Invalid of stable',
        'Stalled True InvalidSpec: tag stable: Invalid of stable',
      ],
    },
    {
      name: 'with all kinds of faults say first what has to be edited',
      tags: [...withLink, dockerTag('next', 'r.example/app:1'), dockerTag('new', 'r.example/new')],
      entries: [
        failing('latest', 'Unauthorized'),
        failing('next', 'Invalid'),
        failing('stable', 'NotFound', linked('x')),
      ],
      want: [
        'Ready False ImportFailed: tag next: Invalid of next; tag latest: Unauthorized of latest; ' +
          'tag stable: NotFound of stable',
        'Stalled True InvalidSpec: tag next: Invalid of next',
      ],
    },
    {
      name: 'with a failure and a missing source say both, and that the failure is tried again',
      tags: withLink,
      entries: [failing('latest', 'Unauthorized'), failing('stable', 'NotFound', linked('x'))],
      want: [
        'Ready False ImportFailed: tag latest: Unauthorized of latest; tag stable: NotFound of stable',
        'Reconciling True Retrying: what failed is tried again by itself',
      ],
    },
    {
      name: 'with an import to come and a missing source say what is imported',
      tags: withLink,
      entries: [failing('stable', 'NotFound', linked('x'))],
      want: [
        'Ready False Importing: waiting for the import of latest',
        'Reconciling True Importing: waiting for the import of latest',
      ],
    },
  ])('$name', ({ tags, entries, want }) => {
    expect(textsOf(streamOf(tags, entries))).toEqual(want);
  });
});

describe('a request for an import', () => {
  const asked = (value: string) => ({ annotations: { [importRequestedAnnotation]: value } });
  const monday = { ...answered, requested: 'monday' };
  it.each([
    {
      name: 'is awaited while it is new',
      metadata: asked('tuesday'),
      entry: done('latest', monday),
      want: 'Importing',
    },
    {
      name: 'is over when it was answered',
      metadata: asked('monday'),
      entry: done('latest', monday),
      want: 'TagsImported',
    },
    {
      name: 'is over when it was taken back',
      metadata: {},
      entry: done('latest', monday),
      want: 'TagsImported',
    },
    {
      name: 'is awaited also where the tag failed before',
      metadata: asked('tuesday'),
      entry: failing('latest', 'NotFound', monday),
      want: 'Importing',
    },
  ])('$name', ({ metadata, entry, want }) => {
    const stream = streamOf([latest], [entry], metadata);
    const [ready] = readyConditions(stream, { status: stream.status ?? {}, full: false }, now);
    expect(ready?.reason).toBe(want);
  });
});

describe('a whole repository', () => {
  const spec = { dockerImageRepository: 'r.example/app' };
  const of = (repositoryImport: object | undefined, tags: NamedTagEventList[] = []): ImageStream => ({
    ...streamOf([]),
    spec,
    status: { ...(repositoryImport === undefined ? {} : { repositoryImport }), tags },
  });
  const from = spec.dockerImageRepository;
  const waiting = 'waiting for the tags of r.example/app';
  const failed = (reason: string) => ({ from, reason, message: 'it broke' });
  it.each([
    {
      name: 'is awaited before it is listed',
      stream: of(undefined),
      want: [`Ready False Importing: ${waiting}`, `Reconciling True Importing: ${waiting}`],
    },
    {
      name: 'is awaited when it is another one now, whatever was wrong with the old one',
      stream: of({ ...failed('Invalid'), from: 'r.example/old' }),
      want: [`Ready False Importing: ${waiting}`, `Reconciling True Importing: ${waiting}`],
    },
    {
      name: 'is ready with its tags',
      stream: of({ from, tags: ['latest'] }, [
        done('latest', { from: { kind: 'DockerImage', name: 'r.example/app:latest' } }),
      ]),
      want: ['Ready True TagsImported: 1 tag is up to date'],
    },
    {
      name: 'that cannot be listed is tried again',
      stream: of(failed('InternalError')),
      want: [
        'Ready False ImportFailed: spec.dockerImageRepository: it broke',
        'Reconciling True Retrying: what failed is tried again by itself',
      ],
    },
    {
      name: 'whose name is wrong stalls the stream',
      stream: of(failed('Invalid')),
      want: [
        'Ready False ImportFailed: spec.dockerImageRepository: it broke',
        'Stalled True InvalidSpec: spec.dockerImageRepository: it broke',
      ],
    },
  ])('$name', ({ stream, want }) => {
    expect(textsOf(stream)).toEqual(want);
  });

  it('does not matter any more when the spec has none', () => {
    expect(textsOf({ ...of(failed('Invalid')), spec: {} })).toEqual([
      'Ready True TagsImported: 0 tags are up to date',
    ]);
  });
});

it.each([
  { length: 255, want: ['Ready True TagsImported: 1 tag is up to date'] },
  {
    length: 256,
    want: [
      "Ready False ImportFailed: 'namespace/name' cannot be longer than 255 characters",
      "Stalled True InvalidSpec: 'namespace/name' cannot be longer than 255 characters",
    ],
  },
])('namespace and name may have 255 characters together, here $length', ({ length, want }) => {
  const metadata = { namespace: 'apps', name: 'w'.repeat(length - 'apps/'.length) };
  expect(textsOf(streamOf([latest], [done('latest')], metadata))).toEqual(want);
});

it('says that there is no room for more history', () => {
  const [, trimmed] = textsOf(streamOf([latest], [done('latest')]), true);
  expect(trimmed).toBe(
    `HistoryTrimmed True TooLarge: the stream has no room for more history: ${maxObjectBytes} bytes are what an object ` +
      'may have, so the oldest images are dropped and the newest kept; delete tags that nobody uses, or spread the tags ' +
      'over several streams',
  );
});

describe('conditions that stand there already', () => {
  const set = (type: string, status: Condition['status'], more: Partial<Condition> = {}): Condition => {
    return {
      type,
      status,
      reason: 'Old',
      message: 'old',
      observedGeneration: 1,
      lastTransitionTime: earlier,
      ...more,
    };
  };
  const renewed = (before: Condition[], entry: NamedTagEventList, full = false) => {
    const stream = streamOf([latest], [entry], { generation: 2 });
    const status = { ...stream.status, conditions: before };
    return readyConditions({ ...stream, status }, { status, full }, now);
  };
  const ready = { reason: 'TagsImported', message: '1 tag is up to date', observedGeneration: 2 };

  it('keep their time while their status stays, and are about the generation of now', () => {
    expect(renewed([set('Ready', 'True')], done('latest'))).toEqual([{ ...set('Ready', 'True'), ...ready }]);
  });

  it('get the time of now with a new status', () => {
    expect(renewed([set('Ready', 'False')], done('latest'))).toEqual([
      { ...set('Ready', 'True'), ...ready, lastTransitionTime: '2026-01-01T12:00:00Z' },
    ]);
  });

  it.each(['Reconciling', 'Stalled', 'HistoryTrimmed'])('%s goes when it is over', (type) => {
    expect(
      renewed([set(type, 'True'), set('Ready', 'True')], done('latest')).map((condition) => condition.type),
    ).toEqual(['Ready']);
  });

  it('Stalled gives way to Reconciling, and the other way round', () => {
    const stalled = renewed(
      [set('Ready', 'False'), set('Reconciling', 'True')],
      failing('latest', 'Invalid'),
    );
    expect(stalled.map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
    const retrying = renewed(stalled, failing('latest', 'NotFound'));
    expect(retrying.map(({ type }) => type)).toEqual(['Ready', 'Reconciling']);
  });

  it('HistoryTrimmed stays while there is no room', () => {
    const [trimmed] = renewed([set('HistoryTrimmed', 'True'), set('Ready', 'True')], done('latest'), true);
    expect(trimmed).toMatchObject({
      type: 'HistoryTrimmed',
      lastTransitionTime: earlier,
      observedGeneration: 2,
    });
  });

  it('of others stay as they are', () => {
    const other = set('Backup', 'Unknown');
    expect(renewed([other], done('latest'))).toContainEqual(other);
  });

  it('are about no generation where the stream has none', () => {
    const { generation: _, ...metadata } = streamOf([]).metadata;
    const [condition] = readyConditions({ ...streamOf([]), metadata }, { status: {}, full: false }, now);
    expect(condition?.observedGeneration).toBe(0);
  });
});
