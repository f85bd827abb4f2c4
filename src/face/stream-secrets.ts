/**
 * `imagestreams/secrets`: the pull secrets of a namespace, for programs that import on somebody's behalf (semantics 2.6). It hands
 * out credentials: the right to it is given to nobody who may not read the secrets of the namespace anyway.
 */
import { type Secret, secrets } from '../api/resources.ts';
import { isPullSecret, pullSecretKeys } from '../domain/pull-credentials.ts';
import type { KubeClient } from '../kube/client.ts';
import { BodyTooLargeError } from '../runtime/bounded-body.ts';
import { type Exchange, sendJson } from './exchange.ts';
import { StatusError } from './status.ts';
import { served } from './versions.ts';

/** Pull secrets of a namespace and type that are read. */
const maxSecrets = 500;
/** All of these together: who may write secrets can fill a namespace with them. */
const maxBytes = 8 * 1024 * 1024;

/** Answers with all of a namespace, whatever the stream is called: the reference does not ask whether it is there. */
export async function servePullSecrets(client: KubeClient, exchange: Exchange): Promise<void> {
  const { info, response, signal } = exchange;
  const { namespace = '' } = info;
  const listed = Promise.all(
    Object.keys(pullSecretKeys).map((type) => {
      const wanted = { namespace, fieldSelector: `type=${type}`, limit: maxSecrets, maxBytes };
      return client.listNamespace(secrets, wanted, signal);
    }),
  );
  const lists = await listed.catch((error: unknown) => {
    if (!(error instanceof BodyTooLargeError)) throw error;
    const problem = `the pull secrets of the namespace are longer than ${maxBytes} bytes`;
    throw new StatusError(500, 'InternalError', `Internal error occurred: ${problem}`);
  });
  const items = lists.flat().filter(isPullSecret).map(withoutKind);
  response.setHeader('cache-control', 'no-store');
  sendJson(response, 200, { kind: 'SecretList', apiVersion: served, metadata: {}, items });
}

/** As in every list; who has written them is nobody's matter. */
function withoutKind({ metadata, type, data }: Secret): Omit<Secret, 'kind' | 'apiVersion'> {
  const { managedFields: _, ...rest } = metadata;
  return { metadata: rest, ...(type === undefined ? {} : { type }), ...(data === undefined ? {} : { data }) };
}
