import { describe, expect, it } from 'vitest';
import { announced, foundByPoll, noPollingTrust, type PollingTrust, stretch } from './polling-trust.ts';

/** What can happen to the tags of a repository. */
const happenings = {
  announced: (trust: PollingTrust) => announced(trust, 5),
  missed: (trust: PollingTrust) => foundByPoll(trust, { changed: true, announcedBefore: false, at: 6 }),
  overtaken: (trust: PollingTrust) => foundByPoll(trust, { changed: true, announcedBefore: true, at: 7 }),
  unchanged: (trust: PollingTrust) => foundByPoll(trust, { changed: false, announcedBefore: false, at: 8 }),
  unfounded: (trust: PollingTrust) => foundByPoll(trust, { changed: false, announcedBefore: true, at: 9 }),
};

function after(names: readonly (keyof typeof happenings)[]): PollingTrust {
  return names.reduce((trust, name) => happenings[name](trust), noPollingTrust);
}

describe('the factor for the polling period', () => {
  it.each([
    { names: [], want: 1 },
    { names: ['announced'], want: 2 },
    { names: ['announced', 'announced'], want: 4 },
    { names: ['announced', 'announced', 'announced', 'announced'], want: 4 },
    { names: ['missed'], want: 1 },
    { names: ['announced', 'announced', 'announced', 'missed'], want: 1 },
    { names: ['announced', 'announced', 'missed', 'announced'], want: 2 },
    { names: ['unchanged', 'unchanged', 'unchanged'], want: 1 },
    { names: ['announced', 'announced', 'unchanged'], want: 4 },
    { names: ['unfounded', 'unfounded'], want: 1 },
    { names: ['announced', 'unfounded'], want: 2 },
    { names: ['overtaken'], want: 2 },
    { names: ['announced', 'overtaken'], want: 4 },
  ] as const)('is $want after $names', ({ names, want }) => {
    expect(stretch(after(names))).toBe(want);
  });
});

it('counts what was announced since the last miss, and all misses, with the time of the last change', () => {
  expect(after(['announced', 'announced', 'unchanged'])).toEqual({ announced: 2, missed: 0, changedAt: 5 });
  expect(after(['announced', 'missed', 'missed'])).toEqual({ announced: 0, missed: 2, changedAt: 6 });
  expect(after(['missed', 'overtaken'])).toEqual({ announced: 1, missed: 1, changedAt: 7 });
});

it('leaves the very same state when nothing changed, so that nobody has to keep a new one', () => {
  const trust = after(['announced']);
  expect(happenings.unchanged(trust)).toBe(trust);
  expect(happenings.unfounded(trust)).toBe(trust);
});
