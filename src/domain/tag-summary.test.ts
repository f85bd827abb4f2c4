import { expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import type { NamedTagEventList } from '../api/generated/image-stream.ts';
import { summarizeTags } from './tag-summary.ts';

function entry(tag: string, created?: string): NamedTagEventList {
  const item = { dockerImageReference: 'a', image: digest('a'), generation: 1 };
  return created === undefined ? { tag } : { tag, items: [{ ...item, created }] };
}

it.each([
  { name: 'nothing', tags: [], want: '' },
  { name: 'tags without an image are left out', tags: [entry('new')], want: '' },
  {
    name: 'newest first, then by name',
    tags: [
      entry('b', '2026-01-01T00:00:00Z'),
      entry('a', '2026-01-01T00:00:00Z'),
      entry('new', '2026-02-01T00:00:00Z'),
    ],
    want: 'new,a,b',
  },
  {
    name: 'about 40 characters, then a count',
    tags: ['alpha-release', 'beta-release', 'gamma-release', 'omega-release'].map((tag) =>
      entry(tag, '2026-01-01T00:00:00Z'),
    ),
    want: 'alpha-release,beta-release,gamma-release + 1 more...',
  },
  {
    name: 'at least one, however long',
    tags: [entry('x'.repeat(60), '2026-01-01T00:00:00Z'), entry('y', '2026-01-01T00:00:00Z')],
    want: `${'x'.repeat(60)} + 1 more...`,
  },
])('$name', ({ tags, want }) => {
  expect(summarizeTags(tags).text).toBe(want);
});

it('knows when a tag last got an image', () => {
  const tags = [entry('a', '2026-01-01T00:00:00Z'), entry('b', '2026-03-01T00:00:00Z')];
  expect(summarizeTags(tags).lastUpdated).toBe('2026-03-01T00:00:00Z');
});
