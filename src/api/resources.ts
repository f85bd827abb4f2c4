/** The kinds that the operator reads and writes, and their paths in the Kubernetes API. */
import type { Image } from './generated/image.ts';
import type { ImageStream } from './generated/image-stream.ts';
import type { ImageStreamTag } from './generated/image-stream-tag.ts';
import type { ObjectMeta } from './objects.ts';

/** What every object has. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** A kind as the API server serves it. `T` is the shape of its objects. */
export interface Resource<T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only for the compiler: ties the descriptor to its shape. */
  readonly shape?: T;
}

/** The API group of image streams. */
export const imageGroup = 'image.openshift.io';

/**
 * The version that the operator speaks. People and tools use `v1`, which the API face may take over; `v1crd` always
 * is the custom resource itself.
 */
export const storedVersion = 'v1crd';

const image = { group: imageGroup, version: storedVersion } as const;

/** ImageStreams. */
export const imageStreams: Resource<ImageStream> = {
  ...image,
  kind: 'ImageStream',
  plural: 'imagestreams',
  namespaced: true,
};

/** ImageStreamTags. */
export const imageStreamTags: Resource<ImageStreamTag> = {
  ...image,
  kind: 'ImageStreamTag',
  plural: 'imagestreamtags',
  namespaced: true,
};

/** Images. */
export const images: Resource<Image> = { ...image, kind: 'Image', plural: 'images', namespaced: false };

/** A core/v1 Event, as far as it is written. */
export interface KubeEvent extends KubeObject {
  readonly count?: number;
  readonly lastTimestamp?: string;
}

/** Events of the core group: what `kubectl describe` shows. */
export const events: Resource<KubeEvent> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

/** A core/v1 Secret; `data` is base64. */
export interface Secret extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** Secrets: listed by type, in one namespace, when an import needs them. */
export const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};

/** A core/v1 ConfigMap. */
export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** ConfigMaps: one by name, for the certificate authorities of a namespace. */
export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

/** An apps/v1 ControllerRevision: data that a controller keeps, and nobody can change. */
export interface ControllerRevision extends KubeObject {
  readonly data?: unknown;
  readonly revision: number;
}

/** ControllerRevisions. */
export const controllerRevisions: Resource<ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
};

/** A coordination.k8s.io/v1 Lease: who holds it, for how long, and when that was last confirmed. */
export interface Lease extends KubeObject {
  readonly spec?: {
    /** Empty or absent when nobody holds it. */
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds, by the clock of the holder. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** Leases. */
export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

/** A question whether somebody may do something (authorization.k8s.io/v1 SubjectAccessReview). */
export interface SubjectAccessReview extends KubeObject {
  readonly spec: {
    readonly groups: readonly string[];
    readonly resourceAttributes: Readonly<Record<string, string>>;
  };
  readonly status?: { readonly allowed?: boolean };
}

/** Questions about rights: answered at once, never stored. */
export const subjectAccessReviews: Resource<SubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

/** `group/version`, or the bare version for the core group. */
export function apiVersionOf(resource: Resource<KubeObject>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** Where in a resource a request goes. */
export interface ResourcePlace {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: 'status';
}

/** Dots alone, or what a server would decode to several segments. */
const otherPath = /^\.{1,2}$|[/%]/;

/** Path of a collection or object, percent-encoded. Throws for a name that would be another path. */
export function resourcePath(resource: Resource<KubeObject>, place: ResourcePlace): string {
  const root = resource.group === '' ? '/api' : `/apis/${resource.group}`;
  const namespace =
    resource.namespaced && place.namespace !== undefined
      ? `/namespaces/${encodeURIComponent(place.namespace)}`
      : '';
  for (const part of [place.namespace, place.name])
    if (part !== undefined && (otherPath.test(part) || (part === '' && part === place.name)))
      throw new Error(`${JSON.stringify(part)} is no name of an object`);
  const name = place.name === undefined ? '' : `/${encodeURIComponent(place.name)}`;
  const subresource = place.subresource === undefined ? '' : `/${place.subresource}`;
  return `${root}/${resource.version}${namespace}/${resource.plural}${name}${subresource}`;
}
