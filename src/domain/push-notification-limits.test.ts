import { assert, constantFrom, jsonValue, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  pushedDigest as a,
  distributionEvent,
  dockerHub,
  harborData,
  harborDefault,
  harborResource,
  quay,
  zotData,
} from '../../test/support/push-payloads.ts';
import { parseImageReference } from './image-reference.ts';
import {
  maxEvents,
  notificationKinds,
  type ParsedNotification,
  type PushEvent,
  parseNotificationPath,
  parsePushNotification,
} from './push-notification.ts';

function parse(payload: unknown, path = '/v1/notify'): ParsedNotification {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return parsePushNotification(body, { path, headers: {} });
}

function event(registry: string | undefined, repository: string, tag?: string, sent?: string): PushEvent {
  return { registry, repository, tag, ...(sent === undefined ? {} : { digest: sent }) };
}

describe('parts that are not legal drop their event and no other', () => {
  it.each([
    { name: 'a repository in upper case', target: { repository: 'Team/App' } },
    { name: 'a repository that is a number', target: { repository: 7 } },
    { name: 'a repository with a tag in it', target: { repository: 'team/app:v1' } },
    { name: 'a repository with a digest in it', target: { repository: `team/app@${a}` } },
    { name: 'an empty repository', target: { repository: '' } },
    { name: 'a repository that climbs', target: { repository: '../../etc/passwd' } },
    { name: 'a repository with a line break', target: { repository: 'team/app\nx' } },
    { name: 'a repository that is too long', target: { repository: 'a'.repeat(256) } },
    { name: 'an endless repository', target: { repository: 'a/'.repeat(200_000) } },
    { name: 'a tag that is too long', target: { tag: 't'.repeat(129) } },
    { name: 'a tag that is an object', target: { tag: { name: 'latest' } } },
    { name: 'a tag with a slash', target: { tag: 'a/b' } },
    { name: 'a host with a path', host: 'registry.example.com/x' },
    { name: 'a host with a user', host: 'user@registry.example.com' },
    { name: 'a host that no reference can name', host: 'registry' },
    { name: 'an endless host', host: `${'a.'.repeat(500)}com` },
    { name: 'an empty host', host: '' },
  ])('$name', (bad) => {
    const good = distributionEvent({ target: { tag: 'good' } });
    expect(parse({ events: [distributionEvent(bad), good] })).toEqual({
      ok: true,
      kind: 'distribution',
      events: [event('registry.example.com:5000', 'team/app', 'good', a)],
    });
  });

  it('but a digest that is not legal is only left out, and a host of another type means none', () => {
    const events = [distributionEvent({ target: { digest: 'sha256:6c62fb' }, host: 1 })];
    expect(parse({ events })).toEqual({
      ok: true,
      kind: 'distribution',
      events: [event(undefined, 'team/app', 'latest')],
    });
  });
});

describe('too many', () => {
  const many = Array.from({ length: maxEvents + 1 }, (_, i) => `t${i}`);

  it.each([
    {
      name: 'tags of one repository at Quay mean the repository',
      payload: quay(many),
      events: [event('quay.io', 'org/test')],
    },
    {
      name: 'tags of one repository at Harbor mean the repository',
      payload: harborDefault('PUSH_ARTIFACT', harborData(many.map(harborResource))),
      events: [event('harbor.example.com', 'library/busybox')],
    },
    { name: 'things that are no tags mean nothing', payload: quay(many.map(() => '-')), events: [] },
  ])('$name', ({ payload, events }) => {
    expect(parse(payload)).toMatchObject({ ok: true, events });
  });

  it.each([
    {
      payload: { events: many.map((tag) => distributionEvent({ target: { tag } })) },
      problem: 'more than 500 events: send several requests',
    },
    {
      payload: { images: many.map((tag) => `quay.io/org/app:${tag}`) },
      problem: 'more than 500 images: send several requests',
    },
  ])('$problem', ({ payload, problem }) => {
    expect(parse(payload)).toEqual({ ok: false, problem });
  });

  it('but as many as are allowed are taken', () => {
    const parsed = parse(quay(many.slice(1)));
    expect(parsed).toMatchObject({ ok: true, events: { length: maxEvents } });
  });
});

describe('refused', () => {
  const unknown = `the body is of no known form: the kinds are ${notificationKinds.join(', ')}`;

  it.each<{ name: string; payload: unknown; path?: string; problem: string }>([
    { name: 'no JSON', payload: '{"events":', problem: 'the body is not a JSON object' },
    { name: 'an empty body', payload: '', problem: 'the body is not a JSON object' },
    { name: 'a list', payload: [distributionEvent({})], problem: 'the body is not a JSON object' },
    { name: 'nothing but brackets', payload: '['.repeat(500_000), problem: 'the body is not a JSON object' },
    { name: 'an empty object', payload: {}, problem: unknown },
    { name: 'a prototype', payload: '{"__proto__":{"events":[]}}', problem: unknown },
    { name: 'members of other types', payload: { events: {}, images: 'x', docker_url: 1 }, problem: unknown },
    { name: 'a CloudEvent of somebody else', payload: { specversion: '1.0', type: 'x' }, problem: unknown },
    { name: 'a CloudEvent without a type', payload: { specversion: '1.0' }, problem: unknown },
    {
      name: 'another kind than the address says',
      payload: quay(['latest']),
      path: '/v1/notify/harbor',
      problem: 'the body is no notification of the kind harbor',
    },
    {
      name: 'an event of zot whose headers got lost',
      payload: zotData('latest'),
      path: '/v1/notify/zot',
      problem: 'the body is no notification of the kind zot',
    },
    { name: 'an image that is a number', payload: { images: ['a', 1] }, problem: 'images[1] is not a text' },
    {
      name: 'an image with a mistake',
      payload: { images: ['quay.io/org/app:v1', 'quay.io/Org/app'] },
      problem: 'images[1]: repository name must be lowercase',
    },
    {
      name: 'an image of any length',
      payload: { images: ['a'.repeat(1_000_000)] },
      problem: 'images[0]: repository name must not be more than 255 characters',
    },
    {
      name: 'a registry in the address that is none',
      payload: quay(['latest']),
      path: '/v1/notify/quay?registry=https://quay.io',
      problem: 'the registry in the address is no host as in an image reference (registry.example.com:5000)',
    },
    { name: 'another address', payload: {}, path: '/metrics', problem: 'there is no such address' },
  ])('$name', ({ payload, path = '/v1/notify', problem }) => {
    expect(parse(payload, path)).toEqual({ ok: false, problem });
  });

  it('answers for anything in the places that it reads, and hands on nothing but legal references', () => {
    const texts = string({ maxLength: 12, unit: constantFrom(...'ab0.-_/:@Z\n'.split('')) });
    const legal = constantFrom('a', 'a/b', 'v1', 'x.io', 'x.io:5000/a');
    const anything = oneof(texts, legal, jsonValue());
    let handedOn = 0;
    assert(
      property(anything, anything, anything, (name, tag, host) => {
        const address = typeof host === 'string' && typeof name === 'string' ? `${host}/${name}` : host;
        const payloads = [
          { events: [distributionEvent({ target: { repository: name, tag }, host })] },
          { type: 'PUSH_ARTIFACT', event_data: harborEvent(name, tag, address) },
          quay([tag], { docker_url: address }),
          dockerHub(name, tag),
          {
            action: 'published',
            package: { package_version: packageVersion(tag, address) },
          },
          { images: [name] },
        ];
        for (const parsed of payloads.map((payload) => parse(payload))) {
          for (const found of parsed.ok ? parsed.events : []) {
            handedOn++;
            const text = `${found.registry ?? 'localhost'}/${found.repository}:${found.tag ?? 'any'}`;
            expect(parseImageReference(text)).toMatchObject({ ok: true });
          }
        }
      }),
      { numRuns: 1_000 },
    );
    expect(handedOn).toBeGreaterThan(100);
  });
});

function harborEvent(name: unknown, tag: unknown, address: unknown): object {
  return { resources: [{ tag, resource_url: address }], repository: { repo_full_name: name } };
}

function packageVersion(tag: unknown, address: unknown): object {
  return { container_metadata: { tag: { name: tag } }, package_url: address };
}

describe('addresses', () => {
  const none = { kind: undefined, registry: undefined, secret: undefined };

  it.each([
    { path: '/v1/notify', want: none },
    { path: '/v1/notify/', want: none },
    { path: '/v1/notify?registry=a.example', want: { ...none, registry: 'a.example' } },
    ...notificationKinds.map((kind) => ({ path: `/v1/notify/${kind}`, want: { ...none, kind } })),
    { path: '/v1/notify/dockerhub/s3cr3t', want: { ...none, kind: 'dockerhub', secret: 's3cr3t' } },
    { path: '/v1/notify/quay/a%2Fb%20c?x=y', want: { ...none, kind: 'quay', secret: 'a/b c' } },
    { path: '/v1/notify/harbor/s3cr3t', want: undefined },
    { path: '/v1/notify/quay/%zz', want: undefined },
    { path: '/v1/notify/quay/a/b', want: undefined },
    { path: '/v1/notify/nexus', want: undefined },
    { path: '/v1/notify/constructor', want: undefined },
    { path: '/v1/notifyx', want: undefined },
    { path: '//v1/notify', want: undefined },
    { path: 'http://host/v1/notify', want: undefined },
    { path: '', want: undefined },
  ])('$path', ({ path, want }) => {
    expect(parseNotificationPath(path)).toEqual(want);
  });
});
