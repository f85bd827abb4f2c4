import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AddressPolicy } from './address-guard.ts';
import { guardedConnector, guardedLookup, type LookupAll, sharedLookup } from './connector.ts';

const onlyNamed = 'which is connected to only when a stream names the host itself and the operator allows it';
const publicOnly: AddressPolicy = { allowLinkLocal: false, allowPrivate: false };
const privateToo: AddressPolicy = { allowLinkLocal: false, allowPrivate: true };

/** A look-up that finds these addresses for every name. */
function finding(...addresses: string[]): LookupAll {
  return (_hostname, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
}

function lookUp(
  lookup: LookupAll,
  policy: AddressPolicy,
  all = true,
): Promise<string | LookupAddress[] | { failure: string }> {
  const { promise, resolve } = Promise.withResolvers<string | LookupAddress[] | { failure: string }>();
  guardedLookup(lookup, policy)('registry.test', { all }, (error, found) =>
    resolve(error === null ? found : { failure: error.message }),
  );
  return promise;
}

describe('a guarded look-up', () => {
  it.each([
    {
      name: 'gives the allowed addresses of several',
      addresses: ['10.0.0.1', '1.1.1.1', '169.254.169.254', '2606:4700::1111', '::1'],
      policy: publicOnly,
      want: [
        { address: '1.1.1.1', family: 4 },
        { address: '2606:4700::1111', family: 6 },
      ],
    },
    {
      name: 'gives private ones where the policy allows them',
      addresses: ['10.0.0.1', '169.254.169.254'],
      policy: privateToo,
      want: [{ address: '10.0.0.1', family: 4 }],
    },
    {
      name: 'fails when none is allowed',
      addresses: ['10.0.0.1', '127.0.0.1'],
      policy: publicOnly,
      want: { failure: `registry.test has a private address, ${onlyNamed}` },
    },
    {
      name: 'fails when there is none',
      addresses: [],
      policy: privateToo,
      want: { failure: 'registry.test has a reserved address, which is never connected to' },
    },
  ])('$name', async ({ addresses, policy, want }) => {
    expect(await lookUp(finding(...addresses), policy)).toEqual(want);
  });

  it('gives the first allowed address when one is wanted', async () => {
    expect(await lookUp(finding('10.0.0.1', '1.1.1.1', '1.0.0.1'), publicOnly, false)).toBe('1.1.1.1');
  });

  it('passes failures on', async () => {
    const failing: LookupAll = (_hostname, _options, callback) => callback(new Error('no such name'), []);
    expect(await lookUp(failing, publicOnly)).toEqual({ failure: 'no such name' });
  });
});

describe('a guarded connector', () => {
  async function connect(hostname: string, policy: AddressPolicy, lookup: LookupAll): Promise<string> {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const connector = guardedConnector({
      policy,
      lookup,
      timeoutMs: 1_000,
      secureContext: undefined,
      verify: true,
    });
    const { promise, resolve } = Promise.withResolvers<string>();
    connector({ hostname, protocol: 'http:', port: String(port) }, (error, socket) => {
      resolve(error?.message ?? `connected to ${socket?.remoteAddress ?? 'nothing'}`);
      socket?.destroy();
    });
    const result = await promise;
    if (!result.startsWith('connected')) expect(connections).toBe(0);
    return result;
  }

  it.each([
    {
      hostname: '127.0.0.1',
      policy: publicOnly,
      lookup: finding('1.1.1.1'),
      want: `127.0.0.1 has a loopback address, ${onlyNamed}`,
    },
    {
      hostname: '::ffff:7f00:1',
      policy: publicOnly,
      lookup: finding('1.1.1.1'),
      want: `::ffff:7f00:1 has a loopback address, ${onlyNamed}`,
    },
    {
      hostname: '0.0.0.0',
      policy: privateToo,
      lookup: finding('1.1.1.1'),
      want: `0.0.0.0 has an unspecified address, which is never connected to`,
    },
    {
      hostname: 'a.test',
      policy: publicOnly,
      lookup: finding('127.0.0.1'),
      want: `a.test has a loopback address, ${onlyNamed}`,
    },
    { hostname: '127.0.0.1', policy: privateToo, lookup: finding(), want: 'connected to 127.0.0.1' },
    {
      hostname: 'a.test',
      policy: privateToo,
      lookup: finding('169.254.169.254', '127.0.0.1'),
      want: 'connected to 127.0.0.1',
    },
  ])('$hostname under $policy: $want', async ({ hostname, policy, lookup, want }) => {
    expect(await connect(hostname, policy, lookup)).toBe(want);
  });
});

describe('a shared look-up', () => {
  it('that throws fails for those who wait, and is tried again', () => {
    let asked = 0;
    const lookup = sharedLookup(() => {
      asked++;
      throw new Error('oops');
    });
    const heard: (string | undefined)[] = [];
    for (let i = 0; i < 2; i++) lookup('a.test', { all: true }, (error) => heard.push(error?.message));
    expect({ asked, heard }).toEqual({ asked: 2, heard: ['oops', 'oops'] });
  });

  it('asks once for all who wait for the same name, and again for those who come later', () => {
    const asked: string[] = [];
    const answers: (() => void)[] = [];
    const lookup = sharedLookup((hostname, _options, callback) => {
      asked.push(hostname);
      answers.push(() => callback(null, [{ address: '1.1.1.1', family: 4 }]));
    });
    const heard: string[] = [];
    const ask = (hostname: string, who: string): void =>
      lookup(hostname, { all: true }, (_error, addresses) => heard.push(`${who} ${addresses[0]?.address}`));
    ask('a.test', 'first');
    ask('b.test', 'other');
    ask('a.test', 'second');
    expect(asked).toEqual(['a.test', 'b.test']);
    answers[0]?.();
    expect(heard).toEqual(['first 1.1.1.1', 'second 1.1.1.1']);
    ask('a.test', 'third');
    expect(asked).toEqual(['a.test', 'b.test', 'a.test']);
  });
});
