// The API face: its OpenAPI through a real aggregation layer, and what kubectl does with it.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { servedResources } from '../../src/face/discovery.ts';
import { apiServices } from '../support/aggregation.ts';
import { eventually } from '../support/eventually.ts';
import { FaceFixture } from '../support/face-fixture.ts';
import type { KubectlResult } from '../support/kubectl.ts';

const index = '/openapi/v3';
const key = 'apis/image.openshift.io/v1';
const document = `${index}/${key}`;
const ours = 'com.github.openshift.api.image.v1';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** As far as it is looked at, of both versions. */
interface OpenApi {
  readonly paths: Readonly<Record<string, Record<string, unknown>>>;
  readonly components?: { readonly schemas: OpenApi['definitions'] };
  readonly definitions: Readonly<Record<string, Record<string, unknown>>>;
}

let face: FaceFixture;
let agent: Agent;

beforeAll(async () => {
  face = await FaceFixture.start();
  agent = new Agent({ connect: { ca: face.cluster.facts.ca } });
  await serveV1ByCrds(false);
}, 180_000);
afterAll(async () => {
  await agent?.destroy();
  await face?.stop();
});

/**
 * An API server that serves a version as a custom resource as well answers questions for its OpenAPI v3 with either document, by
 * chance. And it never asks for that of an APIService that was its own at first, until it starts again.
 */
async function serveV1ByCrds(value: boolean): Promise<void> {
  const patch = JSON.stringify([{ op: 'replace', path: '/spec/versions/0/served', value }]);
  for (const plural of ['images', 'imagestreams', 'imagestreamtags'])
    await face.kubectl('patch', 'crd', `${plural}.image.openshift.io`, '--type=json', '-p', patch);
  await face.cluster.restartApiServer();
  await face.takeOver();
  await eventually(async () => `${ours}.ImageStreamImport` in (await openApi('/openapi/v2')).definitions, {
    what: 'the cluster to have the OpenAPI v2 of the face',
    timeoutMs: 90_000,
  });
}

async function send(path: string, headers: Record<string, string> = {}) {
  const {
    statusCode,
    headers: answered,
    body,
  } = await request(`${face.cluster.facts.url}${path}`, {
    dispatcher: agent,
    headers: { authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}`, ...headers },
  });
  return { status: statusCode, headers: answered, text: await body.text() };
}

async function openApi(path: string): Promise<OpenApi> {
  const { status, text } = await send(path);
  expect(status).toBe(200);
  return JSON.parse(text) as OpenApi;
}

function kubectl(args: readonly string[], object?: object): Promise<KubectlResult> {
  const input = object === undefined ? {} : { input: JSON.stringify(object) };
  return face.cluster.kubectl([...args, `--namespace=${face.scenario.namespace}`], input);
}

const manifest = (kind: string, name: string, members: object) => ({
  apiVersion: 'image.openshift.io/v1',
  kind,
  metadata: { name },
  ...members,
});
const recorded = (name: string, image: string) => ({
  name,
  reference: true,
  from: { kind: 'DockerImage', name: image },
});

describe('OpenAPI v3', () => {
  it('is in the index of the cluster, under a URL that may be kept', async () => {
    const { paths } = JSON.parse((await send(index)).text) as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    const url = paths[key]?.serverRelativeURL ?? '';
    expect(url).toMatch(/^\/openapi\/v3\/apis\/image\.openshift\.io\/v1\?hash=[0-9A-F]{64}$/);
    const kept = await send(url, { accept: 'application/json' });
    expect(kept).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json', vary: 'Accept' },
    });
    expect(kept.headers['cache-control']).toContain('immutable');
    for (const asked of [document, `${document}?hash=OTHER`]) {
      const current = await send(asked);
      expect(current.text).toBe(kept.text);
      expect(current.headers['cache-control'] ?? '').not.toContain('immutable');
    }
  });

  it('is not sent again to who has it', async () => {
    const etag = String((await send(document)).headers['etag']);
    expect(etag).toMatch(/^"[0-9A-F]{64}"$/);
    for (const known of [etag, `"other", W/${etag}`])
      expect(await send(document, { 'if-none-match': known })).toMatchObject({ status: 304, text: '' });
    expect((await send(document, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('is JSON for who takes it, and 406 for who takes only Protobuf', async () => {
    const protobuf = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';
    expect((await send(document, { accept: protobuf })).status).toBe(406);
    expect((await send(document, { accept: `${protobuf}, application/json` })).status).toBe(200);
  });

  it('has a schema and operations for every kind of discovery', async () => {
    const { paths, components } = await openApi(document);
    for (const { kind, name, namespaced } of servedResources) {
      const group = 'image.openshift.io';
      const gvk = { group, version: 'v1', kind };
      expect(components?.schemas[`${ours}.${kind}`]).toMatchObject({
        'x-kubernetes-group-version-kind': [gvk],
      });
      const path = `/apis/${group}/v1${namespaced ? '/namespaces/{namespace}' : ''}/${name}`;
      expect(Object.keys(paths).some((found) => found === path || found.startsWith(`${path}/`))).toBe(true);
    }
  });

  it('is for the front proxy only, as version 2 is', async () => {
    const aggregator = { 'x-remote-user': 'system:aggregator' };
    for (const path of [index, document, '/openapi/v2']) {
      expect(await face.direct(path, face.aggregation.proxy, aggregator)).toBe(200);
      expect(await face.direct(path, undefined, aggregator)).toBe(401);
      expect(await face.direct(path, face.aggregation.stranger, aggregator)).toBe(401);
    }
    expect(await face.direct(`${index}/apis/apps/v1`, face.aggregation.proxy, aggregator)).toBe(404);
  });
});

describe('OpenAPI v2 of the cluster', () => {
  it('has the definitions of the face, and what others have too under a name of its own', async () => {
    const { definitions, paths } = await openApi('/openapi/v2');
    expect(definitions[`${ours}.ImageStreamTag`]).toMatchObject({
      properties: { tag: { $ref: `#/definitions/${ours}.TagReference` } },
    });
    expect(Object.keys(paths)).toContain(
      '/apis/image.openshift.io/v1/namespaces/{namespace}/imagestreamimports',
    );
    expect(definitions[`${ours}.ImageStreamTag`]).toMatchObject({
      properties: { metadata: { $ref: `#/definitions/${meta}.ObjectMeta_v2` } },
    });
    expect(definitions[`${meta}.ObjectMeta_v2`]).toMatchObject({ properties: { name: { type: 'string' } } });
    // Those of Kubernetes itself.
    expect(JSON.stringify(definitions['io.k8s.api.core.v1.Pod'])).toContain(`${meta}.ObjectMeta"`);
  });

  it('leaves the APIService available', async () => {
    const { status } = await face.view.kube.get(apiServices, { name: 'v1.image.openshift.io' });
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Available', status: 'True' }));
  });
});

describe('kubectl explain', () => {
  it.each([
    {
      args: ['istag.tag'],
      shows: ['KIND:       ImageStreamTag', 'FIELD: tag <TagReference>', 'importPolicy'],
    },
    { args: ['imagestreamimport.spec'], shows: ['FIELD: spec <ImageStreamImportSpec>', 'images'] },
    { args: ['imagestreamimport.spec.images.to'], shows: ['FIELD: to <LocalObjectReference>', 'name'] },
    { args: ['is.spec.tags.importPolicy'], shows: ['scheduled', 'enum: "", Legacy, PreserveOriginal'] },
    { args: ['is.metadata.ownerReferences'], shows: ['blockOwnerDeletion'] },
    { args: ['imagetag', '--recursive'], shows: ['dockerImageManifests', 'lastTransitionTime'] },
    { args: ['isimage', '--output=plaintext-openapiv2'], shows: ['KIND:     ImageStreamImage', 'image'] },
  ])('$args', async ({ args, shows }) => {
    const { stdout, stderr, exitCode } = await kubectl(['explain', ...args]);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    for (const text of shows) expect(stdout).toContain(text);
  });

  it('knows every resource, with all of its fields', async () => {
    for (const { name, kind } of servedResources) {
      const { stdout, stderr, exitCode } = await kubectl(['explain', name, '--recursive']);
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
      expect(stdout).toMatch(new RegExp(`KIND: +${kind}\n`));
      expect(stdout).toContain('creationTimestamp');
      expect(stdout).not.toContain('<no description>');
    }
  });
});

describe('kubectl apply', () => {
  const apply = async (object: object) => {
    const { stdout, stderr, exitCode } = await kubectl(['apply', '-f', '-'], object);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    return stdout.trim();
  };
  const tagsOf = async (name: string): Promise<unknown> =>
    ((await face.get(face.path(`imagestreams/${name}`))).body as { spec?: { tags?: unknown } }).spec?.tags;

  it('merges the tags of a stream by their names, and leaves those of others', async () => {
    const stream = (...tags: readonly object[]) => manifest('ImageStream', 'applied', { spec: { tags } });
    const first = stream(recorded('a', 'quay.io/a/a:1'), recorded('b', 'quay.io/a/b:1'));
    expect(await apply(first)).toContain('created');
    expect(await apply(first)).toContain('unchanged');
    const other = { spec: { tags: [recorded('other', 'quay.io/a/other:1')] } };
    await face.kubectl('patch', 'is', 'applied', '--type=strategic', '-p', JSON.stringify(other));
    await apply(stream(recorded('a', 'quay.io/a/a:2')));
    expect(await tagsOf('applied')).toEqual([
      expect.objectContaining({ name: 'a', from: { kind: 'DockerImage', name: 'quay.io/a/a:2' } }),
      expect.objectContaining({ name: 'other' }),
    ]);
  });

  it('creates an ImageStreamTag', async () => {
    const istag = manifest('ImageStreamTag', 'applied:tag', { tag: recorded('tag', 'quay.io/a/tag:1') });
    expect(await apply(istag)).toContain('created');
    expect(await tagsOf('applied')).toContainEqual(
      expect.objectContaining({ name: 'tag', from: { kind: 'DockerImage', name: 'quay.io/a/tag:1' } }),
    );
  });

  it('changes an ImageStreamTag that has an image', async () => {
    const istag = (value: string) => ({
      ...manifest('ImageStreamTag', 'web:latest', {}),
      metadata: { name: 'web:latest', annotations: { note: value } },
    });
    const first = await kubectl(['apply', '-f', '-'], istag('1'));
    expect(first.exitCode).toBe(0);
    expect(await apply(istag('2'))).toContain('configured');
    expect((await face.get(face.path('imagestreamtags/web:latest'))).body).toMatchObject({
      metadata: { annotations: { note: '2' } },
    });
    expect(await apply(istag('2'))).toContain('unchanged');
  });
});

describe('unknown fields', () => {
  const create = (validate: string, object: object) =>
    kubectl(['create', `--validate=${validate}`, '--dry-run=server', '-f', '-'], object);
  const istag = manifest('ImageStreamTag', 'fields:a', {
    tag: { ...recorded('a', 'quay.io/a/a:1'), foo: 1 },
  });
  const stream = manifest('ImageStream', 'fields', { spec: { foo: 1 } });
  const wish = manifest('ImageStreamImport', 'fields', {
    spec: { import: true, foo: 1, images: [{ from: { kind: 'DockerImage', name: 'quay.io/a/a:1' } }] },
  });

  it.each([
    {
      name: 'of an ImageStreamTag',
      object: istag,
      message:
        'ImageStreamTag in version "v1" cannot be handled as a ImageStreamTag: strict decoding error: unknown field "tag.foo"',
    },
    { name: 'of an ImageStream', object: stream, message: 'strict decoding error: unknown field "spec.foo"' },
    {
      // A kind without a patch: kubectl looks into the schema itself.
      name: 'of an ImageStreamImport',
      object: wish,
      message: `unknown field "foo" in ${ours}.ImageStreamImportSpec`,
    },
  ])('$name are refused when they are to be', async ({ object, message }) => {
    const { stderr, exitCode } = await create('strict', object);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
  });

  it.each([
    { name: 'of an ImageStreamTag', object: istag, message: 'Warning: unknown field "tag.foo"' },
    { name: 'of an ImageStream', object: stream, message: 'Warning: unknown field "spec.foo"' },
  ])('$name are told otherwise, if not ignored', async ({ object, message }) => {
    const told = await create('warn', object);
    expect(told).toMatchObject({ exitCode: 0 });
    expect(told.stderr).toContain(message);
    expect(await create('ignore', object)).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('of an ImageStreamImport are refused by the face too', async () => {
    const { status, body } = await face.send(
      'POST',
      face.path('imagestreamimports?fieldValidation=Strict'),
      wish,
    );
    expect(status).toBe(400);
    expect(body['message']).toContain('strict decoding error: unknown field "spec.foo"');
    expect((await face.get(face.path('imagestreams/fields'))).status).toBe(404);
  });

  it('of a patch are refused', async () => {
    const patch = ['patch', 'istag', 'web:latest', '--type=merge', '-p', '{"tag":{"foo":1}}'];
    const told = await kubectl([...patch, '--dry-run=server']);
    expect(told.stderr).toContain('unknown field "tag.foo"');
  });
});

describe('kubectl', () => {
  it('edits', async () => {
    await face.kubectl('annotate', 'istag', 'web:latest', 'edited=before');
    process.env['KUBE_EDITOR'] = 'sed -i s/before/after/';
    onTestFinished(() => {
      delete process.env['KUBE_EDITOR'];
    });
    expect(await face.kubectl('edit', 'istag', 'web:latest')).toContain('edited');
    expect((await face.get(face.path('imagestreamtags/web:latest'))).body).toMatchObject({
      metadata: { annotations: { edited: 'after' } },
    });
    await face.kubectl('annotate', 'is', 'web', 'edited=before');
    expect(await face.kubectl('edit', 'is', 'web')).toContain('edited');
    expect((await face.get(face.path('imagestreams/web'))).body).toMatchObject({
      metadata: { annotations: { edited: 'after' } },
    });
  });

  it('waits', async () => {
    expect(await face.kubectl('wait', '--for=condition=Ready', 'is/web', '--timeout=20s')).toContain('met');
    const path = `jsonpath={.image.metadata.name}=${face.pushed.digest}`;
    expect(await face.kubectl('wait', `--for=${path}`, 'istag/web:latest', '--timeout=20s')).toContain('met');
  });
});

describe('while the custom resources serve v1 too', () => {
  beforeAll(() => serveV1ByCrds(true), 120_000);

  it('the OpenAPI v2 of the cluster has their kinds and those of the face', async () => {
    const { definitions, paths } = await openApi('/openapi/v2');
    const operation = paths['/apis/image.openshift.io/v1/namespaces/{namespace}/imagestreams']?.['post'];
    expect(JSON.stringify(operation)).toContain('#/definitions/io.openshift.image.v1.ImageStream"');
    expect(definitions).toHaveProperty([`${ours}.ImageStreamImport`]);
    expect(Object.keys(paths)).toContain(
      '/apis/image.openshift.io/v1/namespaces/{namespace}/imagestreamimports',
    );
  });

  it('either OpenAPI v3 explains the fields that both have', async () => {
    for (let i = 0; i < 5; i++)
      expect(await face.kubectl('explain', 'is.spec.tags.importPolicy')).toContain('scheduled');
    await eventually(async () => (await kubectl(['explain', 'imagestreamimport.spec'])).exitCode === 0, {
      what: 'the OpenAPI of the face to be the one that is shown',
    });
  });
});
