/** The documents of OpenAPI, of version 3 and of version 2, from the schemas of the kinds and the operations on them. */
import type { JsonObject } from '../api/json.ts';
import type { OpenApiSchema } from '../api/open-api-schema.ts';
import { kindSchemas } from './kind-schemas.ts';
import { metaSchemas } from './meta-schemas.ts';
import {
  type Operation,
  type OperationParameter,
  operations,
  pathParameters,
} from './open-api-operations.ts';

/** What differs between the versions: where schemas are, and how they, bodies and parameters are written. */
interface Dialect {
  readonly prefix: string;
  schema(schema: OpenApiSchema): JsonObject;
  parameter(parameter: OperationParameter): JsonObject;
  operation(operation: Operation): JsonObject;
}

const info = { title: 'image.openshift.io', version: 'v1' };
const answerType = 'application/json';

/** Of version 3: what `kubectl explain` and `kubectl apply` read. */
export function openApiV3(): JsonObject {
  return { openapi: '3.0.0', info, paths: pathsOf(version3), components: { schemas: schemasOf(version3) } };
}

/** Of version 2: what the aggregation layer merges into the document of the cluster. */
export function openApiV2(): JsonObject {
  return { swagger: '2.0', info, paths: pathsOf(version2), definitions: schemasOf(version2) };
}

/** The name of a schema as other servers know it. */
function fullName(name: string): string {
  const prefix =
    name in metaSchemas ? 'io.k8s.apimachinery.pkg.apis.meta.v1' : 'com.github.openshift.api.image.v1';
  return `${prefix}.${name}`;
}

const version3: Dialect = {
  prefix: '#/components/schemas/',
  schema({ $ref, description, ...schema }) {
    const own = description === undefined ? {} : { description };
    if ($ref === undefined) return { ...schema, ...own };
    const reference = referenceTo(version3, $ref);
    // kubectl shows both descriptions, one after the other: once is enough for the same.
    const beside = description === kindSchemas[$ref]?.description ? schema : { ...schema, ...own };
    // What is beside a reference does not count in this version.
    return Object.keys(beside).length === 0 ? reference : { ...beside, allOf: [reference] };
  },
  parameter: ({ type, ...parameter }) => ({
    ...parameter,
    ...required(parameter),
    schema: { type, ...unique },
  }),
  operation({ body, answer, ...operation }) {
    const answered = answer === undefined ? {} : { content: contentOf([answerType], answer) };
    return {
      ...commonOf(version3, operation),
      ...(body === undefined
        ? {}
        : { requestBody: { ...mustSend(body.schema), content: contentOf(body.types, body.schema) } }),
      responses: responsesOf(operation, answered),
    };
  },
};

const version2: Dialect = {
  prefix: '#/definitions/',
  schema({ $ref, nullable: _nullable, ...schema }) {
    return $ref === undefined ? { ...schema } : { ...schema, ...referenceTo(version2, $ref) };
  },
  parameter: ({ type, ...parameter }) => ({ ...parameter, ...required(parameter), type, ...unique }),
  operation({ body, answer, parameters, ...operation }) {
    const answered = answer === undefined ? {} : { schema: referenceTo(version2, answer) };
    const common = commonOf(version2, { ...operation, parameters });
    const sent =
      body === undefined
        ? []
        : [
            {
              name: 'body',
              in: 'body',
              ...mustSend(body.schema),
              schema: referenceTo(version2, body.schema),
            },
          ];
    return {
      ...common,
      schemes: ['https'],
      ...(body === undefined ? {} : { consumes: body.types }),
      produces: [answerType],
      parameters: [...sent, ...common.parameters],
      responses: responsesOf(operation, answered),
    };
  },
};

const unique = { uniqueItems: true };

function required({ in: place }: Pick<OperationParameter, 'in'>): { required?: true } {
  return place === 'path' ? { required: true } : {};
}

/** The options of a deletion may be left out. */
function mustSend(schema: string): { required?: true } {
  return schema === 'DeleteOptions' ? {} : { required: true };
}

function referenceTo({ prefix }: Dialect, name: string): JsonObject {
  return { $ref: `${prefix}${fullName(name)}` };
}

function contentOf(types: readonly string[], schema: string): JsonObject {
  return Object.fromEntries(types.map((type) => [type, { schema: referenceTo(version3, schema) }]));
}

function responsesOf({ created }: Pick<Operation, 'created'>, answered: JsonObject): JsonObject {
  return {
    '200': { description: 'OK', ...answered },
    ...(created ? { '201': { description: 'Created', ...answered } } : {}),
    '401': { description: 'Unauthorized' },
  };
}

function commonOf(
  dialect: Dialect,
  { description, id, action, kind, parameters }: Omit<Operation, 'answer' | 'body'>,
) {
  return {
    tags: ['imageOpenshiftIo_v1'],
    description,
    operationId: id,
    parameters: parameters.map((parameter) => dialect.parameter(parameter)),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': kind,
  };
}

function pathsOf(dialect: Dialect): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const operation of operations()) {
    const { path, method } = operation;
    paths[path] = {
      parameters: parametersOf(dialect, path),
      ...paths[path],
      [method]: dialect.operation(operation),
    };
  }
  return paths;
}

function parametersOf(dialect: Dialect, path: string): readonly JsonObject[] {
  return pathParameters
    .filter(({ name }) => path.includes(`{${name}}`))
    .map((parameter) => dialect.parameter(parameter));
}

function schemasOf(dialect: Dialect): JsonObject {
  return Object.fromEntries(
    Object.entries(kindSchemas).map(([name, schema]) => [fullName(name), written(dialect, schema)]),
  );
}

function written(dialect: Dialect, schema: OpenApiSchema): JsonObject {
  const { properties, items, additionalProperties, ...rest } = dialect.schema(schema) as OpenApiSchema;
  const fields = Object.entries(properties ?? {}).map(
    ([name, field]) => [name, written(dialect, field)] as const,
  );
  return {
    ...rest,
    ...(properties === undefined ? {} : { properties: Object.fromEntries(fields) }),
    ...(items === undefined ? {} : { items: written(dialect, items) }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: written(dialect, additionalProperties) }),
  };
}
