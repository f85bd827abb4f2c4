// The API face behind a real aggregation layer: image.openshift.io/v1 as OpenShift serves it, over the stored objects.
import { request as httpsRequest } from 'node:https';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type Face, startFace } from '../../src/face/face.ts';
import { Aggregation, apiServices, type Identity } from '../support/aggregation.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { SharedCluster } from '../support/fixture.ts';
import type { BuiltImage } from '../support/images.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { crds } from '../support/own-cluster.ts';
import { imageStreams, roleBindings } from '../support/resources.ts';
import { Scenario } from '../support/scenario.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { readTlsIdentity } from '../support/tls-files.ts';

const served = '/apis/image.openshift.io/v1';

let folder: TemporaryFolder;
let aggregation: Aggregation;
let cluster: Cluster;
let view: SharedCluster;
let operator: OperatorProcess;
let face: Face;
let scenario: Scenario;
let pushed: BuiltImage;

beforeAll(async () => {
  folder = await createTemporaryFolder();
  aggregation = await Aggregation.create(folder.path);
  const users = [{ name: 'alice', groups: ['team-a'] }];
  cluster = await startCluster({
    assets: inject('cluster').assets,
    crds,
    users,
    apiServerArgs: aggregation.flags,
  });
  view = new SharedCluster(cluster.facts);
  operator = await OperatorProcess.start({ kubeconfigPath: cluster.kubeconfigPath });
  const { cert, key } = await readTlsIdentity({
    ca: '',
    certificatePath: aggregation.servingCertificatePath,
    certificateKeyPath: aggregation.servingKeyPath,
  });
  face = await startFace({
    kubeconfig: cluster.kubeconfigPath,
    host: 'localhost',
    port: 0,
    certificate: cert,
    key,
    localRegistry: undefined,
    log: pino({ enabled: false }),
    userAgent: 'test-face',
  });
  scenario = await Scenario.start(view);
  pushed = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.tagHas('web', 'latest', pushed.digest);
  await scenario.tagObjectIs('web.latest', ({ image }) => image?.dockerImageMetadata !== undefined);
  await aggregation.register(view.kube, face.port);
  await eventually(() => isServedByFace(), { what: 'the face to have v1' });
}, 120_000);
afterAll(async () => {
  await face?.stop();
  await operator?.stop();
  await scenario?.[Symbol.asyncDispose]();
  await view?.close();
  await cluster?.stop();
  await folder?.remove();
});

async function isServedByFace(): Promise<boolean> {
  const { status, text } = await view.kube.request('GET', served);
  return (
    status === 200 &&
    !text.includes(
      '"name":"imagestreamtags","singularName":"imagestreamtag","namespaced":true,"kind":"ImageStreamTag","verbs":["delete"',
    )
  );
}

const inNamespace = (path: string): string => `${served}/namespaces/${scenario.namespace}/${path}`;

async function get(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const { status, text } = await view.kube.request('GET', path);
  return { status, body: JSON.parse(text) as Record<string, unknown> };
}

async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await cluster.kubectl([...args, `--namespace=${scenario.namespace}`]);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

describe('discovery', () => {
  it('shows what is served, and no watch for ImageStreamTags', async () => {
    const listed = await kubectl(
      'api-resources',
      '--api-group=image.openshift.io',
      '-o',
      'wide',
      '--no-headers',
    );
    const rows = listed
      .trim()
      .split('\n')
      .map((row) => row.trim().split(/\s+/));
    expect(rows.map(([name, short]) => [name, short])).toEqual([
      ['images', 'image.openshift.io/v1'],
      ['imagestreamimages', 'isimage'],
      ['imagestreamimports', 'image.openshift.io/v1'],
      ['imagestreams', 'is'],
      ['imagestreamtags', 'istag'],
    ]);
    expect(rows.at(-1)?.join(' ')).not.toContain('watch');
  });
});

describe('an ImageStream', () => {
  it('is shown in the columns of the reference', async () => {
    const [head, row] = (await kubectl('get', 'is')).trim().split('\n');
    expect(head?.trim().split(/\s{2,}/)).toEqual(['NAME', 'IMAGE REPOSITORY', 'TAGS', 'UPDATED']);
    expect(row).toMatch(/^web\s+latest\s+(Less than a second|\d+ seconds?) ago/);
  });

  it('speaks v1 everywhere, and what is written as v1 is stored', async () => {
    const stream = JSON.stringify(await get(inNamespace('imagestreams/web')));
    expect(stream).toContain('"apiVersion":"image.openshift.io/v1"');
    expect(stream).not.toContain('v1crd');
    const name = 'written';
    const object = {
      apiVersion: 'image.openshift.io/v1',
      kind: 'ImageStream',
      metadata: { name },
      spec: {
        tags: [
          {
            name: 'a',
            from: { kind: 'DockerImage', name: scenario.pullSpec('latest') },
            importPolicy: { insecure: true },
          },
        ],
      },
    };
    const input = JSON.stringify(object);
    const apply = (...flags: readonly string[]) =>
      cluster.kubectl(['apply', ...flags, `--namespace=${scenario.namespace}`, '-f', '-'], { input });
    expect(await apply()).toMatchObject({ exitCode: 0 });
    await scenario.tagHas(name, 'a', pushed.digest);
    expect(await apply('--server-side', '--force-conflicts')).toMatchObject({ exitCode: 0 });
    await kubectl('annotate', 'is', name, 'note=kept');
    const stored = await view.kube.request(
      'GET',
      `/apis/image.openshift.io/v1crd/namespaces/${scenario.namespace}/imagestreams/${name}`,
    );
    expect(JSON.parse(stored.text)).toMatchObject({
      metadata: { annotations: { note: 'kept' } },
      spec: object.spec,
    });
    await kubectl('delete', 'is', name);
    expect((await get(inNamespace(`imagestreams/${name}`))).status).toBe(404);
  });

  it('takes strategic merge patches', async () => {
    await scenario.createStream('patched', ['latest']);
    const patch = {
      spec: {
        lookupPolicy: { local: true },
        tags: [{ name: 'more', reference: true, from: { kind: 'DockerImage', name: 'quay.io/a/b:1' } }],
      },
    };
    const { statusCode, body } = await request(
      `${cluster.facts.url}${inNamespace('imagestreams/patched')}?fieldManager=oc`,
      {
        method: 'PATCH',
        dispatcher: new Agent({ connect: { ca: cluster.facts.ca } }),
        headers: {
          authorization: `Bearer ${cluster.facts.tokens['admin'] ?? ''}`,
          'content-type': 'application/strategic-merge-patch+json',
        },
        body: JSON.stringify(patch),
      },
    );
    expect(statusCode).toBe(200);
    expect(await body.json()).toMatchObject({
      apiVersion: 'image.openshift.io/v1',
      spec: { lookupPolicy: { local: true }, tags: [{ name: 'latest' }, { name: 'more', reference: true }] },
    });
    await kubectl('patch', 'is', 'patched', '--type=json', '-p', '[{"op":"remove","path":"/spec/tags/1"}]');
    await kubectl('delete', 'is', 'patched');
  });

  it('is watched, as objects and as rows', async () => {
    const dispatcher = new Agent({ connect: { ca: cluster.facts.ca }, bodyTimeout: 0 });
    const open = async (accept: string) => {
      const { statusCode, body } = await request(
        `${cluster.facts.url}${inNamespace('imagestreams')}?watch=true`,
        {
          dispatcher,
          headers: { authorization: `Bearer ${cluster.facts.tokens['admin'] ?? ''}`, accept },
        },
      );
      expect(statusCode).toBe(200);
      return body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    };
    const objects = await open('application/json');
    const rows = await open('application/json;as=Table;v=v1;g=meta.k8s.io');
    const object = JSON.parse(String((await objects.next()).value).split('\n')[0] ?? '') as {
      type: string;
      object: unknown;
    };
    const row = JSON.parse(String((await rows.next()).value).split('\n')[0] ?? '') as {
      type: string;
      object: unknown;
    };
    await dispatcher.destroy();
    expect(object).toMatchObject({
      type: 'ADDED',
      object: { apiVersion: 'image.openshift.io/v1', metadata: { name: 'web' } },
    });
    expect(row).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ cells: ['web', '', 'latest', expect.any(String)] }] },
    });
  });
});

describe('an ImageStreamTag', () => {
  it('has the image of its tag, under a name with a colon', async () => {
    const { body, status } = await get(inNamespace('imagestreamtags/web:latest'));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'ImageStreamTag',
      apiVersion: 'image.openshift.io/v1',
      metadata: { name: 'web:latest', namespace: scenario.namespace },
      tag: { name: 'latest' },
      image: {
        metadata: { name: pushed.digest },
        dockerImageReference: scenario.pinned(pushed.digest),
        dockerImageMetadata: { kind: 'DockerImage' },
      },
    });
  });

  it('is in lists, of a namespace and of all', async () => {
    const [head, row] = (await kubectl('get', 'istag')).trim().split('\n');
    expect(head?.trim().split(/\s{2,}/)).toEqual(['NAME', 'IMAGE REFERENCE', 'UPDATED']);
    expect(row).toContain(`web:latest`);
    expect(row).toContain(scenario.pinned(pushed.digest));
    expect(JSON.stringify(await get(`${served}/imagestreamtags`))).toContain('"web:latest"');
  });

  it.each([
    { name: 'web:none', code: 404, message: 'imagestreamtags.image.openshift.io "web:none" not found' },
    { name: 'none:latest', code: 404, message: 'imagestreams.image.openshift.io "none" not found' },
    { name: 'web', code: 400, message: 'ImageStreamTags must be retrieved with <name>:<tag>' },
    { name: 'a:b:c', code: 400, message: 'ImageStreamTags must be retrieved with <name>:<tag>' },
  ])('$name is a $code', async ({ name, code, message }) => {
    expect((await get(inNamespace(`imagestreamtags/${name}`))).body).toMatchObject({
      kind: 'Status',
      code,
      message,
    });
  });
});

describe('a written ImageStreamTag', () => {
  const kube = async (method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => {
    const { status, text } = await view.kube.request(method, inNamespace(path), body);
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };
  const tagOf = (tag: string): object => ({
    from: { kind: 'DockerImage', name: scenario.pullSpec(tag) },
    importPolicy: { insecure: true },
  });
  const istag = (name: string, more: object = {}): object => ({
    kind: 'ImageStreamTag',
    apiVersion: 'image.openshift.io/v1',
    metadata: { name },
    tag: tagOf('latest'),
    ...more,
  });

  it('makes its stream, is imported, is replaced, annotated and deleted', async () => {
    const made = await kube('PUT', 'imagestreamtags/made:one', istag('made:one'));
    expect(made).toMatchObject({
      status: 201,
      body: { kind: 'ImageStreamTag', metadata: { name: 'made:one' }, tag: { name: 'one', generation: 1 } },
    });
    await scenario.tagHas('made', 'one', pushed.digest);
    const second = await scenario.push('other', 'second');
    const replaced = await kube(
      'PUT',
      'imagestreamtags/made:one',
      istag('made:one', { tag: tagOf('other') }),
    );
    expect(replaced.status).toBe(200);
    await scenario.tagHas('made', 'one', second.digest);
    await kubectl('annotate', 'istag', 'made:one', 'description=kept');
    const { body } = await get(inNamespace('imagestreamtags/made:one'));
    expect(body).toMatchObject({
      metadata: { annotations: { description: 'kept' } },
      image: { metadata: { name: second.digest } },
    });
    expect(await kubectl('delete', 'istag', 'made:one')).toContain(
      'imagestreamtag.image.openshift.io "made:one" deleted',
    );
    await eventually(
      async () => {
        const { spec, status } = await scenario.stream('made');
        return (spec?.tags ?? []).length === 0 && (status?.tags ?? []).length === 0;
      },
      { what: 'the tag to go with its history' },
    );
    expect((await kube('DELETE', 'imagestreamtags/made:one')).status).toBe(404);
  });

  it('is created once', async () => {
    expect((await kube('POST', 'imagestreamtags', istag('posted:one'))).status).toBe(201);
    expect(await kube('POST', 'imagestreamtags', istag('posted:one'))).toMatchObject({
      status: 409,
      body: {
        reason: 'AlreadyExists',
        message: 'imagestreamtag.image.openshift.io "posted:one" already exists',
      },
    });
  });

  it('of another version is a conflict', async () => {
    const old = istag('web:latest', { metadata: { name: 'web:latest', resourceVersion: '1' } });
    expect(await kube('PUT', 'imagestreamtags/web:latest', old)).toMatchObject({
      status: 409,
      body: { reason: 'Conflict' },
    });
  });

  it('with dryRun=All changes nothing', async () => {
    expect((await kube('PUT', 'imagestreamtags/dry:one?dryRun=All', istag('dry:one'))).status).toBe(201);
    expect((await get(inNamespace('imagestreams/dry'))).status).toBe(404);
  });

  it.each([
    { name: 'web', sent: () => istag('web'), code: 400, message: 'must be retrieved with <name>:<tag>' },
    {
      name: 'web:x',
      sent: () => istag('web:x', { tag: { from: { kind: 'Thing', name: 'a' } } }),
      code: 422,
      message: 'spec.tags[1].from.kind',
    },
    { name: 'web:x', sent: () => istag('web:y'), code: 400, message: 'does not match the name on the URL' },
    {
      name: 'none:x',
      sent: () => ({ metadata: {} }),
      code: 400,
      message: 'is not a spec tag in imagestream',
    },
  ])('is refused: $code $message', async ({ name, sent, code, message }) => {
    const answer = await kube('PUT', `imagestreamtags/${name}`, sent());
    expect(answer).toMatchObject({ status: code, body: { kind: 'Status', code } });
    expect(answer.body['message']).toContain(message);
  });
});

describe('an ImageStreamImport', () => {
  const send = async (name: string, spec: object, metadata: object = {}) => {
    const body = {
      kind: 'ImageStreamImport',
      apiVersion: 'image.openshift.io/v1',
      metadata: { name, ...metadata },
      spec,
    };
    const { status, text } = await view.kube.request('POST', inNamespace('imagestreamimports'), body);
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };
  const imageOf = (tag: string, to: string): object => ({
    from: { kind: 'DockerImage', name: scenario.pullSpec(tag) },
    to: { name: to },
    importPolicy: { insecure: true },
  });

  it('makes its stream, and answers when the images are there or not to be had', async () => {
    const images = [imageOf('latest', 'good'), imageOf('nowhere', 'bad')];
    const { status, body } = await send('imported', { import: true, images });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      kind: 'ImageStreamImport',
      status: {
        import: { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', metadata: { name: 'imported' } },
        images: [
          {
            tag: 'good',
            status: { status: 'Success' },
            image: {
              metadata: { name: pushed.digest },
              dockerImageReference: scenario.pinned(pushed.digest),
            },
          },
          { tag: 'bad', status: { status: 'Failure', reason: 'NotFound', code: 404 } },
        ],
      },
    });
    // Again, with nothing new.
    expect(await send('imported', { import: true, images: images.slice(0, 1) })).toMatchObject({
      status: 201,
      body: { status: { images: [{ status: { status: 'Success' } }] } },
    });
  });

  it('of a stream that has changed is a conflict', async () => {
    const answer = await send(
      'web',
      { import: true, images: [imageOf('latest', 'latest')] },
      { resourceVersion: '1' },
    );
    expect(answer).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect(answer.body['message']).toContain('the image stream was updated from "1" to');
  });

  it.each([
    {
      spec: { import: true },
      code: 422,
      message: 'you must specify at least one image or a repository import',
    },
    { spec: { import: false, images: [] }, code: 501, message: 'not served yet' },
  ])('is refused: $code $message', async ({ spec, code, message }) => {
    const { status, body } = await send('refused', spec);
    expect(status).toBe(code);
    expect(body['message']).toContain(message);
  });
});

it('an ImageStreamImage is found by the beginning of its digest', async () => {
  const name = `web@${pushed.digest.slice(0, 20)}`;
  const { body } = await get(inNamespace(`imagestreamimages/${name}`));
  expect(body).toMatchObject({
    kind: 'ImageStreamImage',
    metadata: { name },
    image: { metadata: { name: pushed.digest } },
  });
  expect((await get(inNamespace('imagestreamimages/web@sha256:00'))).body).toMatchObject({
    code: 404,
    message: 'imagestreamimage.image.openshift.io "web@sha256:00" not found',
  });
  const { body: image } = await get(`${served}/images/${pushed.digest}`);
  expect(image).toMatchObject({ kind: 'Image', metadata: { name: pushed.digest } });
});

describe('who asks', () => {
  it('needs the right, and hears which one', async () => {
    await using alice = view.clientOf('alice');
    const path = inNamespace('imagestreamtags/web:latest');
    const refused = await alice.request('GET', path);
    expect(refused.status).toBe(403);
    expect((JSON.parse(refused.text) as { message: string }).message).toContain(
      `User "alice" cannot get resource "imagestreamtags" in API group "image.openshift.io" in the namespace "${scenario.namespace}"`,
    );
    await view.kube.create(roleBindings, {
      metadata: { namespace: scenario.namespace, name: 'image-viewers' },
      subjects: [{ kind: 'Group', name: 'team-a', apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { kind: 'ClusterRole', name: 'cluster-admin', apiGroup: 'rbac.authorization.k8s.io' },
    });
    await eventually(async () => (await alice.request('GET', path)).status === 200, {
      what: 'the right to be seen',
    });
  });

  const direct = (path: string, identity?: Identity, headers: Record<string, string> = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const tls = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
      httpsRequest(
        { host: 'localhost', port: face.port, path, headers, rejectUnauthorized: false, ...tls },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      )
        .on('error', reject)
        .end();
    });

  it('is believed from the front proxy only', async () => {
    const forged = { 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' };
    expect(await direct(served, undefined, forged)).toBe(401);
    expect(await direct(served, aggregation.stranger, forged)).toBe(401);
    expect(await direct(served, aggregation.proxy)).toBe(401);
    expect(await direct(`${served}/imagestreams`, aggregation.proxy, forged)).toBe(200);
    expect(await direct('/readyz')).toBe(200);
  });
});

describe('bad input', () => {
  const send = (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    headers: Record<string, string>,
    body?: string,
  ) =>
    request(`${cluster.facts.url}${path}`, {
      method,
      dispatcher: new Agent({ connect: { ca: cluster.facts.ca } }),
      headers: { authorization: `Bearer ${cluster.facts.tokens['admin'] ?? ''}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });

  it.each([
    {
      name: 'protobuf alone',
      path: 'imagestreams',
      headers: { accept: 'application/vnd.kubernetes.protobuf' },
      code: 406,
    },
    { name: 'a resource that is not there', path: 'imagestreamthings', headers: {}, code: 404 },
    { name: 'a method that is not there', path: 'imagestreamtags?watch=true', headers: {}, code: 405 },
    { name: 'a subresource that is not there', path: 'imagestreams/web/scale', headers: {}, code: 404 },
  ])('$name is a Status $code', async ({ path, headers, code }) => {
    const { statusCode, body } = await send('GET', inNamespace(path), headers);
    expect(statusCode).toBe(code);
    expect(await body.json()).toMatchObject({ kind: 'Status', status: 'Failure', code });
  });

  it.each([
    { name: 'malformed JSON', type: 'application/json', body: '{', code: 400 },
    {
      name: 'a body that is too long',
      type: 'application/json',
      body: `"${'x'.repeat(3 * 1024 * 1024)}"`,
      code: 413,
    },
    { name: 'protobuf', type: 'application/vnd.kubernetes.protobuf', body: 'k8s', code: 415 },
    { name: 'an object that is none', type: 'application/json', body: '[]', code: 400 },
  ])('$name is a Status $code', async ({ type, body: sent, code }) => {
    const { statusCode, body } = await send(
      'POST',
      inNamespace('imagestreams'),
      { 'content-type': type },
      sent,
    );
    expect(statusCode).toBe(code);
    expect(await body.json()).toMatchObject({ kind: 'Status', code });
  });

  it('with dryRun=All changes nothing', async () => {
    const object = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', metadata: { name: 'dry' } };
    const { statusCode } = await send(
      'POST',
      `${inNamespace('imagestreams')}?dryRun=All`,
      { 'content-type': 'application/json' },
      JSON.stringify(object),
    );
    expect(statusCode).toBe(201);
    expect((await get(inNamespace('imagestreams/dry'))).status).toBe(404);
  });
});

it('gives v1 back when its APIService goes, with the objects in place', async () => {
  await view.kube.delete(apiServices, { name: 'v1.image.openshift.io' });
  const stream = await eventually(
    async () => {
      const found = await view.kube.get(imageStreams, { namespace: scenario.namespace, name: 'web' });
      const { text } = await view.kube.request(
        'GET',
        `${served}/namespaces/${scenario.namespace}/imagestreamtags/web.latest`,
      );
      return text.includes('"kind":"ImageStreamTag"') && found;
    },
    { what: 'the custom resources to have v1' },
  );
  expect(stream.status?.tags?.[0]?.items?.[0]?.image).toBe(pushed.digest);
  await aggregation.register(view.kube, face.port);
  await eventually(async () => (await get(inNamespace('imagestreamtags/web:latest'))).status === 200, {
    what: 'the face to have v1 again',
  });
});
