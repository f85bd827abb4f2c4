/** Pages of lists of objects that may be large. */
import type { KubeObject, Resource } from '../api/resources.ts';
import type { KubeClient, ListOptions, ListPage } from '../kube/client.ts';
import { BodyTooLargeError } from '../runtime/bounded-body.ts';

/** Objects that are asked for at a time. */
export const pageSize = 500;
/** Of objects of the largest size that etcd takes. */
const smallPageSize = 40;

/** One page; a page that is too long is asked for in a smaller one. */
export async function objectPage<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  options: ListOptions,
  signal: AbortSignal,
): Promise<ListPage<T>> {
  try {
    return await client.listPage(resource, options, signal);
  } catch (error) {
    if (!(error instanceof BodyTooLargeError) || options.limit <= smallPageSize) throw error;
    return client.listPage(resource, { ...options, limit: smallPageSize }, signal);
  }
}
