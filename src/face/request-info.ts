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
  if (!parts.every(isName)) return undefined;
  const [namespace, rest] =
    parts[0] === 'namespaces' && parts.length > 2 ? [parts[1], parts.slice(2)] : [undefined, parts];
  const [resource, name, subresource, ...more] = rest;
  if (resource === undefined || more.length > 0) return undefined;
  const verb = verbOf(method, name !== undefined, url.searchParams.get('watch'));
  // A watch has no end that a HEAD could have.
  if (verb === undefined || (verb === 'watch' && method === 'HEAD')) return undefined;
  return { verb, namespace, resource, name, subresource };
}

const selecting: readonly Verb[] = ['list', 'watch', 'deletecollection'];

/**
 * The name that the field selector of a collection asks for, so that who may see one object may list and watch it by its name;
 * undefined for any other selector, and for requests that no selector narrows.
 */
export function selectedName({ verb }: Pick<RequestInfo, 'verb'>, { searchParams }: URL): string | undefined {
  if (!selecting.includes(verb)) return undefined;
  return /^metadata\.name==?([^,=!]+)$/.exec(searchParams.get('fieldSelector') ?? '')?.[1];
}

function verbOf(method: string, isNamed: boolean, watch: string | null): Verb | undefined {
  const isWatch = isTrue(watch);
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (isNamed) return 'get';
      return isWatch ? 'watch' : 'list';
    case 'POST':
      return isNamed ? undefined : 'create';
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

/** True for what an API server takes for true of a parameter; null when it is not there. */
export function isTrue(parameter: string | null): boolean {
  return parameter !== null && !['false', '0'].includes(parameter.toLowerCase());
}

/** Longer than any name of the API. */
const maxName = 512;

/** Dots alone, and what is a path of its own, would be another path. */
function isName(part: string | undefined): part is string {
  if (part === undefined || part === '' || part.length > maxName) return false;
  return part !== '.' && part !== '..' && !/[/%]/.test(part);
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
