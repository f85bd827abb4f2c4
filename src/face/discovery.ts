/** What is served, for clients that ask: the group, its resources, and both at once in the newer form. */
import { imageGroup } from '../api/resources.ts';
import { served } from './versions.ts';

/** A resource of the group. */
export interface ServedResource {
  readonly name: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly ServedPart[];
}

interface ServedPart {
  readonly name: string;
  /** Where it is another one than the resource's. */
  readonly kind?: string;
  readonly verbs: readonly string[];
}

const all = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/**
 * The resources. `imagestreamtags` has no `watch`, as in the reference: with it the garbage collector would take these views,
 * which carry the uid of their stream, for objects.
 */
export const servedResources: readonly ServedResource[] = [
  {
    name: 'imagestreams',
    singular: 'imagestream',
    kind: 'ImageStream',
    namespaced: true,
    verbs: all,
    shortNames: ['is'],
    categories: ['all'],
    subresources: [
      { name: 'layers', kind: 'ImageStreamLayers', verbs: ['get'] },
      { name: 'secrets', kind: 'SecretList', verbs: ['get'] },
      { name: 'status', verbs: ['get', 'patch', 'update'] },
    ],
  },
  {
    name: 'imagestreamtags',
    singular: 'imagestreamtag',
    kind: 'ImageStreamTag',
    namespaced: true,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update'],
    shortNames: ['istag'],
  },
  {
    name: 'imagetags',
    singular: 'imagetag',
    kind: 'ImageTag',
    namespaced: true,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update'],
    shortNames: ['itag'],
  },
  {
    name: 'imagestreamimages',
    singular: 'imagestreamimage',
    kind: 'ImageStreamImage',
    namespaced: true,
    verbs: ['get'],
    shortNames: ['isimage'],
  },
  {
    name: 'imagestreamimports',
    singular: 'imagestreamimport',
    kind: 'ImageStreamImport',
    namespaced: true,
    verbs: ['create'],
  },
  {
    name: 'imagestreammappings',
    singular: 'imagestreammapping',
    kind: 'ImageStreamMapping',
    namespaced: true,
    verbs: ['create'],
  },
  {
    name: 'images',
    singular: 'image',
    kind: 'Image',
    namespaced: false,
    verbs: ['delete', 'get', 'list', 'patch', 'update', 'watch'],
  },
];

const version = { groupVersion: served, version: 'v1' };

/** `APIGroup`, at `/apis/<group>`. */
export const groupDocument = {
  kind: 'APIGroup',
  apiVersion: 'v1',
  name: imageGroup,
  versions: [version],
  preferredVersion: version,
};

/** `APIGroupList`, at `/apis`. */
export const groupListDocument = { kind: 'APIGroupList', apiVersion: 'v1', groups: [groupDocument] };

/** `APIResourceList`, at `/apis/<group>/v1`. */
export const resourceListDocument = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: served,
  resources: servedResources.flatMap((resource) => {
    const { name, singular, kind, namespaced, verbs, shortNames, categories, subresources = [] } = resource;
    return [
      {
        name,
        singularName: singular,
        namespaced,
        kind,
        verbs,
        ...(shortNames === undefined ? {} : { shortNames }),
        ...(categories === undefined ? {} : { categories }),
      },
      ...subresources.map((sub) => ({
        name: `${name}/${sub.name}`,
        singularName: '',
        namespaced,
        kind: sub.kind ?? kind,
        verbs: sub.verbs,
      })),
    ];
  }),
};

/** What clients ask for in the newer form, as their Accept header names it. */
export const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** `APIGroupDiscoveryList`, at `/apis` for who accepts it. */
export const aggregatedDocument = {
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: [
    {
      metadata: { name: imageGroup },
      versions: [
        {
          version: 'v1',
          freshness: 'Current',
          resources: servedResources.map((resource) => {
            const {
              name,
              singular,
              kind,
              namespaced,
              verbs,
              shortNames,
              categories,
              subresources = [],
            } = resource;
            const responseKind = { group: imageGroup, version: 'v1', kind };
            return {
              resource: name,
              responseKind,
              scope: namespaced ? 'Namespaced' : 'Cluster',
              singularResource: singular,
              verbs,
              ...(shortNames === undefined ? {} : { shortNames }),
              ...(categories === undefined ? {} : { categories }),
              ...(subresources.length === 0
                ? {}
                : {
                    subresources: subresources.map((sub) => ({
                      subresource: sub.name,
                      responseKind: { ...responseKind, kind: sub.kind ?? kind },
                      verbs: sub.verbs,
                    })),
                  }),
            };
          }),
        },
      ],
    },
  ],
};
