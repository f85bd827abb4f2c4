/** The API face as a process of its own, behind the aggregation layer of a cluster, with the rights of config/. */
import type { Aggregation } from '../../test/support/aggregation.ts';
import { eventually } from '../../test/support/eventually.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import type { OperatorProcess } from '../../test/support/operator-process.ts';
import { createFaceCredentials } from '../../test/support/operator-rights.ts';
import type { ContainerCommand } from './container-command.ts';
import { startContainer } from './start-container.ts';
import type { World } from './world.ts';

const takeOverMs = 60_000;

/** What the face is started with. */
export interface ServedFaceOptions {
  /** Whose flags the API server was started with. */
  readonly aggregation: Aggregation;
  readonly container: ContainerCommand;
  /** A path that only the face answers with 200. */
  readonly probePath: string;
}

/** Gives it `v1`, and resolves when it has it. Whoever calls stops it. */
export async function startServedFace(world: World, options: ServedFaceOptions): Promise<OperatorProcess> {
  const { cluster, kube, signal } = world;
  const { aggregation, container, probePath } = options;
  const { kubeconfigPath } = await createFaceCredentials(cluster);
  const [port = 0] = await freePorts(1);
  await aggregation.createNamespace(kube);
  // First, as when all manifests are applied: the face tells the APIService its authority when it starts.
  await aggregation.register(kube, port);
  const listenFlags = ['--host', 'localhost', '--port', String(port)];
  const face = await startContainer({
    container,
    kubeconfigPath,
    signal,
    face: { listenFlags, readyLine: 'API face ready' },
  });
  try {
    const isServed = async (): Promise<boolean> =>
      signal.aborted || (await kube.request('GET', probePath)).status === 200;
    await eventually(isServed, { what: 'the face to have v1', timeoutMs: takeOverMs });
    signal.throwIfAborted();
    return face;
  } catch (error) {
    await face.stop();
    throw error;
  }
}
