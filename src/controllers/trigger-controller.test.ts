import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { itemOf, streamOf, workloadOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, playApiServer } from '../../test/support/played-api-server.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { formatTime } from '../api/time.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { Store } from '../kube/store.ts';
import { Metrics } from '../observability/metrics.ts';
import { JobReplacer } from './job-replacer.ts';
import { PushTimes } from './push-times.ts';
import { Sharing } from './sharing.ts';
import { createTagObjectStore, StreamViews } from './tag-objects.ts';
import { indexByStream, triggerReconcile } from './trigger-controller.ts';
import { workloadKinds } from './workloads.ts';

const never = new AbortController().signal;

const from = (namespace: string, container: string) => ({
  from: { kind: 'ImageStreamTag', namespace, name: 'web:1' },
  fieldPath: `spec.template.spec.containers[?(@.name=="${container}")].image`,
});

/** The reconcile of a Deployment `apps/web`, in a cluster with streams `apps/web` and `base/web`. */
async function setUp(review: () => ApiAnswer) {
  const clock = new FakeClock();
  const server = await playApiServer(clock, ({ path }) =>
    path.endsWith('/subjectaccessreviews') ? review() : {},
  );
  onTestFinished(() => server[Symbol.asyncDispose]());
  const log = pino({ enabled: false });
  const { client } = server;
  const streams = new Store<ImageStream>(({ metadata }) => metadata.resourceVersion ?? '');
  const tagObjects = createTagObjectStore();
  for (const [namespace, digit] of [
    ['apps', 'a'],
    ['base', 'b'],
  ] as const)
    streams.put(`${namespace}/web`, streamOf([], [{ tag: '1', items: [itemOf(digit)] }], { namespace }));
  const [kind] = workloadKinds;
  if (kind === undefined) throw new Error('There is no kind of workload.');
  const store = indexByStream(new Store<TriggeredWorkload>(({ resourceVersion }) => resourceVersion));
  const metrics = new Metrics();
  const recorder = new EventRecorder({ client, clock, log, signal: never });
  const pushTimes = new PushTimes();
  const reconcile = triggerReconcile({
    client,
    pushTimes,
    streams,
    tagObjects,
    views: new StreamViews({ streams, tagObjects }),
    sharing: new Sharing({ client, clock, log }),
    localRegistry: undefined,
    workloads: new Map([['Deployment', { kind, store }]]),
    recorder,
    jobs: new JobReplacer({ client, clock, log }),
    clock,
    log,
    metrics,
  });
  let version = 0;
  return {
    clock,
    /** The stream `apps/web` gets an image that was imported some seconds ago. */
    move: (digit: string, secondsAgo: number): void => {
      const created = formatTime(clock.now() - secondsAgo * 1_000);
      const stream = streamOf([], [{ tag: '1', items: [{ ...itemOf(digit), created }] }], {
        namespace: 'apps',
        resourceVersion: digit,
      });
      streams.put('apps/web', stream);
    },
    /** The last move of `apps/web:1` was announced some seconds ago, or not at all. */
    announce: (secondsAgo?: number): void =>
      pushTimes.moved(
        'apps/web',
        '1',
        secondsAgo === undefined ? undefined : clock.now() - secondsAgo * 1_000,
      ),
    /** Sum and number of the lags since imports, or since pushes were announced. */
    lags: async (since: 'import' | 'push' = 'import'): Promise<readonly number[]> => {
      const { values } = await metrics[since === 'import' ? 'moveLag' : 'pushPatchLag'].get();
      const of = (suffix: string): number =>
        values.find(({ metricName }) => metricName?.endsWith(suffix) === true)?.value ?? 0;
      return [of('_sum'), of('_count')];
    },
    blocked: async (): Promise<readonly unknown[]> =>
      (await metrics.blocked.get()).values.flatMap(({ labels, value }) => (value > 0 ? labels.reason : [])),
    /** Looks at the Deployment as it is now; true for a container that has its image. */
    look: async (triggers: readonly object[], hasImage: Readonly<Record<string, boolean>>) => {
      const containers = Object.entries(hasImage).map(([name, has]) => ({
        name,
        image: has ? itemOf('a').dockerImageReference : ' ',
      }));
      store.put('apps/web', workloadOf(triggers, { containers, resourceVersion: String(version++) }));
      return (await reconcile('Deployment/apps/web', never)).requeueAfterMs;
    },
    /** The digits of the digests that were set, in their order. */
    patched: (): readonly string[] =>
      server.requests
        .filter(({ method }) => method === 'PATCH')
        .map(({ body }) => /sha256:(.)/.exec(JSON.stringify(body))?.[1] ?? ''),
    /** Reasons and messages of the events so far. */
    events: async (): Promise<readonly string[]> => {
      await recorder.flush(1_000);
      return server.requests
        .filter(({ method, path }) => method === 'POST' && path.endsWith('/events'))
        .map(({ body }) => {
          const { reason, message } = body as { reason: string; message: string };
          return `${reason}: ${message}`;
        });
    },
    reviews: (): number => server.requests.filter(({ path }) => path.endsWith('reviews')).length,
  };
}

describe('a trigger whose stream is in another namespace', () => {
  it('leaves the others alone when nobody answers, and has its turn later', async () => {
    let broken = true;
    const { clock, look, patched } = await setUp(() =>
      broken ? { status: 500, body: { message: 'etcd is away' } } : { body: { status: { allowed: true } } },
    );
    const triggers = [from('base', 'foreign'), from('apps', 'own')];
    const requeueAfterMs = (await look(triggers, { own: false, foreign: false })) ?? 0;
    expect(patched()).toEqual(['a']);
    expect(requeueAfterMs).toBeLessThan(6_000);
    broken = false;
    await clock.advance(requeueAfterMs);
    await look(triggers, { own: true, foreign: false });
    expect(patched()).toEqual(['a', 'b']);
  });

  it('asks again when it is refused and changed, and not when something else about the workload does', async () => {
    const { clock, look, reviews } = await setUp(() => ({ body: { status: { allowed: false } } }));
    await look([from('base', 'web')], { web: false });
    await clock.advance(1_000);
    await look([from('base', 'web')], { web: false, other: false });
    expect(reviews()).toBe(1);
    await look([from('base', 'other')], { web: false, other: false });
    expect(reviews()).toBe(2);
  });
});

describe('a move of a tag', () => {
  it('is measured from its import, and nothing else is', async () => {
    const { look, move, lags } = await setUp(() => ({}));
    const triggers = [from('apps', 'web')];
    await look(triggers, { web: false });
    await look(triggers, { web: false });
    expect(await lags()).toEqual([0, 0]);
    move('c', 2);
    await look(triggers, { web: true });
    expect(await lags()).toEqual([2, 1]);
    await look(triggers, { web: true });
    expect(await lags()).toEqual([2, 1]);
    expect(await lags('push')).toEqual([0, 0]);
  });

  it('that was announced is measured from that too, and the next one that was not is not', async () => {
    const { look, move, lags, announce } = await setUp(() => ({}));
    const triggers = [from('apps', 'web')];
    await look(triggers, { web: false });
    announce(3);
    move('c', 2);
    await look(triggers, { web: true });
    expect(await lags('push')).toEqual([3, 1]);
    announce();
    move('d', 2);
    await look(triggers, { web: true });
    expect(await lags('push')).toEqual([3, 1]);
    expect(await lags()).toEqual([4, 2]);
  });
});

describe('a workload', () => {
  it('is told once, after half a minute, what it waits for', async () => {
    const { clock, look, events } = await setUp(() => ({ body: { status: { allowed: false } } }));
    const triggers = [from('base', 'web')];
    const requeueAfterMs = (await look(triggers, { web: false })) ?? 0;
    expect(requeueAfterMs).toBeLessThanOrEqual(30_000);
    expect(await events()).toEqual([]);
    for (let i = 0; i < 3; i++) {
      await clock.advance(30_000);
      await look(triggers, { web: false });
    }
    expect(await events()).toEqual([
      'WaitingForImage: waits for an image of base/web:1: the tag is not there or has no image yet, or its stream is not shared: system:serviceaccounts:apps must be allowed to get imagestreams/layers of it',
    ]);
  });

  it('is counted by what keeps its images from moving', async () => {
    const { look, blocked } = await setUp(() => ({ body: { status: { allowed: false } } }));
    await look([from('base', 'web')], { web: false });
    expect(await blocked()).toEqual(['waiting']);
    await look([from('apps', 'gone')], { web: false });
    expect(await blocked()).toEqual(['invalid']);
    await look([from('apps', 'web')], { web: true });
    expect(await blocked()).toEqual([]);
  });
});
