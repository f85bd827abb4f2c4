import { describe, expect, it } from 'vitest';
import { streamShapeProblem } from './stream-shape.ts';

describe('What is sent as a stream', () => {
  it.each([
    ['no spec', undefined],
    ['an empty spec, as YAML has it', null],
    ['no tags', { tags: null }],
    [
      'a tag whose source has no name',
      { tags: [{ name: 'a', from: { kind: 'ImageStreamTag', name: null } }] },
    ],
    ['fields that there are not', { tags: [{ name: 'a', other: 1 }], other: 1 }],
  ])('may have %s', (_what, spec) => {
    expect(streamShapeProblem({ spec })).toBeUndefined();
  });

  it.each([
    ['text', 'string into Go struct field ImageStream.spec of type v1.ImageStreamSpec'],
    [{ tags: 'a' }, 'string into Go struct field ImageStreamSpec.spec.tags of type []v1.TagReference'],
    [{ tags: { a: 1 } }, 'object into Go struct field ImageStreamSpec.spec.tags of type []v1.TagReference'],
    [{ tags: ['a'] }, 'string into Go struct field ImageStreamSpec.spec.tags of type object'],
    [{ tags: [null] }, 'null into Go struct field ImageStreamSpec.spec.tags of type object'],
    [
      { tags: [{ name: 'a', from: { kind: 'ImageStreamTag', name: 5 } }] },
      'number into Go struct field ImageStreamSpec.spec.tags.from.name of type string',
    ],
    [
      { tags: [{ name: 'a', from: { kind: 'ImageStreamTag', name: ['a:b'] } }] },
      'array into Go struct field ImageStreamSpec.spec.tags.from.name of type string',
    ],
  ])('is none with the spec %j', (spec, problem) => {
    expect(streamShapeProblem({ spec })).toBe(`json: cannot unmarshal ${problem}`);
  });
});
