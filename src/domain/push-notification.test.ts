import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import {
  pushedDigest as a,
  distributionEvent,
  dockerHub,
  gitHubPackage,
  harborCloudEvent,
  harborData,
  harborDefault,
  harborResource,
  quay,
  zotData,
  zotHeaders,
} from '../../test/support/push-payloads.ts';
import { parseImageReference } from './image-reference.ts';
import {
  type NotificationHint,
  type ParsedNotification,
  type PushEvent,
  parsePushNotification,
  repositoryKey,
  repositoryKeys,
  tagKey,
} from './push-notification.ts';

const hub = 'registry-1.docker.io';

function parse(
  payload: unknown,
  { path = '/v1/notify', headers = {} }: Partial<NotificationHint> = {},
): ParsedNotification {
  return parsePushNotification(typeof payload === 'string' ? payload : JSON.stringify(payload), {
    path,
    headers,
  });
}

function event(registry: string | undefined, repository: string, tag?: string, sent?: string): PushEvent {
  return { registry, repository, tag, ...(sent === undefined ? {} : { digest: sent }) };
}

describe('what was pushed', () => {
  it.each<{
    name: string;
    payload: unknown;
    hint?: Partial<NotificationHint>;
    kind: string;
    events: readonly PushEvent[];
  }>([
    {
      name: 'distribution: a manifest with a tag',
      payload: { events: [distributionEvent({})] },
      kind: 'distribution',
      events: [event('registry.example.com:5000', 'team/app', 'latest', a)],
    },
    {
      name: 'distribution: an envelope of several, with layers, pulls, deletes and mounts among them',
      payload: {
        events: [
          distributionEvent({ target: { mediaType: 'application/octet-stream', tag: undefined } }),
          distributionEvent({ action: 'pull' }),
          distributionEvent({ target: { tag: 'v1' } }),
          distributionEvent({ action: 'delete' }),
          distributionEvent({ action: 'mount', target: { fromRepository: 'team/base' } }),
          distributionEvent({ target: { tag: 'v2', repository: 'other' } }),
        ],
      },
      kind: 'distribution',
      events: [
        event('registry.example.com:5000', 'team/app', 'v1', a),
        event('registry.example.com:5000', 'other', 'v2', a),
      ],
    },
    {
      name: 'distribution: the same tag twice is one event',
      payload: {
        events: [distributionEvent({}), distributionEvent({ target: { digest: digest('b') } })],
      },
      kind: 'distribution',
      events: [event('registry.example.com:5000', 'team/app', 'latest', digest('b'))],
    },
    {
      name: 'distribution: under the name that the address gives',
      payload: { events: [distributionEvent({ host: 'registry.svc:5000' })] },
      hint: { path: '/v1/notify/distribution?registry=Registry.Example.com' },
      kind: 'distribution',
      events: [event('registry.example.com', 'team/app', 'latest', a)],
    },
    {
      name: 'distribution: a mirror whose path starts with a host',
      payload: { events: [distributionEvent({ target: { repository: 'quay.io/org/app' } })] },
      kind: 'distribution',
      events: [event('registry.example.com:5000', 'quay.io/org/app', 'latest', a)],
    },
    {
      name: 'distribution: an event of Azure without the envelope',
      payload: distributionEvent({ host: 'demo.azurecr.io' }),
      kind: 'distribution',
      events: [event('demo.azurecr.io', 'team/app', 'latest', a)],
    },
    {
      name: 'zot: an updated image, attributes in headers, no registry named',
      payload: zotData('latest'),
      hint: { headers: zotHeaders('zotregistry.image.updated') },
      kind: 'zot',
      events: [event(undefined, 'space/my-image', 'latest', a)],
    },
    {
      name: 'zot: with its own source and type prefix',
      payload: zotData('latest'),
      hint: { headers: zotHeaders('com.example.image.updated', 'https://Zot.Example.com/') },
      kind: 'zot',
      events: [event('zot.example.com', 'space/my-image', 'latest', a)],
    },
    {
      name: 'zot: everything in the body',
      payload: {
        specversion: '1.0',
        type: 'zotregistry.image.updated',
        source: 'https://zot.example.com:5000',
        id: '1',
        data: zotData('v1'),
      },
      kind: 'zot',
      events: [event('zot.example.com:5000', 'space/my-image', 'v1', a)],
    },
    {
      name: 'zot: a name for it in the address',
      payload: zotData('latest'),
      hint: {
        path: '/v1/notify/zot?registry=zot.example.com',
        headers: zotHeaders('zotregistry.image.updated'),
      },
      kind: 'zot',
      events: [event('zot.example.com', 'space/my-image', 'latest', a)],
    },
    {
      name: 'harbor: default payload with two tags',
      payload: harborDefault('PUSH_ARTIFACT', harborData([harborResource('1.0'), harborResource('latest')])),
      kind: 'harbor',
      events: [
        event('harbor.example.com', 'library/busybox', '1.0', a),
        event('harbor.example.com', 'library/busybox', 'latest', a),
      ],
    },
    {
      name: 'harbor: CloudEvents payload',
      payload: harborCloudEvent('harbor.artifact.pushed', harborData([harborResource('1.0')])),
      kind: 'harbor',
      events: [event('harbor.example.com', 'library/busybox', '1.0', a)],
    },
    {
      name: 'harbor: a new tag on an old artifact, default payload',
      payload: harborDefault('CREATE_TAG', harborData([harborResource('prod')])),
      kind: 'harbor',
      events: [event('harbor.example.com', 'library/busybox', 'prod', a)],
    },
    {
      name: 'harbor: a new tag on an old artifact',
      payload: harborCloudEvent('harbor.tag.created', harborData([harborResource('prod')])),
      kind: 'harbor',
      events: [event('harbor.example.com', 'library/busybox', 'prod', a)],
    },
    {
      name: 'quay: several tags',
      payload: quay(['latest', '3.1', '3']),
      kind: 'quay',
      events: ['latest', '3.1', '3'].map((tag) => event('quay.io', 'org/test', tag)),
    },
    {
      name: 'quay: tags as an object, as old versions have them',
      payload: quay({ latest: 'b750fe79269d', old: 'b750fe79269e' }),
      kind: 'quay',
      events: ['latest', 'old'].map((tag) => event('quay.io', 'org/test', tag)),
    },
    {
      name: 'quay: another host with a port',
      payload: quay(['1'], { docker_url: 'quay.example.com:8443/org/deep/test' }),
      kind: 'quay',
      events: [event('quay.example.com:8443', 'org/deep/test', '1')],
    },
    {
      name: 'docker hub: as the place that is asked for it',
      payload: dockerHub('org/app', 'latest'),
      hint: { path: '/v1/notify/dockerhub/secret' },
      kind: 'dockerhub',
      events: [event(hub, 'org/app', 'latest')],
    },
    {
      name: 'docker hub: an official image',
      payload: dockerHub('nginx', '1.27'),
      kind: 'dockerhub',
      events: [event(hub, 'library/nginx', '1.27')],
    },
    {
      name: 'ghcr: a named tag stands for the repository, in lower case',
      payload: { action: 'published', registry_package: gitHubPackage('latest') },
      hint: { headers: { 'x-github-event': 'registry_package' } },
      kind: 'ghcr',
      events: [event('ghcr.io', 'octo-org/hello-world', undefined, a)],
    },
    {
      name: 'ghcr: the older event, of an updated package',
      payload: { action: 'updated', package: gitHubPackage('v1') },
      kind: 'ghcr',
      events: [event('ghcr.io', 'octo-org/hello-world', undefined, a)],
    },
    {
      name: 'generic: images with tags, without, and pinned',
      payload: {
        images: [
          'registry.example.com:5000/org/app:1.2',
          'nginx',
          `quay.io/org/app:v1@${a}`,
          'org/app:latest',
        ],
      },
      kind: 'generic',
      events: [
        event('registry.example.com:5000', 'org/app', '1.2'),
        event(hub, 'library/nginx'),
        event('quay.io', 'org/app', 'v1', a),
        event(hub, 'org/app', 'latest'),
      ],
    },
  ])('$name', ({ payload, hint = {}, kind, events }) => {
    expect(parse(payload, hint)).toEqual({ ok: true, kind, events });
    const path = hint.path ?? `/v1/notify/${kind}`;
    expect(parse(payload, { ...hint, path })).toEqual({ ok: true, kind, events });
  });
});

describe('what is no push of a tag', () => {
  it.each<{ name: string; payload: unknown; headers?: NotificationHint['headers']; kind: string }>([
    { name: 'distribution: an empty envelope', payload: { events: [] }, kind: 'distribution' },
    {
      name: 'distribution: a tag that went away',
      payload: { events: [distributionEvent({ action: 'delete' })] },
      kind: 'distribution',
    },
    {
      name: 'distribution: events that are none',
      payload: { events: [null, 1, 'x', [], {}, { action: 'push' }, { action: 'push', target: [] }] },
      kind: 'distribution',
    },
    {
      name: 'zot: a deleted image',
      payload: zotData('latest'),
      headers: zotHeaders('zotregistry.image.deleted'),
      kind: 'zot',
    },
    {
      name: 'zot: a manifest by its digest',
      payload: zotData(a),
      headers: zotHeaders('zotregistry.image.updated'),
      kind: 'zot',
    },
    {
      name: 'zot: a new repository',
      payload: { name: 'space/my-image' },
      headers: zotHeaders('zotregistry.repository.created'),
      kind: 'zot',
    },
    {
      name: 'zot: an event without data',
      payload: { specversion: '1.0', type: 'zotregistry.image.updated', data: 'none' },
      kind: 'zot',
    },
    {
      name: 'harbor: a pull',
      payload: harborDefault('PULL_ARTIFACT', harborData([harborResource('1.0')])),
      kind: 'harbor',
    },
    {
      name: 'harbor: a pull as a CloudEvent',
      payload: harborCloudEvent('harbor.artifact.pulled', harborData([harborResource('1.0')])),
      kind: 'harbor',
    },
    {
      name: 'harbor: an artifact without a tag',
      payload: harborDefault('PUSH_ARTIFACT', harborData([harborResource(a)])),
      kind: 'harbor',
    },
    { name: 'quay: a vulnerability', payload: quay(undefined, { tags: ['latest'] }), kind: 'quay' },
    { name: 'quay: no tags', payload: quay([]), kind: 'quay' },
    { name: 'docker hub: no tag', payload: dockerHub('org/app', null), kind: 'dockerhub' },
    {
      name: 'ghcr: one manifest of an index, without a tag',
      payload: { action: 'published', registry_package: gitHubPackage('') },
      kind: 'ghcr',
    },
    {
      name: 'ghcr: a package of another ecosystem',
      payload: { action: 'published', package: { package_version: { package_url: 'https://x/y' } } },
      kind: 'ghcr',
    },
    {
      name: 'ghcr: a package without an address',
      payload: {
        action: 'published',
        package: { package_version: { container_metadata: { tag: { name: 'v1' } } } },
      },
      kind: 'ghcr',
    },
    {
      name: 'ghcr: a deleted package',
      payload: { action: 'deleted', registry_package: gitHubPackage('v1') },
      kind: 'ghcr',
    },
    {
      name: 'ghcr: the ping of a new webhook',
      payload: { zen: 'Keep it logically awesome.', hook_id: 1, hook: { type: 'Repository' } },
      headers: { 'x-github-event': 'ping' },
      kind: 'ghcr',
    },
    { name: 'generic: nothing', payload: { images: [] }, kind: 'generic' },
  ])('$name', ({ payload, headers = {}, kind }) => {
    expect(parse(payload, { headers })).toEqual({ ok: true, kind, events: [] });
  });
});

describe('keys', () => {
  function keysOf(text: string): readonly string[] {
    const parsed = parseImageReference(text);
    if (!parsed.ok) throw new Error(parsed.problem);
    return repositoryKeys(parsed.reference);
  }

  it.each([
    { image: 'nginx:1.27', payload: dockerHub('library/nginx', 'x') },
    { image: 'docker.io/org/app', payload: dockerHub('org/app', 'x') },
    { image: 'quay.io/org/test:latest', payload: quay(['latest']) },
    { image: 'Quay.io:443/org/test', payload: quay(['latest']) },
    { image: 'quay.io/org/test', payload: quay(['latest'], { docker_url: 'quay.io:80/org/test' }) },
    { image: 'registry.example.com:5000/team/app', payload: { events: [distributionEvent({})] } },
    { image: 'any.example.com/team/app', payload: { events: [distributionEvent({ host: null })] } },
  ])('of $image find it', ({ image, payload }) => {
    const parsed = parse(payload);
    const found = parsed.ok ? parsed.events.map(repositoryKey) : [];
    expect(keysOf(image)).toEqual(expect.arrayContaining(found));
    expect(found).toHaveLength(1);
  });

  it('keep registries apart', () => {
    expect(keysOf('quay.io:5000/org/test')).not.toContain(repositoryKey(event('quay.io', 'org/test')));
    expect(keysOf('quay.io/org/test')).not.toContain(repositoryKey(event('quay.io', 'test')));
  });

  it('tell tags apart, and a tag from the whole repository', () => {
    const keys = ['a', 'b', undefined].map((tag) => tagKey(event('quay.io', 'org/test', tag)));
    expect(new Set(keys).size).toBe(3);
  });
});
