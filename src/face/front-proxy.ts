/** Whom to believe about callers: the front proxy of the cluster, by its certificate. */
import type { TLSSocket } from 'node:tls';
import type { ConfigMap } from '../api/resources.ts';
import type { RequestHeaderNames } from './identity.ts';

/** Where every cluster with an aggregation layer says it. */
export const proxyTrustPlace = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };

/** Who the front proxy is, and how it names callers. */
export interface ProxyTrust {
  /** PEM of the authority of its client certificate. */
  readonly ca: string;
  /** Common names that its certificate may have; any when there are none. */
  readonly allowedNames: readonly string[];
  readonly headers: RequestHeaderNames;
}

/** Reads the ConfigMap. Throws a sentence when the cluster has no aggregation layer. */
export function parseProxyTrust({ data = {} }: ConfigMap): ProxyTrust {
  const ca = data['requestheader-client-ca-file'];
  if (ca === undefined || ca.trim() === '') {
    const { namespace, name } = proxyTrustPlace;
    throw new Error(
      `The ConfigMap ${namespace}/${name} has no requestheader-client-ca-file: the API server was started without an aggregation layer (--requestheader-client-ca-file).`,
    );
  }
  const list = (key: string, fallback: readonly string[]): readonly string[] => {
    const names = parseNames(key, data[key]);
    return names.length === 0 ? fallback : names;
  };
  return {
    ca,
    allowedNames: list('requestheader-allowed-names', []),
    headers: {
      user: list('requestheader-username-headers', ['X-Remote-User']),
      // Older API servers neither send nor strip one.
      uid: list('requestheader-uid-headers', []),
      group: list('requestheader-group-headers', ['X-Remote-Group']),
      extraPrefix: list('requestheader-extra-headers-prefix', ['X-Remote-Extra-']),
    },
  };
}

/** True for a connection of the front proxy: a certificate of that authority, with one of the names. */
export function isFrontProxy(socket: TLSSocket, { allowedNames }: ProxyTrust): boolean {
  // A session that is taken up again counts as authorized for Node, also without a certificate.
  if (!socket.authorized || socket.isSessionReused()) return false;
  const names = [socket.getPeerCertificate().subject?.CN ?? []].flat().filter((name) => name !== '');
  if (names.length === 0) return false;
  return allowedNames.length === 0 || names.some((name) => allowedNames.includes(name));
}

/** No names may mean any name: what cannot be read must not be taken for none. */
function parseNames(key: string, text: string | undefined): readonly string[] {
  if (text === undefined || text === '') return [];
  const value = parsedNames(text);
  if (value !== undefined) return value;
  throw new Error(
    `${key} of the ConfigMap ${proxyTrustPlace.namespace}/${proxyTrustPlace.name} is not a list of texts in JSON`,
  );
}

function parsedNames(text: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}
