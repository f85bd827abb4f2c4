import { describe, expect, it } from 'vitest';

import { dockerTag, linkTag } from '../../test/support/builders.ts';
import type { FieldFault } from './field-fault.ts';
import {
  annotationFaults,
  streamFaults,
  streamNameFaults,
  tagFaults,
  tagNameFaults,
} from './stream-validation.ts';

const texts = (faults: readonly FieldFault[]): readonly string[] =>
  faults.map(({ field, message }) => `${field}: ${message}`);
const kinds = "valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'";

describe('a tag', () => {
  it.each([
    { name: 'without a source', tag: { name: 'x' }, faults: [] },
    { name: 'with a source of null', tag: { name: 'x', from: null }, faults: [] },
    { name: 'of an image', tag: dockerTag('x', 'quay.io/a/b:1'), faults: [] },
    {
      name: 'of another tag, with all that there is',
      tag: linkTag('x', 'web:y', {
        generation: 0,
        importPolicy: { importMode: 'PreserveOriginal', insecure: true },
        referencePolicy: { type: 'Local' },
      }),
      faults: [],
    },
    {
      name: 'without kind and name of its source',
      tag: { from: {} },
      faults: ['at.from.name: Required value', `at.from.kind: Required value: ${kinds}`],
    },
    {
      name: 'of another kind of source',
      tag: { from: { kind: 'Pod', name: 'a' } },
      faults: [`at.from.kind: Required value: ${kinds}`],
    },
    {
      name: 'of an image in upper case',
      tag: dockerTag('x', 'quay.io/A/b'),
      faults: ['at.from.name: Invalid value: "quay.io/A/b": repository name must be lowercase'],
    },
    {
      name: 'of what is no pull spec',
      tag: dockerTag('x', 'https://quay.io/a'),
      faults: ['at.from.name: Invalid value: "https://quay.io/a": invalid reference format'],
    },
    {
      name: 'of a short digest',
      tag: dockerTag('x', `quay.io/a@sha256:${'a'.repeat(32)}`),
      faults: [expect.stringMatching(/: invalid checksum digest length$/)],
    },
    {
      name: 'of a tag on a schedule',
      tag: linkTag('x', 'y', { importPolicy: { scheduled: true } }),
      faults: [
        'at.importPolicy.scheduled: Invalid value: true: only tags pointing to Docker repositories may be scheduled for background import',
      ],
    },
    {
      name: 'with another policy',
      tag: { referencePolicy: { type: 'Bar' } },
      faults: ['at.referencePolicy.type: Invalid value: "Bar": valid values are "Source", "Local"'],
    },
    {
      name: 'with another mode',
      tag: { importPolicy: { importMode: 'Bar' } },
      faults: [
        `at.importPolicy.importMode: Invalid value: "Bar": invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'`,
      ],
    },
    {
      name: 'with a generation below zero',
      tag: { generation: -1 },
      faults: ['at.generation: Invalid value: -1: must be between 0 and 9007199254740991, inclusive'],
    },
    {
      name: 'with a source of many words',
      tag: { from: { kind: 'ImageStreamTag', name: 'x'.repeat(1_025), namespace: 'x'.repeat(254) } },
      faults: [
        'at.from.name: Too long: may not be more than 1024 bytes',
        'at.from.namespace: Too long: may not be more than 253 bytes',
      ],
    },
    { name: 'that is none', tag: 'x', faults: [] },
  ])('$name has the faults $faults', ({ tag, faults }) => {
    expect(texts(tagFaults(tag, 'at'))).toEqual(faults);
  });

  it.each([
    { name: 'latest', count: 0 },
    { name: 'V1_beta', count: 0 },
    { name: '', count: 1 },
    { name: '.x', count: 1 },
    { name: 'a b', count: 1 },
    { name: 'x'.repeat(129), count: 1 },
    { name: undefined, count: 1 },
  ])('named $name has $count faults', ({ name, count }) => {
    expect(tagNameFaults(name, 'at')).toHaveLength(count);
  });
});

describe('the name of a stream', () => {
  it.each([
    { name: 'foo_bar-x.y', faults: [] },
    {
      name: 'Foo',
      faults: ['metadata.name: Invalid value: "Foo": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"'],
    },
    {
      name: 'foo--bar',
      faults: ['metadata.name: Invalid value: "foo--bar": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"'],
    },
    { name: 'a/b', faults: [`metadata.name: Invalid value: "a/b": may not contain '/'`] },
    { name: '..', faults: [`metadata.name: Invalid value: "..": may not be '..'`] },
    { name: '', faults: ['metadata.name: Required value: name or generateName is required'] },
  ])('$name has the faults $faults', ({ name, faults }) => {
    expect(texts(streamNameFaults('apps', name))).toEqual(faults);
  });

  it('has room for namespace and name in a pull spec', () => {
    expect(texts(streamNameFaults('n'.repeat(63), 'x'.repeat(191)))).toEqual([]);
    expect(texts(streamNameFaults('n'.repeat(63), 'x'.repeat(192)))).toEqual([
      expect.stringContaining("'namespace/name' cannot be longer than 255 characters"),
    ]);
  });
});

describe('annotations', () => {
  it.each([
    { annotations: undefined, count: 0 },
    { annotations: { a: 'b', 'example.com/A_b.c': '' }, count: 0 },
    { annotations: { 'a b': '', '/x': '', 'x/': '', 'a/b/c': '', ['x'.repeat(64)]: '' }, count: 5 },
    { annotations: { a: 'x'.repeat(262_144) }, count: 1 },
  ])('have $count faults', ({ annotations, count }) => {
    expect(annotationFaults(annotations)).toHaveLength(count);
  });
});

describe('a stream', () => {
  const named = (spec: unknown): unknown => ({ metadata: { namespace: 'apps', name: 'web' }, spec });

  it.each([
    { name: 'without a spec', spec: undefined, faults: [] },
    { name: 'with a repository', spec: { dockerImageRepository: 'quay.io/a/b' }, faults: [] },
    {
      name: 'with a tag in its repository',
      spec: { dockerImageRepository: 'quay.io/a/b:1' },
      faults: [
        'spec.dockerImageRepository: Invalid value: "quay.io/a/b:1": the repository name may not contain a tag',
      ],
    },
    {
      name: 'with a digest in its repository',
      spec: { dockerImageRepository: `quay.io/a/b@sha256:${'a'.repeat(64)}` },
      faults: [expect.stringMatching(/: the repository name may not contain an ID$/)],
    },
    {
      name: 'with faults in several tags',
      spec: { tags: [{ name: 'x', from: { kind: 'DockerImage', name: '' } }, { name: 'y z' }] },
      faults: [
        'spec.tags[x].from.name: Required value',
        expect.stringMatching(/^spec\.tags\[y z\]\.name: Invalid value: "y z": a tag is/),
      ],
    },
    {
      name: 'with a tag twice',
      spec: { tags: [{ name: 'x' }, { name: 'x' }] },
      faults: ['spec.tags[x]: Duplicate value: "x"'],
    },
    {
      name: 'with too many tags',
      spec: { tags: Array.from({ length: 1_001 }, () => ({ name: 'x' })) },
      faults: ['spec.tags: Too many: 1001: must have at most 1000 items'],
    },
    { name: 'of another shape', spec: { tags: 7, dockerImageRepository: [] }, faults: [] },
  ])('$name has the faults $faults', ({ spec, faults }) => {
    expect(texts(streamFaults(named(spec)))).toEqual(faults);
  });
});
