import { anything, assert, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyPolicy } from './registry-policy.ts';
import { parseRegistryPolicy } from './registry-policy-document.ts';

function faultsOf(document: unknown): readonly string[] {
  const parsed = parseRegistryPolicy(document);
  return parsed.ok ? [] : parsed.faults;
}

const rule = { prefix: 'quay.io', mirrors: ['mirror.example.com'] };

describe('a good document', () => {
  it('becomes the policy, with everything that may be left out filled in', () => {
    const document = {
      mirrors: [
        { prefix: 'Docker.io/library', mirrors: ['Mirror.example.com/hub', 'other.example.com:5000'] },
        { prefix: 'quay.io:443', mirrors: ['m.example.com'], for: 'digests', neverContactOrigin: true },
      ],
      blocked: ['bad.example.com', 'quay.io:8443/a/b'],
      allowed: ['Quay.io', { host: '*.example.com', insecure: true }, { host: '*.example.com:*' }],
      insecure: ['registry.local:5000', 'plain.local'],
      rates: [{ host: 'registry-1.docker.io', perMinute: 60, burst: 10 }],
    };
    expect(parseRegistryPolicy(document)).toEqual({
      ok: true,
      policy: {
        mirrors: [
          {
            prefix: { host: 'docker.io', port: undefined, path: 'library' },
            mirrors: [
              { registry: 'mirror.example.com', path: 'hub' },
              { registry: 'other.example.com:5000', path: '' },
            ],
            appliesTo: 'all',
            neverContactOrigin: false,
          },
          {
            prefix: { host: 'quay.io', port: undefined, path: '' },
            mirrors: [{ registry: 'm.example.com', path: '' }],
            appliesTo: 'digests',
            neverContactOrigin: true,
          },
        ],
        blocked: [
          { host: 'bad.example.com', ports: ['*'], path: '' },
          { host: 'quay.io', ports: ['8443'], path: 'a/b' },
        ],
        allowed: [
          { host: 'quay.io', ports: ['443'] },
          { host: '*.example.com', ports: ['80'] },
          { host: '*.example.com', ports: ['*'] },
        ],
        insecure: [
          { host: 'registry.local', ports: ['5000'] },
          { host: 'plain.local', ports: ['443', '80'] },
        ],
        rates: [{ host: 'registry-1.docker.io', ports: ['*'], perSecond: 1, burst: 10 }],
      },
    });
  });

  it.each([
    { name: 'nothing at all', document: undefined },
    { name: 'null', document: null },
    { name: 'an empty mapping', document: {} },
    {
      name: 'keys without entries',
      document: { mirrors: null, blocked: [], allowed: null, insecure: [], rates: null },
    },
  ])('may be $name: the empty policy', ({ document }) => {
    expect(parseRegistryPolicy(document)).toEqual({ ok: true, policy: emptyPolicy });
  });

  it('may have the same prefix once for digests and once for tags', () => {
    const rules = [
      { ...rule, for: 'digests' },
      { ...rule, for: 'tags' },
    ];
    expect(faultsOf({ mirrors: rules })).toEqual([]);
  });

  it('may block a part of what is mirrored', () => {
    expect(faultsOf({ mirrors: [rule], blocked: ['quay.io/bad', 'quay.io:8443'] })).toEqual([]);
  });
});

describe('a fault', () => {
  it.each([
    {
      document: ['quay.io'],
      want: 'must be a mapping with the keys mirrors, blocked, allowed, insecure, rates, not ["quay.io"]',
    },
    {
      document: 'blocked',
      want: 'must be a mapping with the keys mirrors, blocked, allowed, insecure, rates, not "blocked"',
    },
    { document: { mirors: [] }, want: 'mirors: unknown key; did you mean mirrors?' },
    { document: { Blocked: [] }, want: 'Blocked: unknown key; did you mean blocked?' },
    { document: { insecureRegistries: [] }, want: 'insecureRegistries: unknown key; did you mean insecure?' },
    {
      document: { allowedRegistriesForImport: [] },
      want: 'allowedRegistriesForImport: unknown key; did you mean allowed?',
    },
    {
      document: { spec: {} },
      want: 'spec: unknown key; known here: mirrors, blocked, allowed, insecure, rates',
    },
    {
      document: JSON.parse('{"__proto__": {"blocked": ["a.b"]}}') as unknown,
      want: '__proto__: unknown key; known here: mirrors, blocked, allowed, insecure, rates',
    },
    {
      document: { 'a\nb': 1 },
      want: '"a\\nb": unknown key; known here: mirrors, blocked, allowed, insecure, rates',
    },
    {
      document: { mirrors: [{ ...rule, neverContactSource: true }] },
      want: 'mirrors[0].neverContactSource: unknown key; did you mean neverContactOrigin?',
    },
    { document: { blocked: 'quay.io' }, want: 'blocked: must be a list, not "quay.io"' },
    { document: { blocked: [443] }, want: 'blocked[0]: must be a text, not 443' },
    { document: { blocked: [null] }, want: 'blocked[0]: is missing' },
    { document: { blocked: [''] }, want: 'blocked[0]: must not be empty' },
    {
      document: { blocked: Array.from({ length: 1_001 }, () => 'quay.io') },
      want: 'blocked: must have at most 1000 entries, not 1001',
    },
    {
      document: { blocked: ['HTTPS://quay.io'] },
      want: 'blocked[0]: "HTTPS://quay.io" must start with the host, without HTTPS://',
    },
    { document: { blocked: ['quay.io bad.io'] }, want: 'blocked[0]: "quay.io bad.io" must not have blanks' },
    { document: { blocked: ['quay.io/'] }, want: 'blocked[0]: "quay.io/" must not end with a slash' },
    {
      document: { blocked: ['quay.io/*'] },
      want: 'blocked[0]: "quay.io/*": a path takes in all that is below it and has no "*" and "?"',
    },
    {
      document: { blocked: ['quay.io/Bad'] },
      want: 'blocked[0]: "quay.io/Bad" has no valid path: repository name must be lowercase',
    },
    {
      document: { blocked: ['quay.io/bad:1'] },
      want: 'blocked[0]: "quay.io/bad:1" has no valid path: a tag or digest has no meaning here',
    },
    {
      document: { blocked: ['library/nginx'] },
      want: 'blocked[0]: "library/nginx" names no registry: start with its host, as in "docker.io/library/nginx"',
    },
    {
      document: { blocked: ['(quay|ghcr).io'] },
      want: 'blocked[0]: "(quay|ghcr).io" has no valid host: letters, digits, ".", "-", "*" and "?"',
    },
    {
      document: { insecure: [':5000'] },
      want: 'insecure[0]: ":5000" has no valid host: letters, digits, ".", "-", "*" and "?"',
    },
    { document: { insecure: ['a.b:'] }, want: 'insecure[0]: "" is no port: a number from 1 to 65535' },
    { document: { insecure: ['a.b:0'] }, want: 'insecure[0]: "0" is no port: a number from 1 to 65535' },
    {
      document: { insecure: ['a.b:65536'] },
      want: 'insecure[0]: "65536" is no port: a number from 1 to 65535',
    },
    { document: { insecure: ['a.b:x*'] }, want: 'insecure[0]: "x*" is no port: a number from 1 to 65535' },
    {
      document: { insecure: ['a.b/c'] },
      want: 'insecure[0]: "a.b/c" must be a host with an optional port, without a path',
    },
    { document: { allowed: ['0:1:2:3'] }, want: 'allowed[0]: "0:1:2:3" has too many colons' },
    { document: { allowed: [{ insecure: true }] }, want: 'allowed[0].host: is missing' },
    {
      document: { allowed: [{ host: 'a.b', insecure: 'yes' }] },
      want: 'allowed[0].insecure: must be true or false, not "yes"',
    },
    {
      document: { allowed: [{ domainName: 'a.b', host: 'a.b' }] },
      want: 'allowed[0].domainName: unknown key; known here: host, insecure',
    },
    { document: { allowed: [7] }, want: 'allowed[0]: must be a mapping with the keys host, insecure, not 7' },
    { document: { mirrors: [{ mirrors: ['m.example.com'] }] }, want: 'mirrors[0].prefix: is missing' },
    {
      document: { mirrors: [{ prefix: 'quay.io' }] },
      want: 'mirrors[0].mirrors: must name at least one mirror',
    },
    {
      document: { mirrors: [{ prefix: 'quay.io', mirrors: [] }] },
      want: 'mirrors[0].mirrors: must name at least one mirror',
    },
    {
      document: {
        mirrors: [{ prefix: 'quay.io', mirrors: Array.from({ length: 11 }, () => 'm.example.com') }],
      },
      want: 'mirrors[0].mirrors: must have at most 10 entries, not 11',
    },
    {
      document: { mirrors: [{ ...rule, for: 'digest' }] },
      want: 'mirrors[0].for: must be one of all, digests, tags, not "digest"',
    },
    {
      document: { mirrors: [{ ...rule, prefix: '*.quay.io' }] },
      want: 'mirrors[0].prefix: "*.quay.io" must be one place: "*" and "?" have no meaning here',
    },
    {
      document: { mirrors: [{ ...rule, prefix: 'library' }] },
      want: 'mirrors[0].prefix: "library" names no registry: start with its host, as in "docker.io/library"',
    },
    {
      document: { mirrors: [{ ...rule, prefix: 'quay.io/Org' }] },
      want: 'mirrors[0].prefix: "quay.io/Org" is no registry with an optional path: repository name must be lowercase',
    },
    {
      document: { mirrors: [{ ...rule, prefix: 'quay.io/org:1' }] },
      want: 'mirrors[0].prefix: "quay.io/org:1" is no registry with an optional path: invalid reference format',
    },
    {
      document: { mirrors: [{ ...rule, mirrors: ['m.example.com:99999'] }] },
      want: 'mirrors[0].mirrors[0]: "m.example.com:99999" is no registry with an optional path: invalid reference format',
    },
    {
      document: { mirrors: [{ ...rule, mirrors: ['m.example.com', 'QUAY.IO:443'] }] },
      want: 'mirrors[0].mirrors[1]: is the prefix itself: the origin comes last without being named',
    },
    {
      document: {
        mirrors: [
          { ...rule, for: 'tags' },
          { ...rule, prefix: 'Quay.io' },
        ],
      },
      want: 'mirrors[1].prefix: mirrors[0].prefix is the same for the same references: put all mirrors into one rule',
    },
    {
      document: {
        mirrors: [
          { ...rule, prefix: 'docker.io/a' },
          { ...rule, prefix: 'index.docker.io/a' },
        ],
      },
      want: 'mirrors[1].prefix: mirrors[0].prefix is the same for the same references: put all mirrors into one rule',
    },
    {
      document: { mirrors: [{ ...rule, prefix: 'quay.io/org' }], blocked: ['a.b', 'quay.io'] },
      want: 'mirrors[0].prefix: blocked[1] forbids all imports from there, so the rule can never count; to fetch from the mirrors only, use neverContactOrigin instead of blocked',
    },
    {
      document: { mirrors: [rule], blocked: ['*.example.com'] },
      want: 'mirrors[0].mirrors[0]: blocked[0] blocks this mirror',
    },
    { document: { rates: [{ host: 'a.b' }] }, want: 'rates[0].perMinute: is missing' },
    {
      document: { rates: [{ host: 'a.b', perMinute: 0 }] },
      want: 'rates[0].perMinute: must be a number above 0, at most 1000000, not 0; to forbid a registry, put it under blocked',
    },
    {
      document: { rates: [{ host: 'a.b', perMinute: Number.NaN }] },
      want: 'rates[0].perMinute: must be a number above 0, at most 1000000, not null',
    },
    {
      document: { rates: [{ host: 'a.b', perMinute: '60' }] },
      want: 'rates[0].perMinute: must be a number above 0, at most 1000000, not "60"',
    },
    {
      document: { rates: [{ host: 'a.b', perMinute: 60, burst: 1.5 }] },
      want: 'rates[0].burst: must be a whole number from 1 to 1000000, not 1.5',
    },
    {
      document: {
        rates: [
          { host: 'A.b', perMinute: 60 },
          { host: 'a.b', perMinute: 30 },
        ],
      },
      want: 'rates[1]: rates[0] has the same host: the first one counts',
    },
  ])('$want', ({ document, want }) => {
    expect(faultsOf(document)).toEqual([want]);
  });

  it('does not hide the others', () => {
    const document = {
      mirrors: [{ prefix: 'nope', mirrors: ['https://m'], for: 'some', extra: 1 }, { ...rule }],
      block: [],
      allowed: [{ host: 'a:b:c' }, 3],
      rates: [{ perMinute: -1, burst: 0 }],
    };
    expect(faultsOf(document)).toEqual([
      'block: unknown key; did you mean blocked?',
      'mirrors[0].extra: unknown key; known here: prefix, mirrors, for, neverContactOrigin',
      'mirrors[0].prefix: "nope" names no registry: start with its host, as in "docker.io/nope"',
      'mirrors[0].mirrors[0]: "https://m" must start with the host, without https://',
      'mirrors[0].for: must be one of all, digests, tags, not "some"',
      'allowed[0].host: "a:b:c" has too many colons',
      'allowed[1]: must be a mapping with the keys host, insecure, not 3',
      'rates[0].host: is missing',
      'rates[0].perMinute: must be a number above 0, at most 1000000, not -1',
      'rates[0].burst: must be a whole number from 1 to 1000000, not 0',
    ]);
  });

  it('shows only the start of what is long', () => {
    const [fault] = faultsOf({ blocked: [`${'a'.repeat(10_000)} `] });
    expect(fault?.length).toBeLessThan(150);
  });
});

it('never throws', () => {
  assert(
    property(anything(), anything(), (a, b) => {
      faultsOf(a);
      faultsOf({
        mirrors: [{ prefix: a, mirrors: [b] }],
        blocked: [a],
        allowed: [a, { host: b }],
        rates: [b],
      });
    }),
    { numRuns: 1_000 },
  );
});
