import { describe, expect, it } from 'vitest';

import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { declaredTagOf, writersOf } from './declared-tag.ts';

const from = { kind: 'DockerImage', name: 'r.example/app:1' } as const;
const byGit = { manager: 'argocd', fieldsV1: { 'f:tag': {}, 'f:metadata': {} } };
const byOperator = { manager: 'imagestream-operator', fieldsV1: { 'f:tag': {}, 'f:image': {} } };

function object(
  more: Partial<ImageStreamTag>,
  managedFields: unknown = [byGit],
  name = 'web.git',
): ImageStreamTag {
  return {
    apiVersion: 'image.openshift.io/v1crd',
    kind: 'ImageStreamTag',
    tag: { from },
    ...more,
    metadata: { name, managedFields, ...more.metadata },
  };
}

describe('an ImageStreamTag', () => {
  it.each([
    { name: 'of an author', of: object({}), want: { name: 'git', from } },
    {
      name: 'that the operator has completed',
      of: object({}, [byGit, byOperator]),
      want: { name: 'git', from },
    },
    { name: 'of the operator', of: object({}, [byOperator]), want: undefined },
    { name: 'whose tag somebody has taken out', of: object({ tag: null }), want: undefined },
    { name: 'whose name stands for no tag', of: object({}, [byGit], 'web'), want: undefined },
    {
      name: 'with annotations of its own',
      of: object({ metadata: { name: 'web.git', managedFields: [byGit], annotations: { a: 'b' } } }),
      want: { name: 'git', from, annotations: { a: 'b' } },
    },
    {
      name: 'with annotations in its tag',
      of: object({ tag: { name: 'git', from, annotations: { c: 'd' } } }),
      want: { name: 'git', from, annotations: { c: 'd' } },
    },
  ])('$name declares $want', ({ of, want }) => {
    expect(declaredTagOf(of)).toEqual(want);
  });
});

it('tells the writers of an object apart', () => {
  expect(writersOf(undefined)).toEqual({ isDeclared: false, isKept: false, foreign: undefined });
  expect(writersOf([byOperator, { manager: 'x', fieldsV1: { 'f:image': {} } }])).toEqual({
    isDeclared: false,
    isKept: true,
    foreign: ['image'],
  });
});
