import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import type { TagEvent } from '../api/generated/image-stream.ts';
import { addTagEvent } from './tag-history.ts';

function event(
  reference: string,
  image: string,
  generation: number,
  created = '2026-01-01T00:00:00Z',
): TagEvent {
  return { created, dockerImageReference: reference, image, generation };
}

const [d1, d2] = [digest('1'), digest('2')];

describe('the collapse rules of the reference', () => {
  const old = event(`r/a@${d1}`, d1, 1);
  it.each([
    { name: 'the first event', items: [], added: old, want: [old] },
    {
      name: 'the same again',
      items: [old],
      added: event(`r/a@${d1}`, d1, 1, '2026-02-01T00:00:00Z'),
      want: [old],
    },
    {
      name: 'the same image of a newer generation: the item is renumbered and keeps its time',
      items: [old],
      added: event(`r/a@${d1}`, d1, 2, '2026-02-01T00:00:00Z'),
      want: [event(`r/a@${d1}`, d1, 2)],
    },
    {
      name: 'the same pull spec with another image: corrected in place',
      items: [old],
      added: event(`r/a@${d1}`, d2, 2),
      want: [event(`r/a@${d1}`, d2, 1)],
    },
    {
      name: 'the same image under another name: corrected in place',
      items: [old],
      added: event(`r/b@${d1}`, d1, 2, '2026-02-01T00:00:00Z'),
      want: [event(`r/b@${d1}`, d1, 1)],
    },
    {
      name: 'another image: a new item in front',
      items: [old],
      added: event(`r/a@${d2}`, d2, 2),
      want: [event(`r/a@${d2}`, d2, 2), old],
    },
    {
      name: 'back to an older image: an entry of its own',
      items: [event(`r/a@${d2}`, d2, 2), old],
      added: event(`r/a@${d1}`, d1, 3),
      want: [event(`r/a@${d1}`, d1, 3), event(`r/a@${d2}`, d2, 2), old],
    },
  ])('$name', ({ items, added, want }) => {
    expect(addTagEvent(items, added, 50)).toEqual(want);
  });
});

it('drops the oldest items beyond the limit', () => {
  const items = ['3', '2', '1'].map((digit) => event(`r/a@${digest(digit)}`, digest(digit), Number(digit)));
  const after = addTagEvent(items, event(`r/a@${digest('4')}`, digest('4'), 4), 3);
  expect(after.map(({ generation }) => generation)).toEqual([4, 3, 2]);
});
