import { describe, expect, it } from 'vitest';

import { storedImageName, storedImageSelector, withDigests } from './stored-image-name.ts';

const hex = 'a'.repeat(64);

describe('a field selector of Images', () => {
  it.each([
    {
      name: 'names the stored object of a digest',
      selector: `metadata.name=sha256:${hex}`,
      want: `metadata.name=sha256-${hex}`,
    },
    {
      name: 'may have two equals signs',
      selector: `metadata.name==sha256:${hex}`,
      want: `metadata.name==sha256-${hex}`,
    },
    {
      name: 'may leave an image out',
      selector: `metadata.name!=sha256:${hex}`,
      want: `metadata.name!=sha256-${hex}`,
    },
    {
      name: 'may have blanks',
      selector: ` metadata.name = sha256:${hex} `,
      want: ` metadata.name = sha256-${hex} `,
    },
    {
      name: 'may have several terms',
      selector: `metadata.name!=sha256:${hex},metadata.name!=sha256:${'b'.repeat(64)}`,
      want: `metadata.name!=sha256-${hex},metadata.name!=sha256-${'b'.repeat(64)}`,
    },
    {
      name: 'may name the stored object itself',
      selector: `metadata.name=sha256-${hex}`,
      want: `metadata.name=sha256-${hex}`,
    },
    { name: 'may name what is no image', selector: 'metadata.name=x', want: 'metadata.name=x' },
    { name: 'may ask for other fields, which is not ours to judge', selector: 'spec.x=1', want: 'spec.x=1' },
    { name: 'may be empty', selector: '', want: '' },
  ])('$name', ({ selector, want }) => {
    expect(storedImageSelector(selector)).toBe(want);
  });
});

it('a message names images by their digests', () => {
  expect(
    withDigests(`images.image.openshift.io "sha256-${hex}" not found, nor sha256-x or sha256-${hex}0`),
  ).toBe(`images.image.openshift.io "sha256:${hex}" not found, nor sha256-x or sha256-${hex}0`);
});

describe('the name of a stored Image', () => {
  it.each([
    { name: 'follows from a digest', from: `sha256:${hex}`, want: `sha256-${hex}` },
    { name: 'is its own', from: `sha256-${hex}`, want: `sha256-${hex}` },
    { name: 'follows from no beginning of a digest', from: 'sha256:aaaa', want: undefined },
    { name: 'is no path', from: `sha256-${hex}/status`, want: undefined },
  ])('$name', ({ from, want }) => {
    expect(storedImageName(from)).toBe(want);
  });
});
