/** Deployments that follow tags: created as an operator has left them, with the current image. */
import { triggersAnnotation } from '../../src/api/annotations.ts';
import { deployments, type ImageStream, type Workload } from '../../test/support/resources.ts';
import { ApiWriter, writers } from './api-writer.ts';
import { eachParallel } from './bounded-parallel.ts';
import { imageOf, type StatedStream } from './planned-state.ts';
import type { World } from './world.ts';

/** The container that a trigger sets. */
const container = 'web';

/** Deployments of one stream. */
export interface Followers {
  readonly stream: StatedStream;
  readonly count: number;
  /** The same Deployments without a trigger, under other names. */
  readonly asFloor?: boolean;
}

/** What the names of the Deployments of a set begin with. */
export function prefixOf({ stream, asFloor = false }: Pick<Followers, 'stream' | 'asFloor'>): string {
  return `${stream.name}${asFloor ? '.floor' : ''}-`;
}

/** Creates the Deployments, each with two containers and what else people write. */
export async function createFollowers(
  { cluster, progress, signal }: World,
  sets: readonly Followers[],
): Promise<void> {
  const planned = sets.flatMap((set) =>
    Array.from({ length: set.count }, (_, i) => ({
      ...set,
      name: `${prefixOf(set)}${String(i).padStart(4, '0')}`,
    })),
  );
  await using writer = new ApiWriter(cluster.facts);
  await progress.counted(`create ${planned.length} Deployments`, planned.length, (done) =>
    eachParallel(planned, { limit: writers, signal }, async ({ stream, name, asFloor = false }) => {
      const path = `/apis/${deployments.apiVersion}/namespaces/${stream.namespace}/${deployments.plural}?fieldManager=kubectl-create`;
      const annotations = asFloor ? {} : triggersOf(stream);
      const body = JSON.stringify(documentOf(stream, { name, annotations, host: cluster.registry.host }));
      await writer.send({ kind: 'create', path, body });
      done();
    }),
  );
}

/** The image that a Deployment of {@link createFollowers} has now. */
export function imageOfFollower({ spec }: Workload): string | undefined {
  return spec.template.spec.containers.find(({ name }) => name === container)?.image;
}

/** Counts the Deployments of a stream that are seen with an image. */
export class FollowerTally {
  readonly #prefix: string;
  readonly #namespace: string;
  readonly #image: string;
  readonly #count: number;
  readonly #names = new Set<string>();
  #firstAt = Number.NaN;

  /** `count` is how many there are. */
  constructor(stream: StatedStream, { image, count }: { readonly image: string; readonly count: number }) {
    this.#namespace = stream.namespace;
    this.#prefix = prefixOf({ stream });
    this.#image = image;
    this.#count = count;
  }

  /** When the first of them was seen, as of `performance.now`; NaN before that. */
  get firstAt(): number {
    return this.#firstAt;
  }

  /** True when all have been seen with this one. */
  readonly isComplete = (workload: Workload): boolean => {
    const { namespace, name } = workload.metadata;
    if (namespace !== this.#namespace || !name.startsWith(this.#prefix)) return false;
    if (imageOfFollower(workload) !== this.#image) return false;
    if (this.#names.size === 0) this.#firstAt = performance.now();
    this.#names.add(name);
    return this.#names.size === this.#count;
  };
}

/** What the history of the first tag of a stream has at a place, the newest at 0. */
export function pullSpecAt({ status }: ImageStream, place: number): string {
  const spec = status?.tags?.[0]?.items?.[place]?.dockerImageReference;
  if (spec === undefined) throw new Error(`there is no image ${place} in the history`);
  return spec;
}

function triggersOf({ name, tags: [tag = ''] }: StatedStream): Record<string, string> {
  const from = { kind: 'ImageStreamTag', name: `${name}:${tag}` };
  const fieldPath = `spec.template.spec.containers[?(@.name=="${container}")].image`;
  return { [triggersAnnotation]: JSON.stringify([{ from, fieldPath }]) };
}

function documentOf(
  stream: StatedStream,
  { name, annotations, host }: { readonly name: string; readonly annotations: object; readonly host: string },
): object {
  const { namespace, repository } = stream;
  const [tag = ''] = stream.tags;
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': stream.name };
  const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 10 };
  const resources = { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } };
  const env = ['LOG_LEVEL', 'REGION', 'DATABASE_HOST', 'CACHE_HOST'].map((key) => ({
    name: key,
    value: `value of ${key}`,
  }));
  const containers = [
    {
      name: container,
      image: `${host}/${repository}@${imageOf(stream, tag, 'current').digest}`,
      ports: [{ containerPort: 8080 }],
      env,
      resources,
      livenessProbe: probe,
      readinessProbe: probe,
    },
    { name: 'sidecar', image: 'registry.example/sidecar:1', resources },
  ];
  return {
    apiVersion: deployments.apiVersion,
    kind: deployments.kind,
    metadata: { namespace, name, labels, annotations },
    spec: {
      replicas: 2,
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}
