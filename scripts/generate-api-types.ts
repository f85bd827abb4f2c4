/**
 * Generates the TypeScript types in src/api/generated/ from the CustomResourceDefinitions in crds/, which are the contract, and
 * the schemas that the API face publishes.
 *
 * json-schema-to-typescript does the printing. What it does not know about Kubernetes is translated before: `nullable`,
 * preserved unknown fields, int-or-string, and readable names for nested objects.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { load } from 'js-yaml';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { Fault, itemTypeName, type Schema, type Source, TYPE_NAMES, typeName } from './crd-schema.ts';
import { openApiModule } from './open-api-schemas.ts';

const USAGE = `Usage: node scripts/generate-api-types.ts [--check] [--help]

Writes src/api/generated/*.ts from crds/*.yaml.

  --check  write nothing; exit 1 when a generated file is stale or the CRDs contradict each other
  --help   print this text
`;

const CRD_FOLDER = new URL('../crds/', import.meta.url);
const GENERATED_FOLDER = new URL('../src/api/generated/', import.meta.url);

/** Shapes that two CRDs write out, since YAML cannot share them between files. They must not drift apart. */
const EQUAL_SHAPES: readonly { paths: readonly [string, string]; except: readonly string[] }[] = [
  { paths: ['ImageStream.spec.tags[]', 'ImageStreamTag.tag'], except: ['name'] },
  { paths: ['ImageStream.status.tags[].conditions[]', 'ImageStreamTag.conditions[]'], except: [] },
  {
    paths: ['Image', 'ImageStreamTag.image'],
    except: ['apiVersion', 'kind', 'metadata', 'dockerImageReference'],
  },
];

const SCALAR_TYPES = ['string', 'boolean', 'integer', 'number'] as const;

interface Version {
  name: string;
  served: boolean;
  storage: boolean;
  schema: { openAPIV3Schema: Schema };
}

interface CustomResourceDefinition {
  spec: { group: string; names: { kind: string }; versions: Version[] };
}

await main();

async function main(): Promise<void> {
  try {
    const options = parseOptions();
    if (options.help) {
      process.stdout.write(USAGE);
      return;
    }
    const sources = await readSources();
    checkTypeNames(sources);
    checkEqualShapes(sources);
    await (options.check ? checkFiles(sources) : writeFiles(sources));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

function parseOptions(): { check?: boolean; help?: boolean } {
  try {
    return parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } }).values;
  } catch (error) {
    throw new Fault(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`, {
      cause: error,
    });
  }
}

/** A file of src/api/generated/. */
interface GeneratedFile {
  readonly name: string;
  readonly text: string;
  /** What it is made from. */
  readonly from: string;
}

async function generatedFiles(sources: readonly Source[]): Promise<GeneratedFile[]> {
  const types = sources.map(async (source) => ({
    name: generatedFile(source),
    text: await typesOf(source),
    from: `crds/${source.file}`,
  }));
  const schemas = { name: 'open-api-schemas.ts', text: openApiModule(sources), from: 'crds/' };
  return [...(await Promise.all(types)), schemas];
}

async function writeFiles(sources: readonly Source[]): Promise<void> {
  await mkdir(GENERATED_FOLDER, { recursive: true });
  for (const { name, text } of await generatedFiles(sources)) {
    await writeFile(new URL(name, GENERATED_FOLDER), text);
    process.stdout.write(`src/api/generated/${name}\n`);
  }
}

async function checkFiles(sources: readonly Source[]): Promise<void> {
  const faults: string[] = [];
  const existing = new Set(await readdir(GENERATED_FOLDER));
  for (const { name, text, from } of await generatedFiles(sources)) {
    const current = existing.delete(name)
      ? await readFile(new URL(name, GENERATED_FOLDER), 'utf8')
      : undefined;
    if (current === text) continue;
    faults.push(`src/api/generated/${name} is stale: ${from} says otherwise. Run: npm run generate`);
  }
  for (const name of existing) {
    faults.push(`src/api/generated/${name} belongs to no CRD in crds/. Delete it.`);
  }
  if (faults.length > 0) throw new Fault(faults.join('\n'));
}

async function readSources(): Promise<Source[]> {
  const files = (await readdir(CRD_FOLDER)).filter((file) => file.endsWith('.yaml')).sort();
  return Promise.all(
    files.map(async (file) => sourceOf(file, await readFile(new URL(file, CRD_FOLDER), 'utf8'))),
  );
}

function sourceOf(file: string, yaml: string): Source {
  const crd = load(yaml);
  if (!isCustomResourceDefinition(crd)) throw new Fault(`crds/${file}: this is no CustomResourceDefinition`);
  const { group, names, versions } = crd.spec;
  const [first, ...others] = versions;
  if (first === undefined) throw new Fault(`crds/${file}: there is no version`);
  for (const other of others) {
    if (isDeepStrictEqual(contentOf(first), contentOf(other))) continue;
    throw new Fault(
      `crds/${file}: the versions ${first.name} and ${other.name} differ in more than name, served and storage. ` +
        'They show the same stored objects, so make them equal (with the YAML anchors).',
    );
  }
  return {
    file,
    kind: names.kind,
    apiVersions: versions.map(({ name }) => `${group}/${name}`),
    schema: first.schema.openAPIV3Schema,
  };
}

/** Looks at the kind only: the API server is the judge of everything else in a CRD. */
function isCustomResourceDefinition(value: unknown): value is CustomResourceDefinition {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === 'CustomResourceDefinition'
  );
}

function contentOf(version: Version): object {
  const { name: _name, served: _served, storage: _storage, ...content } = version;
  return content;
}

/** `ImageStreamTag` becomes `image-stream-tag.ts`. */
function generatedFile(source: Source): string {
  return `${source.kind.replaceAll(/(?<=[a-z])[A-Z]/g, '-$&').toLowerCase()}.ts`;
}

async function typesOf(source: Source): Promise<string> {
  const types = await compile(rootSchema(source), source.kind, {
    additionalProperties: false,
    bannerComment: '',
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 110 },
  });
  return [
    `// Generated from crds/${source.file} by scripts/generate-api-types.ts.`,
    '// Do not edit: change the CRD and run `npm run generate`.',
    "import type { ObjectMeta } from '../objects.ts';",
    '',
    types,
  ].join('\n');
}

function rootSchema(source: Source): JSONSchema {
  const { kind, schema } = source;
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...fields } = schema.properties ?? {};
  const translated = objectSchema({ ...schema, properties: fields }, kind, kind);
  return {
    ...translated,
    properties: {
      apiVersion: { enum: source.apiVersions },
      kind: { enum: [kind] },
      metadata: { tsType: 'ObjectMeta' },
      ...translated.properties,
    },
    required: ['apiVersion', 'kind', 'metadata', ...(schema.required ?? [])],
  };
}

/**
 * Translates a CRD's schema to a JSON schema that prints well.
 *
 * @param path where the schema is, for TYPE_NAMES: `ImageStream.spec.tags[]`
 * @param name the interface's name, should the schema be an object with fields
 */
function toJsonSchema(schema: Schema, path: string, name: string): JSONSchema {
  const value = valueSchema(schema, path, name);
  const described = schema.description === undefined ? {} : { description: schema.description };
  return schema.nullable ? { ...described, anyOf: [value, { type: 'null' }] } : { ...described, ...value };
}

function valueSchema(schema: Schema, path: string, name: string): JSONSchema {
  if (schema['x-kubernetes-int-or-string']) return { tsType: 'number | string' };
  if (schema.properties !== undefined) return objectSchema(schema, path, name);
  if (schema['x-kubernetes-preserve-unknown-fields']) return { tsType: 'Record<string, unknown>' };
  if (schema.additionalProperties !== undefined) {
    const values = toJsonSchema(schema.additionalProperties, `${path}{}`, name);
    return { type: 'object', additionalProperties: values };
  }
  if (schema.items !== undefined) {
    const itemPath = `${path}[]`;
    const items = toJsonSchema(schema.items, itemPath, itemTypeName(itemPath, name));
    return { type: 'array', items };
  }
  if (schema.enum !== undefined) return { enum: schema.enum };
  const scalar = SCALAR_TYPES.find((type) => type === schema.type);
  if (scalar !== undefined) return { type: scalar };
  throw new Fault(`${path}: no TypeScript type is known for a schema of type ${schema.type ?? '(none)'}`);
}

function objectSchema(schema: Schema, path: string, name: string): JSONSchema {
  const fields = Object.entries(schema.properties ?? {}).map(([field, value]) => {
    const fieldPath = `${path}.${field}`;
    return [field, toJsonSchema(value, fieldPath, typeName(fieldPath, name, field))] as const;
  });
  return {
    title: name,
    type: 'object',
    ...(schema.description === undefined ? {} : { description: schema.description }),
    properties: Object.fromEntries(fields),
    required: schema.required ?? [],
    additionalProperties: Boolean(schema['x-kubernetes-preserve-unknown-fields']),
  };
}

/** A name for a path that no longer exists would be forgotten here, and the type renamed without notice. */
function checkTypeNames(sources: readonly Source[]): void {
  for (const path of Object.keys(TYPE_NAMES)) schemaAt(sources, path);
}

function checkEqualShapes(sources: readonly Source[]): void {
  for (const { paths, except } of EQUAL_SHAPES) {
    const [left, right] = paths.map((path) => shapeOf(schemaAt(sources, path), except));
    if (isDeepStrictEqual(left, right)) continue;
    throw new Fault(
      `crds: ${paths[0]} and ${paths[1]} are meant to be one shape, but their fields or rules differ` +
        `${except.length === 0 ? '' : ` (not counting ${except.join(', ')})`}. Copy the one that is right.`,
    );
  }
}

/** The fields and rules of a schema; its own description may differ, and so may the fields `except`. */
/** What may not change is a rule of the stored object: where it is only shown, it is another one now and then. */
function withoutTransitions(key: string, value: unknown): unknown {
  if (key !== 'x-kubernetes-validations' && key !== 'rules') return value;
  const rules =
    (value as { readonly rule: string }[] | undefined)?.filter(({ rule }) => !rule.includes('oldSelf')) ?? [];
  return rules.length === 0 ? undefined : rules;
}

function shapeOf(schema: Schema, except: readonly string[]): object {
  const fields = Object.entries(schema.properties ?? {}).filter(([field]) => !except.includes(field));
  return JSON.parse(
    JSON.stringify(
      { fields: Object.fromEntries(fields), rules: schema['x-kubernetes-validations'] },
      withoutTransitions,
    ),
  ) as object;
}

/** The schema at a path such as `ImageStream.spec.tags[].from`. */
function schemaAt(sources: readonly Source[], path: string): Schema {
  const [kind, ...steps] = path.replaceAll('[]', '.[]').split('.');
  let schema = sources.find((source) => source.kind === kind)?.schema;
  for (const step of steps) schema = step === '[]' ? schema?.items : schema?.properties?.[step];
  if (schema === undefined) throw new Fault(`scripts/generate-api-types.ts: no CRD has a field ${path}`);
  return schema;
}
