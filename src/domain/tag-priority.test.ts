import { expect, it } from 'vitest';
import { byPriority } from './tag-priority.ts';

it.each([
  { name: 'the order of the reference', want: ['latest', '2.0', 'v1.2', '1.2.3', 'abc', 'zzz'] },
  { name: 'versions newest first', want: ['10.1', '9.12', '9.2', 'v1.0', '10.1.1', '10.1.0', '2.0.0'] },
  { name: 'without v first', want: ['1.2.3', 'v1.2.3'] },
  {
    name: 'releases before pre-releases',
    want: ['5.1', '5.1-rc.11', '5.1-rc.2', '5.1-rc', '5.1-beta', '5.1-1'],
  },
  { name: 'no version: by name', want: ['1', '1.2.3.4', '20260101', 'a', 'v', 'v1'] },
])('$name', ({ want }) => {
  expect(byPriority(want.toReversed())).toEqual(want);
  expect(byPriority(want.toSorted())).toEqual(want);
});
