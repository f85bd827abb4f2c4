/**
 * What the administrator says about registries: mirrors, blocked ones, the ones that may be imported from, insecure ones,
 * request budgets. Decisions only; `registry-policy-document.ts` reads the policy from its file.
 *
 * Hosts are compared without regard to case, and Docker Hub is one registry under all its names.
 */
import { globMatches } from './glob.ts';
import { dockerHubHosts, type ImageReference, registryHost, repositoryPath } from './image-reference.ts';

/** Registries by globs, in lower case. It fits when the host and one of the ports fit. */
export interface RegistryPattern {
  readonly host: string;
  readonly ports: readonly string[];
}

/** Repositories of some registries: those at or below `path`; empty means all of them. */
export interface RepositoryPattern extends RegistryPattern {
  readonly path: string;
}

/** Repositories at or below `path` of one registry; empty means all of them. */
export interface RepositoryPrefix {
  /** Lower case; Docker Hub is `docker.io`. */
  readonly host: string;
  /** Undefined also stands for 443. */
  readonly port: string | undefined;
  readonly path: string;
}

/** A place that holds copies: host with optional port, and the path that takes the place of the prefix. */
export interface Mirror {
  readonly registry: string;
  readonly path: string;
}

/** Where else to fetch the images of some repositories. */
export interface MirrorRule {
  readonly prefix: RepositoryPrefix;
  /** At least one, in the order in which they are tried. */
  readonly mirrors: readonly Mirror[];
  /** As the reference's ImageDigestMirrorSet and ImageTagMirrorSet; `all` is both. */
  readonly appliesTo: 'digests' | 'tags' | 'all';
  readonly neverContactOrigin: boolean;
}

/** Requests that a host gets at most: a steady rate, and how many may come at once after a pause. */
export interface RateBudget {
  readonly perSecond: number;
  readonly burst: number;
}

/** A budget for each host that fits. */
export interface RateRule extends RegistryPattern, RateBudget {}

/** The whole policy. */
export interface RegistryPolicy {
  readonly mirrors: readonly MirrorRule[];
  readonly blocked: readonly RepositoryPattern[];
  /** Empty means that every registry may be imported from. */
  readonly allowed: readonly RegistryPattern[];
  readonly insecure: readonly RegistryPattern[];
  readonly rates: readonly RateRule[];
}

/** The policy of an operator that was given none: every registry, directly, verified, without a budget. */
export const emptyPolicy: RegistryPolicy = { mirrors: [], blocked: [], allowed: [], insecure: [], rates: [] };

/** Where a manifest or blob can be fetched from. */
export interface PullSource {
  readonly reference: ImageReference;
  /** By the policy alone. A tag's own `importPolicy.insecure` speaks of the origin: it counts there, not at a mirror. */
  readonly insecure: boolean;
  readonly origin: boolean;
}

/** Ports that a registry has when nobody names one: the second is tried when `insecure`. */
export const standardPorts: readonly string[] = ['443', '80'];

/** Stands for Docker Hub among {@link RepositoryPrefix} hosts. */
const dockerHub = 'docker.io';

/** Most entries of the allow-list that a message shows in full, as in the reference. */
const maxShownEntries = 5;

/**
 * Where to fetch an image from, in order, the origin last. Of the mirror rules for this kind of reference (a digest, or
 * else a tag) the one with the longest prefix counts. Empty when the origin must not be contacted and no mirror has a
 * place for the repository. What is stored names the origin, whichever of these answered (semantics 2.4).
 */
export function pullSources(policy: RegistryPolicy, reference: ImageReference): readonly PullSource[] {
  const host = registryHost(reference);
  const origin: PullSource = { reference, insecure: isInsecureRegistry(policy, host), origin: true };
  const path = repositoryPath(reference);
  const rule = mirrorRule(policy.mirrors, repositoryPrefix(host, path), reference.digest !== undefined);
  if (rule === undefined) return [origin];
  const rest = path.slice(rule.prefix.path.length).replace(/^\//, '');
  const mirrors = rule.mirrors.flatMap(({ registry, path: start }): PullSource[] => {
    const repository = [start, rest].filter((part) => part !== '').join('/');
    if (repository === '') return [];
    const mirrored = { ...reference, registry, repository };
    return [{ reference: mirrored, insecure: isInsecureRegistry(policy, registry), origin: false }];
  });
  return rule.neverContactOrigin ? mirrors : [...mirrors, origin];
}

/**
 * Undefined when the image may be imported, else the reference's text (semantics 1.4, 2.3). The origin decides, not
 * its mirrors. `insecure` (the tag's `importPolicy.insecure`) says which port a registry without one has: 80, else 443.
 */
export function importForbidden(
  policy: RegistryPolicy,
  reference: ImageReference,
  insecure: boolean,
): string | undefined {
  const origin = registryHost(reference);
  const path = repositoryPath(reference);
  const block = findBlock(policy.blocked, origin, path);
  const shown = reference.registry ?? dockerHub;
  if (block?.path === '') return `forbidden: registry ${shown} blocked`;
  if (block !== undefined) return `forbidden: repository ${shown}/${reference.repository} blocked`;
  if (isAllowedRegistry(policy, origin, insecure)) return undefined;
  const registry = reference.registry ?? `${dockerHub}:${portOf(insecure)}`;
  return `registry "${registry}" not allowed by whitelist: ${listAllowed(policy.allowed)}`;
}

/**
 * The same about the allow-list alone, in the reference's text for an ImageStreamImport (semantics 1.4), which is refused as
 * a whole then.
 */
export function importNotAllowed(
  policy: RegistryPolicy,
  reference: ImageReference,
  insecure: boolean,
): string | undefined {
  const origin = registryHost(reference);
  if (isAllowedRegistry(policy, origin, insecure)) return undefined;
  const { host, port = portOf(insecure) } = splitRegistry(origin);
  const registry = `"${namesOf(host)[0] ?? host}:${port}"`;
  const why = `registry ${registry} not allowed by whitelist: ${listAllowed(policy.allowed)}`;
  return `importing images from registry ${registry} is forbidden: ${why}`;
}

function isAllowedRegistry({ allowed }: RegistryPolicy, origin: string, insecure: boolean): boolean {
  const place = placeOf(origin, [portOf(insecure)]);
  return allowed.length === 0 || allowed.some((pattern) => fits(pattern, place));
}

function portOf(insecure: boolean): string {
  return insecure ? '80' : '443';
}

/** True when the policy wants unverified TLS, or plain HTTP, at a host (with its port, if it has one). */
export function isInsecureRegistry(policy: RegistryPolicy, host: string): boolean {
  const place = placeOf(host, standardPorts);
  return policy.insecure.some((pattern) => fits(pattern, place));
}

/** The budget for requests to a host (with its port, if it has one): of the rules that fit, the first. */
export function rateBudget(policy: RegistryPolicy, host: string): RateBudget | undefined {
  const place = placeOf(host, standardPorts);
  const rule = policy.rates.find((pattern) => fits(pattern, place));
  return rule === undefined ? undefined : { perSecond: rule.perSecond, burst: rule.burst };
}

/** A place as mirror rules name it: Docker Hub under one name, no port where it is the one of HTTPS. */
export function repositoryPrefix(registry: string, path: string): RepositoryPrefix {
  const { host, port } = splitRegistry(registry);
  return { host: namesOf(host)[0] ?? host, port: port === '443' ? undefined : port, path };
}

/** The first block that takes in everything at and below a path of a registry (with its port, if it has one). */
export function findBlock<T extends RepositoryPattern>(
  blocked: readonly T[],
  registry: string,
  path: string,
): T | undefined {
  const place = placeOf(registry, standardPorts);
  // On Docker Hub people leave `library/` out, and who blocks `docker.io/nginx` means that image.
  const isShort = place.hosts === dockerHubHosts && path.startsWith('library/');
  const paths = isShort ? [path, path.slice('library/'.length)] : [path];
  return blocked.find(
    (pattern) => fits(pattern, place) && paths.some((candidate) => isAtOrBelow(candidate, pattern.path)),
  );
}

/** True when a path is the start or continues it after a slash. */
function isAtOrBelow(path: string, start: string): boolean {
  return start === '' || path === start || path.startsWith(`${start}/`);
}

/** A registry to hold against patterns: it fits when one of its names and one of its ports do. */
interface Place {
  readonly hosts: readonly string[];
  readonly ports: readonly string[];
}

/** `portsOfNone` are the ports to assume for a registry without one. */
function placeOf(registry: string, portsOfNone: readonly string[]): Place {
  const { host, port } = splitRegistry(registry);
  return { hosts: namesOf(host), ports: port === undefined ? portsOfNone : [port] };
}

function fits(pattern: RegistryPattern, { hosts, ports }: Place): boolean {
  return (
    hosts.some((host) => globMatches(pattern.host, host)) &&
    ports.some((port) => pattern.ports.some((glob) => globMatches(glob, port)))
  );
}

/** All names of a registry's host, the main one first. */
function namesOf(host: string): readonly string[] {
  return dockerHubHosts.includes(host) ? dockerHubHosts : [host];
}

/** Host and port as a connection will take them: `QUAY.io:0443` is `quay.io:443`, and `10.1` is `10.0.0.1`. */
function splitRegistry(registry: string): { host: string; port: string | undefined } {
  const [host = '', port] = registry.toLowerCase().split(':', 2);
  const address = `https://${host}`;
  return {
    host: URL.canParse(address) ? new URL(address).hostname : host,
    port: port?.replace(/^0+(?=.)/, ''),
  };
}

function mirrorRule(
  rules: readonly MirrorRule[],
  { host, port, path }: RepositoryPrefix,
  byDigest: boolean,
): MirrorRule | undefined {
  const unwanted = byDigest ? 'tags' : 'digests';
  return rules
    .filter(
      ({ prefix, appliesTo }) =>
        appliesTo !== unwanted &&
        prefix.host === host &&
        prefix.port === port &&
        isAtOrBelow(path, prefix.path),
    )
    .sort((a, b) => b.prefix.path.length - a.prefix.path.length)[0];
}

function listAllowed(allowed: readonly RegistryPattern[]): string {
  const shown = allowed.map(({ host, ports }) => `"${host}:${ports[0] ?? ''}"`);
  if (shown.length <= maxShownEntries) return shown.join(', ');
  const kept = shown.slice(0, maxShownEntries - 1);
  return `${kept.join(', ')}, and ${shown.length - kept.length} more ...`;
}
