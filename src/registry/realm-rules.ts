/**
 * Where a registry may send us for a token, and whether the account's credentials may go there.
 *
 * A realm on another host is legal (Docker Hub has one), so hosts are not forbidden; credentials are kept to hosts that
 * belong to the registry.
 */
import { getDomain } from 'tldts';
import { RegistryError } from './errors.ts';

/** Token servers on other domains than their registries, which everybody uses. */
const knownRealms: Readonly<Record<string, string>> = { 'registry-1.docker.io': 'auth.docker.io' };

/** The realm of a challenge as a URL. Throws {@link RegistryError} when it is none, or not HTTPS and the tag is not insecure. */
export function parseRealm(realm: string, insecure: boolean): URL {
  if (!URL.canParse(realm))
    throw new RegistryError('registry-error', 'the registry names no valid token server');
  const url = new URL(realm);
  if (url.protocol !== 'https:' && !(insecure && url.protocol === 'http:')) {
    throw new RegistryError('registry-error', `the registry's token server ${url.host} does not use HTTPS`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new RegistryError(
      'registry-error',
      `the registry's token server ${url.host} comes with credentials of its own`,
    );
  }
  return url;
}

/**
 * True when credentials for the registry may be sent to the realm: the same host, the same registrable domain by the
 * public suffix list (so not two customers of one hoster), or a pair that is listed. `trusted` are hosts that the
 * operator's settings list.
 */
export function mayReceiveCredentials(
  realm: URL,
  registryHost: string,
  trusted: ReadonlySet<string>,
): boolean {
  const registry = new URL(`https://${registryHost}`).hostname;
  if (realm.hostname === registry || knownRealms[registry] === realm.hostname) return true;
  if (trusted.has(realm.hostname)) return true;
  const domain = getDomain(realm.hostname, { allowPrivateDomains: true });
  return domain !== null && domain === getDomain(registry, { allowPrivateDomains: true });
}
