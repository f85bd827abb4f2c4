import { describe, expect, it } from 'vitest';
import { mayReceiveCredentials, parseRealm } from './realm-rules.ts';

describe('credentials', () => {
  it.each([
    { registry: 'reg.example.com', realm: 'https://reg.example.com/token', may: true },
    { registry: 'reg.example.com:5000', realm: 'https://reg.example.com:8443/token', may: true },
    { registry: 'reg.example.com', realm: 'https://auth.example.com/token', may: true },
    { registry: 'REG.example.com', realm: 'https://auth.EXAMPLE.com/token', may: true },
    { registry: 'registry-1.docker.io', realm: 'https://auth.docker.io/token', may: true },
    { registry: 'registry-1.docker.io', realm: 'https://auth.docker.io.evil.test/token', may: false },
    { registry: 'reg.example.com', realm: 'https://evil.test/token', may: false },
    { registry: 'reg.example.com', realm: 'https://reg.example.com.evil.test/token', may: false },
    { registry: 'a.github.io', realm: 'https://b.github.io/token', may: false },
    { registry: 'a.co.uk', realm: 'https://b.co.uk/token', may: false },
    { registry: '10.0.0.1:5000', realm: 'https://10.0.0.1/token', may: true },
    { registry: '10.0.0.1', realm: 'https://10.0.0.2/token', may: false },
    { registry: 'registry', realm: 'https://registry/token', may: true },
    { registry: 'registry', realm: 'https://auth/token', may: false },
    { registry: 'registry.cluster.local', realm: 'https://auth.listed.test/token', may: true },
  ])('of $registry to $realm: $may', ({ registry, realm, may }) => {
    expect(mayReceiveCredentials(new URL(realm), registry, new Set(['auth.listed.test']))).toBe(may);
  });
});

describe('realms', () => {
  it.each([
    { realm: 'https://auth.example.com/token?a=b', insecure: false, ok: true },
    { realm: 'http://auth.example.com/token', insecure: true, ok: true },
    { realm: 'http://auth.example.com/token', insecure: false, ok: false },
    { realm: 'file:///etc/passwd', insecure: true, ok: false },
    { realm: 'https://user:pw@auth.example.com/', insecure: false, ok: false },
    { realm: '', insecure: true, ok: false },
  ])('$realm, insecure $insecure: $ok', ({ realm, insecure, ok }) => {
    if (ok) expect(parseRealm(realm, insecure).href).toBe(realm);
    else expect(() => parseRealm(realm, insecure)).toThrow('token server');
  });
});
