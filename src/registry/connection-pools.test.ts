import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpListener } from '../../test/support/http-listener.ts';
import { tlsFixture } from '../../test/support/transport-probe.ts';
import { ConnectionPools, type ConnectionRules } from './connection-pools.ts';

const ca = tlsFixture('ca');
const tls = { cert: tlsFixture('server'), key: tlsFixture('server-key') };
const rules: ConnectionRules = {
  verify: true,
  ca,
  policy: { allowLinkLocal: false, allowPrivate: true },
  proxy: undefined,
};

function newPools(): ConnectionPools {
  const pools = new ConnectionPools({
    lookup: (_hostname, _options, callback) => callback(null, []),
    connectMs: 1_000,
    ca: undefined,
  });
  onTestFinished(() => pools.close());
  return pools;
}

describe('connection pools', () => {
  it('are the same for the same rules only', () => {
    const pools = newPools();
    const proxy = { origin: 'http://proxy.test', authorization: undefined };
    const different: ConnectionRules[] = [
      rules,
      { ...rules, verify: false },
      { ...rules, ca: undefined },
      { ...rules, ca: tlsFixture('other-ca') },
      { ...rules, policy: { allowLinkLocal: false, allowPrivate: false } },
      { ...rules, policy: { allowLinkLocal: true, allowPrivate: true } },
      { ...rules, proxy },
      { ...rules, proxy: { ...proxy, authorization: 'Basic x' } },
    ];
    const first = different.map((each) => pools.get(each));
    expect(new Set(first).size).toBe(different.length);
    expect(different.map((each) => pools.get({ ...each }))).toEqual(first);
    // Who verifies nothing trusts no bundle.
    expect(pools.get({ ...rules, verify: false, ca: undefined })).toBe(first[1]);
  });

  it('are kept for the 32 CA bundles used last, and end when what is under way has ended', {
    timeout: 20_000,
  }, async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const server = await HttpListener.start((_request, response) => {
      void answered.then(() => response.end('hello'));
    }, tls);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const pools = newPools();
    const oldest = pools.get(rules);
    const underWay = oldest.request({ origin: server.url, path: '/', method: 'GET' });
    for (let i = 0; i < 31; i++) pools.get({ ...rules, ca: `${ca}# ${i}` });
    expect(pools.get(rules)).toBe(oldest);
    for (let i = 31; i < 70; i++) pools.get({ ...rules, ca: `${ca}# ${i}` });
    expect(pools.size).toBe(32);
    expect(pools.get(rules)).not.toBe(oldest);
    answer();
    expect(await (await underWay).body.text()).toBe('hello');
  });
});
