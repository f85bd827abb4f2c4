/** A push, and how long it takes to reach the status of a stream and the Deployments that follow it. */
import { request } from 'undici';
import { deployments, type ImageStream, imageStreams, type Workload } from '../../test/support/resources.ts';
import { isShown } from './change-case.ts';
import { CollectionWatch } from './collection-watch.ts';
import { type ImageAge, imageOf, type StatedStream } from './planned-state.ts';
import { pushSamples } from './sample-image.ts';
import { FollowerTally } from './triggered-set.ts';
import type { World } from './world.ts';

/** Milliseconds from the registry's answer to the push to the sight of what came of it, in a watch. */
export interface PushLag {
  /** The image in the status of the stream. */
  readonly statusMs: number;
  /** The first and the last Deployment with the image. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** A push to the first tag of a stream. */
export interface Push {
  readonly stream: StatedStream;
  readonly age: ImageAge;
  /** Deployments that follow the tag. */
  readonly followers: number;
}

/** Where the operator hears of pushes. */
export interface PushReceiver {
  readonly port: number;
  readonly secret: string;
}

/** How pushes are made known, and waited for. */
export interface PushLagsOptions {
  /** Undefined leaves it to the operator to find them. */
  readonly receiver?: PushReceiver;
  readonly timeoutMs: number;
}

/** Watches streams and Deployments, and pushes. The layers of the images must be in the repositories. */
export class PushLags implements AsyncDisposable {
  readonly #world: World;
  readonly #options: PushLagsOptions;
  readonly #streams: CollectionWatch<ImageStream>;
  readonly #deployments: CollectionWatch<Workload>;

  private constructor(
    world: World,
    options: PushLagsOptions,
    watches: { streams: CollectionWatch<ImageStream>; deployments: CollectionWatch<Workload> },
  ) {
    this.#world = world;
    this.#options = options;
    this.#streams = watches.streams;
    this.#deployments = watches.deployments;
  }

  /** Begins to watch. */
  static async open(world: World, options: PushLagsOptions): Promise<PushLags> {
    const { facts } = world.cluster;
    const streams = await CollectionWatch.open(facts, imageStreams);
    return new PushLags(world, options, {
      streams,
      deployments: await CollectionWatch.open(facts, deployments),
    });
  }

  /** Pushes, and waits for all that follows. Throws when that takes too long. */
  async measure({ stream, age, followers }: Push): Promise<PushLag> {
    const { signal, cluster } = this.#world;
    const { timeoutMs, receiver } = this.#options;
    const [tag = ''] = stream.tags;
    const image = imageOf(stream, tag, age);
    const source = `${cluster.registry.host}/${stream.repository}`;
    const tally = new FollowerTally(stream, { image: `${source}@${image.digest}`, count: followers });
    const wanted = new Map([[tag, image.digest]]);
    const bounds = { timeoutMs, signal };
    const seen = Promise.all([
      this.#streams.seen((object) => isShown(object, stream, wanted), bounds),
      this.#deployments.seen(tally.isComplete, bounds),
    ]);
    // It is waited for below, when nothing else goes wrong before.
    seen.catch(() => undefined);
    await pushSamples(cluster.registry, stream.repository, [{ tag, image }], 'present');
    const at = performance.now();
    if (receiver !== undefined) await announce(receiver, `${source}:${tag}`);
    const [statusAt, lastAt] = await seen;
    return { statusMs: statusAt - at, firstMs: tally.firstAt - at, lastMs: lastAt - at };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#streams[Symbol.asyncDispose](), this.#deployments[Symbol.asyncDispose]()]);
  }
}

/** Tells of a push as a registry does. */
async function announce({ port, secret }: PushReceiver, image: string): Promise<void> {
  const { statusCode, body } = await request(`http://127.0.0.1:${port}/v1/notify/generic`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ images: [image] }),
  });
  const text = await body.text();
  const { accepted } = statusCode === 202 ? (JSON.parse(text) as { accepted?: number }) : {};
  if (accepted !== 1) throw new Error(`the announced push of ${image} was not taken: ${statusCode} ${text}`);
}
