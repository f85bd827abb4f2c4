import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { type CountingProxy, startCountingProxy } from './counting-proxy.ts';
import { eventually } from './eventually.ts';
import { createNamespace, type SharedCluster } from './fixture.ts';
import { type BuiltImage, pushImage } from './images.ts';
import {
  type Condition,
  deployment,
  deployments,
  events,
  type ImageStream,
  type ImageStreamTag,
  imageStream,
  imageStreams,
  type TagEvent,
  type Workload,
} from './resources.ts';
import {
  requestImport,
  type StreamPlace,
  streamTagFails,
  streamTagHas,
  tagObjectIs,
} from './stream-waits.ts';

/** One entry of a trigger annotation: a container by name that follows `stream:tag`. */
export function trigger(source: string, container: string, list = 'containers'): object {
  return {
    from: { kind: 'ImageStreamTag', name: source },
    fieldPath: `spec.template.spec.${list}[?(@.name=="${container}")].image`,
  };
}

/** The annotation with these entries. */
export function triggers(...entries: readonly object[]): Record<string, string> {
  return { 'image.openshift.io/triggers': JSON.stringify(entries) };
}

/** A namespace with a registry of its own behind a counting proxy: what most tests of the loop start with. */
export class Scenario implements AsyncDisposable {
  readonly cluster: SharedCluster;
  readonly namespace: string;
  readonly proxy: CountingProxy;
  /** Repository of the test's images. */
  readonly repository: string;
  readonly #disposeNamespace: () => Promise<void>;

  private constructor(
    cluster: SharedCluster,
    parts: { namespace: string; proxy: CountingProxy; disposeNamespace: () => Promise<void> },
  ) {
    this.cluster = cluster;
    this.namespace = parts.namespace;
    this.proxy = parts.proxy;
    this.repository = `test/${randomBytes(4).toString('hex')}`;
    this.#disposeNamespace = parts.disposeNamespace;
  }

  /** Sets a scenario up; with `tls` its registry speaks HTTPS with a certificate that nobody trusts. */
  static async start(cluster: SharedCluster, options: { tls?: boolean } = {}): Promise<Scenario> {
    const namespace = await createNamespace(cluster.kube, 'loop');
    const { certificatePath, certificateKeyPath } = cluster.facts;
    const tls = options.tls
      ? {
          certificate: await readFile(certificatePath, 'utf8'),
          key: await readFile(certificateKeyPath, 'utf8'),
        }
      : undefined;
    const proxy = await startCountingProxy({ target: cluster.registryHost, ...(tls && { tls }) });
    const disposeNamespace = async (): Promise<void> => namespace[Symbol.asyncDispose]();
    return new Scenario(cluster, { namespace: namespace.name, proxy, disposeNamespace });
  }

  /** Pull spec of a tag as the operator is to use it: through the proxy. */
  pullSpec(tag: string): string {
    return `${this.proxy.host}/${this.repository}:${tag}`;
  }

  /** Pull spec that consumers get for an image. */
  pinned(digest: string): string {
    return `${this.proxy.host}/${this.repository}@${digest}`;
  }

  /** Pushes an image straight to the registry, so that the proxy does not count it. */
  async push(tag: string, content: string): Promise<BuiltImage> {
    return pushImage({ host: this.cluster.registryHost, repository: this.repository, tag }, { content });
  }

  /** Creates a stream whose tags follow tags of the same name in the registry. */
  async createStream(
    name: string,
    tags: readonly string[],
    more: { insecure?: boolean } = {},
  ): Promise<ImageStream> {
    const entries = Object.fromEntries(tags.map((tag) => [tag, this.pullSpec(tag)]));
    const { kube } = this.cluster;
    return kube.create(
      imageStreams,
      imageStream({ namespace: this.namespace, name, tags: entries, ...more }),
    );
  }

  /** Creates a Deployment with containers (name to image) and triggers. */
  async createDeployment(
    name: string,
    containers: Readonly<Record<string, string>>,
    annotations: Readonly<Record<string, string>>,
  ): Promise<Workload> {
    return this.cluster.kube.create(
      deployments,
      deployment({ namespace: this.namespace, name, containers, annotations }),
    );
  }

  /** Asks for an import of all tags of a stream. */
  async requestImport(name: string, value?: string): Promise<void> {
    await requestImport(this.place(name), value);
  }

  async stream(name: string): Promise<ImageStream> {
    return this.cluster.kube.get(imageStreams, { namespace: this.namespace, name });
  }

  /** Creates a stream with these tags as they are. */
  async createTags(name: string, tags: readonly Readonly<Record<string, unknown>>[]): Promise<ImageStream> {
    return this.cluster.kube.create(imageStreams, {
      metadata: { namespace: this.namespace, name },
      spec: { tags },
    });
  }

  /** A tag that follows an image of this scenario's repository. */
  dockerTag(
    name: string,
    imageTag: string,
    more: Readonly<Record<string, unknown>> = {},
  ): Readonly<Record<string, unknown>> {
    const from = { kind: 'DockerImage', name: this.pullSpec(imageTag) };
    return { name, from, importPolicy: { insecure: true }, ...more };
  }

  /** Replaces the tags in the spec of a stream. */
  async setTags(name: string, tags: readonly object[]): Promise<void> {
    await this.cluster.kube.patch(imageStreams, { namespace: this.namespace, name }, { spec: { tags } });
  }

  /** Waits until the ImageStreamTag of a name is as `check` wants it. */
  async tagObjectIs(name: string, check: (object: ImageStreamTag) => unknown): Promise<ImageStreamTag> {
    return tagObjectIs(this.place(name), check);
  }

  async deployment(name: string): Promise<Workload> {
    return this.cluster.kube.get(deployments, { namespace: this.namespace, name });
  }

  /** Waits until the newest image of a tag is this one, and returns the tag's history. */
  async tagHas(stream: string, tag: string, digest: string): Promise<readonly TagEvent[]> {
    return streamTagHas(this.place(stream), tag, digest);
  }

  /** Waits until the last import of a tag has failed, and returns its condition. */
  async tagFails(stream: string, tag: string): Promise<Condition> {
    return streamTagFails(this.place(stream), tag);
  }

  /** Waits until a Deployment's container has this image. */
  async containerHas(name: string, container: string, image: string): Promise<Workload> {
    return eventually(
      async () => {
        const workload = await this.deployment(name);
        const { containers, initContainers = [] } = workload.spec.template.spec;
        const found = [...containers, ...initContainers].find((candidate) => candidate.name === container);
        return found?.image === image && workload;
      },
      { what: `container ${container} of ${name} to have ${image}` },
    );
  }

  /** Waits until the pod template of a workload with the mode `annotate` shows an image for a container. */
  async templateShows(name: string, container: string, image: string): Promise<Workload> {
    return eventually(
      async () => {
        const workload = await this.deployment(name);
        const text = workload.spec.template.metadata?.annotations?.['imagestream-operator/images'];
        const images = text === undefined ? {} : (JSON.parse(text) as Record<string, string>);
        return images[container] === image && workload;
      },
      { what: `the template of ${name} to show ${image} for ${container}` },
    );
  }

  /** Waits for an event of a reason on an object, and returns its message. */
  async event(name: string, reason: string): Promise<string> {
    return eventually(
      async () => {
        const all = await this.cluster.kube.list(events, { namespace: this.namespace });
        return all.find((event) => event.involvedObject.name === name && event.reason === reason)?.message;
      },
      { what: `an event ${reason} on ${name}` },
    );
  }

  /** Where an object of the scenario is. */
  place(name: string): StreamPlace {
    return { kube: this.cluster.kube, namespace: this.namespace, name };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close();
    await this.#disposeNamespace();
  }
}
