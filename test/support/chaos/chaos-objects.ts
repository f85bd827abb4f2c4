/** The objects of a chaos world as they are written: where they are, and what they are called. */
import { jobs } from '../job-fixture.ts';
import { deployment, deployments, type KubeObject, type ResourceType, resource } from '../resources.ts';
import { trigger, triggers } from '../scenario.ts';
import {
  type ChaosModel,
  nameOf,
  type PlannedWorkload,
  type Role,
  roleOf,
  type Source,
  type StreamKey,
  type WorkloadKind,
} from './chaos-model.ts';

/** Namespaces by what they are for. */
export type RoleNamespaces = Readonly<Record<Role, string>>;

/** All roles. */
export const roles: readonly Role[] = ['own', 'shared', 'stranger'];

/** A workload of any kind. */
export type AnyWorkload = KubeObject & { readonly spec: Readonly<Record<string, unknown>> };

/** The kinds of workloads. */
export const workloadTypes: Readonly<Record<WorkloadKind, ResourceType<AnyWorkload>>> = {
  Deployment: deployments,
  CronJob: resource<AnyWorkload>('batch/v1', 'CronJob', 'cronjobs'),
  Job: jobs,
};

/** The place of an object. */
export interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** A tag as it is written into a spec. */
export type WrittenTag = Readonly<Record<string, unknown>> & {
  readonly name: string;
  readonly from: { readonly name: string };
};

const container = 'main';

/** Options of {@link ChaosObjects}. */
export interface ChaosObjectsOptions {
  /** Another one for each world of a cluster: no two share a repository. */
  readonly name: string;
  readonly namespaces: RoleNamespaces;
  /** The registry as the operator sees it. */
  readonly registryHost: string;
}

/** Names and texts of one world. */
export class ChaosObjects {
  readonly #name: string;
  readonly #registryHost: string;
  readonly namespaces: RoleNamespaces;
  /** By digest. */
  readonly #images = new Map<string, string>();

  constructor({ name, namespaces, registryHost }: ChaosObjectsOptions) {
    this.#name = name;
    this.#registryHost = registryHost;
    this.namespaces = namespaces;
  }

  /** Notes what an image is called. */
  know(digest: string, image: string): void {
    this.#images.set(digest, image);
  }

  /** The image of a digest; the digest itself when it is none of this world. */
  imageWith(digest: string): string {
    return this.#images.get(digest) ?? digest;
  }

  /** The image of a pull spec; the text itself when it is none of this world, or in another repository than it was pushed to. */
  imageOf(pullSpec: string): string {
    const [repository = '', digest = ''] = pullSpec.split('@');
    const image = this.#images.get(digest);
    const [pushedTo = ''] = image?.split('/') ?? [];
    return image !== undefined && repository === `${this.#registryHost}/${this.repository(pushedTo)}`
      ? image
      : pullSpec;
  }

  /** The path of a repository in the registry. */
  repository(name: string): string {
    return `${this.#name}/${name}`;
  }

  /** What an image is made of. */
  content(image: string): string {
    return `${this.#name} ${image}`;
  }

  place(stream: StreamKey): Place {
    return { namespace: this.namespaces[roleOf(stream)], name: nameOf(stream) };
  }

  /** Of the ImageStreamTag. */
  tagObjectPlace(stream: StreamKey, tag: string): Place {
    return { namespace: this.namespaces[roleOf(stream)], name: `${nameOf(stream)}.${tag}` };
  }

  /** The tags in the spec of a stream. */
  specTags(model: ChaosModel, stream: StreamKey): readonly WrittenTag[] {
    const { tags = new Map() } = model.streams.get(stream) ?? {};
    return [...tags].flatMap(([name, { source, isDeclared }]) =>
      source === undefined || isDeclared ? [] : [this.tag(model, { stream, name, source })],
    );
  }

  /** A tag as it is written. */
  tag(
    model: ChaosModel,
    { stream, name, source }: { readonly stream: StreamKey; readonly name: string; readonly source: Source },
  ): WrittenTag {
    const from = this.from(source);
    if (source.kind !== 'registry') return { name, from };
    const isScheduled = model.streams.get(stream)?.isScheduled === true;
    return { name, from, importPolicy: { insecure: true, ...(isScheduled && { scheduled: true }) } };
  }

  /** A source as it is written. */
  from(source: Source): { readonly kind: string; readonly namespace?: string; readonly name: string } {
    switch (source.kind) {
      case 'registry': {
        const [repository = '', tag = ''] = source.ref.split('/');
        return { kind: 'DockerImage', name: `${this.#registryHost}/${this.repository(repository)}:${tag}` };
      }
      case 'link':
        return { kind: 'ImageStreamTag', name: source.tag };
      case 'copy': {
        const namespace = this.namespaces[roleOf(source.stream)];
        return { kind: 'ImageStreamTag', namespace, name: `${nameOf(source.stream)}:${source.tag}` };
      }
    }
  }

  /** A workload with a blank image. */
  workload({ kind, role, name, stream, tag }: PlannedWorkload): AnyWorkload {
    const podSpec = kind === 'CronJob' ? 'spec.jobTemplate.spec.template.spec' : 'spec.template.spec';
    const entry = trigger(`${nameOf(stream)}:${tag}`, container) as { readonly from: object };
    const from = { ...entry.from, namespace: this.namespaces[roleOf(stream)] };
    const fieldPath = `${podSpec}.containers[?(@.name=="${container}")].image`;
    const annotations = {
      ...triggers({ from, fieldPath }),
      ...(kind === 'Job' && { 'imagestream-operator/job-policy': 'Always' }),
    };
    const containers = { [container]: ' ' };
    const namespace = this.namespaces[role];
    const planned = deployment({ namespace, name, containers, annotations, replicas: 0 });
    const pod = { spec: { restartPolicy: 'Never', containers: planned.spec.template.spec.containers } };
    const specs: Readonly<Record<WorkloadKind, object>> = {
      Deployment: planned.spec,
      CronJob: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template: pod } } },
      Job: { template: pod },
    };
    return { metadata: planned.metadata, spec: specs[kind] } as AnyWorkload;
  }
}

/** The image of a workload's only container, wherever its kind has it: in the object, or in a patch of it. */
export function containerImage(object: unknown): string | undefined {
  if (typeof object !== 'object' || object === null) return undefined;
  const { containers, ...others } = object as {
    readonly containers?: readonly { readonly image?: string }[];
  };
  if (containers !== undefined) return containers[0]?.image;
  const { spec, template, jobTemplate } = others as Readonly<Record<string, unknown>>;
  return containerImage(spec ?? template ?? jobTemplate);
}
