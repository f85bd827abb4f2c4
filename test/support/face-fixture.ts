// The API face behind a real aggregation layer, with an operator that runs and a stream that has an image.
import { request } from 'node:https';
import { pino } from 'pino';
import { expect, inject } from 'vitest';

import { type Face, startFace } from '../../src/face/face.ts';
import { parseInvocation } from '../../src/invocation.ts';
import { parseProxySettings } from '../../src/registry/proxy.ts';
import { Aggregation, type Identity, serviceName, serviceNamespace } from './aggregation.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { SharedCluster } from './fixture.ts';
import type { BuiltImage } from './images.ts';
import { OperatorProcess } from './operator-process.ts';
import { createFaceCredentials, type OperatorCredentials } from './operator-rights.ts';
import { crds } from './own-cluster.ts';
import { type KubeObject, resource, roleBindings } from './resources.ts';
import { Scenario } from './scenario.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

const roles = resource<KubeObject & { readonly rules: readonly object[] }>(
  'rbac.authorization.k8s.io/v1',
  'Role',
  'roles',
);

/** The path of what the face serves. */
export const served = '/apis/image.openshift.io/v1';

/** A document and the status that it came with. */
export interface FaceAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** What tests of the face work with. */
export class FaceFixture {
  readonly aggregation: Aggregation;
  readonly cluster: Cluster;
  readonly view: SharedCluster;
  readonly face: Face;
  readonly scenario: Scenario;
  /** The image of `web:latest`. */
  readonly pushed: BuiltImage;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<FaceFixture, 'aggregation' | 'cluster' | 'view' | 'face' | 'scenario' | 'pushed'>,
    stack: AsyncDisposableStack,
  ) {
    this.aggregation = parts.aggregation;
    this.cluster = parts.cluster;
    this.view = parts.view;
    this.face = parts.face;
    this.scenario = parts.scenario;
    this.pushed = parts.pushed;
    this.#stack = stack;
  }

  /** With further flags of the face. */
  static async start(args: readonly string[] = []): Promise<FaceFixture> {
    const stack = new AsyncDisposableStack();
    const folder = await createTemporaryFolder();
    stack.defer(() => folder.remove());
    const aggregation = await Aggregation.create(folder.path);
    const users = [{ name: 'alice', groups: ['team-a'] }, { name: 'bob' }];
    const { assets } = inject('cluster');
    const cluster = await startCluster({ assets, crds, users, apiServerArgs: aggregation.flags });
    stack.defer(() => cluster.stop());
    const view = new SharedCluster(cluster.facts);
    stack.defer(() => view.close());
    const operator = await OperatorProcess.start({ kubeconfigPath: cluster.kubeconfigPath });
    stack.defer(async () => {
      await operator.stop();
    });
    await aggregation.createNamespace(view.kube);
    const face = await startTestFace(await createFaceCredentials(cluster), args);
    stack.defer(() => face.stop());
    const scenario = await Scenario.start(view);
    stack.use(scenario);
    const pushed = await scenario.push('latest', 'first');
    await scenario.createStream('web', ['latest']);
    await scenario.tagHas('web', 'latest', pushed.digest);
    await scenario.tagObjectIs('web.latest', ({ image }) => image?.dockerImageMetadata !== undefined);
    const fixture = new FaceFixture({ aggregation, cluster, view, face, scenario, pushed }, stack);
    await fixture.takeOver();
    return fixture;
  }

  /** Gives `v1` to the face and waits until it has it. */
  async takeOver(): Promise<void> {
    await this.aggregation.register(this.view.kube, this.face.port);
    await eventually(async () => (await this.get(this.path('imagestreamtags/web:latest'))).status === 200, {
      what: 'the face to have v1',
    });
  }

  /** The path of something in the scenario's namespace. */
  path(rest: string): string {
    return `${served}/namespaces/${this.scenario.namespace}/${rest}`;
  }

  get(path: string): Promise<FaceAnswer> {
    return this.send('GET', path);
  }

  /** As the admin. */
  async send(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    document?: object,
  ): Promise<FaceAnswer> {
    const { status, text } = await this.view.kube.request(method, path, document);
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  }

  /** Past the front proxy, with a client certificate or without; the status of the answer. */
  direct(path: string, identity?: Identity, headers: Readonly<Record<string, string>> = {}): Promise<number> {
    const tls = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
    const options = {
      host: 'localhost',
      port: this.face.port,
      path,
      headers,
      rejectUnauthorized: false,
      ...tls,
    };
    return new Promise((resolve, reject) => {
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });
  }

  /** Runs kubectl in the scenario's namespace, and returns what it printed. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await this.cluster.kubectl([
      ...args,
      `--namespace=${this.scenario.namespace}`,
    ]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return stdout;
  }

  /** Lets a user do these things with all kinds of the group in a namespace, and waits until it counts. */
  async allow(user: string, namespace: string, verbs: readonly string[]): Promise<void> {
    const { kube } = this.view;
    const name = `${user}-${verbs.join('-')}`;
    const apiGroup = 'rbac.authorization.k8s.io';
    const rule = { apiGroups: ['image.openshift.io'], resources: ['*'], verbs };
    await kube.create(roles, { metadata: { namespace, name }, rules: [rule] });
    await kube.create(roleBindings, {
      metadata: { namespace, name },
      subjects: [{ kind: 'User', name: user, apiGroup }],
      roleRef: { kind: 'Role', name, apiGroup },
    });
    await using client = this.view.clientOf(user);
    const path = `${served}/namespaces/${namespace}/imagestreams/none`;
    await eventually(async () => (await client.request('GET', path)).status === 404, {
      what: `the rights of ${user}`,
    });
  }

  async stop(): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A face for a cluster, with the rights that its manifests give. */
export async function startTestFace(
  { kubeconfigPath }: OperatorCredentials,
  args: readonly string[] = [],
): Promise<Face> {
  const place = [
    '--host=localhost',
    '--port=0',
    `--namespace=${serviceNamespace}`,
    `--service=${serviceName}`,
  ];
  const invocation = parseInvocation('face', [`--kubeconfig=${kubeconfigPath}`, ...place, ...args], {});
  if (invocation.kind !== 'run') throw new Error(JSON.stringify(invocation));
  return startFace({
    config: invocation.config,
    identity: undefined,
    proxies: parseProxySettings({}),
    log: pino({ enabled: false }),
    userAgent: 'test-face',
    periodMs: 200,
  });
}
