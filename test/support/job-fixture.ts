// Jobs of tests, and what a kubelet would do with their pods.
import { eventually } from './eventually.ts';
import { type KubeObject, resource } from './resources.ts';
import { type Scenario, trigger, triggers } from './scenario.ts';

interface Container {
  readonly name: string;
  readonly image: string;
}

/** A Job, as far as tests look at it. */
export type Job = KubeObject & {
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly suspend?: boolean;
    readonly template: {
      readonly metadata?: KubeObject['metadata'];
      readonly spec: { containers: Container[] };
    };
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

export const jobs = resource<Job>('batch/v1', 'Job', 'jobs');
export const controllerRevisions = resource('apps/v1', 'ControllerRevision', 'controllerrevisions');
const pods = resource<KubeObject & { readonly spec: { containers: Container[] } }>('v1', 'Pod', 'pods');

/** What a test says about its Job. */
export interface JobOptions {
  readonly image?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A Job `work` whose container `work` follows `web:latest`. */
export function jobOf(
  namespace: string,
  { image = ' ', annotations = {}, metadata = {}, spec = {} }: JobOptions = {},
): Job {
  return {
    metadata: {
      namespace,
      name: 'work',
      annotations: { ...triggers(trigger('web:latest', 'work')), ...annotations },
      ...metadata,
    },
    spec: {
      ...spec,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image }] } as never },
    },
  };
}

/** The Job of a scenario, and its pods. */
export class JobFixture {
  readonly #scenario: Scenario;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  async create(options: JobOptions = {}): Promise<Job> {
    return this.#scenario.cluster.kube.create(jobs, jobOf(this.#scenario.namespace, options));
  }

  async get(): Promise<Job> {
    return this.#scenario.cluster.kube.get(jobs, { namespace: this.#scenario.namespace, name: 'work' });
  }

  /** Pushes an image under the tag that the Job follows, lets it be imported, and returns its pull spec. */
  async push(content: string): Promise<string> {
    const scenario = this.#scenario;
    const { digest } = await scenario.push('latest', content);
    const exists = (await scenario.stream('web').catch(() => undefined)) !== undefined;
    if (exists) await scenario.requestImport('web');
    else await scenario.createStream('web', ['latest']);
    await scenario.tagHas('web', 'latest', digest);
    return scenario.pinned(digest);
  }

  /** Waits until the Job is being deleted. */
  async goes(): Promise<void> {
    await eventually(async () => (await this.get()).metadata.deletionTimestamp !== undefined, {
      what: 'the Job to be deleted',
    });
  }

  /** Waits until there is no Job. */
  async gone(): Promise<void> {
    const place = { namespace: this.#scenario.namespace, name: 'work' };
    await eventually(async () => (await this.#scenario.cluster.kube.find(jobs, place)) === undefined, {
      what: 'the Job to be gone',
    });
  }

  /** Waits until the Job has an image and is not being deleted. */
  async has(image: string): Promise<Job> {
    return eventually(
      async () => {
        const job = await this.get();
        return imageOf(job) === image && job.metadata.deletionTimestamp === undefined && job;
      },
      { what: `the Job to have ${image}` },
    );
  }

  /** Waits until the Job controller has made a pod of this image, and returns the pod's name. */
  async pod(image: string): Promise<string> {
    return eventually(
      async () => {
        const found = await this.#scenario.cluster.kube.list(pods, { namespace: this.#scenario.namespace });
        return found.find(({ spec }) => spec.containers[0]?.image === image)?.metadata.name;
      },
      { what: `a pod with ${image}` },
    );
  }

  /** The images of the pods that there are. */
  async podImages(): Promise<readonly (string | undefined)[]> {
    const found = await this.#scenario.cluster.kube.list(pods, { namespace: this.#scenario.namespace });
    return found.map(({ spec }) => spec.containers[0]?.image);
  }

  /** Lets a pod come to its end, as its kubelet would say it. */
  async endPod(name: string, phase: 'Succeeded' | 'Failed' = 'Succeeded'): Promise<void> {
    const place = { namespace: this.#scenario.namespace, name, subresource: 'status' };
    await this.#scenario.cluster.kube.patch(pods, place, { status: { phase } });
  }

  /** Keeps a pod from going when it is deleted, or lets it go. */
  async holdPod(name: string, isHeld: boolean): Promise<void> {
    const { namespace, cluster } = this.#scenario;
    // The Job controller has a finalizer of its own there, and takes it away when it likes.
    await eventually(
      async () => {
        const { metadata } = await cluster.kube.get(pods, { namespace, name });
        const { finalizers = [], resourceVersion } = metadata as {
          finalizers?: string[];
          resourceVersion?: string;
        };
        const others = finalizers.filter((finalizer) => finalizer !== 'example.test/hold');
        const wanted = [...others, ...(isHeld ? ['example.test/hold'] : [])];
        return cluster.kube.patch(
          pods,
          { namespace, name },
          { metadata: { resourceVersion, finalizers: wanted } },
        );
      },
      { what: `the finalizer of pod ${name}` },
    );
  }

  /** Waits until nothing is kept of replacements. */
  async nothingKept(): Promise<void> {
    const { namespace, cluster } = this.#scenario;
    await eventually(async () => (await cluster.kube.list(controllerRevisions, { namespace })).length === 0, {
      what: 'the ControllerRevision to go',
    });
  }
}

/** The image of a Job's container. */
export function imageOf(job: Job): string | undefined {
  return job.spec.template.spec.containers[0]?.image;
}
