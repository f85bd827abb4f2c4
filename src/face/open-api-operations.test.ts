import { describe, expect, it } from 'vitest';
import { servedResources } from './discovery.ts';
import { operations } from './open-api-operations.ts';
import { requestInfoOf } from './request-info.ts';
import { patchTypes } from './sent-patch.ts';

const root = '/apis/image.openshift.io/v1';

/** What a request for an operation would be about. */
const infoOf = ({ path, method }: { readonly path: string; readonly method: string }) => {
  const asked = path.replace('{namespace}', 'team').replace('{name}', 'thing');
  return requestInfoOf(method.toUpperCase(), new URL(asked, 'https://face'));
};

describe('operations', () => {
  it('are all verbs of discovery, and no other', () => {
    const described = operations().map((operation) => {
      const { verb, resource, subresource } = infoOf(operation) ?? {};
      return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
    });
    const served = servedResources.flatMap(({ name, verbs, subresources = [] }) => [
      // A watch is a list with a parameter.
      ...verbs.filter((verb) => verb !== 'watch').map((verb) => `${verb} ${name}`),
      ...subresources.flatMap((sub) => sub.verbs.map((verb) => `${verb} ${name}/${sub.name}`)),
    ]);
    expect([...new Set(described)].sort()).toEqual(served.sort());
  });

  it('are each in the place where the resource is', () => {
    for (const operation of operations()) {
      const { resource, namespace, verb } = infoOf(operation) ?? {};
      const { namespaced } = servedResources.find(({ name }) => name === resource) ?? {};
      if (verb !== 'list') expect(namespace !== undefined).toBe(namespaced);
    }
    const lists = operations().filter(({ action }) => action === 'list');
    expect(lists.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        `${root}/imagestreams`,
        `${root}/namespaces/{namespace}/imagestreams`,
        `${root}/images`,
      ]),
    );
  });

  it('have names of their own', () => {
    const ids = operations().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('listImageOpenshiftIoV1ImageStreamForAllNamespaces');
    expect(ids).toContain('patchImageOpenshiftIoV1NamespacedImageStreamStatus');
  });

  it.each([
    {
      resource: 'pods',
      verbs: ['list'],
      want: [
        { action: 'list', path: `${root}/pods` },
        { action: 'list', path: `${root}/namespaces/{namespace}/pods` },
      ],
    },
    {
      resource: 'pods',
      verbs: ['delete', 'deletecollection'],
      want: [
        { action: 'deletecollection', path: `${root}/namespaces/{namespace}/pods`, answer: 'Status' },
        { action: 'delete', path: `${root}/namespaces/{namespace}/pods/{name}`, answer: 'Status' },
      ],
    },
    { resource: 'imagestreammappings', verbs: ['create'], want: [{ action: 'post', answer: 'Status' }] },
    {
      resource: 'imagestreams',
      verbs: [],
      subresources: [
        { name: 'layers', verbs: ['get'] },
        { name: 'secrets', verbs: ['get'] },
      ],
      want: [
        {
          path: `${root}/namespaces/{namespace}/imagestreams/{name}/layers`,
          kind: { group: 'image.openshift.io', version: 'v1', kind: 'ImageStreamLayers' },
          answer: 'ImageStreamLayers',
        },
        { kind: { group: '', version: 'v1', kind: 'SecretList' }, answer: undefined },
      ],
    },
  ])('of $verbs on $resource', ({ resource: name, want, ...more }) => {
    const resource = { name, singular: 'pod', kind: 'Pod', namespaced: true, ...more };
    expect(operations([resource])).toMatchObject(want);
  });

  it('take the patches that the handlers take', () => {
    const patches = operations().filter(({ action }) => action === 'patch');
    expect(patches.length).toBeGreaterThan(2);
    for (const { body } of patches) expect(body?.types).toEqual(patchTypes);
  });
});
