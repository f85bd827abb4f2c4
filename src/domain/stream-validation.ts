/**
 * What is wrong with the spec of a stream, with one of its tags, or with a name, in the reference's words (semantics 1.3). The
 * custom resource refuses nothing else but for the types of fields, yet in other words. Pure; reads what has any shape.
 */
import { arrayOf, isJsonObject, textOf, valueAt } from '../api/json.ts';
import { maxTags } from './effective-stream.ts';
import {
  duplicateFault,
  type FieldFault,
  invalidFault,
  requiredFault,
  tooLongFault,
  tooManyFault,
} from './field-fault.ts';
import { isTagName, parseImageReference } from './image-reference.ts';
import { isStreamName, streamNamePattern } from './stream-name.ts';

const maxNamespaceAndName = 255;
const maxStreamName = 253;
const maxAnnotationBytes = 262_144;
/** Bytes of the texts in the source of a tag. */
const maxSourceBytes: Readonly<Record<string, number>> = {
  name: 1_024,
  namespace: 253,
  apiVersion: 253,
  uid: 253,
  resourceVersion: 253,
  fieldPath: 1_024,
};
const importModes = ['', 'Legacy', 'PreserveOriginal'];
const referencePolicies = ['', 'Source', 'Local'];
/** What stands behind the `/` of a qualified name, or is all of it. */
const namePart = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const prefixPart = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const maxNamePart = 63;
const maxPrefixPart = 253;

/** All that is wrong with the name and the spec of a stream, whatever it is. */
export function streamFaults(stream: unknown): readonly FieldFault[] {
  const name = textOf(valueAt(stream, ['metadata', 'name'])) ?? '';
  const namespace = textOf(valueAt(stream, ['metadata', 'namespace'])) ?? '';
  const repository = textOf(valueAt(stream, ['spec', 'dockerImageRepository'])) ?? '';
  const tags = arrayOf(valueAt(stream, ['spec', 'tags']));
  const faults = [...streamNameFaults(namespace, name), ...repositoryFaults(repository)];
  if (tags.length > maxTags) return [...faults, tooManyFault('spec.tags', tags.length, maxTags)];
  const names = new Set<unknown>();
  for (const tag of tags) {
    const tagName = valueAt(tag, ['name']);
    const path = `spec.tags[${textOf(tagName) ?? ''}]`;
    if (names.has(tagName)) faults.push(duplicateFault(path, tagName));
    names.add(tagName);
    faults.push(...tagNameFaults(tagName, `${path}.name`), ...tagFaults(tag, path));
  }
  return faults;
}

/** What is wrong with the name of a stream; the field is `metadata.name`. */
export function streamNameFaults(namespace: string, name: string): readonly FieldFault[] {
  const field = 'metadata.name';
  const faults: FieldFault[] = [];
  if (name === '') faults.push(requiredFault(field, 'name or generateName is required'));
  else if (name === '.' || name === '..') faults.push(invalidFault(field, name, `may not be '${name}'`));
  else if (/[/%]/.test(name))
    for (const sign of ['/', '%'].filter((each) => name.includes(each)))
      faults.push(invalidFault(field, name, `may not contain '${sign}'`));
  else if (name.length > maxStreamName) faults.push(tooLongFault(field, maxStreamName));
  else if (!isStreamName(name))
    faults.push(invalidFault(field, name, `must match ${JSON.stringify(streamNamePattern)}`));
  if (`${namespace}/${name}`.length > maxNamespaceAndName)
    faults.push(
      invalidFault(field, name, `'namespace/name' cannot be longer than ${maxNamespaceAndName} characters`),
    );
  return faults;
}

/** What is wrong with the name of a tag. The reference takes any; a custom resource would not. */
export function tagNameFaults(name: unknown, field: string, value = name): readonly FieldFault[] {
  if (typeof name === 'string' && isTagName(name)) return [];
  const detail = "a tag is 1 to 128 letters, digits, '_', '.' or '-', and does not start with '.' or '-'";
  return [invalidFault(field, value, detail)];
}

/**
 * What is wrong with a tag but for its name. `path` is where it stands: `spec.tags[<name>]` in a stream, `tag` in an
 * ImageStreamTag, `spec` in an ImageTag.
 */
export function tagFaults(tag: unknown, path: string): readonly FieldFault[] {
  const generation = valueAt(tag, ['generation']);
  const importMode = textOf(valueAt(tag, ['importPolicy', 'importMode'])) ?? '';
  const policy = textOf(valueAt(tag, ['referencePolicy', 'type'])) ?? '';
  const faults = [...sourceFaults(tag, path)];
  if (!importModes.includes(importMode))
    faults.push(
      invalidFault(
        `${path}.importPolicy.importMode`,
        importMode,
        "invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'",
      ),
    );
  if (!referencePolicies.includes(policy))
    faults.push(invalidFault(`${path}.referencePolicy.type`, policy, 'valid values are "Source", "Local"'));
  if (typeof generation === 'number' && !(generation >= 0 && generation <= Number.MAX_SAFE_INTEGER))
    faults.push(
      invalidFault(
        `${path}.generation`,
        generation,
        `must be between 0 and ${Number.MAX_SAFE_INTEGER}, inclusive`,
      ),
    );
  return faults;
}

/** What is wrong with the annotations of an object, or of a tag, which become those of an object. */
export function annotationFaults(
  annotations: unknown,
  field = 'metadata.annotations',
): readonly FieldFault[] {
  if (!isJsonObject(annotations)) return [];
  const faults: FieldFault[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += key.length + (textOf(value)?.length ?? 0);
    const problem = qualifiedNameProblem(key.toLowerCase());
    if (problem !== undefined) faults.push(invalidFault(field, key, problem));
  }
  if (bytes > maxAnnotationBytes) faults.push(tooLongFault(field, maxAnnotationBytes));
  return faults;
}

function sourceFaults(tag: unknown, path: string): readonly FieldFault[] {
  const from = valueAt(tag, ['from']);
  if (!isJsonObject(from)) return [];
  const name = textOf(from['name']) ?? '';
  const faults: FieldFault[] = [];
  if (name === '') faults.push(requiredFault(`${path}.from.name`));
  for (const [member, max] of Object.entries(maxSourceBytes)) {
    if ((textOf(from[member])?.length ?? 0) > max) faults.push(tooLongFault(`${path}.from.${member}`, max));
  }
  switch (from['kind']) {
    case 'DockerImage': {
      const parsed = parseImageReference(name);
      if (name !== '' && !parsed.ok) faults.push(invalidFault(`${path}.from.name`, name, parsed.problem));
      break;
    }
    case 'ImageStreamTag':
    case 'ImageStreamImage':
      if (valueAt(tag, ['importPolicy', 'scheduled']) === true)
        faults.push(
          invalidFault(
            `${path}.importPolicy.scheduled`,
            true,
            'only tags pointing to Docker repositories may be scheduled for background import',
          ),
        );
      break;
    default:
      faults.push(
        requiredFault(
          `${path}.from.kind`,
          "valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'",
        ),
      );
  }
  return faults;
}

function repositoryFaults(repository: string): readonly FieldFault[] {
  if (repository === '') return [];
  const field = 'spec.dockerImageRepository';
  if (repository.length > (maxSourceBytes['name'] ?? 0))
    return [tooLongFault(field, maxSourceBytes['name'] ?? 0)];
  const parsed = parseImageReference(repository);
  if (!parsed.ok) return [invalidFault(field, repository, parsed.problem)];
  const { tag, digest } = parsed.reference;
  return [
    ...(tag === undefined
      ? []
      : [invalidFault(field, repository, 'the repository name may not contain a tag')]),
    ...(digest === undefined
      ? []
      : [invalidFault(field, repository, 'the repository name may not contain an ID')]),
  ];
}

/** As Kubernetes has qualified names: `example.com/name`. */
function qualifiedNameProblem(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > maxPrefixPart || !prefixPart.test(prefix)))
    return 'prefix part must be a lowercase RFC 1123 subdomain of at most 253 characters';
  if (name === '') return 'name part must be non-empty';
  if (name.length > maxNamePart) return `name part must be no more than ${maxNamePart} bytes`;
  return namePart.test(name)
    ? undefined
    : "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
}
