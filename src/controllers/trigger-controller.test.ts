import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { itemOf, streamOf, workloadOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiRequest, playApiServer } from '../../test/support/played-api-server.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { Store } from '../kube/store.ts';
import { Metrics } from '../observability/metrics.ts';
import { Sharing } from './sharing.ts';
import { createTagObjectStore, StreamViews } from './tag-objects.ts';
import { indexByStream, triggerReconcile } from './trigger-controller.ts';
import { workloadKinds } from './workloads.ts';

const never = new AbortController().signal;

const from = (namespace: string, container: string) => ({
  from: { kind: 'ImageStreamTag', namespace, name: 'web:1' },
  fieldPath: `spec.template.spec.containers[?(@.name=="${container}")].image`,
});

it('a trigger whose stream nobody answers about leaves the other triggers alone, and has its turn later', async () => {
  const clock = new FakeClock();
  let broken = true;
  const server = await playApiServer(clock, ({ path }) => {
    if (!path.endsWith('/subjectaccessreviews')) return {};
    return broken
      ? { status: 500, body: { message: 'etcd is away' } }
      : { body: { status: { allowed: true } } };
  });
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
  const views = new StreamViews({ streams, tagObjects });
  const [kind] = workloadKinds;
  if (kind === undefined) throw new Error('There is no kind of workload.');
  const store = indexByStream(new Store<TriggeredWorkload>(({ resourceVersion }) => resourceVersion));
  const containers = [
    { name: 'own', image: ' ' },
    { name: 'foreign', image: ' ' },
  ];
  store.put('apps/web', workloadOf([from('base', 'foreign'), from('apps', 'own')], { containers }));
  const reconcile = triggerReconcile({
    client,
    streams,
    tagObjects,
    views,
    sharing: new Sharing({ client, clock, log }),
    localRegistry: undefined,
    workloads: new Map([['Deployment', { kind, store }]]),
    recorder: new EventRecorder({ client, clock, log, signal: never }),
    clock,
    log,
    metrics: new Metrics(),
  });
  const patched = (): readonly string[] =>
    server.requests
      .filter(({ method }: ApiRequest) => method === 'PATCH')
      .map(({ body }) => /sha256:(.)/.exec(JSON.stringify(body))?.[1] ?? '');

  const { requeueAfterMs = 0 } = await reconcile('Deployment/apps/web', never);
  expect(patched()).toEqual(['a']);
  expect(requeueAfterMs).toBeLessThan(6_000);
  broken = false;
  await clock.advance(requeueAfterMs);
  const set = containers.map((container) =>
    container.name === 'own' ? { ...container, image: itemOf('a').dockerImageReference } : container,
  );
  store.put(
    'apps/web',
    workloadOf([from('base', 'foreign'), from('apps', 'own')], { containers: set, resourceVersion: '10' }),
  );
  await reconcile('Deployment/apps/web', never);
  expect(patched()).toEqual(['a', 'b']);
});
