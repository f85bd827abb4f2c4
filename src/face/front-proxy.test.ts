import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { isFrontProxy, type ProxyTrust, parseProxyTrust } from './front-proxy.ts';

const data = {
  'requestheader-client-ca-file': 'PEM',
  'requestheader-allowed-names': '["front-proxy-client"]',
  'requestheader-group-headers': '["X-Group"]',
};
const configMap = (more: Readonly<Record<string, string>> = {}) => ({
  metadata: { name: 'x' },
  data: { ...data, ...more },
});

describe('the ConfigMap', () => {
  it('says who the front proxy is; older API servers say nothing of uids', () => {
    expect(parseProxyTrust(configMap())).toEqual({
      ca: 'PEM',
      allowedNames: ['front-proxy-client'],
      headers: {
        user: ['X-Remote-User'],
        uid: [],
        group: ['X-Group'],
        extraPrefix: ['X-Remote-Extra-'],
      },
    });
  });

  it('must have an authority', () => {
    expect(() => parseProxyTrust(configMap({ 'requestheader-client-ca-file': ' ' }))).toThrow(
      'without an aggregation layer',
    );
  });

  it.each(['[', '{}', '"x"', '[1]'])('must not have %s for names, which could mean any name', (names) => {
    expect(() => parseProxyTrust(configMap({ 'requestheader-allowed-names': names }))).toThrow(
      'is not a list of texts',
    );
  });
});

describe('a connection', () => {
  const trustOf = (...allowedNames: readonly string[]): ProxyTrust => ({
    ...parseProxyTrust(configMap()),
    allowedNames,
  });
  const socketOf = (facts: {
    authorized?: boolean;
    reused?: boolean;
    names?: string | string[];
  }): TLSSocket =>
    ({
      authorized: facts.authorized ?? true,
      isSessionReused: () => facts.reused ?? false,
      getPeerCertificate: () => (facts.names === undefined ? {} : { subject: { CN: facts.names } }),
    }) as unknown as TLSSocket;

  it.each([
    { name: 'with the name', socket: socketOf({ names: 'proxy' }), trust: trustOf('proxy'), want: true },
    {
      name: 'with it among others',
      socket: socketOf({ names: ['a', 'proxy'] }),
      trust: trustOf('proxy'),
      want: true,
    },
    {
      name: 'with any name where any will do',
      socket: socketOf({ names: 'a' }),
      trust: trustOf(),
      want: true,
    },
    { name: 'with another name', socket: socketOf({ names: 'a' }), trust: trustOf('proxy'), want: false },
    {
      name: 'of another authority',
      socket: socketOf({ authorized: false, names: 'proxy' }),
      trust: trustOf(),
      want: false,
    },
    { name: 'without a certificate', socket: socketOf({}), trust: trustOf(), want: false },
    {
      name: 'that is taken up again',
      socket: socketOf({ reused: true, names: 'proxy' }),
      trust: trustOf(),
      want: false,
    },
  ])('$name: $want', ({ socket, trust, want }) => {
    expect(isFrontProxy(socket, trust)).toBe(want);
  });
});
