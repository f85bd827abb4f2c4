import { describe, expect, it } from 'vitest';
import { digest, workloadOf } from '../../test/support/builders.ts';
import { planTriggers, type ResolveTag, triggerSources } from './trigger-plan.ts';

const image = `r.example/app@${digest('a')}`;
const from = { kind: 'ImageStreamTag', name: 'web:latest' };
const resolve: ResolveTag = ({ stream, tag }) => (stream === 'web' && tag === 'latest' ? image : undefined);

function trigger(path: string, more: object = {}): object {
  return { from, fieldPath: `spec.template.spec.${path}.image`, ...more };
}

describe('moves', () => {
  const containers = [
    { name: 'web', image: ' ' },
    { name: 'side', image: 'side:1' },
  ];
  const initContainers = [{ name: 'init', image: 'init:1' }];
  it.each([
    {
      name: 'a container by name',
      triggers: [trigger('containers[?(@.name=="web")]')],
      want: ['containers/web'],
    },
    { name: 'a container by index', triggers: [trigger('containers[1]')], want: ['containers/side'] },
    {
      name: 'an init container by index',
      triggers: [trigger('initContainers[0]')],
      want: ['initContainers/init'],
    },
    {
      name: 'an init container by name, whatever the path says',
      triggers: [trigger('containers[?(@.name=="init")]')],
      want: ['initContainers/init'],
    },
    {
      name: 'several at once',
      triggers: [trigger('containers[0]'), trigger('containers[1]')],
      want: ['containers/web', 'containers/side'],
    },
    {
      name: 'one container once',
      triggers: [trigger('containers[0]'), trigger('containers[?(@.name=="web")]')],
      want: ['containers/web'],
    },
    { name: 'none for a paused trigger', triggers: [trigger('containers[0]', { paused: true })], want: [] },
    {
      name: 'none while the tag has no image',
      triggers: [trigger('containers[0]', { from: { ...from, name: 'web:next' } })],
      want: [],
    },
  ])('$name', ({ triggers, want }) => {
    const plan = planTriggers(workloadOf(triggers, { containers, initContainers }), resolve);
    expect(plan.problems).toEqual([]);
    expect(plan.moves.map((move) => `${move.list}/${move.container}`)).toEqual(want);
    for (const move of plan.moves) expect(move.to).toBe(image);
  });

  it('is nothing when the container has the image already', () => {
    const plan = planTriggers(
      workloadOf([trigger('containers[0]')], { containers: [{ name: 'web', image }] }),
      resolve,
    );
    expect(plan).toEqual({
      mode: 'digest',
      moves: [],
      problems: [],
      waiting: [],
      resolved: new Map([['apps/web:latest', image]]),
      postponed: [],
    });
  });
});

it('names a container that does not exist and lets the other triggers act', () => {
  const plan = planTriggers(
    workloadOf([trigger('containers[?(@.name=="gone")]'), trigger('containers[0]')]),
    resolve,
  );
  expect(plan.problems).toEqual([
    'no such container: spec.template.spec.containers[?(@.name=="gone")].image',
  ]);
  expect(plan.moves).toHaveLength(1);
});

it('says which tags have no image', () => {
  const next = { ...from, name: 'web:next' };
  const { moves, waiting } = planTriggers(
    workloadOf([trigger('containers[0]', { from: next }), trigger('initContainers[0]')], {
      initContainers: [{ name: 'init', image: ' ' }],
    }),
    resolve,
  );
  expect(moves.map(({ container }) => container)).toEqual(['init']);
  expect(waiting).toEqual([{ namespace: 'apps', stream: 'web', tag: 'next' }]);
});

describe('the mode', () => {
  const plan = (more: object) => planTriggers(workloadOf([trigger('containers[0]')], more), resolve);

  it.each([undefined, 'digest', 'annotate', 'report'])('%s moves what is due', (mode) => {
    const { moves, problems, ...rest } = plan({ mode });
    expect(rest.mode).toBe(mode ?? 'digest');
    expect(problems).toEqual([]);
    expect(moves.map(({ to }) => to)).toEqual([image]);
  });

  it.each(['', 'Digest', 'anotate'])('"%s" is a problem, and nothing moves', (mode) => {
    const { moves, problems } = plan({ mode });
    expect(moves).toEqual([]);
    expect(problems).toEqual([
      `imagestream-operator/mode must be digest, annotate or report, not "${mode}": no image moves`,
    ]);
  });

  it.each([
    { name: 'nothing yet', templateImages: undefined, from: '' },
    { name: 'another image', templateImages: '{"web":"old"}', from: 'old' },
    { name: 'nonsense', templateImages: '[{"web"', from: '' },
    { name: 'no text', templateImages: '{"web":7}', from: '' },
    { name: 'the image', templateImages: JSON.stringify({ web: image }), from: undefined },
  ])('annotate looks at the template, not at the image: $name', ({ templateImages, from: before }) => {
    const containers = [{ name: 'web', image }];
    const { moves } = plan({ mode: 'annotate', templateImages, containers });
    expect(moves.map((move) => move.from)).toEqual(before === undefined ? [] : [before]);
  });
});

it('lists the sources of all triggers, paused ones too', () => {
  const sources = triggerSources(workloadOf([trigger('containers[0]', { paused: true })]));
  expect(sources).toEqual([{ namespace: 'apps', stream: 'web', tag: 'latest' }]);
});
