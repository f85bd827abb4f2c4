/**
 * Proxies as the environment names them, with the meaning that Go's programs give it (golang.org/x/net/http/httpproxy):
 * `HTTPS_PROXY` and `HTTP_PROXY` by the scheme of the request, `NO_PROXY` with names, suffixes, addresses, CIDR blocks,
 * ports and `*`; the variables in small letters win; loopback is never sent to a proxy.
 */
import { BlockList, isIP } from 'node:net';
import { addressLiteral, classifyAddress } from './address-guard.ts';

/** A proxy. The account is kept apart from the address, so that the address can be shown. */
export interface ProxyServer {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** Value of the `Proxy-Authorization` header. */
  readonly authorization: string | undefined;
}

/** Which requests go through which proxy. */
export interface ProxySettings {
  readonly http: ProxyServer | undefined;
  readonly https: ProxyServer | undefined;
  /** True for hosts that are connected to directly. */
  readonly isException: (target: ProxyTarget) => boolean;
}

/** Where a request goes to. */
interface ProxyTarget {
  /** Lower case, without brackets. */
  readonly host: string;
  readonly port: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings from environment variables. Throws an Error that names the variable (but not its value, which may
 * hold a password) when a proxy's address is none or its scheme is neither `http` nor `https`.
 */
export function parseProxySettings(environment: Environment): ProxySettings {
  const exceptions = (variableOf(environment, 'NO_PROXY')?.text ?? '').split(',').flatMap(parseException);
  return {
    http: parseProxy(variableOf(environment, 'HTTP_PROXY')),
    https: parseProxy(variableOf(environment, 'HTTPS_PROXY')),
    isException: (target) => exceptions.some((matches) => matches(target)),
  };
}

/** The proxy that a request for the URL goes through; undefined when it goes directly. */
export function proxyFor(url: URL, settings: ProxySettings | undefined): ProxyServer | undefined {
  const proxy = url.protocol === 'https:' ? settings?.https : settings?.http;
  if (settings === undefined || proxy === undefined) return undefined;
  const host = addressLiteral(url.hostname) ?? url.hostname;
  if (host === 'localhost' || (isIP(host) !== 0 && classifyAddress(host) === 'loopback')) return undefined;
  const port = url.port === '' ? defaultPorts[url.protocol] : url.port;
  return settings.isException({ host, port: port ?? '' }) ? undefined : proxy;
}

const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

function variableOf(environment: Environment, name: string): { name: string; text: string } | undefined {
  for (const key of [name.toLowerCase(), name]) {
    const text = environment[key];
    if (text !== undefined && text !== '') return { name: key, text };
  }
  return undefined;
}

function parseProxy(variable: { name: string; text: string } | undefined): ProxyServer | undefined {
  if (variable === undefined) return undefined;
  // `proxy:3128` means http://proxy:3128.
  const text = variable.text.includes('://') ? variable.text : `http://${variable.text}`;
  if (!URL.canParse(text)) throw new Error(`${variable.name} is not the address of a proxy`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`${variable.name} must be an http or https proxy, not ${url.protocol.slice(0, -1)}`);
  }
  if (url.username === '' && url.password === '') return { origin: url.origin, authorization: undefined };
  const account = `${decode(url.username, variable.name)}:${decode(url.password, variable.name)}`;
  return { origin: url.origin, authorization: `Basic ${Buffer.from(account).toString('base64')}` };
}

function decode(text: string, variable: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new Error(`${variable}: the account's % escapes are invalid`, { cause: error });
  }
}

/** One entry of `NO_PROXY` as a test of targets; entries that make no sense match nothing, as in Go. */
function parseException(entry: string): ((target: ProxyTarget) => boolean)[] {
  const text = entry.trim().toLowerCase();
  if (text === '') return [];
  if (text === '*') return [() => true];
  if (text.includes('/')) return parseBlock(text);
  const { host, port } = splitPort(text);
  const samePort = (target: ProxyTarget): boolean => port === '' || target.port === port;
  if (isIP(host) !== 0) {
    const block = new BlockList();
    block.addAddress(host, familyOf(host));
    return [(target) => samePort(target) && contains(block, target.host)];
  }
  if (host === '') return [];
  const suffix = host.replace(/^(?:\*?\.)?/, '.');
  const withItself = !/^\*?\./.test(host);
  return [
    (target) =>
      samePort(target) &&
      isIP(target.host) === 0 &&
      (target.host.endsWith(suffix) || (withItself && `.${target.host}` === suffix)),
  ];
}

function parseBlock(text: string): ((target: ProxyTarget) => boolean)[] {
  const [network = '', bits = ''] = text.split('/');
  const family = isIP(network);
  if (family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) return [];
  const block = new BlockList();
  block.addSubnet(network, Number(bits), familyOf(network));
  return [({ host }) => contains(block, host)];
}

function splitPort(text: string): { host: string; port: string } {
  const [, bracketed, bare, port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(text) ?? [];
  // More than one colon and no brackets: an IPv6 address without a port.
  return { host: bracketed ?? bare ?? text, port };
}

function contains(block: BlockList, host: string): boolean {
  return isIP(host) !== 0 && block.check(host, familyOf(host));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
