import { describe, expect, it } from 'vitest';
import { dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import { lastAppliedKey } from '../api/annotations.ts';
import type { ImageStream, ImageStreamStatus, NamedTagEventList } from '../api/generated/image-stream.ts';
import { type FittingStatus, fitStatus, historyTrimmed, maxObjectBytes } from './status-size.ts';

/** What etcd takes in one request. */
const etcdBytes = 1.5 * 1024 * 1024;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
const tagNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `release-${i}`);

/** Items whose generations tell their age: the newest has the highest. */
function itemsOf(count: number, reference = 'registry.example.com/team/app:1') {
  return Array.from({ length: count }, (_, i) =>
    itemOf('a', { generation: count - i, dockerImageReference: reference }),
  );
}

/** A failed tag with a message. */
function failed(tag: string, message: string, items = itemsOf(1)): NamedTagEventList {
  const condition = {
    type: 'ImportSuccess',
    status: 'False' as const,
    reason: 'InternalError',
    generation: 1,
  };
  const lastImport = {
    from: { kind: 'DockerImage', name: `registry.example.com/team/app:${tag}` },
    failures: 1,
  };
  return { tag, items, conditions: [{ ...condition, message }], lastImport };
}

function streamWith(tags: NamedTagEventList[], isFull = false): ImageStream & { status: ImageStreamStatus } {
  const spec = tags.map(({ tag }) => dockerTag(tag, `registry.example.com/team/app:${tag}`));
  const time = { lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'TooLarge', message: '' };
  const conditions = isFull ? [{ type: historyTrimmed, status: 'True' as const, ...time }] : [];
  return { ...streamOf(spec), status: { tags, conditions } };
}

function fitted(tags: NamedTagEventList[], isFull = false): FittingStatus {
  const stream = streamWith(tags, isFull);
  return fitStatus(stream, stream.status);
}

const lengthsOf = ({ status }: FittingStatus): number[] =>
  (status.tags ?? []).map(({ items }) => items?.length ?? 0);
const spread = (numbers: number[]): number[] => [...new Set(numbers)].sort((a, b) => a - b);

describe('a stream that has room', () => {
  it.each([
    { name: 'without tags', tags: [] },
    { name: 'with few of them', tags: tagNames(20).map((tag) => ({ tag, items: itemsOf(5) })) },
    { name: 'with many tags', tags: tagNames(500).map((tag) => ({ tag, items: itemsOf(1) })) },
    { name: 'with a long history', tags: [{ tag: 'latest', items: itemsOf(4_000) }] },
    { name: 'with a tag that has none yet', tags: tagNames(30).map((tag) => ({ tag })) },
    { name: 'with long messages', tags: tagNames(30).map((tag) => failed(tag, 'm'.repeat(2_048))) },
  ])('$name keeps the very same status', ({ tags }) => {
    const stream = streamWith(tags);
    const { status, full } = fitStatus(stream, stream.status);
    expect(status).toBe(stream.status);
    expect(full).toBe(false);
  });

  it('may have no spec', () => {
    const status = { tags: [{ tag: 'latest', items: itemsOf(4_000) }] };
    const { spec: _, ...stream } = streamOf([]);
    expect(fitStatus(stream, status)).toEqual({ status, full: false });
  });

  it('may have a status without tags', () => {
    const status = { observedGeneration: 1 };
    expect(fitStatus(streamOf([]), status)).toEqual({ status, full: false });
  });
});

describe('a stream that would be too large', () => {
  it('loses the oldest images of its longest histories, until it fits', () => {
    const tags = [
      ...tagNames(100).map((tag) => ({ tag, items: itemsOf(80) })),
      { tag: 'rare', items: itemsOf(3) },
      { tag: 'new' },
    ];
    const fitting = fitted(tags);
    expect(fitting.full).toBe(true);
    const entries = fitting.status.tags ?? [];
    const [most = 0] = lengthsOf(fitting);
    expect(most).toBeGreaterThan(30);
    expect(most).toBeLessThan(80);
    expect(lengthsOf(fitting)).toEqual([...tagNames(100).map(() => most), 3, 0]);
    // The newest stay, as they were.
    expect(entries[0]?.items).toEqual(itemsOf(80).slice(0, most));
    expect(entries.at(-1)).toEqual({ tag: 'new' });
    expect(bytesOf({ ...streamWith(tags), status: fitting.status })).toBeLessThan(maxObjectBytes);
  });

  it('may be one with a single tag', () => {
    const fitting = fitted([{ tag: 'latest', items: itemsOf(8_000) }]);
    expect(fitting.full).toBe(true);
    expect(lengthsOf(fitting)[0]).toBeLessThan(8_000);
    expect(fitting.status.tags?.[0]?.items?.[0]?.generation).toBe(8_000);
  });

  it('keeps the newest image of each tag, however little room there is', () => {
    const fitting = fitted(
      tagNames(1_000).map((tag) => ({ tag, items: itemsOf(20, `r.example/${'x'.repeat(600)}`) })),
    );
    expect(spread(lengthsOf(fitting))).toEqual([1]);
    expect(fitting.status.tags?.every(({ items }) => items?.[0]?.generation === 20)).toBe(true);
    expect(fitting.full).toBe(true);
  });

  it('keeps all that is no history', () => {
    const tags = tagNames(100).map((tag) => ({
      ...failed(tag, 'short', itemsOf(80)),
      hasImageStreamTag: true,
    }));
    const stream = streamWith(tags);
    const status = { ...stream.status, observedGeneration: 4, tagSummary: 'latest' };
    const fitting = fitStatus(stream, status);
    const withoutItems = (entries: NamedTagEventList[] = []) =>
      entries.map((entry) => ({ ...entry, items: [] }));
    expect(withoutItems(fitting.status.tags)).toEqual(withoutItems(tags));
    expect({ ...fitting.status, tags: [] }).toEqual({ ...status, tags: [] });
  });

  it('loses less history than a tenth more than it has to', () => {
    const tags = tagNames(100).map((tag) => ({ tag, items: itemsOf(80) }));
    const fitting = fitted(tags);
    const [most = 0] = lengthsOf(fitting);
    const oneLess = fitted(tags.map(({ tag }) => ({ tag, items: itemsOf(Math.ceil(most / 0.9) + 1) })));
    expect(oneLess.full).toBe(true);
  });

  it.each([
    { name: 'nothing', notes: '', want: false },
    { name: 'little', notes: 'x'.repeat(300_000), want: false },
    { name: 'little, of characters of three bytes', notes: '本'.repeat(300_000), want: true },
    { name: 'much', notes: 'x'.repeat(900_000), want: true },
  ])('is measured in bytes with what people wrote into it, here $name', ({ notes, want }) => {
    const stream = streamWith(tagNames(40).map((tag) => ({ tag, items: itemsOf(80) })));
    const annotated = { ...stream, metadata: { ...stream.metadata, annotations: { notes } } };
    expect(fitStatus(annotated, stream.status).full).toBe(want);
  });

  it('is measured the same with and without what the store leaves out', () => {
    const tags = tagNames(100).map((tag) => ({ tag, items: itemsOf(80) }));
    const stream = streamWith(tags);
    const [managedFields, applied] = ['x'.repeat(200_000), 'y'.repeat(200_000)];
    const annotations = { [lastAppliedKey]: applied };
    const answer = { ...stream, metadata: { ...stream.metadata, managedFields, annotations } };
    expect(fitStatus(answer, stream.status)).toEqual(fitStatus(stream, stream.status));
  });
});

describe('messages of a stream that would be too large', () => {
  it('are cut before history is given up', () => {
    const tags = tagNames(500).map((tag) => failed(tag, 'm'.repeat(2_048)));
    const fitting = fitted(tags);
    expect(fitting.status.tags?.[0]?.conditions?.[0]?.message).toBe(`${'m'.repeat(509)}…`);
    expect(spread(lengthsOf(fitting))).toEqual([1]);
    // No history went.
    expect(fitting.full).toBe(false);
  });

  it.each([
    { name: 'of ASCII', character: 'm', tagLength: 0 },
    { name: 'of other characters', character: '本', tagLength: 0 },
    { name: 'of pairs of surrogates', character: '🐳', tagLength: 0 },
    { name: 'of ASCII, of tags with long names', character: 'm', tagLength: 100 },
  ])('$name leave 1000 failing tags room in etcd', ({ character, tagLength }) => {
    const tags = tagNames(1_000).map((tag) =>
      failed(`${tag}${'t'.repeat(tagLength)}`, character.repeat(2_048 / character.length)),
    );
    const stream = streamWith(tags);
    const { status } = fitStatus(stream, stream.status);
    expect(bytesOf({ ...stream, status })).toBeLessThan(etcdBytes);
    expect(status.tags?.every(({ conditions }) => (conditions?.[0]?.message ?? '').length > 50)).toBe(true);
  });

  it('are not made up where there were none', () => {
    const condition = { type: 'ImportSuccess', status: 'False' as const, generation: 1 };
    const tags = tagNames(100).map((tag) => ({ tag, items: itemsOf(80), conditions: [condition] }));
    expect(fitted(tags).status.tags?.[0]?.conditions).toEqual([condition]);
  });
});

describe('the word that there is no room', () => {
  it.each([
    { name: 'long histories of many tags', tags: tagNames(100).map((tag) => ({ tag, items: itemsOf(80) })) },
    { name: 'a very long history', tags: [{ tag: 'latest', items: itemsOf(8_000) }] },
    {
      name: 'two images each of many tags with long pull specs',
      tags: tagNames(280).map((tag) => ({ tag, items: itemsOf(2, `r.example/${'x'.repeat(1_100)}`) })),
    },
    {
      name: 'three images each of many tags',
      tags: tagNames(200).map((tag) => ({ tag, items: itemsOf(3, `r.example/${'x'.repeat(1_500)}`) })),
    },
    {
      name: 'more tags than there is room for',
      tags: tagNames(900).map((tag) => ({ tag, items: itemsOf(2) })),
    },
    {
      name: 'long messages of more tags than there is room for',
      tags: tagNames(900).map((tag) => failed(`${tag}${'t'.repeat(100)}`, 'm'.repeat(2_048))),
    },
    {
      name: 'long messages of other characters, of more tags than there is room for',
      tags: tagNames(900).map((tag) => failed(tag, `"${'🐳'.repeat(1_000)}`)),
    },
    { name: 'long messages of many tags', tags: tagNames(300).map((tag) => failed(tag, 'm'.repeat(2_048))) },
  ])('is the same at the next look, for $name', ({ tags }) => {
    const first = fitted(tags);
    const second = fitted(first.status.tags ?? [], first.full);
    expect(second.full).toBe(first.full);
    expect(second.status.tags).toEqual(first.status.tags);
  });

  it('is the same at the next look, though it takes room itself', () => {
    const stream = streamWith(tagNames(100).map((tag) => ({ tag, items: itemsOf(80) })));
    const annotated = (length: number, status: ImageStreamStatus = stream.status) => {
      const metadata = { ...stream.metadata, annotations: { notes: 'x'.repeat(length) } };
      return fitStatus({ ...stream, metadata, status }, status);
    };
    const most = lengthsOf(annotated(0))[0];
    // The longest notes that leave room for as much history: not a byte is left.
    let [length, tooLong] = [0, 200_000];
    while (tooLong - length > 1) {
      const middle = Math.floor((length + tooLong) / 2);
      if (lengthsOf(annotated(middle))[0] === most) length = middle;
      else tooLong = middle;
    }
    const first = annotated(length);
    const { conditions } = streamWith([], true).status;
    expect(annotated(length, { ...first.status, conditions: conditions ?? [] }).status.tags).toEqual(
      first.status.tags,
    );
  });

  it('stays while a stream goes on to get images', () => {
    let fitting = fitted(tagNames(100).map((tag) => ({ tag, items: itemsOf(80) })));
    for (let round = 0; round < 20; round++) {
      const tags = (fitting.status.tags ?? []).map(({ tag, items = [] }) => ({
        tag,
        items: [itemOf('b'), ...items],
      }));
      fitting = fitted(tags, fitting.full);
      expect(fitting.full).toBe(true);
    }
  });

  it('goes when tags went and there is room again', () => {
    const fitting = fitted(tagNames(100).map((tag) => ({ tag, items: itemsOf(80) })));
    expect(fitted(fitting.status.tags?.slice(0, 30) ?? [], true).full).toBe(false);
  });

  it('does not come before there is no room', () => {
    const fitting = fitted(tagNames(100).map((tag) => ({ tag, items: itemsOf(80) })));
    expect(fitted(fitting.status.tags ?? [], false).full).toBe(false);
  });
});
