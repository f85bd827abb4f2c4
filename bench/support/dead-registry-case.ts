/** A registry that accepts connections and never answers, beside one that works. */
import { createServer, type Socket } from 'node:net';
import { type PlannedStream, planStreams, pushDistinct } from './image-set.ts';
import { type OperatorRun, runOperator } from './operator-run.ts';
import { seconds } from './progress.ts';
import { createNamespace, createStreams, deleteStreams } from './stream-set.ts';
import type { World } from './world.ts';

const liveStreams = 100;
/** As many as the operator imports at the same time, unless it is told otherwise. */
const deadStreams = 50;

/** The live streams alone, and beside the dead ones. */
export interface DeadRegistryRun {
  readonly alone: OperatorRun;
  readonly beside: OperatorRun;
}

/** Runs the live streams without and with the dead ones; the dead ones come first in every list. */
export async function runDeadRegistryCase(world: World): Promise<DeadRegistryRun> {
  const { progress, cluster, kube, signal } = world;
  const namespace = 'bench-dead';
  const live = planStreams({ streams: liveStreams, tagsPerStream: 1 }, 'live');
  const dead = planStreams({ streams: deadStreams, tagsPerStream: 1 }, 'dead');
  const wanted = new Map(live.map(({ name }) => [name, 1]));
  await using deadHost = await DeadHost.start();
  await createNamespace(kube, namespace);
  await progress.step(`push ${liveStreams} images`, () => pushDistinct(cluster.registry, live, signal));
  const create = async (host: string, streams: readonly PlannedStream[]): Promise<void> =>
    createStreams(kube, streams, { namespace, host, signal });
  await create(cluster.registry.host, live);
  const alone = await progress.step(`${liveStreams} streams of a live registry`, () =>
    runOperator(world, { namespace, wanted }),
  );
  await deleteStreams(kube, namespace);
  await create(deadHost.host, dead);
  await create(cluster.registry.host, live);
  const beside = await progress.step(`the same beside ${deadStreams} of a dead one`, () =>
    runOperator(world, { namespace, wanted }),
  );
  await deleteStreams(kube, namespace);
  return { alone, beside };
}

/** The figures of a run for the table. */
export function deadRegistryRow({ alone, beside }: DeadRegistryRun): Record<string, string> {
  return {
    'live streams': `${liveStreams} × 1`,
    alone: seconds(alone.ms),
    [`beside ${deadStreams} dead ones`]: seconds(beside.ms),
    'beside/alone': (beside.ms / alone.ms).toFixed(2),
    'others used': `${alone.load.foreign.toFixed(1)} / ${beside.load.foreign.toFixed(1)} CPU`,
  };
}

/** Takes connections, reads what comes and says nothing. */
class DeadHost implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => {
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    socket.resume();
  });

  static async start(): Promise<DeadHost> {
    const host = new DeadHost();
    await new Promise<void>((resolve) => host.#server.listen(0, '127.0.0.1', resolve));
    return host;
  }

  get host(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
