import { describe, expect, it } from 'vitest';
import {
  type AddressClass,
  type AddressPolicy,
  addressLiteral,
  classifyAddress,
  forbiddenAddress,
  isAllowed,
} from './address-guard.ts';

describe('an address', () => {
  const table: Readonly<Record<AddressClass, readonly string[]>> = {
    public: [
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.1',
      '169.253.255.255',
      '169.255.0.0',
      '172.15.255.255',
      '172.32.0.0',
      '192.167.255.255',
      '192.169.0.0',
      '223.255.255.255',
      '2606:4700:4700::1111',
      '2001:4860:4860::8888',
      '::ffff:1.1.1.1',
      '::ffff:0:1.1.1.1',
      '64:ff9b::1.1.1.1',
      '64:ff9b::101:101',
      '2002:101:101::1',
    ],
    loopback: [
      '127.0.0.1',
      '127.255.255.255',
      '::1',
      '0:0:0:0:0:0:0:1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '0000:0000:0000:0000:0000:ffff:7f00:0001',
      '::ffff:0:127.0.0.1',
      '64:ff9b::127.0.0.1',
      '64:ff9b:1::7f00:1',
      '2002:7f00:1::',
    ],
    private: [
      '10.0.0.0',
      '10.255.255.255',
      '172.16.0.0',
      '172.31.255.255',
      '192.168.0.1',
      '100.64.0.0',
      '100.127.255.255',
      '192.0.0.1',
      '192.0.2.1',
      '192.88.99.1',
      '198.18.0.1',
      '198.19.255.255',
      '198.51.100.1',
      '203.0.113.255',
      '240.0.0.1',
      '255.255.255.254',
      'fc00::1',
      'fdff:ffff::1',
      'fd00:ec1::254',
      'fec0::1',
      '::ffff:10.0.0.1',
      '64:ff9b::a00:1',
      '64:ff9b:1::10.0.0.1',
      // The network alone knows which of these digits are the address.
      '64:ff9b:1:a9fe:a9:fe00:101:101',
      '64:ff9b:1::1.1.1.1',
      '2002:c0a8:101::1',
    ],
    'link-local': [
      '169.254.0.0',
      '169.254.169.254',
      '169.254.170.2',
      '169.254.255.255',
      'fe80::1',
      'fe80::1%eth0',
      'FEBF::1',
      'fd00:ec2::254',
      'fd00:0ec2:0:0:0:0:0:23',
      'fd20:ce::254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      '::ffff:169.254.169.254',
      '::FFFF:A9FE:A9FE',
      '::ffff:0:169.254.169.254',
      '64:ff9b::169.254.169.254',
      '64:ff9b:1::a9fe:a9fe',
      '2002:a9fe:a9fe::1',
    ],
    unspecified: ['0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0', '64:ff9b::', '2002::1'],
    multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1', '::ffff:224.0.0.1'],
    reserved: [
      '255.255.255.255',
      '::ffff:255.255.255.255',
      // Teredo, ORCHID, documentation, discard, IPv4-compatible, segment routing
      '2001::a9fe:a9fe',
      '2001:20::1',
      '2001:db8::1',
      '3fff::1',
      '100::1',
      '::169.254.169.254',
      '::2',
      '5f00::1',
      '4000::1',
      '',
      'localhost',
      '1.2.3',
      '0x7f.0.0.1',
      '127.0.0.1:80',
      '::1]',
    ],
  };

  it.each(
    Object.entries(table).flatMap(([want, addresses]) => addresses.map((address) => ({ address, want }))),
  )('$address is $want', ({ address, want }) => {
    expect(classifyAddress(address)).toBe(want);
  });
});

describe('a host in a URL', () => {
  it.each([
    { url: 'http://127.0.0.1/', want: 'loopback' },
    { url: 'http://127.1/', want: 'loopback' },
    { url: 'http://2130706433/', want: 'loopback' },
    { url: 'http://0x7f000001/', want: 'loopback' },
    { url: 'http://0177.0.0.01/', want: 'loopback' },
    { url: 'http://127.0.0.1./', want: 'loopback' },
    { url: 'http://①②⑦.0.0.1/', want: 'loopback' },
    { url: 'http://0xa9.0xfe.0xa9.0xfe/', want: 'link-local' },
    { url: 'http://2852039166/', want: 'link-local' },
    { url: 'http://0251.0376.0251.0376/', want: 'link-local' },
    { url: 'http://169.254.43518/', want: 'link-local' },
    { url: 'http://[::ffff:169.254.169.254]/', want: 'link-local' },
    { url: 'http://[::ffff:a9fe:a9fe]/', want: 'link-local' },
    { url: 'http://0/', want: 'unspecified' },
    { url: 'http://[::]/', want: 'unspecified' },
  ])('$url is known in every spelling: $want', ({ url, want }) => {
    expect(classifyAddress(addressLiteral(new URL(url).hostname) ?? '')).toBe(want);
  });

  it.each(['registry.example', 'localhost', '127.0.0.1.example', '[nothing]', 'fe80.example'])(
    'is a name: %s',
    (hostname) => {
      expect(addressLiteral(hostname)).toBeUndefined();
    },
  );
});

describe('the policy', () => {
  const never: AddressPolicy = { allowLinkLocal: false, allowPrivate: false };
  const always: AddressPolicy = { allowLinkLocal: true, allowPrivate: true };
  it.each<{ addressClass: AddressClass; policy: AddressPolicy; want: boolean }>([
    { addressClass: 'public', policy: never, want: true },
    { addressClass: 'private', policy: never, want: false },
    { addressClass: 'private', policy: { ...never, allowPrivate: true }, want: true },
    { addressClass: 'loopback', policy: { ...never, allowLinkLocal: true }, want: false },
    { addressClass: 'loopback', policy: { ...never, allowPrivate: true }, want: true },
    { addressClass: 'link-local', policy: { ...never, allowPrivate: true }, want: false },
    { addressClass: 'link-local', policy: { ...never, allowLinkLocal: true }, want: true },
    { addressClass: 'unspecified', policy: always, want: false },
    { addressClass: 'multicast', policy: always, want: false },
    { addressClass: 'reserved', policy: always, want: false },
  ])('$addressClass under $policy: $want', ({ addressClass, policy, want }) => {
    expect(isAllowed(addressClass, policy)).toBe(want);
  });

  it('names the host and the kind of its address when it refuses', () => {
    const { code, message } = forbiddenAddress('registry.example', 'link-local');
    expect(`${code}: ${message}`).toBe(
      'forbidden-address: registry.example has a link-local or cloud metadata address, which is connected to only when the operator allows it',
    );
  });
});
