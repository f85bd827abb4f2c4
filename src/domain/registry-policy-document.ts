/** The registry policy as people write it (`docs/reference/registry-policy.md`), made into a {@link RegistryPolicy}. */
import {
  type DocumentNode,
  fault,
  isAbsent,
  itemsOf,
  membersOf,
  optionalBoolean,
  optionalChoice,
  requiredText,
  show,
} from './document-node.ts';
import { parseImageReference } from './image-reference.ts';
import {
  emptyPolicy,
  findBlock,
  type Mirror,
  type MirrorRule,
  type RateRule,
  type RegistryPattern,
  type RegistryPolicy,
  type RepositoryPattern,
  type RepositoryPrefix,
  repositoryPrefix,
  standardPorts,
} from './registry-policy.ts';

/** The policy, or everything that is wrong with the document: a sentence each, with the path of the value. */
export type ParsedPolicy =
  | { readonly ok: true; readonly policy: RegistryPolicy }
  | { readonly ok: false; readonly faults: readonly string[] };

/** An entry with its place in the document, for faults that only show when entries are held against each other. */
interface Entry<T> {
  readonly node: DocumentNode;
  readonly value: T;
}

/** A mirror, and the prefix that it stands in for, with where they are written. */
interface MirrorEntry extends Entry<MirrorRule> {
  readonly mirrors: readonly Entry<Mirror>[];
}

const everyPort: readonly string[] = ['*'];
/** Far beyond what any registry takes; a larger number is a slip. */
const maxPerMinute = 1_000_000;
/** Entries of a list: every import looks through them. */
const maxEntries = 1_000;
/** Mirrors of a rule: each one that does not answer makes an import wait. */
const maxMirrors = 10;

/** Reads a YAML document that is parsed already. Never throws. A document without content is the empty policy. */
export function parseRegistryPolicy(document: unknown): ParsedPolicy {
  const root: DocumentNode = { path: '', value: document, faults: [] };
  if (isAbsent(root)) return { ok: true, policy: emptyPolicy };
  const keys = membersOf(root, ['mirrors', 'blocked', 'allowed', 'insecure', 'rates']);
  if (keys === undefined) return { ok: false, faults: root.faults };
  const mirrors = entries(itemsOf(keys.mirrors, maxEntries), parseMirrorRule).map(({ value }) => value);
  const blocked = entries(itemsOf(keys.blocked, maxEntries), parseBlocked);
  const allowed = entries(itemsOf(keys.allowed, maxEntries), parseAllowed);
  const insecure = entries(itemsOf(keys.insecure, maxEntries), parseInsecure);
  const rates = entries(itemsOf(keys.rates, maxEntries), parseRate);
  checkMirrorRules(mirrors);
  checkBlocked(mirrors, blocked);
  checkRates(rates);
  if (root.faults.length > 0) return { ok: false, faults: root.faults };
  const policy = {
    mirrors: valuesOf(mirrors),
    blocked: valuesOf(blocked),
    allowed: valuesOf(allowed),
    insecure: valuesOf(insecure),
    rates: valuesOf(rates),
  };
  return { ok: true, policy };
}

/** The nodes that could be read. */
function entries<T>(
  nodes: readonly DocumentNode[],
  read: (node: DocumentNode) => T | undefined,
): readonly Entry<T>[] {
  return nodes.flatMap((node) => {
    const value = read(node);
    return value === undefined ? [] : [{ node, value }];
  });
}

function valuesOf<T>(list: readonly Entry<T>[]): readonly T[] {
  return list.map(({ value }) => value);
}

function parseMirrorRule(node: DocumentNode): MirrorEntry | undefined {
  const keys = membersOf(node, ['prefix', 'mirrors', 'for', 'neverContactOrigin']);
  if (keys === undefined) return undefined;
  const prefix = parsePlace(keys.prefix);
  const mirrors = entries(itemsOf(keys.mirrors, maxMirrors), parsePlace);
  const appliesTo = optionalChoice(keys.for, ['all', 'digests', 'tags']);
  const neverContactOrigin = optionalBoolean(keys.neverContactOrigin);
  if (isAbsent(keys.mirrors) || (Array.isArray(keys.mirrors.value) && keys.mirrors.value.length === 0)) {
    return fault(keys.mirrors, 'must name at least one mirror');
  }
  if (prefix === undefined || appliesTo === undefined || neverContactOrigin === undefined) return undefined;
  const value: MirrorRule = {
    prefix: repositoryPrefix(prefix.registry, prefix.path),
    mirrors: valuesOf(mirrors),
    appliesTo,
    neverContactOrigin,
  };
  return { node: keys.prefix, value, mirrors };
}

/** `host[:port][/path]`, exactly: a place where repositories are. */
function parsePlace(node: DocumentNode): Mirror | undefined {
  const text = readableRegistry(node);
  if (text === undefined) return undefined;
  if (/[*?]/.test(text))
    return fault(node, `${show(text)} must be one place: "*" and "?" have no meaning here`);
  // The grammar of pull specs knows what a registry and a path look like; it wants a repository, and gets one.
  const parsed = parseImageReference(`${text}/x`);
  if (!parsed.ok) return fault(node, `${show(text)} is no registry with an optional path: ${parsed.problem}`);
  const { registry, repository } = parsed.reference;
  if (registry === undefined) return fault(node, noRegistry(text));
  const port = registry.split(':')[1];
  if (port !== undefined && !isPort(port)) return fault(node, badPort(port));
  return { registry: registry.toLowerCase(), path: repository.split('/').slice(0, -1).join('/') };
}

function parseBlocked(node: DocumentNode): RepositoryPattern | undefined {
  const text = readableRegistry(node);
  if (text === undefined) return undefined;
  const slash = text.indexOf('/');
  // Who names no port wants the registry blocked, however it is reached.
  const pattern = parsePattern(node, slash < 0 ? text : text.slice(0, slash), everyPort);
  const path = slash < 0 ? '' : text.slice(slash + 1);
  if (/[*?]/.test(path)) {
    return fault(node, `${show(text)}: a path takes in all that is below it and has no "*" and "?"`);
  }
  if (slash >= 0 && !/[.:*?]|^localhost$/.test(text.slice(0, slash))) return fault(node, noRegistry(text));
  const problem = path === '' ? undefined : pathProblem(path);
  if (problem !== undefined) return fault(node, `${show(text)} has no valid path: ${problem}`);
  return pattern === undefined ? undefined : { ...pattern, path };
}

/** `{host, insecure}` as in the reference's `allowedRegistriesForImport`; a text is the host alone. */
function parseAllowed(node: DocumentNode): RegistryPattern | undefined {
  if (typeof node.value === 'string') return parseRegistry(node, ['443']);
  const keys = membersOf(node, ['host', 'insecure']);
  if (keys === undefined) return undefined;
  const insecure = optionalBoolean(keys.insecure);
  return parseRegistry(keys.host, insecure === true ? ['80'] : ['443']);
}

function parseInsecure(node: DocumentNode): RegistryPattern | undefined {
  // Who names no port speaks of the registry there, not of whatever else listens on that host.
  return parseRegistry(node, standardPorts);
}

function parseRate(node: DocumentNode): RateRule | undefined {
  const keys = membersOf(node, ['host', 'perMinute', 'burst']);
  if (keys === undefined) return undefined;
  const pattern = parseRegistry(keys.host, everyPort);
  const perMinute = parsePerMinute(keys.perMinute);
  const perSecond = (perMinute ?? 0) / 60;
  const burst = isAbsent(keys.burst) ? Math.max(1, Math.ceil(perSecond)) : keys.burst.value;
  if (typeof burst !== 'number' || !Number.isInteger(burst) || burst < 1 || burst > maxPerMinute) {
    return fault(keys.burst, `must be a whole number from 1 to ${maxPerMinute}, not ${show(burst)}`);
  }
  return pattern === undefined || perMinute === undefined ? undefined : { ...pattern, perSecond, burst };
}

function parsePerMinute(node: DocumentNode): number | undefined {
  const { value } = node;
  if (isAbsent(node)) return fault(node, 'is missing');
  // Not a number is neither above nor below.
  if (typeof value === 'number' && value > 0 && value <= maxPerMinute) return value;
  const hint = value === 0 ? '; to forbid a registry, put it under blocked' : '';
  return fault(node, `must be a number above 0, at most ${maxPerMinute}, not ${show(value)}${hint}`);
}

/** `host[:port]` with globs. */
function parseRegistry(node: DocumentNode, portsOfNone: readonly string[]): RegistryPattern | undefined {
  const text = readableRegistry(node);
  if (text === undefined) return undefined;
  if (text.includes('/'))
    return fault(node, `${show(text)} must be a host with an optional port, without a path`);
  return parsePattern(node, text, portsOfNone);
}

function parsePattern(
  node: DocumentNode,
  text: string,
  portsOfNone: readonly string[],
): RegistryPattern | undefined {
  const [host = '', port, ...rest] = text.toLowerCase().split(':');
  if (rest.length > 0) return fault(node, `${show(text)} has too many colons`);
  if (!/^[a-z0-9*?](?:[a-z0-9.*?-]*[a-z0-9*?])?$/.test(host)) {
    return fault(node, `${show(text)} has no valid host: letters, digits, ".", "-", "*" and "?"`);
  }
  if (port !== undefined && !isPort(port) && !/^[0-9*?]*[*?][0-9*?]*$/.test(port)) {
    return fault(node, badPort(port));
  }
  return { host, ports: port === undefined ? portsOfNone : [port] };
}

/** The text, when it is free of the slips that need a plainer word than the grammar has for them. */
function readableRegistry(node: DocumentNode): string | undefined {
  const text = requiredText(node);
  if (text === undefined) return undefined;
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) return fault(node, `${show(text)} must start with the host, without ${scheme}`);
  if (/\s/.test(text)) return fault(node, `${show(text)} must not have blanks`);
  if (text.endsWith('/')) return fault(node, `${show(text)} must not end with a slash`);
  return text;
}

function pathProblem(path: string): string | undefined {
  const parsed = parseImageReference(`a.b/${path}`);
  if (!parsed.ok) return parsed.problem;
  const { tag, digest } = parsed.reference;
  return tag === undefined && digest === undefined ? undefined : 'a tag or digest has no meaning here';
}

function noRegistry(text: string): string {
  return `${show(text)} names no registry: start with its host, as in ${show(`docker.io/${text}`)}`;
}

function isPort(text: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(text) && Number(text) < 65_536;
}

function badPort(port: string): string {
  return `${show(port)} is no port: a number from 1 to 65535`;
}

/** Two rules that both fit could not be told apart: nobody would know which mirrors count. */
function checkMirrorRules(rules: readonly MirrorEntry[]): void {
  for (const [i, { node, value, mirrors }] of rules.entries()) {
    const twin = rules.slice(0, i).find((other) => overlap(other.value, value));
    if (twin !== undefined) {
      fault(node, `${twin.node.path} is the same for the same references: put all mirrors into one rule`);
    }
    const itself = mirrors.find(({ value: { registry, path } }) =>
      isSamePrefix(repositoryPrefix(registry, path), value.prefix),
    );
    if (itself !== undefined)
      fault(itself.node, 'is the prefix itself: the origin comes last without being named');
  }
}

function overlap(a: MirrorRule, b: MirrorRule): boolean {
  const share = a.appliesTo === b.appliesTo || a.appliesTo === 'all' || b.appliesTo === 'all';
  return share && isSamePrefix(a.prefix, b.prefix);
}

function isSamePrefix(a: RepositoryPrefix, b: RepositoryPrefix): boolean {
  return a.host === b.host && a.port === b.port && a.path === b.path;
}

/** A mirror rule that a block makes void, or a mirror that is blocked, is not what anybody meant. */
function checkBlocked(rules: readonly MirrorEntry[], blocked: readonly Entry<RepositoryPattern>[]): void {
  const patterns = blocked.map(({ node, value }) => ({ ...value, node }));
  const blockOf = (registry: string, path: string): string | undefined =>
    findBlock(patterns, registry, path)?.node.path;
  for (const { node, value, mirrors } of rules) {
    const { host, port, path } = value.prefix;
    const block = blockOf(port === undefined ? host : `${host}:${port}`, path);
    if (block !== undefined) {
      const instead = 'to fetch from the mirrors only, use neverContactOrigin instead of blocked';
      fault(node, `${block} forbids all imports from there, so the rule can never count; ${instead}`);
    }
    for (const mirror of mirrors) {
      const mirrorBlock = blockOf(mirror.value.registry, mirror.value.path);
      if (mirrorBlock !== undefined) fault(mirror.node, `${mirrorBlock} blocks this mirror`);
    }
  }
}

function checkRates(rates: readonly Entry<RateRule>[]): void {
  for (const [i, { node, value }] of rates.entries()) {
    const twin = rates
      .slice(0, i)
      .find(({ value: other }) => other.host === value.host && other.ports[0] === value.ports[0]);
    if (twin !== undefined) fault(node, `${twin.node.path} has the same host: the first one counts`);
  }
}
