// An upgrade keeps what there is: the definitions of the last release (test/fixtures/released) against those of now.
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { read, root } from './support/documents.ts';
import { incompatibilities, type ObjectSchema } from './support/schema-compatibility.ts';

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: {
      readonly kind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames?: readonly string[];
      readonly categories?: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly subresources?: object;
      readonly schema: { readonly openAPIV3Schema: ObjectSchema };
    }[];
  };
}

/**
 * Changes of the definitions that take something away and that somebody decided about, as this test words them. Empty again after the
 * release that has them.
 */
const decided: readonly string[] = [];

const released = globSync('test/fixtures/released/*.yaml', { cwd: root }).map((path) => basename(path));

describe('the definitions of the last release', () => {
  it('are three, and there are no fewer now', () => {
    expect(released.toSorted()).toEqual(['images.yaml', 'imagestreams.yaml', 'imagestreamtags.yaml']);
  });

  it.each(released)('%s: every object that was taken is taken, every field is kept', (file) => {
    const before = load(read(`test/fixtures/released/${file}`)) as Definition;
    const now = load(read(`crds/${file}`)) as Definition;
    expect(faultsOf(before, now).filter((fault) => !decided.includes(fault))).toEqual([]);
  });
});

describe('the comparison', () => {
  const field: ObjectSchema = { type: 'string', maxLength: 10 };

  it.each<{ name: string; before: ObjectSchema; now: ObjectSchema; fault: string }>([
    {
      name: 'a field that went',
      before: object({ a: field }),
      now: object({}),
      fault: '.a: the field is gone',
    },
    { name: 'another type', before: field, now: { type: 'integer' }, fault: ': type changed' },
    {
      name: 'a field that is required now',
      before: object({ a: field }),
      now: { ...object({ a: field }), required: ['a'] },
      fault: ': a is required now',
    },
    { name: 'a shorter text', before: field, now: { ...field, maxLength: 9 }, fault: ': maxLength is 9 now' },
    {
      name: 'a bound where there was none',
      before: { type: 'array' },
      now: { type: 'array', maxItems: 5 },
      fault: ': maxItems is 5 now',
    },
    {
      name: 'a greater least',
      before: { type: 'integer', minimum: 0 },
      now: { type: 'integer', minimum: 1 },
      fault: ': minimum is 1 now',
    },
    {
      name: 'a value that went',
      before: { ...field, enum: ['a', 'b'] },
      now: { ...field, enum: ['a'] },
      fault: ': the value "b" is gone',
    },
    {
      name: 'a list of values where all were taken',
      before: field,
      now: { ...field, enum: ['a'] },
      fault: ': only some values are taken now',
    },
    {
      name: 'a pattern',
      before: field,
      now: { ...field, pattern: '^a$' },
      fault: ': pattern restricts what was free',
    },
    {
      name: 'a rule',
      before: field,
      now: { ...field, 'x-kubernetes-validations': [{ rule: 'self != ""' }] },
      fault: ': there is a rule that was not there: self != ""',
    },
    {
      name: 'null that is not taken any more',
      before: { ...field, nullable: true },
      now: field,
      fault: ': nullable is gone',
    },
    {
      name: 'unknown fields that are dropped now',
      before: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      now: object({}),
      fault: ': x-kubernetes-preserve-unknown-fields is gone',
    },
    {
      name: 'another way to merge a list',
      before: { type: 'array', 'x-kubernetes-list-type': 'map' },
      now: { type: 'array' },
      fault: ': x-kubernetes-list-type changed',
    },
    { name: 'a default', before: field, now: { ...field, default: 'a' }, fault: ': default changed' },
    {
      name: 'something within a list',
      before: { type: 'array', items: field },
      now: { type: 'array', items: { ...field, maxLength: 1 } },
      fault: '[]: maxLength is 1 now',
    },
    {
      name: 'something within a map',
      before: { type: 'object', additionalProperties: field },
      now: { type: 'object' },
      fault: '{}: is gone',
    },
  ])('finds $name', ({ before, now, fault }) => {
    expect(incompatibilities(before, now, 'x')).toEqual([`x${fault}`]);
    expect(incompatibilities(before, before, 'x')).toEqual([]);
  });

  it.each<{ name: string; now: ObjectSchema }>([
    { name: 'a new field', now: object({ a: field, b: field }) },
    { name: 'a longer text', now: object({ a: { ...field, maxLength: 11 } }) },
    { name: 'no bound any more', now: object({ a: { type: 'string' } }) },
    { name: 'null', now: object({ a: { ...field, nullable: true } }) },
    { name: 'a description', now: { ...object({ a: field }), description: 'what it is' } },
  ])('lets $name be', ({ now }) => {
    expect(incompatibilities(object({ a: field }), now, 'x')).toEqual([]);
  });

  it.each<{ name: string; change: (spec: Definition['spec']) => object; fault: string }>([
    {
      name: 'a version that went',
      change: ({ versions }) => ({ versions: versions.slice(1) }),
      fault: 'v1: is not served any more',
    },
    {
      name: 'a version that is not served',
      change: ({ versions }) => ({ versions: versions.map((each) => ({ ...each, served: false })) }),
      fault: 'v1: is not served any more',
    },
    {
      name: 'another place in the store',
      change: ({ versions }) => ({ versions: versions.map((each) => ({ ...each, storage: !each.storage })) }),
      fault: 'the stored version changed',
    },
    {
      name: 'a short name that went',
      change: ({ names }) => ({ names: { ...names, shortNames: [] } }),
      fault: 'the short name is is gone',
    },
    { name: 'another scope', change: () => ({ scope: 'Cluster' }), fault: 'scope changed' },
    {
      name: 'a status that everybody may write',
      change: ({ versions }) => ({
        versions: versions.map((each) => ({ ...each, subresources: undefined })),
      }),
      fault: 'v1: subresources changed',
    },
  ])('finds $name of a definition', ({ change, fault }) => {
    const definition = load(read('crds/imagestreams.yaml')) as Definition;
    const changed = { ...definition, spec: { ...definition.spec, ...change(definition.spec) } };
    expect(faultsOf(definition, changed)).toContain(`imagestreams.image.openshift.io: ${fault}`);
  });
});

function faultsOf(before: Definition, now: Definition): string[] {
  const kind = before.metadata.name;
  const { names: oldNames, versions: oldVersions, ...oldRest } = before.spec;
  const { names, versions, ...rest } = now.spec;
  const fields = [
    ...(['group', 'scope'] as const).filter((key) => oldRest[key] !== rest[key]),
    ...(['kind', 'plural', 'singular'] as const).filter((key) => oldNames[key] !== names[key]),
  ].map((key) => `${kind}: ${key} changed`);
  const short = [
    ...(oldNames.shortNames ?? []).filter((name) => !names.shortNames?.includes(name)),
    ...(oldNames.categories ?? []).filter((name) => !names.categories?.includes(name)),
  ].map((name) => `${kind}: the short name ${name} is gone`);
  const stored = (each: typeof versions) => each.find(({ storage }) => storage)?.name;
  const store = stored(oldVersions) === stored(versions) ? [] : [`${kind}: the stored version changed`];
  const served = oldVersions.filter((version) => version.served);
  const shapes = served.flatMap(({ name, subresources, schema }) => {
    const version = versions.find((each) => each.name === name && each.served);
    const place = `${kind}: ${name}`;
    if (version === undefined) return [`${place}: is not served any more`];
    const same = JSON.stringify(subresources) === JSON.stringify(version.subresources);
    const faults = incompatibilities(schema.openAPIV3Schema, version.schema.openAPIV3Schema, place);
    return [...(same ? [] : [`${place}: subresources changed`]), ...faults];
  });
  return [...fields, ...short, ...store, ...shapes];
}

function object(properties: Readonly<Record<string, ObjectSchema>>): ObjectSchema {
  return { type: 'object', properties };
}
