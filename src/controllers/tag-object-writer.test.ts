import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { streamOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { playApiServer } from '../../test/support/played-api-server.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { tagObjectName } from '../domain/tag-object-name.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { ImageKeeper } from './image-keeper.ts';
import { ImageRestorer } from './image-restorer.ts';
import { createStreamStore } from './stream-store.ts';
import { TagObjectWriter } from './tag-object-writer.ts';
import { createTagObjectStore, keepTagObject, StreamViews } from './tag-objects.ts';

const never = new AbortController().signal;
const type = { apiVersion: 'image.openshift.io/v1crd', kind: 'ImageStreamTag' } as const;
/** More than the store keeps read. */
const tags = Array.from({ length: 80 }, (_, i) => `t${i}`);

it('waits for the watch after a write, however many ImageStreamTags a stream has', async () => {
  const clock = new FakeClock();
  await using server = await playApiServer(clock, ({ body }) => {
    const { metadata } = body as ImageStreamTag;
    return { body: { ...(body as ImageStreamTag), metadata: { ...metadata, resourceVersion: '2' } } };
  });
  const log = pino({ enabled: false });
  const { client } = server;
  const streams = createStreamStore();
  const tagObjects = createTagObjectStore();
  const views = new StreamViews({ streams, tagObjects });
  for (const tag of tags) {
    const name = tagObjectName('web', tag);
    const metadata = { namespace: 'apps', name, uid: `u-${tag}`, resourceVersion: '1' };
    tagObjects.put(`apps/${name}`, keepTagObject({ ...type, metadata }));
  }
  // Images without a digest: nothing has to be read for them.
  const image = { created: '2026-11-25T12:00:00Z', dockerImageReference: 'r.example/app:1', image: '' };
  const items = [{ ...image, generation: 1 }];
  const stream = streamOf(
    [],
    tags.map((tag) => ({ tag, items })),
  );
  const importer = { restore: () => Promise.reject(new Error('nothing has to be restored')) };
  const restorer = new ImageRestorer({ importer, onRestored: () => undefined, clock, log });
  onTestFinished(() => restorer.stop());
  const writer = new TagObjectWriter({
    client,
    views,
    keeper: new ImageKeeper({ client, clock, log }),
    restorer,
    recorder: new EventRecorder({ client, clock, log, signal: never }),
    clock,
    log,
    localRegistry: undefined,
  });
  expect(await writer.sync(stream, never)).toEqual({ settled: false, retryAfterMs: undefined });
  expect(server.requests).toHaveLength(tags.length);
  await writer.sync(stream, never);
  expect(server.requests).toHaveLength(tags.length);
});
