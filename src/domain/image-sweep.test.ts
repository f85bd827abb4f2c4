import { array, assert, constantFrom, dictionary, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planSweep, reachableNames } from './image-sweep.ts';

describe('the images that histories reach', () => {
  const members = (indexes: Record<string, string[]>) => new Map(Object.entries(indexes));
  it.each<{ name: string; roots: string[]; indexes?: Record<string, string[]>; want: string[] }>([
    { name: 'are none without histories', roots: [], indexes: { i: ['a'] }, want: [] },
    { name: 'are those that they name', roots: ['a', 'b', 'a'], want: ['a', 'b'] },
    {
      name: 'are those of an index that they name',
      roots: ['i'],
      indexes: { i: ['a', 'b'] },
      want: ['i', 'a', 'b'],
    },
    {
      name: 'are not those of another index',
      roots: ['i'],
      indexes: { i: ['a'], j: ['b'] },
      want: ['i', 'a'],
    },
    {
      name: 'are those of indexes in indexes',
      roots: ['i'],
      indexes: { i: ['j'], j: ['k', 'a'], k: ['b'] },
      want: ['i', 'j', 'k', 'a', 'b'],
    },
    {
      name: 'are found also where indexes hold each other and themselves',
      roots: ['i'],
      indexes: { i: ['j', 'i'], j: ['i', 'a'] },
      want: ['i', 'j', 'a'],
    },
    {
      name: 'are those that two indexes share, once',
      roots: ['i', 'j'],
      indexes: { i: ['a'], j: ['a', 'b'] },
      want: ['i', 'j', 'a', 'b'],
    },
  ])('$name', ({ roots, indexes = {}, want }) => {
    expect([...reachableNames(roots, members(indexes))]).toEqual(want);
  });

  it('leave what is passed in as it is', () => {
    const roots = new Set(['i']);
    reachableNames(roots, members({ i: ['a'] }));
    expect([...roots]).toEqual(['i']);
  });

  it('hold all that is in an index that they hold, and only that', () => {
    const name = constantFrom<string[]>('a', 'b', 'c', 'd', 'e', 'f');
    assert(
      property(array(name), dictionary(name, array(name, { maxLength: 3 })), (roots, indexes) => {
        const reached = reachableNames(roots, members(indexes));
        for (const root of roots) expect(reached).toContain(root);
        for (const holder of reached)
          for (const held of indexes[holder] ?? []) expect(reached).toContain(held);
        const held = new Set([...reached].flatMap((holder) => indexes[holder] ?? []));
        for (const one of reached) expect(roots.includes(one) || held.has(one)).toBe(true);
      }),
    );
  });
});

describe('a pass of the sweep', () => {
  const graceMs = 3_600_000;
  const now = 100 * graceMs;
  const old = { name: 'a', resourceVersion: '1', createdAt: 0 };
  const since = (time: number) => new Map([['a', time]]);

  it.each([
    {
      name: 'an image that was reached a moment ago stays',
      image: old,
      before: new Map(),
      goes: false,
      want: now,
    },
    {
      name: 'an image stays within the grace period',
      image: old,
      before: since(now - graceMs + 1),
      goes: false,
      want: now - graceMs + 1,
    },
    {
      name: 'an image goes after it',
      image: old,
      before: since(now - graceMs),
      goes: true,
      want: now - graceMs,
    },
    {
      name: 'an image that is younger than that stays, whenever one of its name was unreached',
      image: { ...old, createdAt: now - graceMs + 1 },
      before: since(0),
      goes: false,
      want: 0,
    },
    {
      name: 'an image that is as old as that goes',
      image: { ...old, createdAt: now - graceMs },
      before: since(0),
      goes: true,
      want: 0,
    },
  ])('$name', ({ image, before, goes, want }) => {
    const plan = planSweep([image], before, { now, graceMs });
    expect(plan.garbage).toEqual(goes ? [image] : []);
    expect([...plan.unreachedSince]).toEqual([['a', want]]);
  });

  it('tells the images apart', () => {
    const images = ['a', 'b', 'c'].map((name) => ({ ...old, name }));
    const before = new Map([
      ['a', now - graceMs],
      ['b', now - 1],
      ['gone', 0],
    ]);
    const plan = planSweep(images, before, { now, graceMs });
    expect(plan.garbage.map(({ name }) => name)).toEqual(['a']);
    expect([...plan.unreachedSince]).toEqual([
      ['a', now - graceMs],
      ['b', now - 1],
      ['c', now],
    ]);
  });

  it('starts anew with an image that was reached meanwhile', () => {
    let found: ReadonlyMap<string, number> = new Map();
    const garbage: number[] = [];
    const half = graceMs / 2;
    for (const [i, unreached] of [[old], [old], [], [old], [old], [old]].entries()) {
      const plan = planSweep(unreached, found, { now: now + i * half, graceMs });
      found = plan.unreachedSince;
      garbage.push(plan.garbage.length);
    }
    expect(garbage).toEqual([0, 0, 0, 0, 0, 1]);
  });
});
