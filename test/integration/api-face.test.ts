// The API face: image.openshift.io/v1 as OpenShift serves it; streams, who may ask, and what is refused.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { apiServices, serviceNamespace } from '../support/aggregation.ts';
import { withRight } from '../support/borrowed-rights.ts';
import { eventually } from '../support/eventually.ts';
import { FaceFixture } from '../support/face-fixture.ts';
import { served } from '../support/face-view.ts';
import { imageStreams, roleBindings, secrets } from '../support/resources.ts';

let face: FaceFixture;

beforeAll(async () => {
  face = await FaceFixture.start();
}, 120_000);
afterAll(() => face?.stop());

describe('discovery', () => {
  it('shows what is served, and no watch for ImageStreamTags', async () => {
    const listed = await face.kubectl(
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
      ['imagestreammappings', 'image.openshift.io/v1'],
      ['imagestreams', 'is'],
      ['imagestreamtags', 'istag'],
      ['imagetags', 'itag'],
    ]);
    expect(rows.at(-2)?.join(' ')).not.toContain('watch');
  });
});

describe('an ImageStream', () => {
  it('is shown in the columns of the reference', async () => {
    const [head, row] = (await face.kubectl('get', 'is')).trim().split('\n');
    expect(head?.trim().split(/\s{2,}/)).toEqual(['NAME', 'IMAGE REPOSITORY', 'TAGS', 'UPDATED']);
    expect(row).toMatch(/^web\s+latest\s+(Less than a second|\d+ seconds?) ago/);
  });

  it('speaks v1 everywhere, and what is written as v1 is stored', async () => {
    const stream = JSON.stringify(await face.get(face.path('imagestreams/web')));
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
            from: { kind: 'DockerImage', name: face.scenario.pullSpec('latest') },
            importPolicy: { insecure: true },
          },
        ],
      },
    };
    const input = JSON.stringify(object);
    const apply = (...flags: readonly string[]) =>
      face.cluster.kubectl(['apply', ...flags, `--namespace=${face.scenario.namespace}`, '-f', '-'], {
        input,
      });
    expect(await apply()).toMatchObject({ exitCode: 0 });
    await face.scenario.tagHas(name, 'a', face.pushed.digest);
    expect(await apply('--server-side', '--force-conflicts')).toMatchObject({ exitCode: 0 });
    await face.kubectl('annotate', 'is', name, 'note=kept');
    const stored = await face.view.kube.request(
      'GET',
      `/apis/image.openshift.io/v1crd/namespaces/${face.scenario.namespace}/imagestreams/${name}`,
    );
    expect(JSON.parse(stored.text)).toMatchObject({
      metadata: { annotations: { note: 'kept' } },
      spec: object.spec,
    });
    await face.kubectl('delete', 'is', name);
    expect((await face.get(face.path(`imagestreams/${name}`))).status).toBe(404);
  });

  it('takes strategic merge patches', async () => {
    await face.scenario.createStream('patched', ['latest']);
    const patch = {
      spec: {
        lookupPolicy: { local: true },
        tags: [{ name: 'more', reference: true, from: { kind: 'DockerImage', name: 'quay.io/a/b:1' } }],
      },
    };
    const { statusCode, body } = await request(
      `${face.cluster.facts.url}${face.path('imagestreams/patched')}?fieldManager=oc`,
      {
        method: 'PATCH',
        dispatcher: new Agent({ connect: { ca: face.cluster.facts.ca } }),
        headers: {
          authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}`,
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
    await face.kubectl(
      'patch',
      'is',
      'patched',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/tags/1"}]',
    );
    await face.kubectl('delete', 'is', 'patched');
  });

  it('is watched, as objects and as rows', async () => {
    const dispatcher = new Agent({ connect: { ca: face.cluster.facts.ca }, bodyTimeout: 0 });
    const open = async (accept: string) => {
      const { statusCode, body } = await request(
        `${face.cluster.facts.url}${face.path('imagestreams')}?watch=true`,
        {
          dispatcher,
          headers: { authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}`, accept },
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

describe('who asks', () => {
  it('needs the right, and hears which one', async () => {
    await using alice = face.view.clientOf('alice');
    const path = face.path('imagestreamtags/web:latest');
    const refused = await alice.request('GET', path);
    expect(refused.status).toBe(403);
    expect((JSON.parse(refused.text) as { message: string }).message).toContain(
      `User "alice" cannot get resource "imagestreamtags" in API group "image.openshift.io" in the namespace "${face.scenario.namespace}"`,
    );
    await face.view.kube.create(roleBindings, {
      metadata: { namespace: face.scenario.namespace, name: 'image-viewers' },
      subjects: [{ kind: 'Group', name: 'team-a', apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { kind: 'ClusterRole', name: 'cluster-admin', apiGroup: 'rbac.authorization.k8s.io' },
    });
    await eventually(async () => (await alice.request('GET', path)).status === 200, {
      what: 'the right to be seen',
    });
  });

  it('may have the right to one tag, and to no other', async () => {
    // The API server would refuse it before the face does.
    const statusOf = (path: string) =>
      face.direct(face.path(path), face.aggregation.proxy, { 'x-remote-user': 'bob' });
    const rule = { resources: ['imagestreamtags'], resourceNames: ['web:latest'], verbs: ['get'] };
    await withRight(face, 'bob', rule, async () => {
      expect(await statusOf('imagestreamtags/web:latest')).toBe(200);
      expect(await statusOf('imagestreamtags/web:other')).toBe(403);
      expect(await statusOf('imagestreamtags')).toBe(403);
    });
  });

  it('needs the right to create for what an apply or an update makes', async () => {
    await using bob = face.view.clientOf('bob');
    const rule = { resources: ['imagestreams', 'imagestreamtags'], verbs: ['get', 'patch', 'update'] };
    await withRight(face, 'bob', rule, async () => {
      const tag = { from: { kind: 'DockerImage', name: 'quay.io/a/b:1' } };
      const made = await bob.request('PUT', face.path('imagestreamtags/stolen:1'), {
        metadata: { name: 'stolen:1' },
        tag,
      });
      expect(made.status).toBe(403);
      expect(made.text).toContain('cannot create resource');
      const spec = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', metadata: { name: 'stolen' } };
      const applied = await face.view.kubectl(
        ['apply', '--server-side', `--namespace=${face.scenario.namespace}`, '-f', '-'],
        {
          input: JSON.stringify(spec),
          user: 'bob',
        },
      );
      expect(applied.stderr).toContain('cannot create resource');
      expect((await face.get(face.path('imagestreams/stolen'))).status).toBe(404);
    });
  });

  it('is believed from the front proxy only', async () => {
    const forged = { 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' };
    expect(await face.direct(served, undefined, forged)).toBe(401);
    expect(await face.direct(served, face.aggregation.stranger, forged)).toBe(401);
    expect(await face.direct(served, face.aggregation.proxy)).toBe(401);
    expect(await face.direct(`${served}/imagestreams`, face.aggregation.proxy, forged)).toBe(200);
    expect(await face.direct('/readyz')).toBe(200);
  });
});

describe('bad input', () => {
  const send = (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    headers: Record<string, string>,
    body?: string,
  ) =>
    request(`${face.cluster.facts.url}${path}`, {
      method,
      dispatcher: new Agent({ connect: { ca: face.cluster.facts.ca } }),
      headers: { authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}`, ...headers },
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
    const { statusCode, body } = await send('GET', face.path(path), headers);
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
      face.path('imagestreams'),
      { 'content-type': type },
      sent,
    );
    expect(statusCode).toBe(code);
    expect(await body.json()).toMatchObject({ kind: 'Status', code });
  });

  it('with aliases is no YAML that is taken', async () => {
    const bomb = `a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n`;
    const type = { 'content-type': 'application/apply-patch+yaml' };
    const { statusCode } = await send(
      'PATCH',
      `${face.path('imagestreams/bomb')}?fieldManager=x`,
      type,
      bomb,
    );
    expect(statusCode).toBe(400);
  });

  it('with dryRun=All changes nothing', async () => {
    const object = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', metadata: { name: 'dry' } };
    const { statusCode } = await send(
      'POST',
      `${face.path('imagestreams')}?dryRun=All`,
      { 'content-type': 'application/json' },
      JSON.stringify(object),
    );
    expect(statusCode).toBe(201);
    expect((await face.get(face.path('imagestreams/dry'))).status).toBe(404);
  });
});

it('lets a caller have two hundred watches, and tells when to come again', async () => {
  const dispatcher = new Agent({ connect: { ca: face.cluster.facts.ca }, bodyTimeout: 0 });
  const watch = async () => {
    const { statusCode, headers, body } = await request(
      `${face.cluster.facts.url}${face.path('imagestreams?watch=true&resourceVersion=0')}`,
      { dispatcher, headers: { authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}` } },
    );
    body.on('error', () => undefined).resume();
    return { statusCode, retryAfter: headers['retry-after'] };
  };
  const open = await Promise.all(Array.from({ length: 200 }, watch));
  expect(new Set(open.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
  expect(await watch()).toEqual({ statusCode: 429, retryAfter: '1' });
  await dispatcher.destroy();
  await eventually(
    async () => {
      const again = new Agent({ connect: { ca: face.cluster.facts.ca } });
      const { statusCode, body } = await request(
        `${face.cluster.facts.url}${face.path('imagestreams?watch=true&timeoutSeconds=1')}`,
        {
          dispatcher: again,
          headers: { authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}` },
        },
      );
      await body.dump();
      await again.close();
      return statusCode === 200;
    },
    { what: 'the watches to be given back' },
  );
});

it('gives v1 back when its APIService goes, with the objects in place', async () => {
  await face.view.kube.delete(apiServices, { name: 'v1.image.openshift.io' });
  const stream = await eventually(
    async () => {
      const found = await face.view.kube.get(imageStreams, {
        namespace: face.scenario.namespace,
        name: 'web',
      });
      const { text } = await face.view.kube.request(
        'GET',
        `${served}/namespaces/${face.scenario.namespace}/imagestreamtags/web.latest`,
      );
      return text.includes('"kind":"ImageStreamTag"') && found;
    },
    { what: 'the custom resources to have v1' },
  );
  expect(stream.status?.tags?.[0]?.items?.[0]?.image).toBe(face.pushed.digest);
  await face.takeOver();
});

it('makes its certificate anew when the Secret goes, and tells the API server', async () => {
  const { kube } = face.view;
  const place = { namespace: serviceNamespace, name: 'imagestream-operator-api-serving' };
  const bundleOf = async (): Promise<string | undefined> =>
    (await kube.get(apiServices, { name: 'v1.image.openshift.io' })).spec?.caBundle;
  const before = await bundleOf();
  expect(before).toBeDefined();
  await kube.delete(secrets, place);
  await eventually(
    async () => {
      const after = await bundleOf();
      return after !== before && (await face.get(face.path('imagestreams/web'))).status === 200;
    },
    { what: 'the new authority' },
  );
  expect(Object.keys((await kube.get(secrets, place)).data ?? {})).toEqual([
    'ca.crt',
    'ca.key',
    'tls.crt',
    'tls.key',
  ]);
});
