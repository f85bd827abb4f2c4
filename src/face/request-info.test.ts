import { expect, it } from 'vitest';
import { requestInfoOf, selectedName } from './request-info.ts';

const root = '/apis/image.openshift.io/v1';

it.each([
  { method: 'GET', path: '/imagestreams', want: { verb: 'list', resource: 'imagestreams' } },
  { method: 'HEAD', path: '/imagestreams', want: { verb: 'list', resource: 'imagestreams' } },
  { method: 'GET', path: '/imagestreams?watch=true', want: { verb: 'watch', resource: 'imagestreams' } },
  { method: 'GET', path: '/imagestreams?watch=False', want: { verb: 'list', resource: 'imagestreams' } },
  { method: 'GET', path: '/imagestreams?watch=0', want: { verb: 'list', resource: 'imagestreams' } },
  {
    method: 'GET',
    path: '/namespaces/a/imagestreamtags/web:1',
    want: { verb: 'get', namespace: 'a', resource: 'imagestreamtags', name: 'web:1' },
  },
  {
    method: 'GET',
    path: '/namespaces/a/imagestreamimages/web@sha256%3A1?watch=true',
    want: { verb: 'get', namespace: 'a', resource: 'imagestreamimages', name: 'web@sha256:1' },
  },
  {
    method: 'PATCH',
    path: '/namespaces/a/imagestreams/web/status',
    want: { verb: 'patch', namespace: 'a', resource: 'imagestreams', name: 'web', subresource: 'status' },
  },
  {
    method: 'POST',
    path: '/namespaces/a/imagestreams',
    want: { verb: 'create', namespace: 'a', resource: 'imagestreams' },
  },
  {
    method: 'DELETE',
    path: '/namespaces/a/imagestreams',
    want: { verb: 'deletecollection', namespace: 'a' },
  },
  {
    method: 'DELETE',
    path: '/images/sha256:1',
    want: { verb: 'delete', resource: 'images', name: 'sha256:1' },
  },
])('$method $path', ({ method, path, want }) => {
  expect(requestInfoOf(method, new URL(`https://x${root}${path}`))).toMatchObject(want);
});

it.each([
  { method: 'GET', path: root },
  { method: 'GET', path: `${root}/` },
  { method: 'GET', path: '/apis/apps/v1/deployments' },
  { method: 'GET', path: `${root}/namespaces/a/imagestreams//status` },
  { method: 'GET', path: `${root}/namespaces/a/imagestreams/web/status/more` },
  { method: 'GET', path: `${root}/namespaces/a/imagestreams/%zz` },
  { method: 'PUT', path: `${root}/namespaces/a/imagestreams` },
  { method: 'HEAD', path: `${root}/imagestreams?watch=true` },
  { method: 'POST', path: `${root}/namespaces/a/imagestreams/web` },
  { method: 'GET', path: `${root}/images/${'x'.repeat(600)}` },
  { method: 'GET', path: `${root}/images/%2e%2e` },
  { method: 'GET', path: `${root}/namespaces/a/imagestreams/b%2Fc` },
  { method: 'GET', path: `${root}/namespaces/a%252Fb/imagestreams/c` },
  { method: 'TRACE', path: `${root}/imagestreams` },
])('$method $path is nothing that is served', ({ method, path }) => {
  expect(requestInfoOf(method, new URL(`https://x${path}`))).toBeUndefined();
});

it.each([
  { query: 'fieldSelector=metadata.name%3Dweb', want: 'web' },
  { query: 'fieldSelector=metadata.name%3D%3Dweb:1', want: 'web:1' },
  { query: 'fieldSelector=metadata.name!%3Dweb', want: undefined },
  { query: 'fieldSelector=metadata.name%3Dweb,metadata.namespace%3Da', want: undefined },
  { query: 'fieldSelector=status.x%3Dweb', want: undefined },
  { query: '', want: undefined },
])('the name that ?$query asks for', ({ query, want }) => {
  expect(selectedName({ verb: 'watch' }, new URL(`https://x/?${query}`))).toBe(want);
});

it('a creation has no name, whatever its selector says', () => {
  expect(
    selectedName({ verb: 'create' }, new URL('https://x/?fieldSelector=metadata.name%3Dweb')),
  ).toBeUndefined();
});
