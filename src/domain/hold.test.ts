import { expect, it } from 'vitest';
import { parseTime } from '../api/time.ts';
import { holdAt } from './hold.ts';

const now = parseTime('2026-11-25T12:00:00Z') ?? 0;
const forEver = { until: undefined };

it.each([
  { text: undefined, want: undefined },
  { text: 'false', want: undefined },
  { text: ' False ', want: undefined },
  { text: '', want: forEver },
  { text: 'true', want: forEver },
  { text: 'until Anna is back', want: forEver },
  { text: '2026', want: forEver },
  { text: '1', want: forEver },
  { text: '2026-11-25', want: forEver },
  { text: '2026-13-45T99:00:00Z', want: forEver },
  { text: '2026-11-25T12:00:01Z', want: { until: now + 1_000 } },
  { text: ' 2026-11-25T14:00:01+02:00 ', want: { until: now + 1_000 } },
  { text: '2026-11-25T12:00:00.5Z', want: { until: now + 500 } },
  { text: '2026-11-25T12:00:00Z', want: undefined },
  { text: '2025-01-01T00:00:00Z', want: undefined },
])('$text', ({ text, want }) => {
  expect(holdAt(text, now)).toEqual(want);
});
