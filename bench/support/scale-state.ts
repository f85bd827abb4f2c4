/** The state of the benchmark of scale: streams, Images, Deployments, all at rest, and the registry behind them. */
import { randomUUID } from 'node:crypto';
import { secrets } from '../../test/support/resources.ts';
import type { TokenUser } from '../../test/support/token-server.ts';
import { eachParallel } from './bounded-parallel.ts';
import { DerivedState, stateKinds } from './derived-state.ts';
import { imagesOf, namespacesOf, type StatedStream } from './planned-state.ts';
import { pushSamples } from './sample-image.ts';
import type { StartOptions } from './start-container.ts';
import { createNamespace } from './stream-set.ts';
import { importTemplate } from './template-stream.ts';
import { createFollowers, type Followers } from './triggered-set.ts';
import type { World } from './world.ts';

const pushers = 16;

/** Whom the registry lets pull; each namespace has a pull secret with this account. */
export const puller: TokenUser = { name: 'puller', password: randomUUID() };

/** What the flags say. */
export interface ScaleShape {
  /** Tags of each stream that are scheduled: its first ones. */
  readonly scheduled: number;
  readonly deployments: number;
  /** Those of them that follow one tag. */
  readonly fanout: number;
}

/** The Deployments of each stream: of the first the many, of the others the rest, one after the other. */
export function planFollowers(
  streams: readonly StatedStream[],
  { deployments, fanout }: ScaleShape,
): readonly Followers[] {
  const others = streams.length - 1;
  const rest = deployments - fanout;
  return streams.map((stream, i) => {
    const count = Math.floor(rest / others) + (i - 1 < rest % others ? 1 : 0);
    return { stream, count: i === 0 ? fanout : count };
  });
}

/** Makes all of it; the first stream is imported by an operator. */
export async function makeScaleState(
  world: World,
  streams: readonly StatedStream[],
  {
    shape,
    start,
    hasAccounts,
  }: { readonly shape: ScaleShape; readonly start: StartOptions; readonly hasAccounts: boolean },
): Promise<void> {
  const { progress, kube } = world;
  const [first] = streams;
  if (first === undefined) throw new Error('there are no streams');
  for (const namespace of namespacesOf(streams)) {
    await createNamespace(kube, namespace);
    if (hasAccounts) await createPullSecret(world, namespace);
  }
  const template = await progress.step('let the operator import a stream', () =>
    importTemplate(world, first, start, shape),
  );
  const state = new DerivedState(world, streams, template);
  for (const kind of stateKinds) await state.write(kind);
  await state.verify();
  await pushScheduled(world, streams, shape);
  await createFollowers(world, planFollowers(streams, shape));
}

/** What the scheduled tags have now, so that their checks find it. */
async function pushScheduled(
  { cluster, progress, signal }: World,
  [first, ...others]: readonly StatedStream[],
  { scheduled }: ScaleShape,
): Promise<void> {
  const source = { mountFrom: first?.repository ?? '' };
  await progress.counted(`push the scheduled tags of ${others.length} streams`, others.length, (done) =>
    eachParallel(others, { limit: pushers, signal }, async (stream) => {
      const images = imagesOf(stream, 'current', stream.tags.slice(0, scheduled));
      await pushSamples(cluster.registry, stream.repository, images, source);
      done();
    }),
  );
}

async function createPullSecret({ kube, cluster }: World, namespace: string): Promise<void> {
  const account = { username: puller.name, password: puller.password };
  const config = JSON.stringify({ auths: { [cluster.registry.host]: account } });
  await kube.create(secrets, {
    metadata: { namespace, name: 'registry' },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(config).toString('base64') },
  });
}
