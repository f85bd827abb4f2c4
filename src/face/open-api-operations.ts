/** What can be done with each resource, for the documents of OpenAPI: made from the same table as discovery and routing. */
import type { GroupVersionKind } from '../api/open-api-schema.ts';
import { imageGroup } from '../api/resources.ts';
import { type ServedResource, servedResources } from './discovery.ts';
import { servedPath, type Verb } from './request-info.ts';
import { patchTypes } from './sent-patch.ts';

/** A parameter of a path or of a URL. */
export interface OperationParameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'boolean' | 'integer' | 'string';
  readonly description: string;
}

/** One method of a path. */
export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As kube-apiserver calls it in `x-kubernetes-action`. */
  readonly action: string;
  readonly id: string;
  readonly description: string;
  readonly kind: GroupVersionKind;
  readonly parameters: readonly OperationParameter[];
  /** What has to be sent, in which media types; the schema by name. */
  readonly body: { readonly types: readonly string[]; readonly schema: string } | undefined;
  /** The name of the schema of the answer; undefined for a kind of another group. */
  readonly answer: string | undefined;
  /** True when a success may be a 201 as well as a 200. */
  readonly created: boolean;
}

type StoredVerb = Exclude<Verb, 'watch'>;

/** The verbs as the methods, the actions and the operation IDs of kube-apiserver. A watch is a parameter of a list. */
const verbs: Readonly<
  Record<StoredVerb, Pick<Operation, 'method' | 'action'> & { readonly id: string; readonly says: string }>
> = {
  list: { method: 'get', action: 'list', id: 'list', says: 'List' },
  create: { method: 'post', action: 'post', id: 'create', says: 'Create' },
  deletecollection: {
    method: 'delete',
    action: 'deletecollection',
    id: 'deleteCollection',
    says: 'Delete all selected',
  },
  get: { method: 'get', action: 'get', id: 'read', says: 'Read' },
  update: { method: 'put', action: 'put', id: 'replace', says: 'Replace' },
  patch: { method: 'patch', action: 'patch', id: 'patch', says: 'Change parts of' },
  delete: { method: 'delete', action: 'delete', id: 'delete', says: 'Delete' },
};

const ofCollections: readonly StoredVerb[] = ['list', 'create', 'deletecollection'];
const ofObjects: readonly StoredVerb[] = ['get', 'update', 'patch', 'delete'];

/** Kinds of parts that are not the object itself. */
const partKinds: Readonly<Record<string, GroupVersionKind>> = {
  'imagestreams/layers': kindOf('ImageStreamLayers'),
  'imagestreams/secrets': { group: '', version: 'v1', kind: 'SecretList' },
};

/** What a creation answers with, where it is not what was created. */
const answers: Readonly<Record<string, string>> = { imagestreammappings: 'Status' };

/** All operations of the face. */
export function operations(resources: readonly ServedResource[] = servedResources): readonly Operation[] {
  return resources.flatMap((resource) => {
    const { name, kind, namespaced, subresources = [] } = resource;
    const root = namespaced ? `${servedPath}/namespaces/{namespace}` : servedPath;
    const own = { resource, kind: kindOf(kind), part: '' };
    const isListed = namespaced && resource.verbs.includes('list');
    return [
      ...(isListed ? [operation('list', { ...own, path: `${servedPath}/${name}` })] : []),
      ...operationsOf(ofCollections, resource.verbs, { ...own, path: `${root}/${name}` }),
      ...operationsOf(ofObjects, resource.verbs, { ...own, path: `${root}/${name}/{name}` }),
      ...subresources.flatMap((part) =>
        operationsOf([...ofObjects, 'create'], part.verbs, {
          resource,
          kind: partKinds[`${name}/${part.name}`] ?? own.kind,
          part: part.name,
          path: `${root}/${name}/{name}/${part.name}`,
        }),
      ),
    ];
  });
}

interface Place {
  readonly resource: ServedResource;
  readonly kind: GroupVersionKind;
  /** The subresource; empty for the object itself. */
  readonly part: string;
  readonly path: string;
}

function operationsOf(
  candidates: readonly StoredVerb[],
  served: readonly string[],
  place: Place,
): Operation[] {
  return candidates.filter((verb) => served.includes(verb)).map((verb) => operation(verb, place));
}

function operation(verb: StoredVerb, { resource, kind, part, path }: Place): Operation {
  const { method, action, id, says } = verbs[verb];
  const scope = path.includes('{namespace}') ? 'Namespaced' : '';
  const everywhere = resource.namespaced && scope === '' ? 'ForAllNamespaces' : '';
  const ownName = kind.group === imageGroup ? kind.kind : undefined;
  const what = part === '' ? resource.kind : `${part} of ${resource.kind}`;
  return {
    path,
    method,
    action,
    id: `${id}ImageOpenshiftIoV1${scope}${resource.kind}${capitalised(part)}${everywhere}`,
    description: `${says} ${what}${everywhere === '' ? '' : ' of all namespaces'}.`,
    kind,
    parameters: parametersOf(verb, resource),
    body: bodyOf(verb, ownName),
    answer: answerOf(verb, resource.name, ownName),
    created: ['create', 'update', 'patch'].includes(verb),
  };
}

function bodyOf(verb: StoredVerb, kind: string | undefined): Operation['body'] {
  const types = ['application/json'];
  switch (verb) {
    case 'create':
    case 'update':
      return kind === undefined ? undefined : { types, schema: kind };
    case 'patch':
      return { types: patchTypes, schema: 'Patch' };
    case 'delete':
    case 'deletecollection':
      return { types, schema: 'DeleteOptions' };
    default:
      return undefined;
  }
}

function answerOf(verb: StoredVerb, resource: string, kind: string | undefined): string | undefined {
  if (verb === 'delete' || verb === 'deletecollection') return 'Status';
  if (verb === 'list') return `${kind}List`;
  return (verb === 'create' ? answers[resource] : undefined) ?? kind;
}

function query(name: string, type: OperationParameter['type'], description: string): OperationParameter {
  return { name, in: 'query', type, description };
}

const path = (name: string, description: string): OperationParameter => ({
  name,
  in: 'path',
  type: 'string',
  description,
});

/** Those that a path has braces for. */
export const pathParameters: readonly OperationParameter[] = [
  path('namespace', 'The namespace of the object.'),
  path('name', 'The name of the object.'),
];

const selecting = [
  query('labelSelector', 'string', 'Only objects with these labels.'),
  query('fieldSelector', 'string', 'Only objects with these fields, for example metadata.name=web.'),
  query('limit', 'integer', 'At most so many objects; the answer says how to get the next ones.'),
  query('continue', 'string', 'The next ones after an answer, as that has said it.'),
];

const watching = [
  query('watch', 'boolean', 'True sends every change from now on, until the connection ends.'),
  query('allowWatchBookmarks', 'boolean', 'True also sends how far a watch has come.'),
  query('sendInitialEvents', 'boolean', 'True begins a watch with what is there.'),
  query('timeoutSeconds', 'integer', 'After how many seconds the request ends.'),
  query('resourceVersion', 'string', 'From which version on.'),
  query('resourceVersionMatch', 'string', 'How the version is meant: Exact or NotOlderThan.'),
];

const dryRun = query('dryRun', 'string', 'All only asks whether it would be done.');

const writing = [
  dryRun,
  query('fieldManager', 'string', 'Who writes, for metadata.managedFields.'),
  query(
    'fieldValidation',
    'string',
    'What becomes of fields that the kind does not have: Strict refuses them, Warn warns of them, Ignore drops them.',
  ),
];

const deleting = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'How many seconds the object may take to end.'),
  query('orphanDependents', 'boolean', 'Not used any more: see propagationPolicy.'),
  query(
    'propagationPolicy',
    'string',
    'What becomes of the objects that belong to it: Orphan, Background or Foreground.',
  ),
];

const force = query(
  'force',
  'boolean',
  'True lets a server-side apply take fields over that others have set.',
);

function parametersOf(verb: StoredVerb, resource: ServedResource): readonly OperationParameter[] {
  switch (verb) {
    case 'list':
      return resource.verbs.includes('watch') ? [...selecting, ...watching] : selecting;
    case 'create':
    case 'update':
      return writing;
    case 'patch':
      return [...writing, force];
    case 'delete':
      return deleting;
    case 'deletecollection':
      return [...selecting, ...deleting];
    default:
      return [];
  }
}

function kindOf(kind: string): GroupVersionKind {
  return { group: imageGroup, version: 'v1', kind };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
