/** What a request is about, read from its method and path as a Kubernetes API server does. */
import { imageGroup } from '../api/resources.ts';

/** The path of the version that is served. */
export const servedPath = `/apis/${imageGroup}/v1`;

/** A verb of the Kubernetes API. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A request for a resource of the group. */
export interface RequestInfo {
  readonly verb: Verb;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Reads a request; undefined for a path that is none of a resource, or a method that no resource has. */
export function requestInfoOf(method: string, url: URL): RequestInfo | undefined {
  if (!url.pathname.startsWith(`${servedPath}/`)) return undefined;
  const parts = url.pathname
    .slice(servedPath.length + 1)
    .split('/')
    .map(decoded);
  if (parts.some((part) => part === undefined || part === '')) return undefined;
  const [namespace, rest] =
    parts[0] === 'namespaces' && parts.length > 2 ? [parts[1], parts.slice(2)] : [undefined, parts];
  const [resource, name, subresource, ...more] = rest;
  if (resource === undefined || more.length > 0) return undefined;
  const verb = verbOf(method, name !== undefined, url.searchParams.get('watch'));
  return verb === undefined ? undefined : { verb, namespace, resource, name, subresource };
}

function verbOf(method: string, isNamed: boolean, watch: string | null): Verb | undefined {
  const isWatch = watch !== null && watch !== 'false' && watch !== '0';
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (isNamed) return 'get';
      return isWatch ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return isNamed ? 'update' : undefined;
    case 'PATCH':
      return isNamed ? 'patch' : undefined;
    case 'DELETE':
      return isNamed ? 'delete' : 'deletecollection';
    default:
      return undefined;
  }
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
