/**
 * Docker configurations as pull secrets hold them, and which of their entries is for which repository.
 *
 * The rules are kubelet's and the reference's (semantics 2.6), stricter and more tolerant where they are traps: paths
 * match on segment boundaries only, and a reference without a port matches keys of port 80 and 443 too.
 */
import { isJsonObject, type JsonObject, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import { globMatches } from './glob.ts';
import { dockerHubHosts, type ImageReference, registryHost, repositoryPath } from './image-reference.ts';

/** What an account proves itself with. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** OAuth2 refresh token: exchanged at the token server. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: 'registry-token'; readonly token: string };

/** A credential and where it is from. */
export interface PullCredential {
  readonly credential: Credential;
  /** Name of the secret. */
  readonly secret: string;
  /** The entry's key as it is written in the secret; it names a host, never a password. */
  readonly key: string;
}

/** All usable entries of a namespace's pull secrets, in the order in which they are tried. */
export interface Keychain {
  readonly entries: readonly KeychainEntry[];
  /** A sentence for each secret that cannot be used; never any of its content. */
  readonly problems: readonly string[];
}

/** An entry with its key taken apart. */
export interface KeychainEntry extends PullCredential {
  readonly hostLabels: readonly string[];
  readonly port: string;
  readonly path: readonly string[];
}

/** A pull secret: its type and the content of the key that belongs to the type, base64 as in the API. */
export interface PullSecret {
  readonly name: string;
  readonly type: string;
  readonly data: string | undefined;
}

/** The secret types that hold docker configurations, and the key of their data. */
export const pullSecretKeys: Readonly<Record<string, string>> = {
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
  'kubernetes.io/dockercfg': '.dockercfg',
};

/** Secrets with this annotation of "true" are left out (the reference's key). */
const excludeSecretAnnotation = 'openshift.io/image.excludeSecret';

/** False for a secret that its owner keeps from imports. */
export function isPullSecret({
  metadata,
}: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}): boolean {
  return metadata.annotations?.[excludeSecretAnnotation] !== 'true';
}

/** Longest configuration that is read, in characters of base64; secrets are at most 1 MiB. */
const maxDataLength = 2 * 1024 * 1024;

/** Reads pull secrets; a broken one is a problem and does not stop the others. */
export function buildKeychain(
  secrets: readonly PullSecret[],
  decodeBase64: (text: string) => string,
): Keychain {
  const entries: KeychainEntry[] = [];
  const problems: string[] = [];
  for (const secret of [...secrets].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const problem = addSecret(secret, decodeBase64, entries);
    if (problem !== undefined) problems.push(`secret ${JSON.stringify(secret.name)} is not used: ${problem}`);
  }
  entries.sort(bySpecificity);
  return { entries, problems };
}

/** The entries for a repository, the most specific first. */
export function findCredentials(keychain: Keychain, reference: ImageReference): readonly PullCredential[] {
  const [host = '', port = ''] = splitHost(canonicalHost(registryHost(reference)));
  const labels = host.split('.');
  const path = repositoryPath(reference).split('/');
  return keychain.entries.filter(
    (entry) =>
      portsMatch(entry.port, port) && labelsMatch(entry.hostLabels, labels) && startsWith(path, entry.path),
  );
}

function addSecret(
  secret: PullSecret,
  decodeBase64: (text: string) => string,
  entries: KeychainEntry[],
): string | undefined {
  const key = pullSecretKeys[secret.type];
  if (key === undefined) return `its type is ${secret.type}`;
  if (secret.data === undefined) return `it has no ${key}`;
  if (secret.data.length > maxDataLength) return `its ${key} is too long`;
  const document = parseJsonObject(decodeBase64(secret.data));
  if (document === undefined) return `its ${key} is not a JSON object`;
  const auths = secret.type === 'kubernetes.io/dockercfg' ? document : valueAt(document, ['auths']);
  if (!isJsonObject(auths)) return `its ${key} has no object auths`;
  let unusable = 0;
  for (const [server, value] of Object.entries(auths)) {
    const credential = isJsonObject(value) ? readCredential(value, decodeBase64) : undefined;
    const place = parseKey(server);
    if (credential === undefined || place === undefined) unusable++;
    else entries.push({ credential, secret: secret.name, key: server, ...place });
  }
  return unusable === 0
    ? undefined
    : `${unusable} of its entries ${unusable === 1 ? 'has' : 'have'} no usable credential or host`;
}

/** `auth` wins over `username` and `password`, as in the reference; then the tokens. */
function readCredential(entry: JsonObject, decodeBase64: (text: string) => string): Credential | undefined {
  const identityToken = textOf(entry['identitytoken']);
  if (identityToken) return { kind: 'identity-token', token: identityToken };
  const registryToken = textOf(entry['registrytoken']);
  if (registryToken) return { kind: 'registry-token', token: registryToken };
  const auth = textOf(entry['auth']);
  const pair = auth ? decodeBase64(auth) : undefined;
  if (pair !== undefined) {
    const colon = pair.indexOf(':');
    if (colon <= 0) return undefined;
    // Docker pads the password with zero bytes in some versions.
    return {
      kind: 'password',
      username: pair.slice(0, colon),
      password: pair.slice(colon + 1).replace(/\0+$/, ''),
    };
  }
  const username = textOf(entry['username']);
  return username ? { kind: 'password', username, password: textOf(entry['password']) ?? '' } : undefined;
}

/** Scheme and a leading `/v1/` or `/v2/` of a key mean nothing. */
function parseKey(key: string): Pick<KeychainEntry, 'hostLabels' | 'port' | 'path'> | undefined {
  const [authority = '', ...segments] = key
    .trim()
    .replace(/^https?:\/\//i, '')
    .split('/');
  const [host = '', port = ''] = splitHost(canonicalHost(authority));
  if (host === '' || !/^[\w.*?-]+$/.test(host)) return undefined;
  const path = segments.filter((segment) => segment !== '');
  if (path[0] === 'v1' || path[0] === 'v2') path.shift();
  return { hostLabels: host.split('.'), port, path };
}

function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  const [name = '', port = ''] = splitHost(lower);
  return dockerHubHosts.includes(name) && (port === '' || port === '443') ? 'docker.io' : lower;
}

function splitHost(authority: string): readonly string[] {
  const colon = authority.lastIndexOf(':');
  return colon < 0 ? [authority] : [authority.slice(0, colon), authority.slice(colon + 1)];
}

/** A reference without a port goes to the standard ports; keys that spell them out mean the same place. */
function portsMatch(entryPort: string, port: string): boolean {
  if (entryPort === port) return true;
  return port === '' && (entryPort === '80' || entryPort === '443');
}

function labelsMatch(patterns: readonly string[], labels: readonly string[]): boolean {
  return (
    patterns.length === labels.length && patterns.every((pattern, i) => globMatches(pattern, labels[i] ?? ''))
  );
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.length <= path.length && prefix.every((segment, i) => segment === path[i]);
}

/** Longer paths first, then hosts without wildcards, then the name of the secret. */
function bySpecificity(a: KeychainEntry, b: KeychainEntry): number {
  if (a.path.length !== b.path.length) return b.path.length - a.path.length;
  const [aWild, bWild] = [wildcards(a), wildcards(b)];
  if (aWild !== bWild) return aWild - bWild;
  return a.secret < b.secret ? -1 : Number(a.secret > b.secret);
}

function wildcards({ hostLabels }: KeychainEntry): number {
  return hostLabels.filter((label) => /[*?]/.test(label)).length;
}
