/** Pages of lists of objects that may be large. */
import type { KubeObject, Resource } from '../api/resources.ts';
import type { KubeClient, ListOptions, ListPage } from '../kube/client.ts';
import { BodyTooLargeError } from '../runtime/bounded-body.ts';

/** Objects that are asked for at a time. */
export const pageSize = 500;
/** Of a page that is too long: of objects of the largest size that etcd takes. */
const smallPageSizes = [40, 8];
/** Parsed, a page takes several times as much. */
const maxPageBytes = 16 * 1024 * 1024;

/** One page; a page that is too long is asked for in a smaller one. */
export async function objectPage<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  options: ListOptions,
  signal: AbortSignal,
): Promise<ListPage<T>> {
  const sizes = [options.limit, ...smallPageSizes.filter((size) => size < options.limit)];
  for (const limit of sizes.slice(0, -1)) {
    try {
      return await client.listPage(resource, { ...options, limit, maxBytes: maxPageBytes }, signal);
    } catch (error) {
      if (!(error instanceof BodyTooLargeError)) throw error;
    }
  }
  return client.listPage(resource, { ...options, limit: sizes.at(-1) ?? options.limit }, signal);
}
