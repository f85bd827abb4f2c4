/**
 * Pull specs: `[registry/]repository[:tag][@digest]`.
 *
 * The grammar, the split between registry and repository and the error texts are the reference's
 * (library-go `pkg/image/reference`, itself the Docker distribution grammar).
 */

/** A parsed pull spec. The parts are spelled as the person spelled them: nothing is inserted. */
export interface ImageReference {
  /** Host and optional port as written; undefined means Docker Hub. */
  readonly registry: string | undefined;
  /** Repository path as written, without `library/` being inserted. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `algorithm:hex`, lower case. */
  readonly digest: string | undefined;
}

/** Either the parsed reference or the reference implementation's text for what is wrong with it. */
export type ParsedReference =
  | { readonly ok: true; readonly reference: ImageReference }
  | { readonly ok: false; readonly problem: string };

const maxNameLength = 255;
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const hostLabel = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const hostPattern = new RegExp(`^${hostLabel}(?:\\.${hostLabel})*(?::[0-9]+)?$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestShape = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const hexLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
/** The hosts under which Docker Hub is known; the first is the one that people write. */
export const dockerHubHosts: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** True when the text is a legal tag: `[\w][\w.-]{0,127}`. */
export function isTagName(text: string): boolean {
  return tagPattern.test(text);
}

/** Undefined when the text is a digest of an algorithm and length that we can verify, else what is wrong with it. */
export function digestProblem(text: string): string | undefined {
  if (!digestShape.test(text)) return 'invalid reference format';
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, colon);
  const length = Object.hasOwn(hexLengths, algorithm) ? hexLengths[algorithm] : undefined;
  if (length === undefined) return 'unsupported digest algorithm';
  const hex = text.slice(colon + 1);
  if (hex.length !== length) return 'invalid checksum digest length';
  return /^[0-9a-f]+$/.test(hex) ? undefined : 'invalid reference format';
}

/** Parses a pull spec. Never throws: what is wrong comes back as text for a condition. */
export function parseImageReference(text: string): ParsedReference {
  const { name, tag, digest } = splitOffTagAndDigest(text);
  if (name === '') return { ok: false, problem: 'repository name must have at least one component' };
  if (tag !== undefined && !isTagName(tag)) return { ok: false, problem: 'invalid reference format' };
  const badDigest = digest === undefined ? undefined : digestProblem(digest);
  if (badDigest !== undefined) return { ok: false, problem: badDigest };
  if (name.length > maxNameLength) {
    return { ok: false, problem: `repository name must not be more than ${maxNameLength} characters` };
  }
  const { registry, repository } = splitRegistry(name);
  if (registry !== undefined && !isHost(registry)) return { ok: false, problem: 'invalid reference format' };
  if (repository === '') return { ok: false, problem: 'repository name must have at least one component' };
  if (!repositoryPattern.test(repository)) {
    const lowerCaseHelps = repositoryPattern.test(repository.toLowerCase());
    return {
      ok: false,
      problem: lowerCaseHelps ? 'repository name must be lowercase' : 'invalid reference format',
    };
  }
  return { ok: true, reference: { registry, repository, tag, digest } };
}

/** The reference as text, only with the parts that are set; the digest comes after a tag. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${formatRepository(reference)}${tag}${digest}`;
}

/** The repository as the person spelled it, pinned to a digest: `nginx` gives `nginx@sha256:…`, not `docker.io/library/…`. */
export function pinToDigest(reference: ImageReference, digest: string): string {
  return `${formatRepository(reference)}@${digest}`;
}

/** What identifies the manifest in its repository: the digest if there is one, else the tag, else `latest`. */
export function manifestIdentifier(reference: ImageReference): string {
  return reference.digest ?? reference.tag ?? 'latest';
}

/** Host and optional port to talk to; the names of Docker Hub all become `registry-1.docker.io`. */
export function registryHost(reference: ImageReference): string {
  if (isDockerHub(reference)) return 'registry-1.docker.io';
  return reference.registry ?? '';
}

/** Repository path to ask the registry for: on Docker Hub a single name means `library/<name>`. */
export function repositoryPath(reference: ImageReference): string {
  if (isDockerHub(reference) && !reference.repository.includes('/')) return `library/${reference.repository}`;
  return reference.repository;
}

/** The grammar's host, and one that can exist: a port below 65536, and no dotted numbers that are no IPv4 address. */
function isHost(text: string): boolean {
  if (!hostPattern.test(text)) return false;
  const [name = '', port] = text.split(':');
  if (port !== undefined && (Number(port) > 65_535 || Number(port) === 0)) return false;
  const lastLabel = name.slice(name.lastIndexOf('.') + 1);
  // A name that ends in a number is an IPv4 address or nothing (WHATWG URL, host parsing).
  return !/^\d+$/.test(lastLabel) || isIpv4(name);
}

function isIpv4(name: string): boolean {
  const parts = name.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
}

function isDockerHub(reference: ImageReference): boolean {
  return reference.registry === undefined || dockerHubHosts.includes(reference.registry);
}

function formatRepository(reference: ImageReference): string {
  return reference.registry === undefined
    ? reference.repository
    : `${reference.registry}/${reference.repository}`;
}

function splitOffTagAndDigest(text: string): {
  name: string;
  tag: string | undefined;
  digest: string | undefined;
} {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const colon = beforeDigest.lastIndexOf(':');
  if (colon <= beforeDigest.lastIndexOf('/')) return { name: beforeDigest, tag: undefined, digest };
  return { name: beforeDigest.slice(0, colon), tag: beforeDigest.slice(colon + 1), digest };
}

/** The first path component is a registry iff it has a dot or a colon or is `localhost`; a lone dotted name is a registry too. */
function splitRegistry(name: string): { registry: string | undefined; repository: string } {
  const slash = name.indexOf('/');
  if (slash < 0) {
    const loneRegistry = name.includes('.') || name.startsWith('localhost');
    return loneRegistry ? { registry: name, repository: '' } : { registry: undefined, repository: name };
  }
  const first = name.slice(0, slash);
  if (first.includes('.') || first.includes(':') || first === 'localhost') {
    return { registry: first, repository: name.slice(slash + 1) };
  }
  return { registry: undefined, repository: name };
}
