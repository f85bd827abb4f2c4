import { pino } from 'pino';
import { expect, it } from 'vitest';
import { digest, dockerTag, importSettings, streamOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { playApiServer } from '../../test/support/played-api-server.ts';
import type { ImportPlan } from '../domain/import-plan.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { Metrics } from '../observability/metrics.ts';
import { CheckMemory } from './check-memory.ts';
import { imageStreamReconcile } from './image-stream-controller.ts';
import type { ImportResults } from './importer.ts';
import { PushTrust } from './push-hints.ts';
import { PushTimes } from './push-times.ts';
import { createStreamStore } from './stream-store.ts';
import { createTagObjectStore, StreamViews } from './tag-objects.ts';

const never = new AbortController().signal;

it('waits for the watch after a write, but not for ever: the stream may have been restored from a backup', async () => {
  const clock = new FakeClock();
  const stream = streamOf([dockerTag('latest', 'r.example/app:1')]);
  await using server = await playApiServer(clock, () => ({
    body: { ...stream, metadata: { ...stream.metadata, resourceVersion: '8' } },
  }));
  const { client } = server;
  const log = pino({ enabled: false });
  const streams = createStreamStore();
  streams.put('apps/web', stream);
  const views = new StreamViews({ streams, tagObjects: createTagObjectStore() });
  let imports = 0;
  async function* run({ tags }: ImportPlan): AsyncGenerator<ImportResults> {
    imports++;
    const image = digest('a');
    const found = {
      kind: 'resolved',
      dockerImageReference: `r.example/app@${image}`,
      image,
      digest: image,
    } as const;
    const outcomes = { tags: tags.map(({ tag, attempt }) => ({ ...found, tag, attempt })) };
    yield { outcomes, unchanged: [], deferred: [] };
  }
  const reconcile = imageStreamReconcile({
    client,
    clock,
    log,
    views,
    streams,
    checks: new CheckMemory({ clock }),
    trust: new PushTrust(clock),
    pushTimes: new PushTimes(),
    recorder: new EventRecorder({ client, clock, log, signal: never }),
    metrics: new Metrics(),
    importer: { run },
    sources: { of: () => Promise.resolve({ streams: () => undefined, recheckAfterMs: undefined }) },
    tagObjectWriter: { sync: () => Promise.resolve({ settled: true, retryAfterMs: undefined }) },
    settings: { ...importSettings, retry: { baseMs: 1, maxMs: 1 }, historyLimit: 10 },
  });
  await reconcile('apps/web', never);
  expect(imports).toBe(1);

  expect(await reconcile('apps/web', never)).toEqual({ requeueAfterMs: 30_000 });
  expect(imports).toBe(1);

  await clock.advance(30_000);
  await reconcile('apps/web', never);
  expect(imports).toBe(2);
});
