/** Schemas of what every kind of Kubernetes has: metadata, answers without an object, and options of a deletion. */
import type { OpenApiSchema, OpenApiSchemas } from '../api/open-api-schema.ts';

const text = (description: string): OpenApiSchema => ({ type: 'string', description });
const flag = (description: string): OpenApiSchema => ({ type: 'boolean', description });
const count = (description: string, format: 'int32' | 'int64' = 'int64'): OpenApiSchema => ({
  type: 'integer',
  format,
  description,
});
const texts = (description: string): OpenApiSchema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string' },
});
const when = (description: string): OpenApiSchema => ({ $ref: 'Time', description });

/** The fields that name a kind; in all objects that come or go by themselves. */
export const kindFields = {
  apiVersion: text('The group and version of the API that this object is written in.'),
  kind: text('The kind of this object.'),
} as const;

const ObjectMeta: OpenApiSchema = {
  type: 'object',
  description: 'What every object has: its name, its labels, and what the server notes about it.',
  properties: {
    name: text('The name of the object, one of its kind in its namespace.'),
    generateName: text('The beginning of a name that the server completes when there is no name.'),
    namespace: text('The namespace of the object; empty for a kind that is of the whole cluster.'),
    selfLink: text('Not used any more.'),
    uid: text('Tells this object from an earlier or later one of the same name. Set by the server.'),
    resourceVersion: text(
      'The version of the stored object. A write that has one is refused when the object has changed since.',
    ),
    generation: count('Counts the changes of what is wanted. Set by the server.'),
    creationTimestamp: when('When the object was made. Set by the server.'),
    deletionTimestamp: when(
      'When the object is to be gone, once somebody has deleted it. Set by the server.',
    ),
    deletionGracePeriodSeconds: count('How many seconds a deletion leaves the object to end by itself.'),
    labels: texts('Names and values by which objects are found and grouped.'),
    annotations: texts('Names and values for tools and people. They select nothing.'),
    ownerReferences: {
      type: 'array',
      description: 'The objects that this one belongs to. It goes when all of them are gone.',
      items: { $ref: 'OwnerReference' },
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-list-type': 'map',
    },
    finalizers: {
      type: 'array',
      description: 'What has to be done before the object may go; whoever has done it takes the entry out.',
      items: { type: 'string' },
      'x-kubernetes-list-type': 'set',
    },
    managedFields: {
      type: 'array',
      description: 'Which fields which author has set. Kept by the server.',
      items: { $ref: 'ManagedFieldsEntry' },
      'x-kubernetes-list-type': 'atomic',
    },
  },
};

const OwnerReference: OpenApiSchema = {
  type: 'object',
  description: 'An object that another one belongs to, of the same namespace or of the whole cluster.',
  required: ['apiVersion', 'kind', 'name', 'uid'],
  properties: {
    apiVersion: text('The group and version of the owner.'),
    kind: text('The kind of the owner.'),
    name: text('The name of the owner.'),
    uid: text('The uid of the owner.'),
    controller: flag('True for the one owner that manages the object.'),
    blockOwnerDeletion: flag(
      'True keeps the owner until the object is gone, when it is deleted in the foreground.',
    ),
  },
  'x-kubernetes-map-type': 'atomic',
};

const ManagedFieldsEntry: OpenApiSchema = {
  type: 'object',
  description: 'The fields that one author has set in one way.',
  properties: {
    manager: text('The name of the author.'),
    operation: text('The way: Apply for a server-side apply, Update for all others.'),
    apiVersion: text('The group and version in which the fields are named.'),
    subresource: text(
      'The part of the object that was written, such as status; empty for the object itself.',
    ),
    time: when('When the author last set one of them.'),
    fieldsType: text('The form of the list of fields, FieldsV1.'),
    fieldsV1: { $ref: 'FieldsV1', description: 'The fields.' },
  },
};

const ListMeta: OpenApiSchema = {
  type: 'object',
  description: 'What every list has.',
  properties: {
    resourceVersion: text('The version of the list, from which a watch may go on.'),
    continue: text('Asks for the next page; empty when there is none.'),
    remainingItemCount: count('How many objects come after this page, when the server knows it.'),
    selfLink: text('Not used any more.'),
  },
};

const Status: OpenApiSchema = {
  type: 'object',
  description: 'An answer that is no object: that something was done, or why it was not.',
  properties: {
    ...kindFields,
    metadata: { $ref: 'ListMeta', description: 'Empty.' },
    status: text('Success or Failure.'),
    message: text('What happened, for people.'),
    reason: text('Why it failed, in one word for programs.'),
    details: { $ref: 'StatusDetails', description: 'What it was about.' },
    code: count('The HTTP status code.', 'int32'),
  },
};

const StatusDetails: OpenApiSchema = {
  type: 'object',
  description: 'What an answer is about.',
  properties: {
    name: text('The name of the object.'),
    group: text('The API group of the object.'),
    kind: text('The kind of the object, or its resource.'),
    uid: text('The uid of the object.'),
    causes: {
      type: 'array',
      description: 'What was wrong, one entry for each field.',
      items: { $ref: 'StatusCause' },
      'x-kubernetes-list-type': 'atomic',
    },
    retryAfterSeconds: count('After how many seconds to try again.', 'int32'),
  },
};

const StatusCause: OpenApiSchema = {
  type: 'object',
  description: 'One thing that was wrong.',
  properties: {
    reason: text('What, in one word for programs.'),
    message: text('What, for people.'),
    field: text('The field that it is about.'),
  },
};

const DeleteOptions: OpenApiSchema = {
  type: 'object',
  description: 'How something is to be deleted.',
  properties: {
    ...kindFields,
    dryRun: {
      type: 'array',
      description: 'All only asks whether it would be done.',
      items: { type: 'string' },
      'x-kubernetes-list-type': 'atomic',
    },
    gracePeriodSeconds: count('How many seconds the object may take to end.'),
    orphanDependents: flag('Not used any more: see propagationPolicy.'),
    preconditions: { $ref: 'Preconditions', description: 'What must hold, or nothing is deleted.' },
    propagationPolicy: text(
      'What becomes of the objects that belong to it: Orphan, Background or Foreground.',
    ),
  },
};

const Preconditions: OpenApiSchema = {
  type: 'object',
  description: 'What must hold of an object that is deleted.',
  properties: {
    uid: text('Its uid.'),
    resourceVersion: text('Its version.'),
  },
};

/** By their name in `meta/v1`. */
export const metaSchemas: OpenApiSchemas = {
  DeleteOptions,
  FieldsV1: { type: 'object', description: 'A set of fields, as a tree of their names.' },
  ListMeta,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
  Patch: { type: 'object', description: 'What is to be changed, in the form that the media type says.' },
  Preconditions,
  Status,
  StatusCause,
  StatusDetails,
  Time: { type: 'string', format: 'date-time', description: 'A time as RFC 3339 writes it.' },
};
