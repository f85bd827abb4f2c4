import { expect, it } from 'vitest';
import { formOf } from './negotiation.ts';

it.each([
  { accept: undefined, want: 'object' },
  { accept: '', want: 'object' },
  { accept: '*/*', want: 'object' },
  { accept: 'application/json', want: 'object' },
  { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json', want: 'table' },
  { accept: 'application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json', want: 'object' },
  { accept: 'application/json; as=PartialObjectMetadataList; g=meta.k8s.io; v=v1', want: 'metadata' },
  { accept: 'application/vnd.kubernetes.protobuf,application/json', want: 'object' },
])('$accept is $want', ({ accept, want }) => {
  expect(formOf(accept)).toBe(want);
});

it.each(['application/vnd.kubernetes.protobuf', 'text/html', 'application/json;as=Thing'])(
  '%s cannot be given',
  (accept) => {
    expect(() => formOf(accept)).toThrow('only the following media types are accepted: application/json');
  },
);
