/** Does the actions of a script in a cluster and a registry. */
import type { Cluster } from '../cluster.ts';
import { createNamespace } from '../fixture.ts';
import { buildImage, pushBuilt } from '../images.ts';
import type { KubeClient } from '../kube-client.ts';
import { type ImageStream, imageStreams, imageStreamTags } from '../resources.ts';
import { importRequested, shareImages } from '../stream-waits.ts';
import { differences, type Observed } from './chaos-expectations.ts';
import { type Action, ChaosModel, type Role, type Source, type StreamKey } from './chaos-model.ts';
import { ChaosObjects, type RoleNamespaces, roles, workloadTypes } from './chaos-objects.ts';
import { observe } from './chaos-observation.ts';
import { PersistentClient } from './persistent-client.ts';

type StreamStatus = NonNullable<ImageStream['status']>;
type StatusTag = NonNullable<StreamStatus['tags']>[number] & {
  readonly lastImport?: {
    readonly from?: { readonly name?: string };
    readonly requested?: string;
    readonly failures?: number;
  };
};

/** Longer than the operator lets a registry alone that was away for a moment, or an object that could not be written. */
const hopeMs = 45_000;

/** Options of {@link ChaosWorld}. */
export interface WorldOptions {
  readonly cluster: Cluster;
  /** As the admin, past all links. */
  readonly kube: KubeClient;
  /** Another one for each world of a cluster: no two share an image. */
  readonly name: string;
  /** The registry as the operator sees it. */
  readonly registryHost: string;
  /** Milliseconds until it is given up that the operator does what an action waits for. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly onEvent: (text: string) => void;
}

/** A world and its model, in three namespaces. */
export class ChaosWorld {
  readonly model = new ChaosModel();
  readonly objects: ChaosObjects;
  readonly #options: WorldOptions;
  readonly #client: PersistentClient;
  /** The last request of each stream. */
  readonly #requests = new Map<StreamKey, string>();
  #requested = 0;

  private constructor(options: WorldOptions, namespaces: RoleNamespaces) {
    this.#options = options;
    this.#client = new PersistentClient(options);
    this.objects = new ChaosObjects({ ...options, namespaces });
  }

  /** Makes the namespaces; nothing is in them. */
  static async create(options: WorldOptions): Promise<ChaosWorld> {
    const { kube, name } = options;
    const made = await Promise.all(roles.map((role) => createNamespace(kube, `${name}-${role}`)));
    const namespaces = Object.fromEntries(roles.map((role, i) => [role, made[i]?.name ?? '']));
    const world = new ChaosWorld(options, namespaces as Record<Role, string>);
    const { own, shared } = world.objects.namespaces;
    await shareImages(kube, { of: own, with: shared });
    return world;
  }

  /** Does an action, and waits for the operator where it says so. */
  async perform(action: Action): Promise<void> {
    this.#options.signal.throwIfAborted();
    this.#options.onEvent(JSON.stringify(action));
    this.model.begin(action);
    await this.#do(action);
    this.model.end(action);
  }

  /** What there is now. */
  async observe(): Promise<Observed> {
    return this.#client.persist('look at the world', () => observe(this.#options.kube, this.objects));
  }

  /** Waits until all is as the model says. @returns what is not, when that has not changed for too long. */
  async differences(): Promise<readonly string[]> {
    let found: readonly string[] = [];
    let since = Date.now();
    await this.#client.wait('nothing to differ', async () => {
      const before = found;
      found = differences(this.model, await this.observe());
      if (found.join('\n') !== before.join('\n')) since = Date.now();
      return found.length === 0 || Date.now() - since > hopeMs;
    });
    return found;
  }

  async #do(action: Action): Promise<void> {
    const { model, objects } = this;
    switch (action.kind) {
      case 'push':
        return this.#push(action.ref, action.image);
      case 'create stream': {
        const spec = { tags: objects.specTags(model, action.stream) };
        return this.#client.create(imageStreams, { metadata: objects.place(action.stream), spec });
      }
      case 'delete stream':
        return this.#client.delete(imageStreams, objects.place(action.stream));
      case 'set tag':
        return this.#write(action.stream, { asks: action.request, tags: true });
      case 'request':
        return this.#write(action.stream, { asks: true, tags: false });
      case 'declare': {
        const metadata = objects.tagObjectPlace(action.stream, action.tag);
        const { name: _, ...tag } = objects.tag(model, { ...action, name: action.tag });
        return this.#client.create(imageStreamTags, { metadata, tag });
      }
      case 'undeclare':
        await this.#deleteTagObject(action.stream, action.tag);
        return this.#tagIsGone(action.stream, action.tag);
      case 'drop tag':
        return this.#dropTag(action.stream, action.tag);
      case 'delete tag object':
        return this.#deleteTagObject(action.stream, action.tag);
      case 'settle':
        return this.#settle(action.streams);
      case 'add workloads':
        for (const planned of action.workloads)
          await this.#client.create(workloadTypes[planned.kind], objects.workload(planned));
        return;
      case 'remove workload':
        return this.#removeWorkload(action.name);
    }
  }

  async #push(ref: string, image: string): Promise<void> {
    const [repository = '', tag = ''] = ref.split('/');
    const built = buildImage({ content: this.objects.content(image) });
    this.objects.know(built.digest, image);
    const { host } = this.#options.cluster.registry;
    const target = { host, repository: this.objects.repository(repository), tag };
    await this.#client.persist(`push ${image}`, () => pushBuilt(target, built));
  }

  async #write(
    stream: StreamKey,
    { asks, tags }: { readonly asks: boolean; readonly tags: boolean },
  ): Promise<void> {
    const requested = String(++this.#requested);
    if (asks) this.#requests.set(stream, requested);
    await this.#client.patch(imageStreams, this.objects.place(stream), {
      ...(asks && { metadata: { annotations: { [importRequested]: requested } } }),
      ...(tags && { spec: { tags: this.objects.specTags(this.model, stream) } }),
    });
  }

  async #removeWorkload(name: string): Promise<void> {
    const { kind, role } = this.model.removed.get(name) ?? { kind: 'Deployment', role: 'own' };
    await this.#client.delete(workloadTypes[kind], { namespace: this.objects.namespaces[role], name });
  }

  async #deleteTagObject(stream: StreamKey, tag: string): Promise<void> {
    await this.#client.delete(imageStreamTags, this.objects.tagObjectPlace(stream, tag));
  }

  /** As docs/how-to/tags-as-objects.md has it: in two steps. */
  async #dropTag(stream: StreamKey, tag: string): Promise<void> {
    const { kube } = this.#options;
    const tags = this.objects.specTags(this.model, stream).filter(({ name }) => name !== tag);
    await this.#client.patch(imageStreams, this.objects.place(stream), { spec: { tags } });
    const seen = await this.#client.wait(`${stream}:${tag} to be seen out of the spec`, async () => {
      const { metadata, status } = await kube.get(imageStreams, this.objects.place(stream));
      const object = await kube.find(imageStreamTags, this.objects.tagObjectPlace(stream, tag));
      if (status?.observedGeneration !== metadata.generation) return false;
      if (object === undefined) return !hasTag(status, tag) && 'gone';
      return !object.tag && 'kept';
    });
    if (seen === 'kept') await this.#deleteTagObject(stream, tag);
    await this.#tagIsGone(stream, tag);
  }

  async #tagIsGone(stream: StreamKey, tag: string): Promise<void> {
    const { kube } = this.#options;
    await this.#client.wait(`${stream}:${tag} to go`, async () => {
      const { status } = await kube.get(imageStreams, this.objects.place(stream));
      const object = await kube.find(imageStreamTags, this.objects.tagObjectPlace(stream, tag));
      return !hasTag(status, tag) && object === undefined;
    });
  }

  async #settle(streams: readonly StreamKey[]): Promise<void> {
    for (const stream of streams)
      if (this.model.streams.get(stream)?.isScheduled === false)
        await this.#write(stream, { asks: true, tags: false });
    for (const stream of streams) {
      let open: readonly string[] = [];
      const look = async (): Promise<boolean> => {
        const { status } = await this.#options.kube.get(imageStreams, this.objects.place(stream));
        open = this.#unsettled(stream, status);
        return open.length === 0;
      };
      await this.#client.wait(`${stream} to be as the script says`, look, () => open.join('; '));
    }
  }

  /** Tags without their image; or with it, but of a wish from before. */
  #unsettled(stream: StreamKey, status: StreamStatus | undefined): readonly string[] {
    const { tags = new Map(), isScheduled = false } = this.model.streams.get(stream) ?? {};
    return [...tags].flatMap(([name, { entries, source }]) => {
      const found = status?.tags?.find(({ tag }) => tag === name);
      const image = this.#imageOf(found);
      const wanted = entries.at(-1)?.image ?? 'nothing';
      const isAnswered = source === undefined || this.#answers(found, source, { stream, isScheduled });
      if (image === wanted && isAnswered) return [];
      const problem = found?.conditions?.[0]?.message ?? '';
      return [`${name} has ${image}, not ${wanted}${isAnswered ? '' : '; not answered'} ${problem}`.trim()];
    });
  }

  #imageOf(found: StatusTag | undefined): string {
    return this.objects.imageOf(found?.items?.[0]?.dockerImageReference ?? 'nothing');
  }

  /** The last import of a tag was from its source, has not failed, and is not of a wish from before. */
  #answers(
    found: StatusTag | undefined,
    source: Source,
    { stream, isScheduled }: { readonly stream: StreamKey; readonly isScheduled: boolean },
  ): boolean {
    const { from, requested, failures = 0 } = found?.lastImport ?? {};
    const isNew = isScheduled || requested === this.#requests.get(stream);
    return failures === 0 && isNew && from?.name === this.objects.from(source).name;
  }
}

function hasTag(status: StreamStatus | undefined, tag: string): boolean {
  return status?.tags?.some((entry) => entry.tag === tag) === true;
}
