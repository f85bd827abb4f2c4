import { describe, expect, it } from 'vitest';
import { digest, dockerTag, importSettings, streamOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import type { PlannedTag } from '../domain/import-plan.ts';
import type { ImportReason } from '../domain/import-reason.ts';
import type { PushEvent } from '../domain/push-notification.ts';
import { tagObjectName } from '../domain/tag-object-name.ts';
import { Store } from '../kube/store.ts';
import { CheckMemory } from './check-memory.ts';
import { indexByRepository, PushTrust, takeHints } from './push-hints.ts';
import { createTagObjectStore, keepTagObject, StreamViews } from './tag-objects.ts';

const scheduled = { importPolicy: { scheduled: true } };

/**
 * What is announced and enqueued for these events, when the store has these streams and ImageStreamTags declare these tags, by
 * the key of their stream.
 */
function hint(
  streams: Readonly<Record<string, ImageStream>>,
  declared: Readonly<Record<string, TagReference>>,
  ...events: readonly PushEvent[]
) {
  const stores = {
    streams: new Store<ImageStream>((stream) => stream.metadata.resourceVersion ?? ''),
    tagObjects: createTagObjectStore(),
  };
  indexByRepository(stores);
  const views = new StreamViews(stores);
  for (const [key, stream] of Object.entries(streams)) {
    const [namespace = '', name = ''] = key.split('/');
    stores.streams.put(key, { ...stream, metadata: { ...stream.metadata, namespace, name } });
  }
  for (const [key, tag] of Object.entries(declared)) {
    const [namespace = '', stream = ''] = key.split('/');
    const name = tagObjectName(stream, tag.name);
    const managedFields = [{ manager: 'somebody', fieldsV1: { 'f:tag': {} } }];
    const metadata = { namespace, name, resourceVersion: '1', managedFields };
    const object = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStreamTag', metadata, tag } as const;
    stores.tagObjects.put(`${namespace}/${name}`, keepTagObject(object));
  }
  const checks = new CheckMemory({ clock: new FakeClock() });
  const enqueued = new Set<string>();
  takeHints(events, { ...stores, views, checks, enqueue: (key) => enqueued.add(key) });
  const announced = Object.keys(streams).flatMap((key) =>
    (views.get(key)?.spec?.tags ?? [])
      .filter(({ name }) => checks.of(key).announced(name))
      .map(({ name }) => `${key}:${name}`),
  );
  return { enqueued: [...enqueued], announced };
}

describe('an event', () => {
  const streams = {
    'a/web': streamOf([
      dockerTag('latest', 'quay.io/org/app:1', scheduled),
      dockerTag('next', 'quay.io/org/app:2', scheduled),
    ]),
    'b/web': streamOf([dockerTag('prod', 'quay.io/org/app:1', scheduled)]),
    'c/lazy': streamOf([dockerTag('latest', 'quay.io/org/app:1')]),
    'd/pinned': streamOf([dockerTag('latest', `quay.io/org/app@${digest('a')}`, scheduled)]),
    'e/hub': streamOf([dockerTag('latest', 'nginx', scheduled)]),
  };
  const app = { registry: 'quay.io', repository: 'org/app' };
  it.each([
    { name: 'of a tag', event: { ...app, tag: '1' }, want: ['a/web:latest', 'b/web:prod'] },
    { name: 'of another tag', event: { ...app, tag: '3' }, want: [] },
    {
      name: 'of a repository',
      event: { ...app, tag: undefined },
      want: ['a/web:latest', 'a/web:next', 'b/web:prod'],
    },
    {
      name: 'of a sender without a name',
      event: { ...app, registry: undefined, tag: '2' },
      want: ['a/web:next'],
    },
    { name: 'of another registry', event: { ...app, registry: 'ghcr.io', tag: '1' }, want: [] },
    {
      name: 'of Docker Hub',
      event: { registry: 'registry-1.docker.io', repository: 'library/nginx', tag: 'latest' },
      want: ['e/hub:latest'],
    },
  ])('$name reaches the scheduled tags that follow it', ({ event, want }) => {
    const { announced, enqueued } = hint(streams, {}, event);
    expect(announced).toEqual(want);
    expect(enqueued).toEqual([...new Set(want.map((place) => place.split(':')[0]))]);
  });
});

describe('an event for a tag that an ImageStreamTag declares', () => {
  const event = { registry: 'quay.io', repository: 'org/app', tag: '1' };
  const none = streamOf([]);
  it.each([
    { name: 'reaches it', streams: { 'a/web': none }, want: ['a/web:prod'] },
    { name: 'reaches nothing without the stream', streams: { 'b/web': none }, want: [] },
    {
      name: 'reaches nothing when the stream has a tag of that name itself',
      streams: { 'a/web': streamOf([dockerTag('prod', 'quay.io/org/other:1', scheduled)]) },
      want: [],
    },
  ])('$name', ({ streams, want }) => {
    const declared = { 'a/web': dockerTag('prod', 'quay.io/org/app:1', scheduled) };
    const { announced, enqueued } = hint(streams, declared, event);
    expect(announced).toEqual(want);
    expect(enqueued).toEqual(want.length === 0 ? [] : ['a/web']);
  });

  it('reaches nothing when it is not scheduled', () => {
    const declared = { 'a/web': dockerTag('prod', 'quay.io/org/app:1') };
    expect(hint({ 'a/web': none }, declared, event)).toEqual({ enqueued: [], announced: [] });
  });
});

describe('polling', () => {
  const parsed = parseImageReference('quay.io/org/app:1');
  if (!parsed.ok) throw new Error(parsed.problem);
  const { reference } = parsed;
  const look = (reason: ImportReason): PlannedTag => ({
    kind: 'check',
    tag: 'latest',
    reason,
    attempt: {},
    known: digest('a'),
    nextCheckAt: undefined,
    reference,
    insecure: false,
    importMode: 'Legacy',
    platform: importSettings.platform,
  });

  it('is stretched while announcements bring the changes, and not when a poll finds one by itself', () => {
    const trust = new PushTrust(new FakeClock());
    expect(trust.stretchOf(reference)).toBe(1);
    trust.lookedAt(look('push announced'), false, false);
    trust.lookedAt(look('scheduled check'), false, false);
    expect(trust.stretchOf(reference)).toBe(1);
    trust.lookedAt(look('push announced'), true, false);
    expect(trust.stretchOf(reference)).toBe(2);
    trust.lookedAt(look('push announced'), true, false);
    expect(trust.stretchOf(reference)).toBe(4);
    trust.lookedAt(look('scheduled check'), true, true);
    expect(trust.stretchOf(reference)).toBe(4);
    trust.lookedAt(look('scheduled check'), true, false);
    expect(trust.stretchOf(reference)).toBe(1);
  });
});
