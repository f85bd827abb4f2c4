import { Readable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { streamOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, type ApiRequest, playApiServer } from '../../test/support/played-api-server.ts';
import { valueAt } from '../api/json.ts';
import { Access } from './access.ts';
import type { Exchange } from './exchange.ts';
import { SourceCheck } from './source-check.ts';
import { StreamRequests } from './stream-requests.ts';
import { StreamWrites } from './stream-writes.ts';

const conflict = (causes: readonly object[] = []): ApiAnswer => ({
  status: 409,
  body: { kind: 'Status', reason: 'Conflict', message: 'no', details: { causes } },
});

/** A write of a stream that is there in the version `1`, then `2`, and so on with each read. */
async function write(
  sent: { readonly verb: 'create' | 'patch'; readonly type: string; readonly stream: object },
  answer: (patch: ApiRequest) => ApiAnswer | undefined = () => undefined,
) {
  const clock = new FakeClock();
  let version = 0;
  const server = await playApiServer(clock, (request) => {
    if (request.method === 'GET') version++;
    const stream = streamOf([]);
    const present = { ...stream, metadata: { ...stream.metadata, uid: 'u', resourceVersion: `${version}` } };
    return (request.method === 'PATCH' ? answer(request) : undefined) ?? { body: present };
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { client } = server;
  const access = new Access({ client, clock });
  const writes = new StreamWrites({
    requests: new StreamRequests(server.transport),
    access,
    sources: new SourceCheck({ client, access }),
    defaults: { importMode: 'Legacy', localRegistry: undefined },
  });
  const document = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', ...sent.stream };
  const request = Object.assign(Readable.from([Buffer.from(JSON.stringify(document))]), {
    headers: { 'content-type': sent.type },
  });
  const written = writes.write({
    request,
    url: new URL('https://face/?fieldManager=me'),
    info: { verb: sent.verb, namespace: 'apps', resource: 'imagestreams', name: 'web' },
    caller: { user: 'bob' },
    signal: new AbortController().signal,
  } as unknown as Exchange);
  return { written, requests: server.requests };
}

async function apply(metadata: object, answer: (patch: ApiRequest) => ApiAnswer | undefined) {
  const sent = { verb: 'patch', type: 'application/apply-patch+yaml', stream: { metadata } } as const;
  const { written, requests } = await write(sent, answer);
  const patches = (): unknown[] =>
    requests
      .filter(({ method }) => method === 'PATCH')
      .map(({ query, body }) => [
        query.get('dryRun'),
        valueAt(body, ['metadata', 'uid']),
        valueAt(body, ['metadata', 'resourceVersion']),
      ]);
  return { written, patches };
}

it('applies to the version that it has rehearsed', async () => {
  const { written, patches } = await apply({ name: 'web' }, () => undefined);
  await written;
  expect(patches()).toEqual([
    ['All', 'u', '1'],
    [null, 'u', '1'],
  ]);
});

it('rehearses an apply anew when the stream has changed', async () => {
  const { written, patches } = await apply({ name: 'web' }, ({ query, body }) =>
    query.get('dryRun') === null && valueAt(body, ['metadata', 'resourceVersion']) === '1'
      ? conflict()
      : undefined,
  );
  await written;
  expect(patches()).toEqual([
    ['All', 'u', '1'],
    [null, 'u', '1'],
    ['All', 'u', '2'],
    [null, 'u', '2'],
  ]);
});

it.each([
  ['a field is of another manager', { name: 'web' }, [{ reason: 'FieldManagerConflict' }], '1'],
  ['the client has seen another version', { name: 'web', resourceVersion: '9' }, [], '9'],
])('does not try an apply again when %s', async (_why, metadata, causes, version) => {
  const { written, patches } = await apply(metadata, () => conflict(causes));
  await expect(written).rejects.toMatchObject({ status: { code: 409 } });
  expect(patches()).toEqual([['All', 'u', version]]);
});

it('asks for no source of a stream that has more tags than there may be', async () => {
  const tags = Array.from({ length: 1_001 }, (_, i) => ({
    name: `t${i}`,
    from: { kind: 'ImageStreamTag', name: 'web:latest', namespace: `other-${i}` },
  }));
  const stream = { metadata: { name: 'web' }, spec: { tags } };
  const { written, requests } = await write({ verb: 'create', type: 'application/json', stream });
  await expect(written).rejects.toMatchObject({ status: { code: 422 } });
  expect(requests).toEqual([]);
});
