import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { inject } from 'vitest';

import type { ClusterFacts } from './cluster.ts';
import { ADMIN } from './control-plane-layout.ts';
import { eventually } from './eventually.ts';
import { KubeClient } from './kube-client.ts';
import { type KubectlResult, runKubectl } from './kubectl.ts';
import { namespaces, serviceAccounts } from './resources.ts';

/** A test's view of the cluster that the whole run shares. Leave its API server and registry running. */
export class SharedCluster implements AsyncDisposable {
  readonly facts: ClusterFacts;
  /** As the admin. */
  readonly kube: KubeClient;
  readonly #clients: KubeClient[];

  constructor(facts: ClusterFacts) {
    this.facts = facts;
    this.#clients = [];
    this.kube = this.clientOf(ADMIN);
  }

  /** `host:port` of the registry. Give each test repositories of its own. */
  get registryHost(): string {
    return this.facts.registryHost ?? '';
  }

  get kubeconfigPath(): string {
    return this.kubeconfigFor(ADMIN);
  }

  kubeconfigFor(user: string): string {
    return known(this.facts.kubeconfigs, user);
  }

  token(user: string): string {
    return known(this.facts.tokens, user);
  }

  /** A client of another user; closed with this object. */
  clientOf(user: string): KubeClient {
    const client = new KubeClient({ url: this.facts.url, ca: this.facts.ca, token: this.token(user) });
    this.#clients.push(client);
    return client;
  }

  /** Runs kubectl, as the admin unless told. */
  async kubectl(
    args: readonly string[],
    { input, user = ADMIN }: { readonly input?: string; readonly user?: string } = {},
  ): Promise<KubectlResult> {
    return runKubectl({
      assets: this.facts.assets,
      kubeconfigPath: this.kubeconfigFor(user),
      cacheFolder: join(this.facts.dir, 'kubectl-cache'),
      args,
      ...(input !== undefined && { input }),
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A namespace of one test. Disposing asks for its deletion and does not wait for it. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
}

/** Connects a test file to the shared cluster: `await using cluster = sharedCluster()`, or call `close`. */
export function sharedCluster(): SharedCluster {
  return new SharedCluster(inject('cluster'));
}

/** Creates a namespace with a fresh name; pods and what makes them can be created in it right away. */
export async function createNamespace(kube: KubeClient, prefix = 'test'): Promise<TestNamespace> {
  const name = `${prefix}-${randomBytes(4).toString('hex')}`;
  await kube.create(namespaces, { metadata: { name } });
  await eventually(() => kube.find(serviceAccounts, { namespace: name, name: 'default' }), {
    what: `the default service account of ${name}`,
  });
  return {
    name,
    // A test may have deleted it itself.
    [Symbol.asyncDispose]: async () => {
      if ((await kube.find(namespaces, { name })) !== undefined) await kube.delete(namespaces, { name });
    },
  };
}

function known(values: Readonly<Record<string, string>>, user: string): string {
  const value = values[user];
  if (value === undefined) throw new Error(`The shared cluster has no user ${user}: see global-setup.ts.`);
  return value;
}
