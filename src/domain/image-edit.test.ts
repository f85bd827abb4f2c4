import { describe, expect, it } from 'vitest';

import { imageEdit } from './image-edit.ts';
import { imageView } from './reference-views.ts';

const before = imageView({
  apiVersion: 'image.openshift.io/v1crd',
  kind: 'Image',
  metadata: {
    name: `sha256-${'a'.repeat(64)}`,
    uid: 'u',
    resourceVersion: '1',
    labels: { 'imagestream-operator/index': 'true', team: 'a' },
    annotations: { note: 'x' },
  },
  dockerImageReference: 'quay.io/a/b@sha256:1',
  dockerImageMetadata: { Id: 'sha256:2', Config: { Labels: { b: '1', a: '2' } } },
  dockerImageManifests: [],
});

const { metadata } = before;

describe('an edit of an Image', () => {
  it.each([
    { name: 'that changes nothing writes nothing', after: { ...before }, want: undefined },
    {
      name: 'may change and remove labels and annotations',
      after: {
        ...before,
        metadata: { ...metadata, labels: { ...metadata.labels, team: 'b' }, annotations: { more: 'y' } },
      },
      want: { labels: { team: 'b' }, annotations: { note: null, more: 'y' } },
    },
    {
      name: 'keeps the labels of the operator when all are removed',
      after: { ...before, metadata: { ...metadata, labels: null } },
      want: { labels: { team: null } },
    },
    {
      name: 'leaves what it does not name as it is',
      after: {
        metadata: { name: metadata.name, labels: metadata.labels, annotations: metadata.annotations },
      },
      want: undefined,
    },
    {
      name: 'may have the members of a map in another order, and lists that are null',
      after: {
        ...before,
        dockerImageMetadata: { Config: { Labels: { a: '2', b: '1' } }, Id: 'sha256:2' },
        dockerImageLayers: null,
      },
      want: undefined,
    },
    {
      name: 'may put a finalizer on it and, as the garbage collector does, take it away',
      after: { ...before, metadata: { ...metadata, finalizers: ['a/b'] } },
      want: { finalizers: ['a/b'] },
    },
  ])('$name', ({ after, want }) => {
    expect(imageEdit(before, after)).toEqual({ kind: 'edit', metadata: want });
  });

  it('that takes the last finalizer away says so', () => {
    const held = { ...before, metadata: { ...metadata, finalizers: ['foregroundDeletion'] } };
    const after = { ...before, metadata: { ...metadata, finalizers: null } };
    expect(imageEdit(held, after)).toEqual({ kind: 'edit', metadata: { finalizers: [] } });
  });

  it.each([
    {
      name: 'the pull spec',
      after: { ...before, dockerImageReference: 'evil.test/a@sha256:1' },
      field: 'dockerImageReference',
    },
    {
      name: 'the metadata of the image',
      after: { ...before, dockerImageMetadata: { Id: 'sha256:3' } },
      field: 'dockerImageMetadata',
    },
    {
      name: 'signatures',
      after: { ...before, signatures: [{ type: 'atomic' }] },
      field: 'signatures',
    },
    { name: 'unknown members', after: { ...before, spec: {} }, field: 'spec' },
    {
      name: 'owners',
      after: { ...before, metadata: { ...metadata, ownerReferences: [{ uid: 'x' }] } },
      field: 'metadata.ownerReferences',
    },
    {
      name: 'the value of a label of the operator',
      after: { ...before, metadata: { ...metadata, labels: { 'imagestream-operator/index': 'no' } } },
      field: 'metadata.labels[imagestream-operator/index]',
    },
    {
      name: 'an annotation of the operator that is not there',
      after: { ...before, metadata: { ...metadata, annotations: { 'imagestream-operator/omitted': 'Env' } } },
      field: 'metadata.annotations[imagestream-operator/omitted]',
    },
  ])('may not change $name', ({ after, field }) => {
    expect(imageEdit(before, after)).toMatchObject({ kind: 'refused', fault: { field } });
  });
});
