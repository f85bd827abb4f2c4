import { describe, expect, it } from 'vitest';
import { servedResources } from './discovery.ts';
import { kindSchemas } from './kind-schemas.ts';
import { openApiV2, openApiV3 } from './open-api-documents.ts';

const ours = 'com.github.openshift.api.image.v1';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const versions = [
  { version: '3', document: openApiV3(), place: ['components', 'schemas'], prefix: '#/components/schemas/' },
  { version: '2', document: openApiV2(), place: ['definitions'], prefix: '#/definitions/' },
];

/** All values of a key, at any depth. */
function all(key: string, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === key ? [member, ...all(key, member)] : all(key, member),
  );
}

describe.each(versions)('OpenAPI v$version', ({ document, place, prefix }) => {
  const schemas = place.reduce<unknown>(
    (at, name) => (at as Record<string, unknown>)[name],
    document,
  ) as Record<string, object>;

  it('refers to what it has', () => {
    const references = new Set(all('$ref', document));
    expect(references.size).toBeGreaterThan(20);
    for (const reference of references)
      expect(schemas).toHaveProperty([String(reference).slice(prefix.length)]);
    for (const reference of references) expect(String(reference).startsWith(prefix)).toBe(true);
  });

  it('has each kind of discovery, with its list', () => {
    for (const { kind, verbs } of servedResources) {
      const names = verbs.includes('list') ? [kind, `${kind}List`] : [kind];
      for (const name of names)
        expect(schemas[`${ours}.${name}`]).toMatchObject({
          'x-kubernetes-group-version-kind': [{ group: 'image.openshift.io', version: 'v1', kind: name }],
          properties: { apiVersion: {}, kind: {}, metadata: {} },
        });
    }
  });

  it('says by which names the lists of a stream are merged', () => {
    const merged = (key: string) => ({
      'x-kubernetes-patch-merge-key': key,
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': [key],
    });
    expect(schemas).toMatchObject({
      [`${ours}.ImageStreamSpec`]: { properties: { tags: merged('name') } },
      [`${ours}.ImageStreamStatus`]: { properties: { tags: merged('tag') } },
      [`${meta}.ObjectMeta`]: {
        properties: {
          ownerReferences: merged('uid'),
          finalizers: { 'x-kubernetes-patch-strategy': 'merge' },
        },
      },
    });
  });

  it('describes every field', () => {
    for (const [name, { properties = {} }] of Object.entries(kindSchemas))
      for (const [field, { description = '' }] of Object.entries(properties))
        expect(`${name}.${field}: ${description}`).toMatch(/: .{3}/);
  });

  it('has no rules of the custom resources', () => {
    expect(all('x-kubernetes-validations', document)).toEqual([]);
  });
});

it('a field that is of another schema says so with its own description, in the way of each version', () => {
  const description = 'How it is imported from its registry.';
  const name = `${ours}.ImageImportSpec`;
  expect(openApiV3()).toMatchObject({
    components: {
      schemas: {
        [name]: {
          properties: {
            importPolicy: {
              description,
              allOf: [{ $ref: `#/components/schemas/${ours}.TagImportPolicy` }],
            },
          },
        },
      },
    },
  });
  const importPolicy = { description, $ref: `#/definitions/${ours}.TagImportPolicy` };
  expect(openApiV2()).toMatchObject({ definitions: { [name]: { properties: { importPolicy } } } });
});

it('a description that is that of the other schema is there once in version 3', () => {
  const { components } = openApiV3() as { components: { schemas: Record<string, { properties: object }> } };
  expect(components.schemas[`${ours}.TagReference`]?.properties).toHaveProperty('referencePolicy', {
    $ref: `#/components/schemas/${ours}.TagReferencePolicy`,
  });
  expect(components.schemas[`${ours}.ImageStreamList`]?.properties).toHaveProperty('items.items', {
    $ref: `#/components/schemas/${ours}.ImageStream`,
  });
});

it('version 2 has nothing that only version 3 knows', () => {
  for (const key of ['nullable', 'allOf', 'requestBody', 'content'])
    expect(all(key, openApiV2())).toEqual([]);
  expect(all('nullable', openApiV3())).not.toEqual([]);
});
