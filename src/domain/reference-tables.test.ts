import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import { formatTime, parseTime } from '../api/time.ts';
import {
  imageStreamImageTable,
  imageStreamTable,
  imageStreamTagTable,
  imageTable,
  imageTagTable,
  type ReferenceTable,
} from './reference-tables.ts';

const now = parseTime('2026-03-01T12:00:00Z') ?? Number.NaN;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

function past(milliseconds: number): string {
  return formatTime(now - milliseconds);
}

/** A status tag whose image came so long ago. */
function tagOf(tag: string, age?: number): unknown {
  return { tag, items: age === undefined ? [] : [{ created: past(age), image: digest('a') }] };
}

const tables: readonly { name: string; table: ReferenceTable }[] = [
  { name: 'imageStreamTable', table: imageStreamTable },
  { name: 'imageStreamTagTable', table: imageStreamTagTable },
  { name: 'imageTagTable', table: imageTagTable },
  { name: 'imageStreamImageTable', table: imageStreamImageTable },
  { name: 'imageTable', table: imageTable },
];

describe('the columns', () => {
  it.each([
    { kind: 'ImageStream', table: imageStreamTable, want: 'Name, Image Repository, Tags, Updated' },
    {
      kind: 'ImageStreamTag',
      table: imageStreamTagTable,
      want: 'Name, Image Reference, Updated, (Image Name)',
    },
    { kind: 'ImageTag', table: imageTagTable, want: 'Name, Spec, Status, History, Updated' },
    {
      kind: 'ImageStreamImage',
      table: imageStreamImageTable,
      want: 'Name, Updated, (Image Reference), (Image Name)',
    },
    { kind: 'Image', table: imageTable, want: 'Name, Image Reference' },
  ])('of $kind, those that are wide in brackets', ({ table, want }) => {
    const shown = table.columns.map(({ name, priority }) => (priority === 0 ? name : `(${name})`));
    expect(shown.join(', ')).toBe(want);
  });

  it.each(tables)(
    'of $name: only the name has the format of one, only the history is a number',
    ({ table }) => {
      expect(table.columns.map(({ format }) => format)).toEqual([
        'name',
        ...table.columns.slice(1).map(() => ''),
      ]);
      for (const { name, type, description } of table.columns) {
        expect(type).toBe(name === 'History' ? 'integer' : 'string');
        expect(description).not.toBe('');
      }
    },
  );
});

describe('a row of anything has a cell for each column and shows nothing', () => {
  const cases = [
    { shape: 'undefined', object: undefined },
    { shape: 'null', object: null },
    { shape: 'a text', object: 'x' },
    { shape: 'an array', object: [[]] },
    { shape: 'an empty object', object: {} },
    { shape: 'members that are null', object: { metadata: null, spec: null, status: null, image: null } },
    { shape: 'members that are texts', object: { metadata: 'x', spec: 'x', status: 'x', image: 'x' } },
    {
      shape: 'leaves of another shape',
      object: {
        metadata: { name: 1, creationTimestamp: {} },
        spec: { dockerImageRepository: [], from: 'x', generation: '2', importPolicy: [] },
        status: {
          dockerImageRepository: {},
          publicDockerImageRepository: 7,
          tags: [null, 7, 'x', [], { tag: 7, items: [{ created: past(0) }] }],
          items: {},
          conditions: [null, 7, { type: 'ImportSuccess', status: false, lastTransitionTime: 7 }],
        },
        image: { metadata: { name: [] }, dockerImageReference: {} },
        dockerImageReference: 7,
      },
    },
    {
      shape: 'times that are none',
      object: {
        metadata: { creationTimestamp: 'yesterday' },
        status: { conditions: [{ type: 'ImportSuccess', status: 'True', lastTransitionTime: 'x' }] },
      },
    },
  ].flatMap((entry) => tables.map((table) => ({ ...entry, ...table })));

  it.each(cases)('$name, $shape', ({ table, object }) => {
    expect(table.row(object, now)).toEqual(table.columns.map(({ type }) => (type === 'integer' ? null : '')));
  });
});

describe('a row', () => {
  it('of an ImageStream', () => {
    const stream = {
      metadata: { name: 'python' },
      status: { publicDockerImageRepository: 'registry.acme.io/demo/python', tags: [tagOf('3.6', 2 * hour)] },
    };
    expect(imageStreamTable.row(stream, now)).toEqual([
      'python',
      'registry.acme.io/demo/python',
      '3.6',
      '2 hours ago',
    ]);
  });

  const image = { metadata: { name: digest('a') }, dockerImageReference: `quay.io/acme/shop@${digest('a')}` };

  it('of an ImageStreamTag', () => {
    const tag = { metadata: { name: 'shop:1', creationTimestamp: past(3 * day) }, image };
    expect(imageStreamTagTable.row(tag, now)).toEqual([
      'shop:1',
      `quay.io/acme/shop@${digest('a')}`,
      '3 days ago',
      digest('a'),
    ]);
  });

  it('of an ImageStreamImage', () => {
    const streamImage = {
      metadata: { name: `shop@${digest('a')}`, creationTimestamp: past(minute) },
      image,
    };
    expect(imageStreamImageTable.row(streamImage, now)).toEqual([
      `shop@${digest('a')}`,
      'About a minute ago',
      `quay.io/acme/shop@${digest('a')}`,
      digest('a'),
    ]);
  });

  it('of an Image', () => {
    expect(imageTable.row(image, now)).toEqual([digest('a'), `quay.io/acme/shop@${digest('a')}`]);
  });
});

describe('the repository of a stream', () => {
  it.each([
    { name: 'the public one before all', is: ['public', 'spec', 'status'], want: 'public' },
    { name: 'that of the spec before that of the status', is: ['', 'spec', 'status'], want: 'spec' },
    { name: 'that of the status', is: [undefined, '', 'status'], want: 'status' },
    { name: 'none', is: [], want: '' },
  ])('$name', ({ is, want }) => {
    const [publicDockerImageRepository, declared, dockerImageRepository] = is;
    const status = { publicDockerImageRepository, dockerImageRepository };
    const stream = { spec: { dockerImageRepository: declared }, status };
    expect(imageStreamTable.row(stream, now)[1]).toBe(want);
  });
});

describe('the tags of a stream', () => {
  it.each([
    { name: 'none', tags: [], want: '' },
    {
      name: 'newest first, those of the same second by name, those without an image last',
      tags: [tagOf('none'), tagOf('old', day), tagOf('b', hour), tagOf('a', hour), tagOf('new', minute)],
      want: 'new,a,b,old,none',
    },
    {
      name: 'fractions of a second do not count',
      tags: [
        { tag: 'b', items: [{ created: '2026-03-01T10:00:00.3Z' }] },
        { tag: 'a', items: [{ created: '2026-03-01T10:00:00Z' }] },
      ],
      want: 'a,b',
    },
    {
      name: 'only the first item of a history counts',
      tags: [{ tag: 'a', items: [{ created: past(day) }, { created: past(minute) }] }, tagOf('b', hour)],
      want: 'b,a',
    },
    {
      name: 'one that is there twice is shown once, as its last entry says',
      tags: [tagOf('a', minute), tagOf('b', hour), tagOf('a', day)],
      want: 'b,a',
    },
  ])('$name', ({ tags, want }) => {
    expect(imageStreamTable.row({ status: { tags } }, now)[2]).toBe(want);
  });

  /** Tags of the given lengths, in this order, and how many of them are shown. A tag costs its length and one. */
  it.each([
    { name: '40 characters with a separator each are the budget', lengths: [19, 19], shown: 2 },
    { name: 'one that fits to the last character', lengths: [19, 9, 9], shown: 3 },
    { name: 'more than the budget', lengths: [19, 19, 1], shown: 2 },
    { name: 'the first one, however long', lengths: [60, 1], shown: 1 },
    { name: 'the first one alone when it is too long by one', lengths: [40, 1, 1], shown: 1 },
    { name: 'a quarter and more unused: too long by a quarter', lengths: [27, 21], shown: 2 },
    { name: 'a quarter and more unused: too long by more than a quarter', lengths: [27, 22], shown: 1 },
    { name: 'a quarter unused beside a separator, and no more', lengths: [28, 11], shown: 1 },
    { name: 'a quarter unused beside a separator, and one that fits', lengths: [28, 10], shown: 2 },
    { name: 'after one that is too long comes no other', lengths: [27, 12, 1], shown: 2 },
  ])('$name', ({ lengths, shown }) => {
    const names = lengths.map((length, i) => String.fromCodePoint(0x61 + i).repeat(length));
    const tags = names.map((name, i) => tagOf(name, (i + 1) * minute));
    const more = lengths.length - shown;
    expect(imageStreamTable.row({ status: { tags } }, now)[2]).toBe(
      names.slice(0, shown).join(',') + (more === 0 ? '' : ` + ${more} more...`),
    );
  });

  it('counts what it does not show', () => {
    const tags = ['alpha-release', 'beta-release', 'gamma-release', 'omega-release', 'zeta'].map((tag) =>
      tagOf(tag, hour),
    );
    expect(imageStreamTable.row({ status: { tags } }, now)[2]).toBe(
      'alpha-release,beta-release,gamma-release + 2 more...',
    );
  });
});

describe('when a stream was updated', () => {
  it.each([
    { name: 'no tags', tags: [], want: '' },
    { name: 'no image', tags: [tagOf('a')], want: '' },
    { name: 'the newest', tags: [tagOf('a', day), tagOf('b', hour), tagOf('c')], want: 'About an hour ago' },
    { name: 'a time that is none', tags: [{ tag: 'a', items: [{ created: 'x' }] }], want: '' },
  ])('$name', ({ tags, want }) => {
    expect(imageStreamTable.row({ status: { tags } }, now)[3]).toBe(want);
  });
});

describe('a duration', () => {
  it.each([
    { age: -hour, want: 'Less than a second' },
    { age: 0, want: 'Less than a second' },
    { age: second - 1, want: 'Less than a second' },
    { age: second, want: '1 second' },
    { age: 2 * second - 1, want: '1 second' },
    { age: 2 * second, want: '2 seconds' },
    { age: minute - 1, want: '59 seconds' },
    { age: minute, want: 'About a minute' },
    { age: 2 * minute - 1, want: 'About a minute' },
    { age: 2 * minute, want: '2 minutes' },
    { age: hour - 1, want: '59 minutes' },
    { age: hour, want: 'About an hour' },
    { age: 1.5 * hour - 1, want: 'About an hour' },
    { age: 1.5 * hour, want: '2 hours' },
    { age: 25 * hour, want: '25 hours' },
    { age: 47.5 * hour - 1, want: '47 hours' },
    { age: 47.5 * hour, want: '2 days' },
    { age: 3 * day - hour, want: '2 days' },
    { age: 3 * day, want: '3 days' },
    { age: 14 * day - hour, want: '13 days' },
    { age: 14 * day, want: '2 weeks' },
    { age: 60 * day - hour, want: '8 weeks' },
    { age: 60 * day, want: '2 months' },
    { age: 2 * 365 * day - hour, want: '24 months' },
    { age: 2 * 365 * day - 15 * minute, want: '1 years' },
    { age: 2 * 365 * day, want: '2 years' },
    { age: 3 * 365 * day - hour, want: '2 years' },
    { age: 10 * 365 * day, want: '10 years' },
  ])('of $age ms: $want', ({ age, want }) => {
    const tag = { metadata: { creationTimestamp: '2026-03-01T12:00:00Z' } };
    expect(imageStreamTagTable.row(tag, now + age)[2]).toBe(`${want} ago`);
  });
});

describe('an ImageTag', () => {
  const registry = { from: { kind: 'DockerImage', name: 'quay.io/acme/shop:1' } };
  const tag = { from: { kind: 'ImageStreamTag', name: 'shop:1' } };
  const elsewhere = { from: { ...tag.from, namespace: 'other' } };
  const followed = { from: { kind: 'ImageStreamTag', name: 'latest' } };
  const image = { from: { kind: 'ImageStreamImage', name: 'shop@sha256:12' } };
  const streamless = { from: { kind: 'ImageStreamImage', name: 'sha256:12', namespace: 'other' } };
  const pod = { from: { kind: 'Pod', name: 'x' } };
  const scheduled = { reference: true, importPolicy: { scheduled: true } };

  const event = { image: digest('a'), dockerImageReference: 'a/b:c', generation: 2 };
  const referred = { image: '', dockerImageReference: 'a/b:c', generation: 2 };
  const failed = (reason: unknown) => ({ type: 'ImportSuccess', status: 'False', reason });

  function cells(spec: unknown, items: readonly unknown[], conditions?: unknown): readonly unknown[] {
    return imageTagTable.row({ metadata: { name: 'shop:1' }, spec, status: { items, conditions } }, now);
  }

  it('has a row', () => {
    const items = [2 * day, 3 * day].map((age) => ({ ...event, created: past(age) }));
    const want = ['shop:1', 'Tag', `image/${digest('a')}`, 2, '2 days ago'];
    expect(cells({ ...image, generation: 2 }, items)).toEqual(want);
  });

  it('has one without a status', () => {
    const object = { metadata: { name: 'shop:1' }, spec: registry, status: null };
    expect(imageTagTable.row(object, now)).toEqual(['shop:1', 'Tag', 'quay.io/acme/shop:1', null, '']);
  });

  it.each([
    { name: 'a source', spec: registry, items: [], want: 'Tag' },
    { name: 'a source of no kind', spec: { from: {} }, items: [], want: 'Tag' },
    { name: 'no source', spec: { reference: true }, items: [], want: '' },
    { name: 'a reference', spec: { ...registry, reference: true }, items: [], want: 'Ref' },
    { name: 'a schedule', spec: { ...registry, ...scheduled }, items: [], want: 'Scheduled' },
    { name: 'a followed tag', spec: { ...followed, ...scheduled }, items: [], want: 'Track' },
    { name: 'a tag by its stream', spec: tag, items: [], want: 'Tag' },
    { name: 'no spec, but an image', spec: null, items: [event], want: 'Push' },
    { name: 'no spec, but a pull spec', spec: null, items: [referred], want: 'Push' },
    { name: 'no spec, and an event of nothing', spec: null, items: [{ generation: 2 }], want: '' },
    { name: 'no source, but an image', spec: { generation: 2 }, items: [event], want: 'Push' },
    { name: 'no source, and an older image', spec: { generation: 3 }, items: [event], want: '' },
    { name: 'a newer event', spec: { ...registry, generation: 1 }, items: [event], want: 'Push' },
    { name: 'an event of its own', spec: { ...registry, generation: 2 }, items: [event], want: 'Tag' },
    { name: 'an older event', spec: { ...registry, generation: 3 }, items: [event], want: 'Tag' },
    { name: 'no generation, but an event', spec: registry, items: [event], want: 'Tag' },
    {
      name: 'an event without one',
      spec: { ...registry, generation: 1 },
      items: [{ image: 'a' }],
      want: 'Tag',
    },
    {
      name: 'a followed tag, a newer event',
      spec: { ...followed, generation: 1 },
      items: [event],
      want: 'Track',
    },
  ])('SPEC, $name: "$want"', ({ spec, items, want }) => {
    expect(cells(spec, items)[1]).toBe(want);
  });

  it.each([
    { name: 'nothing', spec: null, items: [], want: '' },
    { name: 'a pull spec', spec: registry, items: [], want: 'quay.io/acme/shop:1' },
    { name: 'a tag', spec: tag, items: [], want: 'istag/shop:1' },
    { name: 'a tag that is followed', spec: followed, items: [], want: 'istag/latest' },
    { name: 'a tag elsewhere', spec: elsewhere, items: [], want: 'istag other/shop:1' },
    { name: 'an image', spec: image, items: [], want: 'image/sha256:12' },
    { name: 'an image without its stream', spec: streamless, items: [], want: 'InvalidRefName' },
    { name: 'another kind', spec: pod, items: [], want: 'InvalidRefKind' },
    { name: 'another kind with an image', spec: pod, items: [event], want: 'InvalidRefKind' },
    { name: 'what came', spec: registry, items: [event, referred], want: `image/${digest('a')}` },
    { name: 'what came as a reference', spec: tag, items: [referred, event], want: 'a/b:c' },
    { name: 'an event of nothing', spec: registry, items: [{ generation: 2 }], want: 'quay.io/acme/shop:1' },
    { name: 'an event of another shape', spec: registry, items: [null], want: 'quay.io/acme/shop:1' },
    { name: 'what came without a spec', spec: null, items: [event], want: `image/${digest('a')}` },
    { name: 'older than the spec', spec: { ...registry, generation: 3 }, items: [event], want: 'Importing' },
    { name: 'older than a wrong spec', spec: { ...pod, generation: 3 }, items: [event], want: 'Importing' },
    { name: 'no event', spec: { ...registry, generation: 3 }, items: [], want: 'quay.io/acme/shop:1' },
  ])('STATUS, $name: "$want"', ({ spec, items, want }) => {
    expect(cells(spec, items)[2]).toBe(want);
  });

  it.each([
    { name: 'goes before all', conditions: [failed('NotFound')], want: 'ImportFailed (NotFound)' },
    { name: 'the last of several', conditions: [failed('a'), failed('b'), null], want: 'ImportFailed (b)' },
    { name: 'no reason', conditions: [failed(7)], want: 'ImportFailed ()' },
    { name: 'no status', conditions: [{ type: 'ImportSuccess', reason: 'x' }], want: 'Importing' },
    { name: 'a success', conditions: [{ ...failed('x'), status: 'True' }], want: 'Importing' },
    { name: 'another type', conditions: [{ ...failed('x'), type: 'Ready' }], want: 'Importing' },
  ])('STATUS, conditions of a failure, $name: "$want"', ({ conditions, want }) => {
    expect(cells({ ...registry, generation: 3 }, [event], conditions)[2]).toBe(want);
  });

  it.each([
    { name: 'nothing', created: [], changed: [], want: [null, ''] },
    { name: 'the first item counts', created: [2 * hour, hour], changed: [], want: [2, '2 hours ago'] },
    {
      name: 'newer conditions',
      created: [2 * hour],
      changed: [minute, hour],
      want: [1, 'About a minute ago'],
    },
    { name: 'an older condition', created: [2 * hour], changed: [day], want: [1, '2 hours ago'] },
    { name: 'only a condition', created: [], changed: [3 * day], want: [null, '3 days ago'] },
    { name: 'no time', created: [undefined], changed: [undefined], want: [1, ''] },
  ])('HISTORY and UPDATED, $name', ({ created, changed, want }) => {
    const items = created.map((age) => (age === undefined ? {} : { created: past(age) }));
    const conditions = changed.map((age) => (age === undefined ? {} : { lastTransitionTime: past(age) }));
    expect(cells(null, items, conditions).slice(3)).toEqual(want);
  });
});
