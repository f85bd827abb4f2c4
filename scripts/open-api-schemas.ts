/**
 * Makes the schemas that the API face publishes from those of the CRDs: each nested object gets a name, as in OpenShift, and
 * what only restricts values (bounds, rules) is left out.
 */
import { Fault, itemTypeName, type Schema, type Source, typeName } from './crd-schema.ts';

/** Fields that are another kind's shape as the API face shows them. */
const SHARED: Readonly<Record<string, string>> = {
  'ImageStreamTag.image': 'Image',
  'ImageStreamTag.tag': 'TagReference',
};

/** Fields that only the stored objects have. The first three are every kind's and not the CRD's. */
const LEFT_OUT = ['apiVersion', 'kind', 'metadata', 'ImageStreamTag.updated'];

const KEPT = [
  'type',
  'format',
  'description',
  'nullable',
  'enum',
  'required',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
  'x-kubernetes-preserve-unknown-fields',
] as const;

type Named = Record<string, unknown>;

/** The module that holds the schemas. */
export function openApiModule(sources: readonly Source[]): string {
  const named: Named = {};
  for (const { kind, schema } of sources) schemaOf(schema, { path: kind, name: kind, named });
  const sorted = Object.fromEntries(Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1)));
  return [
    '// Generated from crds/ by scripts/open-api-schemas.ts.',
    '// Do not edit: change the CRDs and run `npm run generate`.',
    "import type { OpenApiSchemas } from '../open-api-schema.ts';",
    '',
    '/** The schemas of ImageStream, ImageStreamTag and Image, and of what is in them, without `metadata` and the like. */',
    `export const crdSchemas: OpenApiSchemas = ${JSON.stringify(sorted, undefined, 2)};`,
    '',
  ].join('\n');
}

interface Place {
  /** `ImageStream.spec.tags[]` */
  readonly path: string;
  /** Of the schema, should it be an object with fields. */
  readonly name: string;
  readonly named: Named;
}

/** A schema without names inside; an object with fields becomes a named one that is referred to. */
function schemaOf(schema: Schema, { path, name, named }: Place): object {
  const described = {
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...(schema.nullable ? { nullable: true } : {}),
  };
  const shared = SHARED[path];
  if (shared !== undefined) return { $ref: shared, ...described };
  const kept = Object.fromEntries(
    KEPT.flatMap((key) => (schema[key] === undefined ? [] : [[key, schema[key]]])),
  );
  if (schema.properties !== undefined) {
    const { nullable: _, ...object } = kept;
    const properties = propertiesOf(schema.properties, { path, name, named });
    define(named, name, { ...object, properties });
    return { $ref: name, ...described };
  }
  if (schema.items !== undefined) {
    const itemPath = `${path}[]`;
    const items = schemaOf(schema.items, { path: itemPath, name: itemTypeName(itemPath, name), named });
    return { ...kept, items: '$ref' in items ? { $ref: items.$ref } : items };
  }
  if (schema.additionalProperties === undefined) return kept;
  const additionalProperties = schemaOf(schema.additionalProperties, { path: `${path}{}`, name, named });
  return { ...kept, additionalProperties };
}

function propertiesOf(properties: Record<string, Schema>, { path, name, named }: Place): object {
  const fields = Object.entries(properties).flatMap(([field, value]) => {
    const fieldPath = `${path}.${field}`;
    const isRoot = !path.includes('.');
    if (LEFT_OUT.includes(fieldPath) || (isRoot && LEFT_OUT.includes(field))) return [];
    return [
      [field, schemaOf(value, { path: fieldPath, name: typeName(fieldPath, name, field), named })] as const,
    ];
  });
  return Object.fromEntries(fields);
}

/** The words of the first place stand for all. */
function define(named: Named, name: string, schema: object): void {
  const present = named[name];
  if (present === undefined) named[name] = schema;
  else if (withoutWords(present) !== withoutWords(schema))
    throw new Fault(`crds: two different shapes are called ${name} in scripts/crd-schema.ts`);
}

function withoutWords(schema: unknown): string {
  return JSON.stringify(schema, (key, value: unknown) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  );
}
