import { expect, it } from 'vitest';
import { isStreamName } from './stream-name.ts';

it.each(['web', 'a', '1', 'foo_bar-x.y', 'a'.repeat(253)])('%s is a name', (name) => {
  expect(isStreamName(name)).toBe(true);
});

it.each(['', '.', '..', 'a/status', 'a%2Fb', 'Foo', 'foo--bar', '-a', 'a.', 'a b', 'a\n', 'a'.repeat(254)])(
  '%j is none',
  (name) => {
    expect(isStreamName(name)).toBe(false);
  },
);
