import { expect, it } from 'vitest';
import { parseNamedKinds } from './named-kind.ts';

const rollouts = 'rollouts.v1alpha1.argoproj.io=spec.template.spec';

it.each([
  { text: '', want: [] },
  { text: ' , ', want: [] },
  {
    text: rollouts,
    want: [
      { resource: 'rollouts', version: 'v1alpha1', group: 'argoproj.io', podSpecPath: 'spec.template.spec' },
    ],
  },
  {
    text: `services.v1.serving.knative.dev=spec.template.spec, ${rollouts}`,
    want: [
      {
        resource: 'services',
        version: 'v1',
        group: 'serving.knative.dev',
        podSpecPath: 'spec.template.spec',
      },
      { resource: 'rollouts', version: 'v1alpha1', group: 'argoproj.io', podSpecPath: 'spec.template.spec' },
    ],
  },
])('reads "$text"', ({ text, want }) => {
  expect(parseNamedKinds(text)).toEqual(want);
});

it.each([
  'rollouts.v1alpha1.argoproj.io',
  'rollouts.argoproj.io=spec',
  'rollouts.v1.group=spec',
  'Rollouts.v1.argoproj.io=spec',
  'rollouts.v1.argoproj.io=',
  'rollouts.v1.argoproj.io=.spec',
  'rollouts.v1.argoproj.io=spec..x',
  'rollouts.v1.argoproj.io=spec[0]',
  'rollouts/x.v1.argoproj.io=spec',
  '../../secrets.v1.argoproj.io=spec',
])('refuses %s', (text) => {
  expect(() => parseNamedKinds(text)).toThrow('is not of the form resource.version.group=path');
});

it('refuses one twice, and too many', () => {
  expect(() => parseNamedKinds(`${rollouts},${rollouts}`)).toThrow('rollouts.argoproj.io is there twice');
  const many = Array.from({ length: 21 }, (_, i) => `r${i}.v1.example.com=spec`).join();
  expect(() => parseNamedKinds(many)).toThrow('more than 20 kinds');
});
