import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';

import {
  ADMIN,
  apiServerArguments,
  type ClusterUser,
  type ControlPlaneLayout,
  controllerManagerArguments,
  etcdArguments,
  kubeconfigPath,
  PORT_COUNT,
  writeKubeconfigs,
  writeLayout,
} from './control-plane-layout.ts';
import { installCrds } from './crds.ts';
import { freePorts, type PickPorts } from './free-ports.ts';
import { KubeClient } from './kube-client.ts';
import { type KubectlResult, runKubectl } from './kubectl.ts';
import { ProgramRunner, type RunningProgram } from './program-runner.ts';
import { type RegistryAuth, RegistryServer } from './registry-server.ts';
import { serviceAccounts } from './resources.ts';
import { retryWithNewPorts } from './retry-with-new-ports.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

const READY_TIMEOUT_MS = 90_000;

export interface ClusterOptions {
  /** Folder with the programs: see `ensureAssets`. */
  readonly assets: string;
  /** Users beside `admin`, without rights until RBAC gives them some. */
  readonly users?: readonly ClusterUser[];
  /** Garbage collection, namespaces, rollouts, jobs, service accounts. Default true. */
  readonly controllerManager?: boolean;
  /** An image registry. Default true. */
  readonly registry?: boolean;
  /** Who gets into it; everybody unless told. */
  readonly registryAuth?: RegistryAuth | undefined;
  /**
   * Folder with CustomResourceDefinitions to install. They come before the controller manager, whose garbage
   * collector looks for new kinds only every 30 seconds.
   */
  readonly crds?: string;
  /** More flags for kube-apiserver, the last ones on its command line. */
  readonly apiServerArgs?: readonly string[];
  /** Leaves the folder with logs and data behind after `stop`. Default false. */
  readonly keep?: boolean;
  /** Ends a start that is under way; the start then rejects, and nothing stays. */
  readonly signal?: AbortSignal;
  /** Gets told what is being done. */
  readonly onProgress?: (text: string) => void;
  /** Finds free ports; a test can make it find taken ones. */
  readonly pickPorts?: PickPorts;
}

/** All that another process needs to use a cluster: plain data. */
export interface ClusterFacts {
  readonly url: string;
  readonly ca: string;
  readonly dir: string;
  readonly assets: string;
  /** By user. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Kubeconfig paths by user. */
  readonly kubeconfigs: Readonly<Record<string, string>>;
  /** `host:port`; undefined without a registry. */
  readonly registryHost: string | undefined;
  /** A certificate for 127.0.0.1 that `ca` vouches for, and its key: for HTTPS servers of tests. */
  readonly certificatePath: string;
  readonly certificateKeyPath: string;
}

/** A running Kubernetes control plane (and image registry) on loopback, without nodes: pods stay pending. */
export class Cluster {
  readonly assets: string;
  readonly #options: ClusterOptions;
  readonly #folder: TemporaryFolder;
  readonly #layout: ControlPlaneLayout;
  readonly #runner: ProgramRunner;
  readonly #registry: RegistryServer | undefined;
  #apiServer: RunningProgram | undefined;
  #kube: KubeClient | undefined;
  #ca = '';

  /** Use `startCluster`. */
  constructor(options: ClusterOptions, folder: TemporaryFolder, layout: ControlPlaneLayout) {
    this.#folder = folder;
    this.assets = options.assets;
    this.#options = options;
    this.#layout = layout;
    this.#runner = new ProgramRunner();
    if (options.registry !== false) {
      this.#registry = new RegistryServer({
        port: layout.registryPort,
        assets: options.assets,
        folder: join(layout.dir, 'registry'),
        auth: options.registryAuth,
      });
    }
  }

  get url(): string {
    return this.#layout.url;
  }

  /** PEM of the authority that the API server's certificate is checked with. */
  get ca(): string {
    return this.#ca;
  }

  /** Folder with logs, keys and data. */
  get dir(): string {
    return this.#layout.dir;
  }

  /** The kubeconfig of the admin. */
  get kubeconfigPath(): string {
    return this.kubeconfigFor(ADMIN);
  }

  /** @throws Error when the cluster was started without a registry. */
  get registry(): RegistryServer {
    if (this.#registry === undefined) throw new Error('This cluster was started with `registry: false`.');
    return this.#registry;
  }

  /** Process ids of everything that runs now. */
  get pids(): readonly number[] {
    return [...this.#runner.pids(), ...(this.#registry?.pids ?? [])];
  }

  get facts(): ClusterFacts {
    const users = [...this.#layout.tokens.keys()];
    return {
      url: this.url,
      ca: this.ca,
      dir: this.dir,
      assets: this.assets,
      tokens: Object.fromEntries(this.#layout.tokens),
      kubeconfigs: Object.fromEntries(users.map((user) => [user, this.kubeconfigFor(user)])),
      registryHost: this.#registry?.host,
      certificatePath: this.#layout.certificatePath,
      certificateKeyPath: this.#layout.certificateKeyPath,
    };
  }

  /** @throws Error when the cluster was started without this user. */
  token(user: string): string {
    const token = this.#layout.tokens.get(user);
    if (token === undefined) throw new Error(`No user ${user}: name it in \`users\` of startCluster.`);
    return token;
  }

  /** Path of a kubeconfig that only its owner can read. */
  kubeconfigFor(user: string): string {
    this.token(user);
    return kubeconfigPath(this.#layout, user);
  }

  /** A client of the caller's own, to be closed by the caller. */
  client(user = ADMIN): KubeClient {
    return new KubeClient({ url: this.url, ca: this.ca, token: this.token(user) });
  }

  /** Runs kubectl, as the admin unless told. */
  async kubectl(
    args: readonly string[],
    { input, user = ADMIN }: { readonly input?: string; readonly user?: string } = {},
  ): Promise<KubectlResult> {
    return runKubectl({
      assets: this.assets,
      kubeconfigPath: this.kubeconfigFor(user),
      cacheFolder: join(this.dir, 'kubectl-cache'),
      args,
      ...(input !== undefined && { input }),
    });
  }

  /** Starts everything; `startCluster` does it. */
  async start(): Promise<void> {
    const { crds, onProgress, controllerManager } = this.#options;
    onProgress?.('starting etcd, kube-apiserver and the registry');
    const etcd = this.#start('etcd', etcdArguments(this.#layout));
    await allOrNone(this.#options.signal, (signal) => [
      etcd.ready(() => this.#etcdIsHealthy(), { timeoutMs: READY_TIMEOUT_MS, signal }),
      this.startApiServer(signal),
      this.#registry?.start(signal),
    ]);
    // When another etcd was faster on its port, that one has answered so far.
    await etcd.expectRunning();
    const kube = this.#kube;
    if (crds !== undefined && kube !== undefined) {
      onProgress?.('installing the custom resource definitions');
      await installCrds(kube, crds);
    }
    if (controllerManager !== false) await this.#startControllerManager();
  }

  /** Starts the API server again after `stopApiServer`: same port, same data. Returns when it is ready. */
  async startApiServer(signal?: AbortSignal): Promise<void> {
    const { controllerManager, apiServerArgs = [] } = this.#options;
    const args = apiServerArguments(this.#layout, {
      serviceAccounts: controllerManager !== false,
      extra: apiServerArgs,
    });
    this.#apiServer = this.#start('kube-apiserver', args);
    await this.#apiServer.ready(() => this.#apiServerIsReady(), { timeoutMs: READY_TIMEOUT_MS, signal });
  }

  /** Takes the API server down, as a crash would; etcd keeps what it had acknowledged. */
  async stopApiServer(): Promise<void> {
    await this.#apiServer?.kill();
  }

  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.startApiServer();
  }

  /** Ends all programs and deletes the folder (unless `keep`). Can be called again. */
  async stop(): Promise<void> {
    // Killed together: their state is thrown away, and an orderly end would only wait for open watches.
    await Promise.all([this.#runner.killAll(), this.#registry?.close()]);
    await this.#kube?.close();
    this.#kube = undefined;
    await (this.#options.keep ? this.#folder.keep() : this.#folder.remove());
  }

  #start(program: string, args: readonly string[]): RunningProgram {
    return this.#runner.start({ path: join(this.assets, program), args, folder: this.dir });
  }

  async #startControllerManager(): Promise<void> {
    const { onProgress, signal } = this.#options;
    onProgress?.('starting kube-controller-manager');
    const manager = this.#start('kube-controller-manager', controllerManagerArguments(this.#layout));
    await manager.ready(() => this.#hasDefaultServiceAccount(), { timeoutMs: READY_TIMEOUT_MS, signal });
  }

  async #etcdIsHealthy(): Promise<boolean> {
    const { statusCode, body } = await request(`${this.#layout.etcdUrl}/health`);
    await body.dump();
    return statusCode === 200;
  }

  async #apiServerIsReady(): Promise<boolean> {
    if (this.#kube === undefined) {
      this.#ca = await readFile(this.#layout.certificatePath, 'utf8');
      await writeKubeconfigs(this.#layout, this.#ca);
      this.#kube = this.client();
    }
    const { status } = await this.#kube.request('GET', '/readyz');
    return status === 200;
  }

  /** The first visible deed of the controller manager. */
  async #hasDefaultServiceAccount(): Promise<boolean> {
    const address = { namespace: 'default', name: 'default' };
    return (await this.#kube?.find(serviceAccounts, address)) !== undefined;
  }
}

/**
 * Starts a cluster on free ports, with its state in a temporary folder. The caller must `stop` it; should this
 * process die without that, its programs die with it (on Linux even after SIGKILL).
 * @throws ProgramError with the end of the log of the program that did not come up.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  return retryWithNewPorts(async () => {
    options.signal?.throwIfAborted();
    const ports = await (options.pickPorts ?? freePorts)(PORT_COUNT);
    const folder = await createTemporaryFolder();
    const layout = await writeLayout({ dir: folder.path, ports, users: options.users ?? [] });
    const cluster = new Cluster(options, folder, layout);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  });
}

/** Waits for all of several starts. When one fails, the others are aborted, and have ended when this rejects. */
async function allOrNone(
  outer: AbortSignal | undefined,
  begin: (signal: AbortSignal) => readonly (Promise<void> | undefined)[],
): Promise<void> {
  const failure = new AbortController();
  const signal = outer === undefined ? failure.signal : AbortSignal.any([failure.signal, outer]);
  const starts = begin(signal).map(async (start) => {
    try {
      await start;
    } catch (error) {
      failure.abort(error);
    }
  });
  await Promise.all(starts);
  // The first failure is the reason: what was aborted because of it comes later.
  failure.signal.throwIfAborted();
}
