import {
  array,
  assert,
  constantFrom,
  oneof,
  property,
  record,
  shuffledSubarray,
  uniqueArray,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dockerTag, itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import type { NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { followLinks, type LinkEnd } from './tag-following.ts';

function has(tag: string, ...digits: string[]): NamedTagEventList {
  return { tag, items: digits.map((digit) => itemOf(digit)) };
}

function endsOf(tags: readonly TagReference[], entries: readonly NamedTagEventList[] = []) {
  return followLinks(streamOf(tags), new Map(entries.map((entry) => [entry.tag, entry])));
}

/** `b: has 1` for a tag that sees the image of this digit. */
function textOf(tag: string, end: LinkEnd): string {
  switch (end.kind) {
    case 'item':
      return `${tag}: has ${end.item.image.at(-1)}`;
    case 'nothing':
      return `${tag}: misses ${end.missing}`;
    case 'circle':
      return `${tag}: circle of ${end.tags.join(', ')}`;
  }
}

const a = dockerTag('a', 'r.example/app:1');

describe('a tag that follows', () => {
  it.each<{ name: string; tags: TagReference[]; entries?: NamedTagEventList[]; want: string[] }>([
    {
      name: 'another sees its image',
      tags: [a, linkTag('b', 'a')],
      entries: [has('a', '1')],
      want: ['b: has 1'],
    },
    {
      name: 'another by its full name sees its image',
      tags: [a, linkTag('b', 'web:a')],
      entries: [has('a', '1')],
      want: ['b: has 1'],
    },
    {
      name: 'another sees the newest of its images, not what it has itself',
      tags: [a, linkTag('b', 'a')],
      entries: [has('a', '2', '1'), has('b', '3')],
      want: ['b: has 2'],
    },
    {
      name: 'one that only the history knows sees its image',
      tags: [linkTag('b', 'a')],
      entries: [has('a', '1')],
      want: ['b: has 1'],
    },
    {
      name: 'one without a source sees what was pushed to it',
      tags: [{ name: 'a' }, linkTag('b', 'a')],
      entries: [has('a', '1')],
      want: ['b: has 1'],
    },
    {
      name: 'a chain sees its end, wherever it stands',
      tags: [linkTag('d', 'c'), linkTag('b', 'a'), a, linkTag('c', 'b')],
      entries: [has('a', '1'), has('b', '2'), has('c', '3')],
      want: ['d: has 1', 'b: has 1', 'c: has 1'],
    },
    {
      name: 'a chain whose end is gone sees what the last one has kept, which itself sees nothing',
      tags: [linkTag('c', 'b'), linkTag('b', 'a'), linkTag('d', 'c')],
      entries: [has('b', '2', '1'), has('d', '4')],
      want: ['c: has 2', 'b: misses a', 'd: has 2'],
    },
    {
      name: 'a chain without any image is told the end that is missing',
      tags: [linkTag('c', 'b'), linkTag('b', 'a')],
      entries: [{ tag: 'b' }, has('a')],
      want: ['c: misses a', 'b: misses a'],
    },
    { name: 'one that nobody knows misses it', tags: [linkTag('b', 'x')], want: ['b: misses x'] },
    {
      name: 'itself is a circle, whatever it has',
      tags: [linkTag('b', 'b')],
      entries: [has('b', '1')],
      want: ['b: circle of b'],
    },
    {
      name: 'one that follows it is a circle of both',
      tags: [linkTag('b', 'c'), linkTag('c', 'b')],
      entries: [has('b', '1')],
      want: ['b: circle of b, c', 'c: circle of c, b'],
    },
    {
      name: 'into a circle sees nothing and is no part of it',
      tags: [linkTag('e', 'd'), linkTag('d', 'b'), linkTag('b', 'c'), linkTag('c', 'b')],
      entries: [has('d', '1'), has('b', '2')],
      want: ['e: circle of b, c', 'd: circle of b, c', 'b: circle of b, c', 'c: circle of c, b'],
    },
    {
      name: 'nobody of its own stream is not looked at',
      tags: [
        a,
        linkTag('b', 'base:a'),
        { name: 'c', from: { kind: 'ImageStreamTag', name: 'web:a', namespace: 'shared' } },
        { name: 'd', from: { kind: 'ImageStreamImage', name: 'a' } },
        { name: 'e', from: null },
        linkTag('f', 'a:b:c'),
      ],
      entries: [has('a', '1')],
      want: [],
    },
  ])('$name', ({ tags, entries, want }) => {
    expect([...endsOf(tags, entries)].map(([tag, end]) => textOf(tag, end))).toEqual(want);
  });
});

describe('whatever follows whatever', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const tag = record({
    name: constantFrom(...names),
    from: oneof(
      record({ kind: constantFrom('ImageStreamTag' as const), name: constantFrom(...names, 'web:a', 'x') }),
      constantFrom({ kind: 'DockerImage' as const, name: 'r.example/app:1' }, null),
    ),
  });
  const tags = uniqueArray(tag, { selector: ({ name }) => name });
  const entries = uniqueArray(constantFrom(...names), { maxLength: 3 }).map((held) =>
    held.map((name, i) => has(name, String(i))),
  );

  it('the order of the tags does not matter', () => {
    const orders = tags.chain((all) =>
      array(shuffledSubarray(all, { minLength: all.length }), { minLength: 2, maxLength: 2 }),
    );
    assert(
      property(orders, entries, ([one = [], other = []], held) => {
        expect(Object.fromEntries(endsOf(one, held))).toEqual(Object.fromEntries(endsOf(other, held)));
      }),
    );
  });

  it('a tag sees what the one that it follows sees, else what that one has', () => {
    assert(
      property(tags, entries, (all, held) => {
        const ends = endsOf(all, held);
        for (const [name, end] of ends) {
          const target =
            all.find((candidate) => candidate.name === name)?.from?.name.replace('web:', '') ?? '';
          const [newest] = held.find((entry) => entry.tag === target)?.items ?? [];
          const next = ends.get(target);
          if (next === undefined || (next.kind === 'nothing' && newest !== undefined))
            expect(end).toEqual(
              newest === undefined ? { kind: 'nothing', missing: target } : { kind: 'item', item: newest },
            );
          else if (next.kind === 'circle') expect(end.kind).toBe('circle');
          else expect(end).toEqual(next);
        }
      }),
    );
  });
});
