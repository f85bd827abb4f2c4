/**
 * Which addresses a registry may have. A stream is written by a person whom the operator need not trust, and so are a
 * registry's redirects and token realms: none of them may lead the operator to the cloud's metadata service or, from
 * a public host, into the cluster's own network.
 *
 * Ranges: the IANA special-purpose address registries (RFC 6890) and the documentation of the clouds.
 */
import { BlockList, isIP } from 'node:net';
import { RegistryError } from './errors.ts';

/** The kind of network that an address belongs to. */
export type AddressClass =
  | 'public'
  | 'loopback'
  /** Networks of a cluster, a company or a provider: reachable from here, not from the Internet. */
  | 'private'
  /** Link-local, and the addresses under which clouds serve metadata and credentials. */
  | 'link-local'
  | 'unspecified'
  | 'multicast'
  /** Broadcast, and IPv6 outside of what is handed out for use. */
  | 'reserved';

/** What may be connected to beside public addresses. Unspecified, multicast and reserved ones are never allowed. */
export interface AddressPolicy {
  readonly allowLinkLocal: boolean;
  /** Private and loopback addresses. */
  readonly allowPrivate: boolean;
}

/** The first class that has the address is its class. */
const ranges: readonly { readonly addressClass: AddressClass; readonly list: BlockList }[] = [
  {
    addressClass: 'link-local',
    list: listOf([
      '169.254.0.0/16',
      'fe80::/10',
      'fd00:ec2::/32', // AWS: metadata, name server, time, pod identity
      'fd20:ce::254/128', // Google Cloud
      '100.100.100.200/32', // Alibaba Cloud
      '168.63.129.16/32', // Azure's host agent, at a public address
      '192.0.0.192/32', // Oracle Cloud Classic
    ]),
  },
  { addressClass: 'loopback', list: listOf(['127.0.0.0/8', '::1/128']) },
  { addressClass: 'unspecified', list: listOf(['0.0.0.0/8', '::/128']) },
  { addressClass: 'multicast', list: listOf(['224.0.0.0/4', 'ff00::/8']) },
  { addressClass: 'reserved', list: listOf(['255.255.255.255/32']) },
  {
    addressClass: 'private',
    list: listOf([
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10', // carrier-grade NAT, pods of several clouds
      'fc00::/7',
      'fec0::/10', // site-local, the older ULA
      // Not for private use by their RFCs, but clouds hand them out within a VPC (Google: "valid IPv4 ranges").
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '240.0.0.0/4',
    ]),
  },
  // What 2000::/3 holds beside addresses of hosts: protocol assignments with Teredo, documentation.
  { addressClass: 'reserved', list: listOf(['2001::/23', '2001:db8::/32', '3fff::/20']) },
];

const globalUnicast = listOf(['2000::/3']);

/** The class of an IP address as a look-up or a URL gives it (without brackets). What is no address is `reserved`. */
export function classifyAddress(address: string): AddressClass {
  const bare = address.replace(/%.*$/s, '');
  const family = isIP(bare);
  if (family === 0) return 'reserved';
  if (family === 4) return rangeOf(bare, 'ipv4') ?? 'public';
  const inner = embeddedIpv4(bare);
  if (inner === undefined) {
    return rangeOf(bare, 'ipv6') ?? (globalUnicast.check(bare, 'ipv6') ? 'public' : 'reserved');
  }
  const innerClass = classifyAddress(inner);
  // Where a local NAT64 prefix ends is known to the network only, so that the digits may mean another address.
  return innerClass === 'public' && localNat64.check(bare, 'ipv6') ? 'private' : innerClass;
}

/** True when a connection to an address of that class may be made. */
export function isAllowed(addressClass: AddressClass, policy: AddressPolicy): boolean {
  switch (addressClass) {
    case 'public':
      return true;
    case 'loopback':
    case 'private':
      return policy.allowPrivate;
    case 'link-local':
      return policy.allowLinkLocal;
    case 'unspecified':
    case 'multicast':
    case 'reserved':
      return false;
    default:
      return addressClass satisfies never;
  }
}

/** The address in a URL's `hostname`; undefined when that is a name. Octal, hex and short spellings are URL parsing's work. */
export function addressLiteral(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/s, '$1');
  return isIP(bare) === 0 ? undefined : bare;
}

/** The refusal of a host that has no allowed address. It names no address: a name's addresses may be nobody's business. */
export function forbiddenAddress(host: string, addressClass: AddressClass): RegistryError {
  const { kind, rule } = classTexts[addressClass];
  return new RegistryError('forbidden-address', `${host} has ${kind} address, which is ${rule}`);
}

const neverUsed = 'never connected to';
const onlyNamed = 'connected to only when a stream names the host itself and the operator allows it';

const classTexts: Readonly<Record<AddressClass, { readonly kind: string; readonly rule: string }>> = {
  public: { kind: 'a public', rule: 'always connected to' },
  loopback: { kind: 'a loopback', rule: onlyNamed },
  private: { kind: 'a private', rule: onlyNamed },
  'link-local': {
    kind: 'a link-local or cloud metadata',
    rule: 'connected to only when the operator allows it',
  },
  unspecified: { kind: 'an unspecified', rule: neverUsed },
  multicast: { kind: 'a multicast', rule: neverUsed },
  reserved: { kind: 'a reserved', rule: neverUsed },
};

function rangeOf(address: string, family: 'ipv4' | 'ipv6'): AddressClass | undefined {
  return ranges.find(({ list }) => list.check(address, family))?.addressClass;
}

/** IPv6 that stands for the IPv4 address in its last four bytes: mapped, translated, NAT64 (RFC 6052 and 8215). */
const carriers = listOf(['::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48']);
/** 6to4: the IPv4 address follows the prefix. */
const tunnels = listOf(['2002::/16']);
const localNat64 = listOf(['64:ff9b:1::/48']);

/** The IPv4 address that an IPv6 address stands for. */
function embeddedIpv4(address: string): string | undefined {
  const [, high1 = 0, high2 = 0, , , , low1 = 0, low2 = 0] = groupsOf(address);
  if (carriers.check(address, 'ipv6')) return dotted(low1, low2);
  return tunnels.check(address, 'ipv6') ? dotted(high1, high2) : undefined;
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** The eight groups of a valid IPv6 address. URL parsing turns every spelling, also with dots, into hexadecimal groups. */
function groupsOf(address: string): readonly number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const first = parseGroups(head);
  if (tail === undefined) return first;
  const last = parseGroups(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function parseGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function listOf(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/');
    list.addSubnet(network, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}
