import { describe, expect, it } from 'vitest';

import { dockerTag, linkTag } from '../../test/support/builders.ts';
import { changedTags } from './tag-change.ts';

describe('a tag of a spec', () => {
  const before = linkTag('x', 'web:y', { generation: 3 });

  it.each([
    { name: 'that is new', before: [], after: before, isChanged: true },
    { name: 'that is the same', before: [before], after: before, isChanged: false },
    { name: 'without a source', before: [before], after: { name: 'x' }, isChanged: false },
    { name: 'that is new and without a source', before: [], after: { name: 'x' }, isChanged: false },
    { name: 'that had no source', before: [{ name: 'x' }], after: before, isChanged: true },
    { name: 'of another name', before: [before], after: linkTag('x', 'web:z'), isChanged: true },
    { name: 'of another kind', before: [before], after: dockerTag('x', 'web:y'), isChanged: true },
    {
      name: 'of another namespace',
      before: [before],
      after: { ...before, from: { kind: 'ImageStreamTag', name: 'web:y', namespace: 'other' } } as const,
      isChanged: true,
    },
    {
      name: 'of its own namespace, spelled out',
      before: [before],
      after: { ...before, from: { kind: 'ImageStreamTag', name: 'web:y', namespace: 'apps' } } as const,
      isChanged: false,
    },
    {
      name: 'that is a reference now',
      before: [before],
      after: { ...before, reference: true },
      isChanged: true,
    },
    {
      name: 'that keeps another form',
      before: [before],
      after: { ...before, importPolicy: { importMode: 'PreserveOriginal' } } as const,
      isChanged: true,
    },
    {
      name: 'that is to be imported again',
      before: [before],
      after: { ...before, generation: 0 },
      isChanged: true,
    },
    { name: 'with another count', before: [before], after: { ...before, generation: 9 }, isChanged: false },
    {
      name: 'with other annotations, policy and schedule',
      before: [before],
      after: {
        ...before,
        annotations: { a: 'b' },
        referencePolicy: { type: 'Local' },
        importPolicy: { scheduled: true, insecure: true, importMode: '' },
      } as const,
      isChanged: false,
    },
  ])('$name is changed: $isChanged', ({ before: known, after, isChanged }) => {
    expect(changedTags(known, [after], 'apps')).toEqual(isChanged ? [after] : []);
  });
});
