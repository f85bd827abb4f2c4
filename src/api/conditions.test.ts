import { expect, it } from 'vitest';
import { maxMessageLength, setCondition } from './conditions.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const wanted = {
  type: 'Ready',
  status: 'True' as const,
  reason: 'Fine',
  message: 'all well',
  observedGeneration: 2,
};
const set = { ...wanted, lastTransitionTime: '2026-01-01T12:00:00Z' };

it.each([
  { name: 'is added', before: undefined, want: [set] },
  {
    name: 'keeps its time while its status stays',
    before: [{ ...set, reason: 'Old', lastTransitionTime: '2025-01-01T00:00:00Z' }],
    want: [{ ...set, lastTransitionTime: '2025-01-01T00:00:00Z' }],
  },
  {
    name: 'gets a new time with a new status',
    before: [{ ...set, status: 'False' as const, lastTransitionTime: '2025-01-01T00:00:00Z' }],
    want: [set],
  },
  {
    name: 'leaves the others where they are',
    before: [
      { ...set, type: 'A' },
      { ...set, status: 'Unknown' as const },
      { ...set, type: 'Z' },
    ],
    want: [{ ...set, type: 'A' }, set, { ...set, type: 'Z' }],
  },
])('a condition $name', ({ before, want }) => {
  expect(setCondition(before, wanted, now)).toEqual(want);
});

it('a message is cut to its limit', () => {
  const [condition] = setCondition([], { ...wanted, message: 'x'.repeat(10_000) }, now);
  expect(condition?.message).toHaveLength(maxMessageLength);
});
