import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { digest, itemOf, streamOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, type ApiRequest, playApiServer } from '../../test/support/played-api-server.ts';
import type { Image } from '../api/generated/image.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageObjectName, indexLabel } from '../domain/image-object.ts';
import { Store } from '../kube/store.ts';
import { Metrics } from '../observability/metrics.ts';
import { ImageKeeper } from './image-keeper.ts';
import { ImageSweeper } from './image-sweeper.ts';

const graceMs = 3_600_000;
const never = new AbortController().signal;

/** The Image whose digest is one hexadecimal digit repeated; with members that of an index. */
function imageObject(digit: string, members?: string): Image {
  return {
    apiVersion: 'image.openshift.io/v1crd',
    kind: 'Image',
    metadata: {
      name: imageObjectName(digest(digit)),
      resourceVersion: '1',
      creationTimestamp: '2025-01-01T00:00:00Z',
      ...(members === undefined ? {} : { labels: { [indexLabel]: 'true' } }),
    },
    dockerImageReference: `r.example/app@${digest(digit)}`,
    ...(members === undefined
      ? {}
      : {
          dockerImageManifests: members.split('').map((member) => ({
            digest: digest(member),
            mediaType: 'application/vnd.oci.image.manifest.v1+json',
            manifestSize: 1,
            architecture: 'amd64',
            os: 'linux',
          })),
        }),
  };
}

interface Options {
  readonly images: readonly Image[];
  /** What the one stream's history holds, by digits. */
  readonly history?: string;
  readonly maxUnreached?: number;
  /** Answers in the place of the server, before (or while) it does something; undefined: it goes on. */
  readonly meddle?: (request: ApiRequest) => ApiAnswer | undefined | Promise<ApiAnswer | undefined>;
}

/** A sweeper in a cluster with these Images; `left` tells which are there, by their digits. */
async function setUp({ images, history = '', maxUnreached = 1_000, meddle = () => undefined }: Options) {
  const clock = new FakeClock();
  const objects = new Map(images.map((image) => [image.metadata.name, image]));
  const server = await playApiServer(clock, async (request) => {
    const meddled = await meddle(request);
    if (meddled !== undefined) return meddled;
    const name = request.path.split('/').at(-1) ?? '';
    if (request.method === 'DELETE') return objects.delete(name) ? {} : { status: 404 };
    if (request.method === 'POST') {
      const image = request.body as Image;
      if (objects.has(image.metadata.name)) return { status: 409 };
      objects.set(image.metadata.name, image);
      return { body: image };
    }
    return { body: listed([...objects.values()], request.query) };
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const streams = new Store<ImageStream>(({ metadata }) => metadata.resourceVersion ?? '');
  const holds = (digits: string, resourceVersion: string): void =>
    streams.put(
      'apps/web',
      streamOf([], [{ tag: '1', items: digits.split('').map((digit) => itemOf(digit)) }], {
        resourceVersion,
      }),
    );
  holds(history, '1');
  const logged: string[] = [];
  const log = pino({}, { write: (line) => logged.push((JSON.parse(line) as { msg: string }).msg) });
  const keeper = new ImageKeeper({ client: server.client, clock, log });
  const metrics = new Metrics();
  const options = { client: server.client, streams, keeper, graceMs, maxUnreached, clock, log, metrics };
  const sweeper = new ImageSweeper(options);
  /** Passes, half a grace period apart, beginning with one at once. */
  const passes = async (count: number): Promise<void> => {
    for (let pass = 0; pass < count; pass++) {
      await sweeper.pass(never);
      await clock.advance(graceMs / 2);
    }
  };
  const left = (): string => [...objects.keys()].map((name) => name.at(-1)).join('');
  const swept = async (): Promise<number> => (await metrics.sweptImages.get()).values[0]?.value ?? 0;
  return { sweeper, passes, left, holds, keeper, logged, swept, server };
}

/** One Image a page, in the order of their names. */
function listed(all: readonly Image[], query: URLSearchParams): object {
  const label = query.get('labelSelector');
  const sorted = all
    .filter(({ metadata }) => label === null || metadata.labels?.[label] !== undefined)
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const start = Number(query.get('continue') ?? 0);
  const more = start + 1 < sorted.length ? { continue: String(start + 1) } : {};
  return { metadata: { resourceVersion: '9', ...more }, items: sorted.slice(start, start + 1) };
}

const plain = (digits: string): readonly Image[] => digits.split('').map((digit) => imageObject(digit));

describe('a sweep', () => {
  it('takes what is unreached for the grace period, and nothing that a history or its index holds', async () => {
    const { passes, left, swept } = await setUp({
      images: [...plain('0123'), imageObject('a', 'b'), imageObject('b', '12')],
      history: 'a3',
    });
    await passes(2);
    expect(left()).toBe('0123ab');
    await passes(1);
    expect(left()).toBe('123ab');
    expect(await swept()).toBe(1);
  });

  it('is not held up by members of kept indexes that sort before everything else', async () => {
    const { passes, left } = await setUp({
      images: [...plain('012345f'), imageObject('a', '012345')],
      history: 'a',
      maxUnreached: 3,
    });
    await passes(3);
    expect(left()).toBe('012345a');
  });

  it('with more than it can hold gets to all of it', async () => {
    const { passes, left } = await setUp({ images: plain('0123456789'), maxUnreached: 4 });
    await passes(3);
    expect(left()).toBe('456789');
    await passes(6);
    expect(left()).toBe('');
  });

  it('gets to the others also when those that it holds do not go', async () => {
    const stuck = new Set(['0', '1']);
    const meddle = ({ method, path }: ApiRequest): ApiAnswer | undefined =>
      method === 'DELETE' && stuck.has(path.at(-1) ?? '') ? { status: 409 } : undefined;
    const { passes, left } = await setUp({ images: plain('0123'), maxUnreached: 2, meddle });
    await passes(3 + 4);
    expect(left()).toBe('01');
  });

  it('gets to the others also when one may not be deleted', async () => {
    const meddle = ({ method, path }: ApiRequest): ApiAnswer | undefined =>
      method === 'DELETE' && path.endsWith('0') ? { status: 403, body: { message: 'no' } } : undefined;
    const { passes, left } = await setUp({ images: plain('012'), meddle });
    await passes(2);
    await expect(passes(1)).rejects.toThrow('no');
    await passes(1);
    expect(left()).toBe('0');
  });

  it('keeps what a history has got while it read the names', async () => {
    let hold: (digits: string, version: string) => void = () => undefined;
    const meddle = ({ method, query }: ApiRequest): undefined => {
      if (method === 'GET' && query.get('continue') === '1' && counting++ === 2) hold('0', '2');
    };
    let counting = 0;
    const { passes, left, holds } = await setUp({ images: plain('012'), meddle });
    hold = holds;
    await passes(3);
    expect(left()).toBe('0');
  });
});

describe('an import that finds an Image while it is deleted', () => {
  it('has it created again', async () => {
    let found: (() => Promise<void>) | undefined;
    const meddle = async ({ method }: ApiRequest): Promise<undefined> => {
      if (method !== 'DELETE') return undefined;
      // The import's POST is answered by the Image that goes right after it.
      await found?.();
      return undefined;
    };
    const { passes, left, keeper, logged, swept } = await setUp({ images: plain('0'), meddle });
    await passes(2);
    found = () => keeper.store(imageObject('0'), never);
    await passes(1);
    expect(left()).toBe('0');
    expect(logged).toEqual(['image kept: an import found it while it was deleted']);
    expect(await swept()).toBe(0);
  });

  it('has it created again when nobody knows whether it went', async () => {
    let found: (() => Promise<void>) | undefined;
    const meddle = async ({ method }: ApiRequest): Promise<ApiAnswer | undefined> => {
      if (method !== 'DELETE') return undefined;
      await found?.();
      return { status: 500, body: { message: 'timeout' } };
    };
    const { passes, sweeper, keeper, logged, server } = await setUp({ images: plain('0'), meddle });
    await passes(2);
    found = () => keeper.store(imageObject('0'), never);
    await expect(sweeper.pass(never)).rejects.toThrow('timeout');
    expect(server.requests.filter(({ method }) => method === 'POST')).toHaveLength(2);
    expect(logged).toEqual(['image kept: an import found it while it was deleted']);
  });

  it('leaves a line in the log when its content is not at hand any more', async () => {
    let found: (() => Promise<void>) | undefined;
    const meddle = async ({ method }: ApiRequest): Promise<undefined> => {
      if (method === 'DELETE') await found?.();
    };
    const { passes, left, keeper, logged } = await setUp({ images: plain('0'), meddle });
    const huge = { ...imageObject('1'), dockerImageMetadata: { Comment: 'x'.repeat(5 * 1024 * 1024) } };
    await passes(2);
    found = async () => {
      await keeper.store(imageObject('0'), never);
      await keeper.store(huge, never);
    };
    await passes(1);
    expect(left()).toBe('1');
    expect(logged).toEqual([
      'image deleted while an import found it: it is read again when a tag has to show it',
    ]);
  });
});
