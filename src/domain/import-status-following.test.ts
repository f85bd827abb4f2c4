import {
  assert,
  constant,
  constantFrom,
  integer,
  oneof,
  property,
  record,
  subarray,
  tuple,
  uniqueArray,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { attemptFor, type SourcedTag, sourcedTags } from './import-attempt.ts';
import type { TagOutcome } from './import-outcome.ts';
import { type FoldInput, foldOutcomes } from './import-status.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const later = now + 3_600_000;
const settings = { historyLimit: 3, retry: { baseMs: 30_000, maxMs: 900_000 }, localRegistry: undefined };
const latest = dockerTag('latest', 'r.example/app:1');

/** What an import of a tag brought: the image whose digest is one digit repeated, or nothing. */
function outcomeOf(stream: ImageStream, tag: string, digit: string | undefined): TagOutcome {
  const wish = sourcedTags(stream).find(({ name }) => name === tag);
  if (wish === undefined) throw new Error(`the stream asks for no ${tag}`);
  const common = { tag, attempt: attemptFor(stream, wish) };
  if (digit === undefined) return { ...common, kind: 'failed', failure: { code: 'timeout', detail: 'slow' } };
  const image = digest(digit);
  return {
    ...common,
    kind: 'resolved',
    image,
    dockerImageReference: `r.example/app@${image}`,
    digest: image,
  };
}

function fold(stream: ImageStream, input: Partial<FoldInput> = {}, time = now) {
  const folded = foldOutcomes(stream, { tags: [], ...input }, time, settings);
  return { ...folded, stream: { ...stream, status: folded.status } };
}

function imported(stream: ImageStream, digit: string | undefined, time = now) {
  return fold(stream, { tags: [outcomeOf(stream, 'latest', digit)] }, time);
}

/** The last digit of each image of a tag, newest first. */
function imagesOf({ status }: ImageStream, tag: string): string {
  const items = status?.tags?.find((entry) => entry.tag === tag)?.items ?? [];
  return items.map(({ image }) => image.at(-1)).join(' ');
}

function entryOf({ status }: ImageStream, tag: string) {
  return status?.tags?.find((entry) => entry.tag === tag);
}

describe('a tag that follows another', () => {
  const links = [linkTag('c', 'b'), linkTag('b', 'latest'), latest];

  it('has the image in the same fold that its source has it in, through a chain too', () => {
    const { stream, transitions } = imported(streamOf(links), '1');
    const items = [itemOf('1', { created: '2026-01-01T12:00:00Z' })];
    for (const tag of ['latest', 'b', 'c']) expect(entryOf(stream, tag)?.items).toEqual(items);
    const moved = ['latest', 'b', 'c'].map((tag) => expect.objectContaining({ kind: 'moved', tag }));
    expect(transitions).toHaveLength(3);
    expect(transitions).toEqual(expect.arrayContaining(moved));
    expect(stream.status?.conditions).toMatchObject([
      { type: 'Ready', status: 'True', message: '3 tags are up to date' },
    ]);
  });

  it('goes back with its source by an entry of its own', () => {
    let stream: ImageStream = streamOf(links);
    for (const digit of ['1', '2', '1']) ({ stream } = imported(stream, digit));
    expect([imagesOf(stream, 'latest'), imagesOf(stream, 'c')]).toEqual(['1 2 1', '1 2 1']);
  });

  it('gets what its source has from before, though that fails now', () => {
    const { stream } = imported(imported(streamOf([latest]), '1').stream, undefined, later);
    const { stream: linked } = fold(
      { ...stream, spec: { tags: [latest, linkTag('b', 'latest')] } },
      {},
      later,
    );
    expect(imagesOf(linked, 'b')).toBe('1');
    expect(entryOf(linked, 'b')).not.toHaveProperty('conditions');
    expect(entryOf(linked, 'latest')).toHaveProperty('conditions');
  });

  it('waits for a source that has nothing yet, and takes it when it comes', () => {
    const { stream, transitions } = imported(streamOf(links), undefined);
    const missing =
      'imagestreamtag.image.openshift.io "web:latest" not found; it is followed as soon as it has an image';
    expect(entryOf(stream, 'c')?.conditions).toMatchObject([{ reason: 'NotFound', message: missing }]);
    expect(transitions).toMatchObject([{ kind: 'failed' }, { kind: 'failed' }, { kind: 'failed' }]);
    const after = imported(stream, '1', later);
    expect(imagesOf(after.stream, 'c')).toBe('1');
    expect(after.transitions).toContainEqual({ kind: 'recovered', tag: 'c' });
  });

  it('says nothing while its source is being imported', () => {
    const { stream, transitions } = fold(streamOf(links));
    expect(stream.status).not.toHaveProperty('tags');
    expect(transitions).toEqual([]);
    expect(stream.status?.conditions?.[0]?.message).toBe('waiting for the import of c, b, latest');
  });

  it('says nothing new while its source is being imported from elsewhere', () => {
    const { stream } = imported(streamOf(links), undefined);
    const elsewhere = {
      ...stream,
      spec: { tags: [...links.slice(0, 2), dockerTag('latest', 'r.example/app:2')] },
    };
    const after = fold(elsewhere, {}, later);
    expect(entryOf(after.stream, 'b')).toBe(entryOf(stream, 'b'));
    expect(imagesOf(imported(after.stream, '2', later).stream, 'c')).toBe('2');
  });

  it('keeps what it has when its source is taken out of the stream with all it had', () => {
    const withLink = [{ name: 'pushed' }, linkTag('b', 'pushed'), linkTag('c', 'b')];
    const before = streamOf(withLink, [{ tag: 'pushed', items: [itemOf('1')], hasImageStreamTag: true }]);
    const { stream } = fold(before, { tagObjects: new Set(['pushed', 'b', 'c']) });
    const without = { ...stream, spec: { tags: withLink.slice(1) } };
    const { stream: after } = fold(without, { tagObjects: new Set(['b', 'c']) }, later);
    expect(after.status?.tags?.map(({ tag }) => tag)).toEqual(['b', 'c']);
    expect(entryOf(after, 'b')).toMatchObject({ items: [itemOf('1')], conditions: [{ reason: 'NotFound' }] });
    // It still sees what the one that it follows has kept.
    expect(entryOf(after, 'c')).not.toHaveProperty('conditions');
  });

  it('counts what stands in its way once, not at every look', () => {
    const stream = streamOf([linkTag('b', 'x'), linkTag('c', 'd'), linkTag('d', 'c')]);
    const first = fold(stream);
    const second = fold(first.stream, {}, later);
    expect(second.status).toEqual(first.status);
    expect(second.transitions).toEqual([]);
    expect(first.status.tags?.map(({ tag, lastImport }) => `${tag} ${lastImport?.failures}`)).toEqual([
      'b 1',
      'c 1',
      'd 1',
    ]);
  });

  it('is mended by an edit that opens the circle', () => {
    const { stream } = fold(streamOf([latest, linkTag('b', 'c'), linkTag('c', 'b')]));
    const mended = { ...stream, spec: { tags: [latest, linkTag('b', 'latest'), linkTag('c', 'b')] } };
    const { stream: after } = imported(mended, '1', later);
    expect([imagesOf(after, 'b'), imagesOf(after, 'c')]).toEqual(['1', '1']);
    expect(after.status?.conditions).toMatchObject([{ type: 'Ready', status: 'True' }]);
  });
});

describe('whatever a stream asks for and whatever came of it', () => {
  const names = ['a', 'b', 'c'];
  const source = oneof(
    constantFrom(...names, 'web:a', 'x', 'a:b:c', 'base:1').map((name) => ({
      kind: 'ImageStreamTag' as const,
      name,
    })),
    constantFrom('r.example/app:1', 'r.example/app:2').map((name) => ({
      kind: 'DockerImage' as const,
      name,
    })),
    constant({ kind: 'ImageStreamImage' as const, name: digest('1') }),
    constant(null),
  );
  const tags = uniqueArray(
    record<TagReference>({ name: constantFrom(...names), from: source }, { requiredKeys: ['name'] }),
    { selector: ({ name }) => name },
  );
  const annotations = constantFrom(
    {},
    { [importRequestedAnnotation]: 'monday' },
    { [importRequestedAnnotation]: 'tuesday' },
  );
  const step = record({
    tags,
    annotations,
    digits: uniqueArray(tuple(constantFrom(...names), constantFrom('1', '2', undefined)), {
      selector: ([tag]) => tag,
    }),
    objects: oneof(
      constant(undefined),
      subarray(names).map((held) => new Set(held)),
    ),
    generation: integer({ min: 1, max: 3 }),
  });

  /** The stream with another wish, after what its imports brought. */
  function take(
    before: ImageStream,
    { tags: wish, annotations: notes, digits, objects, generation }: StepOf,
  ) {
    const stream: ImageStream = {
      ...before,
      metadata: { ...before.metadata, generation, annotations: notes },
      spec: { tags: [...wish] },
    };
    const wanted = new Set(sourcedTags(stream).map(({ name }) => name));
    const outcomes = digits
      .filter(([tag]) => wanted.has(tag) && !isLink(wish, tag))
      .map(([tag, digit]) => outcomeOf(stream, tag, digit));
    return fold(stream, { tags: outcomes, tagObjects: objects });
  }

  it('a second look finds nothing new', () => {
    assert(
      property(tuple(step, step, step), (steps) => {
        let stream = streamOf([]);
        for (const next of steps) {
          ({ stream } = take(stream, next));
          const again = fold(stream, { tagObjects: next.objects }, later);
          expect(again.status).toEqual(stream.status);
          expect(again.transitions).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('a tag that follows has the newest image of the one that it follows, or a condition', () => {
    assert(
      property(tuple(step, step), (steps) => {
        let stream = streamOf([]);
        for (const next of steps) ({ stream } = take(stream, next));
        const { tags: wish } = stream.spec ?? {};
        for (const tag of sourcedTags(stream)) if (isLink(wish ?? [], tag.name)) expectFollowed(stream, tag);
      }),
      { numRuns: 500 },
    );
  });

  function expectFollowed(stream: ImageStream, { name, from }: SourcedTag): void {
    const followed = from.name.replace('web:', '');
    const [own, target] = [entryOf(stream, name), entryOf(stream, followed)];
    // Nothing is said while the other one is being imported.
    if (target === undefined && sourcedTags(stream).some((tag) => tag.name === followed)) return;
    if (target === undefined) expect(own?.conditions).toHaveLength(1);
    // What is wrong with a source is not what is wrong with those that follow it.
    if (target?.conditions !== undefined || target?.items === undefined) return;
    expect(own?.conditions).toBeUndefined();
    expect(own?.items?.[0]?.image).toBe(target.items[0]?.image);
  }

  function isLink(wish: readonly TagReference[], tag: string): boolean {
    const from = wish.find(({ name }) => name === tag)?.from;
    return from?.kind === 'ImageStreamTag' && [...names, 'web:a', 'x'].includes(from.name);
  }
});

interface StepOf {
  readonly tags: readonly TagReference[];
  readonly annotations: Record<string, string>;
  readonly digits: readonly (readonly [string, string | undefined])[];
  readonly objects: ReadonlySet<string> | undefined;
  readonly generation: number;
}
