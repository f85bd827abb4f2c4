import { describe, expect, it } from 'vitest';

import {
  differences,
  isPossible,
  type Observed,
  outcomeDifferences,
  writeDifferences,
} from './support/chaos/chaos-expectations.ts';
import { type Action, ChaosModel, type Entry, type StreamKey } from './support/chaos/chaos-model.ts';
import { containerImage } from './support/chaos/chaos-objects.ts';
import { makeScript, troubles } from './support/chaos/chaos-script.ts';

/** `a b? c`: what is marked may be missing. */
function entriesOf(text: string): readonly Entry[] {
  return text
    .split(' ')
    .filter(Boolean)
    .map((word) => ({ image: word.replace('?', ''), isCertain: !word.endsWith('?') }));
}

const textOf = (entries: readonly Entry[]): string =>
  entries.map(({ image, isCertain }) => `${image}${isCertain ? '' : '?'}`).join(' ');

const app: StreamKey = 'own/app';
const copy: StreamKey = 'shared/copy';

function modelOf(...actions: readonly Action[]): ChaosModel {
  const model = new ChaosModel();
  for (const action of actions) model.apply(action);
  return model;
}

const push = (ref: string, image: string): Action => ({ kind: 'push', ref, image });
const settle = (...streams: readonly StreamKey[]): Action => ({ kind: 'settle', streams });
const follow = (tag: string): Action => ({
  kind: 'set tag',
  stream: app,
  tag: 'alias',
  source: { kind: 'link', tag },
  request: false,
});
const begin: readonly Action[] = [
  push('r/1', 'a0'),
  push('r/2', 'b0'),
  {
    kind: 'create stream',
    stream: app,
    tags: {
      1: { kind: 'registry', ref: 'r/1' },
      2: { kind: 'registry', ref: 'r/2' },
      alias: { kind: 'link', tag: '1' },
    },
  },
];

describe('a history', () => {
  it.each([
    { name: 'may hold all that is possible', entries: 'a b? c', history: 'a b c', want: true },
    { name: 'may lack what is not certain', entries: 'a b? c', history: 'a c', want: true },
    { name: 'must not lack what is certain', entries: 'a b c', history: 'a c', want: false },
    { name: 'must not lack the first', entries: 'a b', history: 'b', want: false },
    { name: 'must not lack the last', entries: 'a b', history: 'a', want: false },
    { name: 'must not hold an image twice in a row', entries: 'a b c', history: 'a b b c', want: false },
    { name: 'must not hold an image again later', entries: 'a b c', history: 'a b a c', want: false },
    { name: 'must keep the order', entries: 'a b? c? d', history: 'a c b d', want: false },
    { name: 'must not hold what never was', entries: 'a b', history: 'a x b', want: false },
    { name: 'may come back to an image', entries: 'a b a', history: 'a b a', want: true },
    {
      name: 'has one entry when what was in between went unseen',
      entries: 'a b? a',
      history: 'a',
      want: true,
    },
    { name: 'has no entry twice for that', entries: 'a b? a', history: 'a a', want: false },
    { name: 'is empty when nothing is certain', entries: 'a?', history: '', want: true },
    { name: 'of nothing is empty', entries: '', history: 'a', want: false },
  ])('$name', ({ entries, history, want }) => {
    expect(isPossible(entriesOf(entries), history.split(' ').filter(Boolean))).toBe(want);
  });
});

describe('the model', () => {
  it.each<{ name: string; actions: readonly Action[]; tag: [StreamKey, string]; want: string }>([
    {
      name: 'knows an image that nobody waited for as possible',
      actions: begin,
      tag: [app, '1'],
      want: 'a0?',
    },
    {
      name: 'is certain of what was waited for',
      actions: [...begin, settle(app)],
      tag: [app, '1'],
      want: 'a0',
    },
    {
      name: 'lets a following tag have each image of its source',
      actions: [...begin, push('r/1', 'a1'), settle(app)],
      tag: [app, 'alias'],
      want: 'a0? a1',
    },
    {
      name: 'lets a tag that begins to follow have what its source may still have',
      actions: [...begin, settle(app), push('r/2', 'b1'), follow('2')],
      tag: [app, 'alias'],
      want: 'a0 b0? b1?',
    },
    {
      name: 'lets a tag that follows another one now have nothing more of the former',
      actions: [...begin, follow('2'), push('r/1', 'a1')],
      tag: [app, 'alias'],
      want: 'a0? b0?',
    },
    {
      name: 'gives a copy what its source gets until the copy was waited for',
      actions: [
        ...begin,
        settle(app),
        { kind: 'create stream', stream: copy, tags: { c: { kind: 'copy', stream: app, tag: '1' } } },
        push('r/1', 'a1'),
        settle(app),
        settle(copy),
        push('r/1', 'a2'),
      ],
      tag: [copy, 'c'],
      want: 'a0? a1',
    },
    {
      name: 'gives a copy nothing without leave',
      actions: [
        ...begin,
        settle(app),
        { kind: 'create stream', stream: 'stranger/c', tags: { c: { kind: 'copy', stream: app, tag: '1' } } },
      ],
      tag: ['stranger/c', 'c'],
      want: '',
    },
    {
      name: 'begins anew with a stream that is created again',
      actions: [
        ...begin,
        settle(app),
        { kind: 'delete stream', stream: app },
        push('r/1', 'a1'),
        ...begin.slice(2),
      ],
      tag: [app, '1'],
      want: 'a1?',
    },
  ])('$name', ({ actions, tag: [stream, tag], want }) => {
    expect(textOf(modelOf(...actions).tag(stream, tag).entries)).toBe(want);
  });

  it('lets a workload have each image of its tag, and none without leave', () => {
    const workload = { kind: 'Deployment', stream: app, tag: '1' } as const;
    const workloads = [
      { ...workload, role: 'own', name: 'mine' },
      { ...workload, role: 'stranger', name: 'theirs' },
    ] as const;
    const model = modelOf(...begin, { kind: 'add workloads', workloads }, push('r/1', 'a1'));
    expect(model.workloads.get('mine')?.images).toEqual(['a0', 'a1']);
    expect(model.workloads.get('theirs')?.images).toEqual([]);
  });
});

describe('writes to a workload', () => {
  const images = ['a', 'b', 'c'];
  it.each([
    { name: 'may be one a move', heard: ['a', 'b', 'c'], changes: 3, want: [] },
    { name: 'may leave a move out', heard: ['a', 'c'], changes: 2, want: [] },
    { name: 'must not be two a move', heard: ['a', 'a'], changes: 2, want: [/twice or out of order/] },
    { name: 'must not go back', heard: ['b', 'a'], changes: 2, want: [/twice or out of order/] },
    { name: 'must change something', heard: ['a', 'b'], changes: 1, want: [/2 writes, but only 1 changes/] },
    { name: 'may have been made unheard', heard: ['a'], unheard: 1, changes: 2, want: [] },
    { name: 'must all be known', heard: ['a'], changes: 2, want: [/2 changes, but only 1 writes/] },
    {
      name: 'may be unknown when the API server was killed',
      heard: ['a'],
      changes: 2,
      wasKilled: true,
      want: [],
    },
    {
      name: 'are no more than the moves',
      heard: ['a', 'b', 'c'],
      unheard: 1,
      changes: 4,
      want: [/for 3 moves/],
    },
    { name: 'of a Job are counted by what was created', heard: ['a', 'b'], changes: undefined, want: [] },
  ])('$name', ({ heard, unheard = 0, changes, wasKilled = false, want }) => {
    const found = writeDifferences('web', images, { heard, unheard, changes, wasKilled });
    expect(found).toEqual(want.map((text) => expect.stringMatching(text)));
  });
});

describe('a world', () => {
  const model = modelOf(...begin, settle(app));
  const tag = (
    image: string,
  ): Observed['streams'] extends ReadonlyMap<StreamKey, ReadonlyMap<string, infer T>> ? T : never => ({
    history: [image],
    problem: undefined,
  });
  const object = (image: string): { image: string; hasTag: boolean; belongsTo: 'its stream' } => ({
    image,
    hasTag: true,
    belongsTo: 'its stream',
  });
  const tags = new Map([
    ['1', tag('a0')],
    ['2', tag('b0')],
    ['alias', tag('a0')],
  ]);
  const whole: Observed = {
    streams: new Map([[app, tags]]),
    tagObjects: new Map([
      [`${app}:1`, object('a0')],
      [`${app}:2`, object('b0')],
      [`${app}:alias`, object('a0')],
    ]),
    workloads: new Map(),
    images: new Set(['a0', 'b0']),
    leftovers: [],
  };

  it('that is as it should be differs in nothing', () => {
    expect(differences(model, whole)).toEqual([]);
  });

  it.each<{ name: string; change: Partial<Observed>; want: RegExp }>([
    {
      name: 'without an Image',
      change: { images: new Set(['b0']) },
      want: /tag own\/app:1: there is no Image of a0/,
    },
    { name: 'with something left over', change: { leftovers: ['a Job'] }, want: /left over: a Job/ },
    { name: 'without the stream', change: { streams: new Map() }, want: /stream own\/app: not there/ },
    {
      name: 'with a tag that lost its history',
      change: { streams: new Map([[app, new Map([...tags, ['1', { history: [], problem: undefined }]])]]) },
      want: /tag own\/app:1: the history is \[\], not \[a0\]/,
    },
    {
      name: 'with a tag that is too many',
      change: { streams: new Map([[app, new Map([...tags, ['3', tag('x')]])]]) },
      want: /tag of own\/app 3: is too many/,
    },
    {
      name: 'with a failed import',
      change: { streams: new Map([[app, new Map([...tags, ['2', { ...tag('b0'), problem: 'no' }]])]]) },
      want: /tag own\/app:2: no/,
    },
    {
      name: 'with an ImageStreamTag that is behind',
      change: { tagObjects: new Map([...whole.tagObjects, [`${app}:1`, object('x')]]) },
      want: /ImageStreamTag own\/app:1: shows x, not a0/,
    },
    {
      name: 'with an ImageStreamTag of a stream that is gone',
      change: {
        tagObjects: new Map([
          ...whole.tagObjects,
          [`${app}:1`, { ...object('a0'), belongsTo: 'another one' }],
        ]),
      },
      want: /ImageStreamTag own\/app:1: belongs to a stream that is gone/,
    },
    {
      name: 'with a workload that is too many',
      change: { workloads: new Map([['web', { image: 'a0', changes: 1 }]]) },
      want: /workload web: is too many/,
    },
  ])('$name is told of', ({ change, want }) => {
    expect(differences(model, { ...whole, ...change })).toContainEqual(expect.stringMatching(want));
  });

  it('has to come to the same as the undisturbed one', () => {
    expect(outcomeDifferences({ a: 'x', b: 'y' }, { a: 'x', b: 'z' })).toEqual(['b: z, undisturbed it is y']);
  });
});

describe('a script', () => {
  const options = { rounds: 104, apps: 2, fanOut: 3, checkEvery: 10 };

  it('is the same one for the same seed, and another one for another', () => {
    expect(makeScript({ ...options, seed: 5 })).toEqual(makeScript({ ...options, seed: 5 }));
    expect(makeScript({ ...options, seed: 5 })).not.toEqual(makeScript({ ...options, seed: 6 }));
  });

  it('has each trouble, all sorts of actions, and a check at its end', () => {
    const { setup, rounds } = makeScript({ ...options, seed: 8 });
    expect(new Set(rounds.map(({ trouble }) => trouble))).toEqual(new Set(troubles));
    const kinds = new Set([...setup, ...rounds.flatMap(({ actions }) => actions)].map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual([
      'add workloads',
      'create stream',
      'declare',
      'delete stream',
      'delete tag object',
      'drop tag',
      'push',
      'remove workload',
      'request',
      'set tag',
      'settle',
      'undeclare',
    ]);
    expect(rounds.map(({ isChecked }, i) => (isChecked ? i + 1 : 0)).filter(Boolean)).toEqual([
      10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 104,
    ]);
  });
});

it('the image of a workload is found in the object and in a patch of it', () => {
  const pod = { spec: { containers: [{ name: 'main', image: 'a' }] } };
  expect(containerImage({ spec: { template: pod } })).toBe('a');
  expect(containerImage({ spec: { jobTemplate: { spec: { template: pod } } } })).toBe('a');
  expect(containerImage({ metadata: {}, spec: {} })).toBeUndefined();
});
