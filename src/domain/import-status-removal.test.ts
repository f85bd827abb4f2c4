import { describe, expect, it } from 'vitest';
import { dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { attemptFor, type SourcedTag } from './import-attempt.ts';
import { type FoldInput, foldOutcomes } from './import-status.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const settings = { historyLimit: 3, retry: { baseMs: 30_000, maxMs: 900_000 }, localRegistry: undefined };
const answered = { from: { kind: 'DockerImage', name: 'r.example/app:1' } };
const conditions = [{ type: 'ImportSuccess', status: 'False' as const, generation: 1, reason: 'NotFound' }];

/** An answered stream with these tags, and `old` in its status. */
function streamWith(
  tags: TagReference[],
  old: Partial<NamedTagEventList>,
  more: NamedTagEventList[] = [],
): ImageStream {
  const stream = streamOf(tags, [{ tag: 'old', items: [itemOf('1')], ...old }, ...more]);
  return { ...stream, status: { ...stream.status, observedGeneration: 1 } };
}

function fold(stream: ImageStream, input: Partial<FoldInput> = {}) {
  return foldOutcomes(stream, { tags: [], ...input }, now, settings);
}

const marked = { hasImageStreamTag: true };

describe('a tag that only the history has', () => {
  const old = dockerTag('old', 'r.example/app:1');
  const repository: ImageStream = {
    ...streamWith([], marked),
    spec: { dockerImageRepository: 'r.example/app' },
  };
  it.each([
    { name: 'goes when its ImageStreamTag was there and is gone', stream: streamWith([], marked), want: [] },
    {
      name: 'stays while its ImageStreamTag is there',
      stream: streamWith([], marked),
      objects: ['old'],
      want: ['old'],
    },
    { name: 'stays when no ImageStreamTag was seen yet', stream: streamWith([], {}), want: ['old'] },
    {
      name: 'stays when the mark says that there was none',
      stream: streamWith([], { hasImageStreamTag: false }),
      want: ['old'],
    },
    {
      name: 'stays while nobody looks after ImageStreamTags',
      stream: streamWith([], marked),
      objects: undefined,
      want: ['old'],
    },
    { name: 'stays when it is in the spec again', stream: streamWith([old], marked), want: ['old'] },
    {
      name: 'stays when it is in the spec without a source',
      stream: streamWith([{ name: 'old' }], marked),
      want: ['old'],
    },
    {
      name: 'stays when it was found in the repository behind the stream',
      stream: {
        ...repository,
        status: { ...repository.status, repositoryImport: { from: 'r.example/app', tags: ['old'] } },
      },
      want: ['old'],
    },
  ])('$name', ({ stream, want, ...more }) => {
    const objects = 'objects' in more ? more.objects : [];
    const tagObjects = objects === undefined ? undefined : new Set(objects);
    expect((fold(stream, { tagObjects }).status.tags ?? []).map(({ tag }) => tag)).toEqual(want);
  });

  it('is told of with the number of its images', () => {
    const items = [itemOf('2'), itemOf('1')];
    const { transitions, status } = fold(streamWith([], { ...marked, items }), { tagObjects: new Set() });
    expect(transitions).toEqual([{ kind: 'dropped', tag: 'old', images: 2 }]);
    expect(status).not.toHaveProperty('tags');
    expect(status).not.toHaveProperty('tagSummary');
  });

  it('leaves the others alone', () => {
    const kept = { tag: 'kept', items: [itemOf('2')], ...marked };
    const { status } = fold(streamWith([], marked, [kept]), { tagObjects: new Set(['kept']) });
    expect(status.tags).toEqual([kept]);
  });
});

describe('an ImageStreamTag whose deletion was seen', () => {
  const old = dockerTag('old', 'r.example/app:1');
  const deletedTagObjects = new Set(['old']);
  it.each<{ name: string; stream: ImageStream; tagObjects: ReadonlySet<string> | undefined; want: string[] }>(
    [
      {
        name: 'takes its tag with it, though it was not noted',
        stream: streamWith([], {}),
        tagObjects: new Set(),
        want: [],
      },
      {
        name: 'leaves the tag when it is there again',
        stream: streamWith([], {}),
        tagObjects: deletedTagObjects,
        want: ['old'],
      },
      {
        name: 'leaves the tag when it is in the spec',
        stream: streamWith([old], {}),
        tagObjects: new Set(),
        want: ['old'],
      },
      {
        name: 'leaves the tag while nobody looks after them',
        stream: streamWith([], {}),
        tagObjects: undefined,
        want: ['old'],
      },
    ],
  )('$name', ({ stream, tagObjects, want }) => {
    const { status } = fold(stream, { tagObjects, deletedTagObjects });
    expect((status.tags ?? []).map(({ tag }) => tag)).toEqual(want);
  });
});

describe('a tag whose source was taken away', () => {
  it.each([
    { name: 'is in the spec without one', tags: [{ name: 'old' }] },
    { name: 'has null for one', tags: [{ name: 'old', from: null }] },
    { name: 'is not in the spec', tags: [] },
  ])('keeps its history and nothing that is about the source when it $name', ({ tags }) => {
    const stream = streamWith(tags, { ...marked, conditions, lastImport: { ...answered, failures: 1 } });
    const { status } = fold(stream, { tagObjects: new Set(['old']) });
    expect(status.tags).toEqual([{ tag: 'old', items: [itemOf('1')], ...marked }]);
  });

  it.each([
    { name: 'there is no history', old: { conditions, lastImport: answered, items: undefined } },
    { name: 'the history is empty', old: { conditions, lastImport: answered, items: [] } },
  ])('is forgotten when $name', ({ old }) => {
    const { items, ...rest } = old;
    const { status } = fold(
      streamOf([{ name: 'old' }], [{ tag: 'old', ...rest, ...(items === undefined ? {} : { items }) }]),
    );
    expect(status).not.toHaveProperty('tags');
  });

  it('is the very same entry when nothing is about a source', () => {
    const stream = streamWith([{ name: 'old' }], {});
    expect(fold(stream).status.tags?.[0]).toBe(stream.status?.tags?.[0]);
  });
});

describe('a tag that is not found in the repository any more', () => {
  const from = 'r.example/app';
  const planned = { reason: 'new tag' as const, from, insecure: false, requested: undefined };
  const target = { code: 'timeout' as const, detail: '' };
  const lastImport = { from: { kind: 'DockerImage', name: `${from}:old` } };
  const stream: ImageStream = {
    ...streamOf(
      [],
      [
        { tag: 'empty', conditions, lastImport },
        { tag: 'old', items: [itemOf('1')], conditions, lastImport },
      ],
    ),
    spec: { dockerImageRepository: from },
  };
  const before = {
    ...stream,
    status: { ...stream.status, repositoryImport: { from, tags: ['empty', 'old'] } },
  };
  const repository = {
    planned: { ...planned, target },
    kind: 'listed' as const,
    tags: [],
    additionalTags: 0,
  };

  it('keeps its history and nothing that is about the source, at once', () => {
    const { status, transitions } = fold(before, { repository });
    expect(status.tags).toEqual([{ tag: 'old', items: [itemOf('1')] }]);
    expect(transitions).toContainEqual({ kind: 'dropped', tag: 'empty', images: 0 });
    expect(fold({ ...before, status }).status).toEqual(status);
  });
});

describe('the mark of an ImageStreamTag that is seen', () => {
  const old = dockerTag('old', 'r.example/app:1');
  const tagObjects = new Set(['old']);

  it.each<{ name: string; stream: ImageStream; want: boolean | undefined }>([
    {
      name: 'is no reason to write for a tag that the spec has',
      stream: streamWith([old], { lastImport: answered }),
      want: undefined,
    },
    {
      name: 'is no reason to write for one in the spec that has no source',
      stream: streamWith([{ name: 'old' }], {}),
      want: undefined,
    },
    { name: 'is noted for a tag that nothing else holds', stream: streamWith([], {}), want: true },
    {
      name: 'is noted for a tag of the spec when the stream is written for another reason',
      stream: streamWith([old], { lastImport: answered }, [{ tag: 'gone' }]),
      want: true,
    },
    {
      name: 'is noted for a tag of the spec when another tag changes',
      stream: streamWith([old], { lastImport: answered }, [
        { tag: 'unsourced', items: [itemOf('3')], lastImport: answered },
      ]),
      want: true,
    },
    {
      name: 'is noted for a tag of the spec when the spec was edited',
      stream: { ...streamWith([old], { lastImport: answered }), metadata: { name: 'web', generation: 2 } },
      want: true,
    },
    {
      name: 'stays as it is',
      stream: streamWith([old], { lastImport: answered, ...marked }),
      want: true,
    },
  ])('$name', ({ stream, want }) => {
    const [entry] = fold(stream, { tagObjects }).status.tags ?? [];
    expect(entry?.hasImageStreamTag).toBe(want);
  });

  it.each([
    { name: 'goes with the next write when there is none', gone: { tag: 'gone' }, want: undefined },
    {
      name: 'is no reason to write when there is none',
      gone: { tag: 'gone', items: [itemOf('2')] },
      want: true,
    },
  ])('$name for a tag of the spec', ({ gone, want }) => {
    const stream = streamWith([old], { lastImport: answered, ...marked }, [gone]);
    const { status } = fold(stream, { tagObjects: new Set(['gone']) });
    expect(status.tags?.find(({ tag }) => tag === 'old')?.hasImageStreamTag).toBe(want);
  });

  it('waits until all tags have one, where that is the only reason to write', () => {
    const stream = streamWith([], {}, [{ tag: 'other', items: [itemOf('2')] }]);
    const marks = (objects: string[]) =>
      fold(stream, { tagObjects: new Set(objects) }).status.tags?.map((entry) => entry.hasImageStreamTag);
    expect(marks(['old'])).toEqual([undefined, undefined]);
    expect(marks(['old', 'other'])).toEqual([true, true]);
  });

  it('is noted with the first image of a tag', () => {
    const stream = streamOf([old]);
    const outcome = {
      tag: 'old',
      attempt: attemptFor(stream, old as SourcedTag),
      kind: 'resolved' as const,
      image: itemOf('1').image,
      dockerImageReference: itemOf('1').dockerImageReference,
      digest: undefined,
    };
    expect(fold(stream, { tags: [outcome], tagObjects }).status.tags?.[0]?.hasImageStreamTag).toBe(true);
  });

  it('is noted for no tag without one, and for the others when there is something else to write', () => {
    const stream = streamWith([], {}, [{ tag: 'other', items: [itemOf('2')] }]);
    const marks = (edited: ImageStream): readonly string[] =>
      (fold(edited, { tagObjects }).status.tags ?? []).map(
        ({ tag, hasImageStreamTag }) => `${tag} ${hasImageStreamTag}`,
      );
    expect(marks(stream)).toEqual(['old undefined', 'other undefined']);
    const edited = { ...stream, metadata: { ...stream.metadata, generation: 9 } };
    expect(marks(edited)).toEqual(['old true', 'other undefined']);
  });

  it('is no transition', () => {
    expect(fold(streamWith([], {}), { tagObjects }).transitions).toEqual([]);
  });

  it('is not asked for while nobody looks after ImageStreamTags', () => {
    expect(fold(streamWith([], {})).status.tags?.[0]).not.toHaveProperty('hasImageStreamTag');
  });
});
