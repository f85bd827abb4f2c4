/** The part of any Kubernetes object that tests look at. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMetadata;
}

export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly {
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  }[];
  readonly deletionTimestamp?: string;
  readonly managedFields?: readonly { readonly manager?: string; readonly operation?: string }[];
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly image: string }[];
    readonly initContainers?: readonly { readonly name: string; readonly image: string }[];
  };
}

/** Deployment, ReplicaSet, StatefulSet, DaemonSet, Job: what has a pod template at the usual place. */
export interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: PodTemplate;
  };
  readonly status?: { readonly replicas?: number; readonly observedGeneration?: number };
}

/** A kind as the API serves it; `T` is what its objects look like. */
export interface ResourceType<T extends KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  /** Never set; it only ties the type of the objects to the resource. */
  readonly objects?: readonly T[];
}

/** Describes a kind that has no constant here. */
export function resource<T extends KubeObject = KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
): ResourceType<T> {
  return { apiVersion, kind, plural };
}

export const namespaces = resource('v1', 'Namespace', 'namespaces');
export const serviceAccounts = resource('v1', 'ServiceAccount', 'serviceaccounts');
export const configMaps = resource<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(
  'v1',
  'ConfigMap',
  'configmaps',
);
export const secrets = resource<
  KubeObject & { readonly type?: string; readonly data?: Readonly<Record<string, string>> }
>('v1', 'Secret', 'secrets');
export const events = resource<
  KubeObject & {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
    readonly count?: number;
    readonly involvedObject: { readonly kind: string; readonly name: string };
  }
>('v1', 'Event', 'events');
export const roleBindings = resource<
  KubeObject & {
    readonly subjects: readonly { readonly kind: string; readonly name: string; readonly apiGroup: string }[];
    readonly roleRef: { readonly kind: string; readonly name: string; readonly apiGroup: string };
  }
>('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings');
export const deployments = resource<Workload>('apps/v1', 'Deployment', 'deployments');
export const replicaSets = resource<Workload>('apps/v1', 'ReplicaSet', 'replicasets');
export const customResourceDefinitions = resource<
  KubeObject & {
    readonly spec: {
      readonly group: string;
      readonly names: { readonly kind: string; readonly plural: string };
      readonly versions: readonly { readonly name: string; readonly served: boolean }[];
    };
    readonly status?: { readonly conditions?: readonly Condition[] };
  }
>('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions');

/** An item of `status.tags[].items`. */
export interface TagEvent {
  readonly created: string;
  readonly dockerImageReference: string;
  readonly image: string;
  readonly generation: number;
}

/** What tests read of an ImageStream, written down apart from the product's own types on purpose. */
export interface ImageStream extends KubeObject {
  readonly spec?: {
    readonly tags?: readonly Readonly<Record<string, unknown>>[];
    readonly dockerImageRepository?: string;
  };
  readonly status?: {
    readonly dockerImageRepository?: string;
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly tags?: readonly {
      readonly tag: string;
      readonly items?: readonly TagEvent[] | null;
      readonly conditions?: readonly Condition[];
    }[];
  };
}

export const imageStreams = resource<ImageStream>('image.openshift.io/v1', 'ImageStream', 'imagestreams');
/** What tests read of an ImageStreamTag. */
export interface ImageStreamTag extends KubeObject {
  readonly tag?: Readonly<Record<string, unknown>> | null;
  readonly generation?: number;
  readonly lookupPolicy?: { readonly local?: boolean };
  readonly conditions?: readonly Condition[];
  readonly updated?: string;
  readonly image?: {
    readonly metadata?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
    readonly dockerImageReference?: string;
    readonly dockerImageMetadata?: Readonly<Record<string, unknown>>;
    readonly dockerImageManifests?: readonly Readonly<Record<string, unknown>>[];
    readonly dockerImageLayers?: readonly { readonly name: string }[];
  };
}

export const imageStreamTags = resource<ImageStreamTag>(
  'image.openshift.io/v1',
  'ImageStreamTag',
  'imagestreamtags',
);
export const images = resource<KubeObject & Readonly<Record<string, unknown>>>(
  'image.openshift.io/v1',
  'Image',
  'images',
);

export interface DeploymentOptions {
  readonly namespace: string;
  readonly name: string;
  /** Container name to image; `{ main: 'example.test/none:1' }` unless told. */
  readonly containers?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly replicas?: number;
}

/** Builds a Deployment that the API server accepts. */
export function deployment(options: DeploymentOptions): Workload {
  const labels = { app: options.name };
  const containers = options.containers ?? { main: 'example.test/none:1' };
  const template: PodTemplate = {
    metadata: { labels },
    spec: { containers: Object.entries(containers).map(([name, image]) => ({ name, image })) },
  };
  return {
    apiVersion: deployments.apiVersion,
    kind: deployments.kind,
    metadata: {
      namespace: options.namespace,
      name: options.name,
      ...(options.annotations && { annotations: options.annotations }),
    },
    spec: { replicas: options.replicas ?? 1, selector: { matchLabels: labels }, template },
  };
}

export interface ImageStreamOptions {
  readonly namespace: string;
  readonly name: string;
  /** Tag name to the image that it follows, for example `{ latest: '127.0.0.1:5000/app:1' }`. */
  readonly tags?: Readonly<Record<string, string>>;
  /** For every tag: its registry speaks plain HTTP or has an unknown certificate. Default true, as in tests. */
  readonly insecure?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Builds an ImageStream whose tags follow images of a registry. */
export function imageStream(options: ImageStreamOptions): ImageStream {
  const insecure = options.insecure ?? true;
  return {
    apiVersion: imageStreams.apiVersion,
    kind: imageStreams.kind,
    metadata: {
      namespace: options.namespace,
      name: options.name,
      ...(options.annotations && { annotations: options.annotations }),
    },
    spec: {
      tags: Object.entries(options.tags ?? {}).map(([name, image]) => ({
        name,
        from: { kind: 'DockerImage', name: image },
        ...(insecure && { importPolicy: { insecure } }),
      })),
    },
  };
}
