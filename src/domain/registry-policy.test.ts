import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import { formatImageReference, type ImageReference, parseImageReference } from './image-reference.ts';
import {
  emptyPolicy,
  importForbidden,
  isInsecureRegistry,
  pullSources,
  type RegistryPolicy,
  rateBudget,
} from './registry-policy.ts';
import { parseRegistryPolicy } from './registry-policy-document.ts';

function policy(document: unknown): RegistryPolicy {
  const parsed = parseRegistryPolicy(document);
  if (!parsed.ok) throw new Error(parsed.faults.join('\n'));
  return parsed.policy;
}

function image(text: string): ImageReference {
  const parsed = parseImageReference(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problem}`);
  return parsed.reference;
}

function sources(rules: RegistryPolicy, text: string): string[] {
  return pullSources(rules, image(text)).map(({ reference, insecure, origin }) =>
    [formatImageReference(reference), ...(insecure ? ['insecure'] : []), ...(origin ? ['origin'] : [])].join(
      ' ',
    ),
  );
}

const d = digest('a');

describe('without a policy', () => {
  it('an image comes from where it says, over verified TLS, as often as anybody likes', () => {
    expect(pullSources(emptyPolicy, image('quay.io/org/app:1'))).toEqual([
      { reference: image('quay.io/org/app:1'), insecure: false, origin: true },
    ]);
    expect(importForbidden(emptyPolicy, image('quay.io/org/app:1'), false)).toBeUndefined();
    expect(isInsecureRegistry(emptyPolicy, 'quay.io')).toBe(false);
    expect(rateBudget(emptyPolicy, 'quay.io')).toBeUndefined();
  });
});

describe('mirrors', () => {
  const rules = policy({
    mirrors: [
      { prefix: 'quay.io', mirrors: ['all.example.com/quay', 'spare.example.com:5000'] },
      { prefix: 'quay.io/org', mirrors: ['org.example.com/o'] },
      { prefix: 'quay.io/org/app', mirrors: ['app.example.com', 'app.example.com/a/b'] },
      { prefix: 'Index.Docker.io', mirrors: ['hub.example.com/hub'] },
      { prefix: 'docker.io/library', mirrors: ['official.example.com'] },
      { prefix: 'registry.local:5000', mirrors: ['local.example.com/x'] },
    ],
    insecure: ['spare.example.com:5000', 'registry.local:5000'],
  });

  it.each([
    { name: 'no rule', from: 'ghcr.io/a/b:1', want: ['ghcr.io/a/b:1 origin'] },
    {
      name: 'a whole registry, in the order of the rule',
      from: 'quay.io/team/tool:2',
      want: [
        'all.example.com/quay/team/tool:2',
        'spare.example.com:5000/team/tool:2 insecure',
        'quay.io/team/tool:2 origin',
      ],
    },
    {
      name: 'the longest prefix, and only that',
      from: 'quay.io/org/tool:1',
      want: ['org.example.com/o/tool:1', 'quay.io/org/tool:1 origin'],
    },
    {
      name: 'a prefix ends at a slash',
      from: 'quay.io/organisation/tool:1',
      want: [
        'all.example.com/quay/organisation/tool:1',
        'spare.example.com:5000/organisation/tool:1 insecure',
        'quay.io/organisation/tool:1 origin',
      ],
    },
    {
      name: 'a single repository; a mirror without a path has no place for it',
      from: 'quay.io/org/app:1',
      want: ['app.example.com/a/b:1', 'quay.io/org/app:1 origin'],
    },
    {
      name: 'below a single repository',
      from: 'quay.io/org/app/sub:1',
      want: ['app.example.com/sub:1', 'app.example.com/a/b/sub:1', 'quay.io/org/app/sub:1 origin'],
    },
    {
      name: 'Docker Hub without a registry and without library/',
      from: 'nginx',
      want: ['official.example.com/nginx', 'nginx origin'],
    },
    {
      name: 'Docker Hub by its other names',
      from: 'registry-1.docker.io/org/app:1',
      want: ['hub.example.com/hub/org/app:1', 'registry-1.docker.io/org/app:1 origin'],
    },
    {
      name: 'upper case and the port of HTTPS are no other registry',
      from: 'QUAY.io:443/org/tool:1',
      want: ['org.example.com/o/tool:1', 'QUAY.io:443/org/tool:1 origin'],
    },
    {
      name: 'neither is that port with a zero before it',
      from: 'quay.io:0443/org/tool:1',
      want: ['org.example.com/o/tool:1', 'quay.io:0443/org/tool:1 origin'],
    },
    { name: 'another port is another registry', from: 'quay.io:8443/a:1', want: ['quay.io:8443/a:1 origin'] },
    {
      name: 'a prefix with a port',
      from: 'registry.local:5000/a:1',
      want: ['local.example.com/x/a:1', 'registry.local:5000/a:1 insecure origin'],
    },
    {
      name: 'tag and digest stay',
      from: `quay.io/org/tool:1@${d}`,
      want: [`org.example.com/o/tool:1@${d}`, `quay.io/org/tool:1@${d} origin`],
    },
  ])('$name', ({ from, want }) => {
    expect(sources(rules, from)).toEqual(want);
  });

  it('leave the origin as it was written', () => {
    const reference = image('quay.io/org/tool:1');
    expect(pullSources(rules, reference).at(-1)?.reference).toBe(reference);
  });
});

describe('mirrors for digests or tags', () => {
  const rules = policy({
    mirrors: [
      { prefix: 'quay.io', mirrors: ['tags.example.com'], for: 'tags' },
      { prefix: 'quay.io', mirrors: ['digests.example.com'], for: 'digests' },
      { prefix: 'quay.io/org', mirrors: ['org.example.com'], for: 'digests', neverContactOrigin: true },
    ],
  });

  it.each([
    { name: 'a tag', from: 'quay.io/a:1', want: ['tags.example.com/a:1', 'quay.io/a:1 origin'] },
    {
      name: 'neither is the tag latest',
      from: 'quay.io/a',
      want: ['tags.example.com/a', 'quay.io/a origin'],
    },
    {
      name: 'a digest',
      from: `quay.io/a@${d}`,
      want: [`digests.example.com/a@${d}`, `quay.io/a@${d} origin`],
    },
    {
      name: 'a digest counts where there are both',
      from: `quay.io/a:1@${d}`,
      want: [`digests.example.com/a:1@${d}`, `quay.io/a:1@${d} origin`],
    },
    { name: 'the origin is left out', from: `quay.io/org/a@${d}`, want: [`org.example.com/a@${d}`] },
    {
      name: 'a longer rule for the other kind does not hide a shorter one',
      from: 'quay.io/org/a:1',
      want: ['tags.example.com/org/a:1', 'quay.io/org/a:1 origin'],
    },
    { name: 'no source is left where the only mirror has no place', from: `quay.io/org@${d}`, want: [] },
  ])('$name', ({ from, want }) => {
    expect(sources(rules, from)).toEqual(want);
  });
});

describe('blocked registries', () => {
  it.each([
    { blocked: 'quay.io', from: 'quay.io/a/b', want: 'forbidden: registry quay.io blocked' },
    { blocked: 'QUAY.io', from: 'Quay.IO/a/b', want: 'forbidden: registry Quay.IO blocked' },
    { blocked: 'quay.io', from: 'quay.io:8443/a', want: 'forbidden: registry quay.io:8443 blocked' },
    { blocked: 'quay.io', from: 'sub.quay.io/a', want: undefined },
    { blocked: '*.quay.io', from: 'sub.quay.io/a', want: 'forbidden: registry sub.quay.io blocked' },
    { blocked: '*.quay.io', from: 'quay.io/a', want: undefined },
    {
      blocked: 'reg.local:5000',
      from: 'reg.local:5000/a',
      want: 'forbidden: registry reg.local:5000 blocked',
    },
    { blocked: 'reg.local:5000', from: 'reg.local:5001/a', want: undefined },
    {
      blocked: 'reg.local:500?',
      from: 'reg.local:5001/a',
      want: 'forbidden: registry reg.local:5001 blocked',
    },
    { blocked: 'reg.local:5000', from: 'reg.local/a', want: undefined },
    {
      blocked: 'quay.io:443',
      from: 'quay.io:0443/a',
      want: 'forbidden: registry quay.io:0443 blocked',
    },
    { blocked: 'reg.local:443', from: 'reg.local/a', want: 'forbidden: registry reg.local blocked' },
    { blocked: 'docker.io', from: 'nginx', want: 'forbidden: registry docker.io blocked' },
    {
      blocked: 'docker.io',
      from: 'index.docker.io/a/b',
      want: 'forbidden: registry index.docker.io blocked',
    },
    {
      blocked: 'docker.io',
      from: 'registry-1.docker.io:443/a/b',
      want: 'forbidden: registry registry-1.docker.io:443 blocked',
    },
    { blocked: 'registry-1.docker.io', from: 'a/b', want: 'forbidden: registry docker.io blocked' },
    { blocked: '*', from: 'nginx', want: 'forbidden: registry docker.io blocked' },
    {
      blocked: 'quay.io/bad',
      from: 'quay.io/bad/app',
      want: 'forbidden: repository quay.io/bad/app blocked',
    },
    { blocked: 'quay.io/bad', from: 'quay.io/bad', want: 'forbidden: repository quay.io/bad blocked' },
    { blocked: 'quay.io/bad', from: 'quay.io/badge/app', want: undefined },
    { blocked: 'quay.io/bad', from: 'quay.io/good/bad', want: undefined },
    { blocked: 'quay.io/nginx', from: 'quay.io/library/nginx', want: undefined },
    {
      blocked: 'docker.io/library/nginx',
      from: 'nginx:1',
      want: 'forbidden: repository docker.io/nginx blocked',
    },
    { blocked: 'docker.io/nginx', from: 'nginx:1', want: 'forbidden: repository docker.io/nginx blocked' },
    {
      blocked: 'docker.io/nginx',
      from: 'docker.io/library/nginx',
      want: 'forbidden: repository docker.io/library/nginx blocked',
    },
    { blocked: 'docker.io/nginx', from: 'org/nginx', want: undefined },
  ])('$blocked and $from: $want', ({ blocked, from, want }) => {
    expect(importForbidden(policy({ blocked: [blocked] }), image(from), false)).toBe(want);
  });

  it('win over allowed ones', () => {
    const rules = policy({ blocked: ['quay.io/bad'], allowed: ['quay.io'] });
    expect(importForbidden(rules, image('quay.io/bad/a'), false)).toBe(
      'forbidden: repository quay.io/bad/a blocked',
    );
    expect(importForbidden(rules, image('quay.io/good/a'), false)).toBeUndefined();
  });
});

describe('allowed registries', () => {
  it.each([
    { allowed: [], from: 'quay.io/a', want: undefined },
    { allowed: ['quay.io'], from: 'quay.io/a', want: undefined },
    { allowed: ['quay.io'], from: 'QUAY.IO/a', want: undefined },
    {
      allowed: ['foo.com'],
      from: 'quay.io/a',
      want: 'registry "quay.io" not allowed by whitelist: "foo.com:443"',
    },
    { allowed: ['*'], from: 'localhost:443/a', want: undefined },
    {
      allowed: ['*'],
      from: 'localhost:5000/a',
      want: 'registry "localhost:5000" not allowed by whitelist: "*:443"',
    },
    { allowed: ['*.example.com:*'], from: 'reg.example.com:5000/a', want: undefined },
    { allowed: ['*.example.com:*'], from: 'a.reg.example.com/a', want: undefined },
    {
      allowed: ['*.example.com:*'],
      from: 'example.com/a',
      want: 'registry "example.com" not allowed by whitelist: "*.example.com:*"',
    },
    { allowed: ['docker.io'], from: 'nginx', want: undefined },
    { allowed: ['docker.io'], from: 'registry-1.docker.io/a/b', want: undefined },
    { allowed: ['index.docker.io'], from: 'docker.io/a/b', want: undefined },
    {
      allowed: ['quay.io'],
      from: 'nginx',
      want: 'registry "docker.io:443" not allowed by whitelist: "quay.io:443"',
    },
  ])('$allowed and $from: $want', ({ allowed, from, want }) => {
    expect(importForbidden(policy({ allowed }), image(from), false)).toBe(want);
  });

  it.each([
    { name: 'plain entry, secure', entry: { host: 'a.b' }, from: 'a.b/x', insecure: false, want: true },
    { name: 'plain entry, insecure', entry: { host: 'a.b' }, from: 'a.b/x', insecure: true, want: false },
    {
      name: 'insecure entry, secure',
      entry: { host: 'a.b', insecure: true },
      from: 'a.b/x',
      insecure: false,
      want: false,
    },
    {
      name: 'insecure entry, insecure',
      entry: { host: 'a.b', insecure: true },
      from: 'a.b/x',
      insecure: true,
      want: true,
    },
    {
      name: 'a port that is written counts, whatever insecure says',
      entry: { host: 'a.b:5000', insecure: true },
      from: 'a.b:5000/x',
      insecure: false,
      want: true,
    },
    { name: 'any port, insecure', entry: { host: 'a.b:*' }, from: 'a.b/x', insecure: true, want: true },
  ])('$name', ({ entry, from, insecure, want }) => {
    const forbidden = importForbidden(policy({ allowed: [entry] }), image(from), insecure);
    expect(forbidden === undefined).toBe(want);
  });

  it('are named up to five, and of more the first four', () => {
    const hosts = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test', 'f.test'];
    expect(importForbidden(policy({ allowed: hosts.slice(0, 5) }), image('quay.io/a'), false)).toBe(
      'registry "quay.io" not allowed by whitelist: "a.test:443", "b.test:443", "c.test:443", "d.test:443", "e.test:443"',
    );
    expect(importForbidden(policy({ allowed: hosts }), image('quay.io/a'), true)).toBe(
      'registry "quay.io" not allowed by whitelist: "a.test:443", "b.test:443", "c.test:443", "d.test:443", and 2 more ...',
    );
  });

  it('are asked about the origin, not about its mirrors', () => {
    const rules = policy({
      allowed: ['quay.io'],
      mirrors: [{ prefix: 'quay.io', mirrors: ['mirror.example.com'] }],
    });
    expect(importForbidden(rules, image('quay.io/a'), false)).toBeUndefined();
    expect(importForbidden(rules, image('mirror.example.com/a'), false)).toBe(
      'registry "mirror.example.com" not allowed by whitelist: "quay.io:443"',
    );
  });
});

describe('insecure registries', () => {
  it.each([
    { insecure: 'registry.local', host: 'registry.local', want: true },
    { insecure: 'registry.local', host: 'Registry.Local:80', want: true },
    { insecure: 'registry.local', host: 'registry.local:443', want: true },
    { insecure: 'registry.local', host: 'registry.local:5000', want: false },
    { insecure: 'registry.local:5000', host: 'registry.local:5000', want: true },
    { insecure: 'registry.local:5000', host: 'registry.local', want: false },
    { insecure: 'registry.local:*', host: 'registry.local:5000', want: true },
    { insecure: '*.local', host: 'a.b.local', want: true },
    { insecure: '*.local', host: 'a.local.evil.test', want: false },
    { insecure: 'docker.io', host: 'registry-1.docker.io', want: true },
  ])('$insecure and $host: $want', ({ insecure, host, want }) => {
    expect(isInsecureRegistry(policy({ insecure: [insecure] }), host)).toBe(want);
  });
});

describe('rate budgets', () => {
  const rules = policy({
    rates: [
      { host: 'docker.io', perMinute: 60, burst: 10 },
      { host: 'slow.example.com:5000', perMinute: 0.6 },
      { host: '*.example.com', perMinute: 150 },
    ],
  });

  it.each([
    { host: 'registry-1.docker.io', want: { perSecond: 1, burst: 10 } },
    { host: 'slow.example.com:5000', want: { perSecond: 0.01, burst: 1 } },
    { host: 'SLOW.example.com', want: { perSecond: 2.5, burst: 3 } },
    { host: 'other.example.com:8443', want: { perSecond: 2.5, burst: 3 } },
    { host: 'example.com', want: undefined },
  ])('of $host: $want', ({ host, want }) => {
    expect(rateBudget(rules, host)).toEqual(want);
  });
});
