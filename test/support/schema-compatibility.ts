/** Whether what was stored and written under one schema is taken by another: the ways in which it is not, as sentences. */

/** A schema of a CustomResourceDefinition: the keywords that say what is taken. */
export interface ObjectSchema {
  readonly type?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
  readonly additionalProperties?: ObjectSchema | boolean;
  readonly items?: ObjectSchema;
  readonly [keyword: string]: unknown;
}

/** Keywords whose value is a bound, and whether a greater one takes more. */
const bounds: Readonly<Record<string, 'upper' | 'lower'>> = {
  maxLength: 'upper',
  maxItems: 'upper',
  maxProperties: 'upper',
  maximum: 'upper',
  minLength: 'lower',
  minItems: 'lower',
  minProperties: 'lower',
  minimum: 'lower',
};

/** Keywords that mean another thing, or another way to merge, when they change at all. */
const fixed = [
  'type',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-int-or-string',
  'x-kubernetes-embedded-resource',
  'default',
];

/** Keywords that restrict, and may go but not come or change. */
const restrictions = ['format', 'pattern', 'multipleOf', 'uniqueItems', 'not', 'allOf', 'anyOf', 'oneOf'];

/** Keywords that permit, and may come but not go. */
const permissions = ['nullable', 'x-kubernetes-preserve-unknown-fields'];

/** What the schema `next` does not take or keep, and `before` did. `path` is where both stand. */
export function incompatibilities(before: ObjectSchema, next: ObjectSchema, path: string): string[] {
  const says = (fault: string): string => `${path}: ${fault}`;
  return [
    ...fixed
      .filter((keyword) => differ(before[keyword], next[keyword]))
      .map((each) => says(`${each} changed`)),
    ...restrictions
      .filter((keyword) => next[keyword] !== undefined && differ(before[keyword], next[keyword]))
      .map((keyword) => says(`${keyword} restricts what was free`)),
    ...permissions
      .filter((keyword) => before[keyword] === true && next[keyword] !== true)
      .map((keyword) => says(`${keyword} is gone`)),
    ...tighterBounds(before, next).map(says),
    ...newDemands(before, next).map(says),
    ...below(before, next, path),
  ];
}

function tighterBounds(before: ObjectSchema, next: ObjectSchema): string[] {
  return Object.entries(bounds).flatMap(([keyword, side]) => {
    const none = side === 'upper' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    const [was, is] = [before, next].map((schema) => (schema[keyword] as number | undefined) ?? none) as [
      number,
      number,
    ];
    const isTighter = side === 'upper' ? is < was : is > was;
    return isTighter ? [`${keyword} is ${is} now`] : [];
  });
}

function newDemands(before: ObjectSchema, next: ObjectSchema): string[] {
  const required = (next.required ?? []).filter((field) => !(before.required ?? []).includes(field));
  const values = (before.enum ?? []).filter((value) => next.enum !== undefined && !next.enum.includes(value));
  const known = rulesOf(before);
  const rules = rulesOf(next).filter((rule) => !known.includes(rule));
  return [
    ...required.map((field) => `${field} is required now`),
    ...(before.enum === undefined && next.enum !== undefined ? ['only some values are taken now'] : []),
    ...values.map((value) => `the value ${JSON.stringify(value)} is gone`),
    ...rules.map((rule) => `there is a rule that was not there: ${rule}`),
  ];
}

/** Messages may change; blanks do not count. */
function rulesOf(schema: ObjectSchema): string[] {
  const rules = (schema['x-kubernetes-validations'] ?? []) as readonly { readonly rule: string }[];
  return rules.map(({ rule }) => rule.replaceAll(/\s+/g, ' ').trim());
}

function below(before: ObjectSchema, next: ObjectSchema, path: string): string[] {
  const fields = Object.entries(before.properties ?? {}).flatMap(([field, schema]) => {
    const place = `${path}.${field}`;
    const now = next.properties?.[field];
    return now === undefined ? [`${place}: the field is gone`] : incompatibilities(schema, now, place);
  });
  const parts = [
    { name: '[]', was: before.items, is: next.items },
    { name: '{}', was: before.additionalProperties, is: next.additionalProperties },
  ];
  const others = parts.flatMap(({ name, was, is }) => {
    if (was === undefined || typeof was === 'boolean')
      return differ(was, is) && was ? [`${path}${name}: changed`] : [];
    if (is === undefined || typeof is === 'boolean') return is === true ? [] : [`${path}${name}: is gone`];
    return incompatibilities(was, is, path + name);
  });
  return [...fields, ...others];
}

function differ(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
