import { describe, expect, it } from 'vitest';
import { canonicalImagePath, imageAt } from './image-path.ts';

describe('a path', () => {
  it.each([
    { text: 'spec.builder.image', want: 'spec.builder.image' },
    { text: '$.spec.image', want: 'spec.image' },
    { text: '.spec.image', want: 'spec.image' },
    {
      text: "spec.params[?( @.name == 'a.b' )].value",
      want: 'spec.params[?(@.name=="a.b")].value',
    },
    { text: 'spec.params[0].value', want: undefined },
    { text: 'spec..image', want: undefined },
    { text: 'spec.params[?(@.name=="a)].value', want: undefined },
    { text: 'spec.params[?(@.other=="a")].value', want: undefined },
    { text: 'spec/image', want: undefined },
    { text: '', want: undefined },
    { text: '['.repeat(10_000), want: undefined },
  ])('$text', ({ text, want }) => {
    expect(canonicalImagePath(text)).toBe(want);
  });
});

describe('an image', () => {
  const object = {
    spec: {
      image: 'a',
      params: [7, { name: 'x', value: 'b' }, { name: 'y.z', value: 'c' }, { name: 'n', value: 1 }],
    },
  };

  it.each([
    { path: 'spec.image', want: { pointer: '/spec/image', image: 'a' } },
    { path: 'spec.params[?(@.name=="x")].value', want: { pointer: '/spec/params/1/value', image: 'b' } },
    { path: 'spec.params[?(@.name=="y.z")].value', want: { pointer: '/spec/params/2/value', image: 'c' } },
    { path: 'spec.params[?(@.name=="n")].value', want: undefined },
    { path: 'spec.params[?(@.name=="none")].value', want: undefined },
    { path: 'spec.image[?(@.name=="x")].value', want: undefined },
    { path: 'spec.none.image', want: undefined },
    { path: 'spec', want: undefined },
  ])('at $path', ({ path, want }) => {
    expect(imageAt(object, path)).toEqual(want);
  });
});
