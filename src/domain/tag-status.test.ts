import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { attemptFor, type SourcedTag } from './import-attempt.ts';
import type { TagOutcome } from './import-outcome.ts';
import type { LinkEnd } from './tag-following.ts';
import { foldLink, foldTag } from './tag-status.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const attemptedAt = '2026-01-01T12:00:00Z';
const settings = { historyLimit: 3, retry: { baseMs: 30_000, maxMs: 900_000 }, localRegistry: undefined };
const from = { kind: 'ImageStreamTag', name: 'latest' };

/** A stream of generation 4 with a tag `stable`. */
function streamWith(tag: TagReference, annotations: Record<string, string> = {}): ImageStream {
  return streamOf([tag], undefined, { generation: 4, annotations });
}

/** The entry of the tag after a look at where its links lead; before that it was `before`. */
function link(
  before: Partial<NamedTagEventList>,
  end: LinkEnd,
  { stream = streamWith(linkTag('stable', 'latest')), time = now } = {},
): NamedTagEventList {
  const entry = before.tag === undefined ? { ...before, tag: 'stable' } : (before as NamedTagEventList);
  return foldLink(stream, tagOf(stream), { before: entry, end }, { now: time, settings });
}

function tagOf(stream: ImageStream): SourcedTag {
  const [tag] = stream.spec?.tags ?? [];
  return tag as SourcedTag;
}

const ends = (digit: string, more = {}): LinkEnd => ({
  kind: 'item',
  item: itemOf(digit, { generation: 7, ...more }),
});
const followed = { from, attemptedAt: '2025-12-02T00:00:00Z' };

describe('a tag that follows another', () => {
  it('takes its image with its time, and its own generation when it is new', () => {
    expect(link({}, ends('a'))).toEqual({
      tag: 'stable',
      items: [itemOf('a', { created: '2025-12-01T00:00:00Z', generation: 4 })],
      lastImport: { from, attemptedAt },
    });
  });

  it.each([
    {
      name: "takes the client's own generation where it counts",
      stream: streamWith(linkTag('stable', 'latest', { generation: 9 })),
      before: {},
      want: [itemOf('a', { generation: 9 })],
    },
    {
      name: "takes the source's generation when that has moved",
      before: { items: [itemOf('b', { generation: 2 })], lastImport: followed },
      want: [itemOf('a', { generation: 7 }), itemOf('b', { generation: 2 })],
    },
    {
      name: "takes the source's generation when that got its first image only now",
      before: { lastImport: { ...followed, failures: 1 } },
      want: [itemOf('a', { generation: 7 })],
    },
    {
      name: 'takes its own generation when it follows another one than before',
      before: {
        items: [itemOf('b')],
        lastImport: { ...followed, from: { kind: 'ImageStreamTag', name: 'old' } },
      },
      want: [itemOf('a', { generation: 4 }), itemOf('b')],
    },
    {
      name: 'takes its own generation also when the image is the same, which keeps its time',
      before: {
        items: [itemOf('a', { created: '2025-01-01T00:00:00Z' })],
        lastImport: { from: { ...from, name: 'old' } },
      },
      want: [itemOf('a', { created: '2025-01-01T00:00:00Z', generation: 4 })],
    },
    {
      name: 'goes back to an older image by an entry of its own',
      before: { items: [itemOf('b'), itemOf('a')], lastImport: followed },
      want: [itemOf('a', { generation: 7 }), itemOf('b'), itemOf('a')],
    },
    {
      name: 'gives up its oldest image beyond the limit',
      before: { items: [itemOf('b'), itemOf('c'), itemOf('d')], lastImport: followed },
      want: [itemOf('a', { generation: 7 }), itemOf('b'), itemOf('c')],
    },
    {
      name: 'has the pull spec corrected in place when only that differs',
      before: {
        items: [itemOf('a', { dockerImageReference: 'elsewhere.example/app' })],
        lastImport: followed,
      },
      want: [itemOf('a')],
    },
    {
      name: 'has the image corrected in place when only that differs',
      before: { items: [itemOf('a', { image: '' })], lastImport: followed },
      want: [itemOf('a')],
    },
  ])('$name', ({ stream, before, want }) => {
    expect(link(before, ends('a'), { stream }).items).toEqual(want);
  });

  it('takes a recorded reference as it is', () => {
    const item = { image: '', dockerImageReference: 'r.example/app:1' };
    expect(link({}, ends('a', item)).items).toEqual([itemOf('a', { ...item, generation: 4 })]);
  });

  it.each([
    { name: 'the image is the same', more: {} },
    { name: 'only the time of the source differs', more: { created: '2025-12-09T00:00:00Z' } },
    { name: 'only the generation of the source differs', more: { generation: 8 } },
  ])('is the very same object when $name', ({ more }) => {
    const before = { tag: 'stable', items: [itemOf('a', { generation: 3 })], lastImport: followed };
    expect(link(before, ends('a', more))).toBe(before);
  });

  it('notes that it was asked for anew, and keeps item and generation', () => {
    const stream = streamWith(linkTag('stable', 'latest'), { [importRequestedAnnotation]: 'monday' });
    const items = [itemOf('a', { generation: 7 })];
    expect(link({ items, lastImport: followed }, ends('a'), { stream })).toEqual({
      tag: 'stable',
      items,
      lastImport: { from, attemptedAt, requested: 'monday' },
    });
  });

  it('takes what moved with the request with the generation of the source', () => {
    const stream = streamWith(linkTag('stable', 'latest'), { [importRequestedAnnotation]: 'monday' });
    const { items } = link({ items: [itemOf('b')], lastImport: followed }, ends('a'), { stream });
    expect(items?.[0]?.generation).toBe(7);
  });

  it('has no condition and no failures any more when there is an image', () => {
    const broken = link({}, { kind: 'nothing', missing: 'latest' });
    expect(link(broken, ends('a'))).toEqual({
      tag: 'stable',
      items: [itemOf('a', { generation: 7 })],
      lastImport: { from, attemptedAt },
    });
  });

  it('has no condition any more when its image is back, which it has kept', () => {
    const items = [itemOf('a', { generation: 3 })];
    const broken = link({ items, lastImport: followed }, { kind: 'nothing', missing: 'latest' });
    expect(link(broken, ends('a'))).toEqual({ tag: 'stable', items, lastImport: { from, attemptedAt } });
  });

  it('forgets the digest and the failure of the registry that it got its images from before', () => {
    const old = {
      from: { kind: 'DockerImage', name: 'r.example/app' },
      digest: digest('b'),
      failures: 2,
      retryAt: attemptedAt,
    };
    const conditions = [{ type: 'ImportSuccess', status: 'False' as const, generation: 1 }];
    expect(link({ items: [itemOf('b')], conditions, lastImport: old }, ends('a'))).toEqual({
      tag: 'stable',
      items: [itemOf('a', { generation: 4 }), itemOf('b')],
      lastImport: { from, attemptedAt },
    });
  });
});

describe('a tag that follows nothing', () => {
  const nothing: LinkEnd = { kind: 'nothing', missing: 'old' };
  const circle: LinkEnd = { kind: 'circle', tags: ['stable', 'latest'] };

  it.each([
    {
      name: 'has a condition that names what is missing',
      end: nothing,
      reason: 'NotFound',
      message:
        'imagestreamtag.image.openshift.io "web:old" not found; it is followed as soon as it has an image',
    },
    {
      name: 'has a condition that names the circle',
      end: circle,
      reason: 'Invalid',
      message:
        'spec.tags[stable].from.name: Invalid value: "latest": the tags stable, latest follow each other in a circle; ' +
        'point one of them at an image',
    },
  ])('$name, and keeps its images', ({ end, reason, message }) => {
    const items = [itemOf('a')];
    expect(link({ items, lastImport: followed }, end)).toEqual({
      tag: 'stable',
      items,
      conditions: [
        {
          type: 'ImportSuccess',
          status: 'False',
          reason,
          message,
          lastTransitionTime: attemptedAt,
          generation: 4,
        },
      ],
      // Not tried again by time: what it misses is seen when it comes.
      lastImport: { from, attemptedAt, failures: 1 },
    });
  });

  it.each([
    { name: 'its source is missing', end: nothing },
    { name: 'it is in a circle', end: circle },
    {
      name: 'it is in a circle of very many',
      end: { kind: 'circle' as const, tags: Array.from({ length: 200 }, (_, i) => `${'t'.repeat(100)}${i}`) },
    },
  ])('is the very same object while $name', ({ end }) => {
    const before = link({}, end);
    expect(link(before, end, { time: now + 3_600_000 })).toBe(before);
  });

  it('is the very same object also when its message was shortened to make room', () => {
    const end: LinkEnd = { kind: 'nothing', missing: 'x'.repeat(1_000) };
    const before = link({}, end);
    const short = before.conditions?.map((condition) => ({
      ...condition,
      message: `${condition.message?.slice(0, 511)}…`,
    }));
    const shortened = { ...before, conditions: short ?? [] };
    expect(link(shortened, end)).toBe(shortened);
  });

  it.each([
    { name: 'of ten', length: 10, more: '' },
    { name: 'of twelve, and how many more there are', length: 12, more: ' and 2 more' },
  ])('is told ten tags of a circle $name', ({ length, more }) => {
    const tags = Array.from({ length }, (_, i) => `t${i}`);
    expect(link({}, { kind: 'circle', tags }).conditions?.[0]?.message).toContain(
      `the tags t0, t1, t2, t3, t4, t5, t6, t7, t8, t9${more} follow each other`,
    );
  });

  it('says so anew when something else is in the way', () => {
    const { conditions, lastImport } = link(link({}, nothing), circle);
    expect(conditions).toMatchObject([{ reason: 'Invalid' }]);
    expect(lastImport?.failures).toBe(2);
  });

  it('says so anew, and counts anew, when it follows another one', () => {
    const other = streamWith(linkTag('stable', 'old'));
    const { conditions, lastImport } = link(link({}, { kind: 'nothing', missing: 'latest' }), nothing, {
      stream: other,
    });
    expect(conditions?.[0]?.message).toContain('web:old');
    expect(lastImport).toEqual({ from: { ...from, name: 'old' }, attemptedAt, failures: 1 });
  });
});

describe('a copy', () => {
  const stream = streamWith(linkTag('stable', 'base:1'));
  const outcome = (created: string | undefined): TagOutcome => ({
    tag: 'stable',
    attempt: attemptFor(stream, tagOf(stream)),
    kind: 'resolved',
    image: digest('a'),
    dockerImageReference: 'r.example/base:1',
    digest: undefined,
    created,
  });

  it.each([
    {
      name: 'of a tag is as old as its source',
      created: '2024-05-05T00:00:00Z',
      want: '2024-05-05T00:00:00Z',
    },
    { name: 'of an image comes now', created: undefined, want: '2026-01-01T12:00:00Z' },
  ])('$name, and has the generation of the tag', ({ created, want }) => {
    expect(foldTag(stream, { tag: 'stable' }, outcome(created), { now, settings })).toEqual({
      tag: 'stable',
      items: [{ created: want, image: digest('a'), dockerImageReference: 'r.example/base:1', generation: 4 }],
      lastImport: { from: { kind: 'ImageStreamTag', name: 'base:1' }, attemptedAt },
    });
  });

  it('that fails is not tried again by time', () => {
    const failed: TagOutcome = {
      tag: 'stable',
      attempt: attemptFor(stream, tagOf(stream)),
      kind: 'failed',
      failure: { code: 'source-not-found', detail: 'not found', retryAfterMs: 5_000 },
    };
    expect(foldTag(stream, { tag: 'stable' }, failed, { now, settings }).lastImport).toEqual({
      from: { kind: 'ImageStreamTag', name: 'base:1' },
      attemptedAt,
      failures: 1,
    });
  });
});

describe('a failure', () => {
  const stream = streamWith(dockerTag('stable', 'r.example/app:1'));
  const failed: TagOutcome = {
    tag: 'stable',
    attempt: attemptFor(stream, tagOf(stream)),
    kind: 'failed',
    failure: { code: 'timeout', detail: 'slow' },
  };

  it('keeps no condition of another type than its own', () => {
    const before = { tag: 'stable', conditions: [{ type: 'Other', status: 'True' as const, generation: 1 }] };
    expect(foldTag(stream, before, failed, { now, settings }).conditions).toMatchObject([
      { type: 'ImportSuccess' },
    ]);
  });

  it.each([{ digest: digest('a') }, { digest: undefined }])(
    'keeps the digest of the last success, here $digest, so that a check goes on from it',
    ({ digest: known }) => {
      const lastImport = { from: { kind: 'DockerImage', name: 'r.example/app:1' } };
      const before = {
        tag: 'stable',
        lastImport: { ...lastImport, ...(known === undefined ? {} : { digest: known }) },
      };
      expect(foldTag(stream, before, failed, { now, settings }).lastImport?.digest).toBe(known);
    },
  );
});
