import { expect, it } from 'vitest';
import { isStreamName, streamNameFaults } from './stream-name.ts';

it.each(['web', 'a', '1', 'foo_bar-x.y', 'a'.repeat(253)])('%s is a name', (name) => {
  expect(isStreamName(name)).toBe(true);
});

it.each(['', '.', '..', 'a/status', 'a%2Fb', 'Foo', 'foo--bar', '-a', 'a.', 'a b', 'a\n', 'a'.repeat(254)])(
  '%j is none',
  (name) => {
    expect(isStreamName(name)).toBe(false);
  },
);

it.each([
  { name: '', message: 'Required value: name or generateName is required' },
  { name: '..', message: `Invalid value: "..": may not be '..'` },
  { name: 'foo/bar', message: `Invalid value: "foo/bar": may not contain '/'` },
  { name: 'Foo', message: 'Invalid value: "Foo": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"' },
])('$name is refused with: $message', ({ name, message }) => {
  expect(streamNameFaults(name)).toEqual([{ field: 'metadata.name', message }]);
});
