// The API face behind a real aggregation layer, with an operator that runs and a stream that has an image.
import { request } from 'node:https';
import { pino } from 'pino';
import { inject } from 'vitest';

import { type Face, startFace } from '../../src/face/face.ts';
import { parseInvocation } from '../../src/invocation.ts';
import { FaceMetrics } from '../../src/observability/face-metrics.ts';
import { parseProxySettings } from '../../src/registry/proxy.ts';
import { Aggregation, type Identity, serviceName, serviceNamespace } from './aggregation.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { FaceView, webStream } from './face-view.ts';
import { SharedCluster } from './fixture.ts';
import { OperatorProcess } from './operator-process.ts';
import { createFaceCredentials, type OperatorCredentials } from './operator-rights.ts';
import { crds } from './own-cluster.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

/** A face of a file's own, which may stop it, and its cluster. */
export class FaceFixture extends FaceView {
  readonly aggregation: Aggregation;
  readonly cluster: Cluster;
  readonly face: Face;

  private constructor(
    parts: Pick<FaceFixture, 'aggregation' | 'cluster' | 'view' | 'face' | 'scenario' | 'pushed'>,
    stack: AsyncDisposableStack,
  ) {
    super(parts, stack);
    this.aggregation = parts.aggregation;
    this.cluster = parts.cluster;
    this.face = parts.face;
  }

  /** With further flags of the face. */
  static async start(args: readonly string[] = []): Promise<FaceFixture> {
    const stack = new AsyncDisposableStack();
    const { view, ...parts } = await startFaceCluster(inject('cluster').assets, stack, args);
    const fixture = new FaceFixture({ view, ...parts, ...(await webStream(view, stack)) }, stack);
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
}

/** A cluster whose API server knows a front proxy, with the operator, and a face that has not yet taken over. */
export async function startFaceCluster(
  assets: string,
  stack: AsyncDisposableStack,
  args: readonly string[] = [],
): Promise<Pick<FaceFixture, 'aggregation' | 'cluster' | 'view' | 'face'>> {
  const folder = await createTemporaryFolder();
  stack.defer(() => folder.remove());
  const aggregation = await Aggregation.create(folder.path);
  const users = [{ name: 'alice', groups: ['team-a'] }, { name: 'bob' }];
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
  return { aggregation, cluster, view, face };
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
    metrics: new FaceMetrics(),
    userAgent: 'test-face',
    periodMs: 200,
  });
}
