import { describe, expect, it } from 'vitest';
import { itemOf } from '../../test/support/builders.ts';
import type { NamedTagEventList } from '../api/generated/image-stream.ts';
import { isSameMessage, transitionsOf } from './tag-transition.ts';

const tag = 'latest';

/** A tag that fails with a message. */
function failing(message: string | undefined, reason = 'NotFound'): NamedTagEventList {
  const condition = { type: 'ImportSuccess', status: 'False' as const, generation: 1, reason };
  return {
    tag,
    items: [itemOf('a')],
    conditions: [{ ...condition, ...(message === undefined ? {} : { message }) }],
  };
}

const working: NamedTagEventList = { tag, items: [itemOf('a')] };
const [a, b] = [itemOf('a').dockerImageReference, itemOf('b').dockerImageReference];
const cut = `${'m'.repeat(511)}…`;

describe('people hear of a tag', () => {
  it.each<{ name: string; before: NamedTagEventList; after: NamedTagEventList; want: object[] }>([
    {
      name: 'that got its first image',
      before: { tag },
      after: working,
      want: [{ kind: 'moved', tag, from: undefined, to: a }],
    },
    {
      name: 'that got another image',
      before: working,
      after: { tag, items: [itemOf('b'), itemOf('a')] },
      want: [{ kind: 'moved', tag, from: a, to: b }],
    },
    {
      name: 'whose pull spec was corrected',
      before: working,
      after: { tag, items: [itemOf('a', { dockerImageReference: 'r.example/b' })] },
      want: [{ kind: 'moved', tag, from: a, to: 'r.example/b' }],
    },
    {
      name: 'that fails',
      before: working,
      after: failing('no'),
      want: [{ kind: 'failed', tag, reason: 'NotFound', message: 'no' }],
    },
    {
      name: 'that fails in another way',
      before: failing('no'),
      after: failing('not again', 'InternalError'),
      want: [{ kind: 'failed', tag, reason: 'InternalError', message: 'not again' }],
    },
    { name: 'that works again', before: failing('no'), after: working, want: [{ kind: 'recovered', tag }] },
    {
      name: 'that works again with another image, of both',
      before: failing('no'),
      after: { tag, items: [itemOf('b'), itemOf('a')] },
      want: [
        { kind: 'moved', tag, from: a, to: b },
        { kind: 'recovered', tag },
      ],
    },
  ])('$name', ({ before, after, want }) => {
    expect(transitionsOf(before, after)).toEqual(want);
  });

  it.each<{ name: string; before: NamedTagEventList; after: NamedTagEventList }>([
    { name: 'has the same image', before: working, after: working },
    {
      name: 'has its image from a new generation',
      before: working,
      after: { tag, items: [itemOf('a', { generation: 9 })] },
    },
    { name: 'has nothing', before: { tag }, after: { tag, lastImport: { failures: 1 } } },
    { name: 'fails as before', before: failing('no'), after: failing('no') },
    {
      name: 'fails as before, though that was shortened to find room',
      before: failing(cut),
      after: failing('m'.repeat(2_000)),
    },
  ])('not when it $name', ({ before, after }) => {
    expect(transitionsOf(before, after)).toEqual([]);
  });
});

it.each([
  { name: 'itself', stored: 'no', message: 'no', want: true },
  { name: 'one of which it is the beginning', stored: cut, message: `${'m'.repeat(511)}nn`, want: true },
  { name: 'one that goes on behind it, when nothing was cut', stored: 'no', message: 'not', want: false },
  { name: 'one that begins otherwise', stored: cut, message: 'n'.repeat(2_000), want: false },
  { name: 'any when there was none', stored: undefined, message: 'no', want: false },
  { name: 'an empty one when there was none', stored: undefined, message: '', want: false },
])('a stored message is or is not $name', ({ stored, message, want }) => {
  expect(isSameMessage(stored, message)).toBe(want);
});
