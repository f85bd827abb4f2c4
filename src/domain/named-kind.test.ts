import { expect, it } from 'vitest';
import { parseNamedKinds } from './named-kind.ts';

const rollouts = 'rollouts.v1alpha1.argoproj.io=spec.template.spec';

it.each([
  { text: '', want: [] },
  { text: ' , ', want: [] },
  {
    text: rollouts,
    want: [
      {
        resource: 'rollouts',
        version: 'v1alpha1',
        group: 'argoproj.io',
        path: 'spec.template.spec',
        isImage: false,
      },
    ],
  },
  {
    text: `services.v1.serving.knative.dev=spec.template.spec, ${rollouts}`,
    want: [
      {
        resource: 'services',
        version: 'v1',
        group: 'serving.knative.dev',
        path: 'spec.template.spec',
        isImage: false,
      },
      {
        resource: 'rollouts',
        version: 'v1alpha1',
        group: 'argoproj.io',
        path: 'spec.template.spec',
        isImage: false,
      },
    ],
  },
  {
    text: 'builds.v1alpha1.shipwright.io=spec.builder.image',
    want: [
      {
        resource: 'builds',
        version: 'v1alpha1',
        group: 'shipwright.io',
        path: 'spec.builder.image',
        isImage: true,
      },
    ],
  },
  {
    text: "builds.v1beta1.shipwright.io=spec.paramValues[?(@.name=='builder-image')].value",
    want: [
      {
        resource: 'builds',
        version: 'v1beta1',
        group: 'shipwright.io',
        path: 'spec.paramValues[?(@.name=="builder-image")].value',
        isImage: true,
      },
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
  'rollouts.v1.argoproj.io=spec[?(@.name=="a")].template.spec',
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
