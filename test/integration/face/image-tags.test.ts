// The API face: tags as oc sets and deletes them, with the operator behind it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { FaceCalls, group, istag, messageOf, patchTypes } from '../../support/face-calls.ts';
import { served, storedTags } from '../../support/face-view.ts';
import { createNamespace, type TestNamespace } from '../../support/fixture.ts';
import type { ImageStreamTag } from '../../support/resources.ts';

let calls: FaceCalls;

beforeAll(async () => {
  calls = await FaceCalls.start();
}, 120_000);
afterAll(() => calls?.stop());

describe('oc tag', () => {
  it('puts a copy, and the answer has its image', async () => {
    const from = calls.fromImage();
    const made = await calls.put('copies:one', { name: 'one', from, referencePolicy: { type: 'Source' } });
    expect(made).toMatchObject({
      status: 201,
      body: {
        kind: 'ImageStreamTag',
        metadata: { name: 'copies:one', annotations: {} },
        tag: { name: 'one', from, generation: 1 },
        generation: 1,
        image: {
          metadata: { name: calls.face.pushed.digest },
          dockerImageReference: calls.face.scenario.pinned(calls.face.pushed.digest),
          dockerImageMetadata: { kind: 'DockerImage' },
        },
      },
    });
    const again = await calls.put('copies:one', { from: { kind: 'ImageStreamTag', name: 'web:latest' } });
    expect(again).toMatchObject({ status: 200, body: { tag: { generation: 2 }, generation: 2 } });
    expect((await calls.get('imagestreamtags/copies:one')).status).toBe(200);
  });

  it('makes an alias that has the image of the tag that it follows', async () => {
    const from = { kind: 'ImageStreamTag', name: 'latest' };
    expect(await calls.put('web:alias', { from })).toMatchObject({
      status: 201,
      body: { tag: { from }, image: { metadata: { name: calls.face.pushed.digest } } },
    });
    // Of one that has no image yet, and of itself, there is nothing to wait for.
    expect(
      await calls.put('web:waiting', { from: { kind: 'ImageStreamTag', name: 'web:none' } }),
    ).toMatchObject({
      status: 201,
      body: { image: { metadata: { name: '' } } },
    });
    expect((await calls.put('web:self', { from: { kind: 'ImageStreamTag', name: 'self' } })).status).toBe(
      201,
    );
  });

  it('records a reference, which only ImageTags show', async () => {
    const made = await calls.put('recorded:one', {
      from: { kind: 'DockerImage', name: 'quay.io/a/b:1' },
      reference: true,
    });
    expect(made).toMatchObject({ status: 201, body: { tag: { reference: true } } });
    expect((await calls.get('imagestreamtags/recorded:one')).status).toBe(404);
    expect((await calls.get('imagetags/recorded:one')).body).toMatchObject({
      status: { items: [{ image: '', dockerImageReference: 'quay.io/a/b:1' }] },
      image: null,
    });
  });

  it('asks for an import with a generation of 0, and for nothing with the same again', async () => {
    const first = await calls.put('pulled:one', calls.pulled('latest', { generation: 0 }));
    expect(first).toMatchObject({ status: 201, body: { tag: { generation: 1 } } });
    await calls.face.scenario.tagHas('pulled', 'one', calls.face.pushed.digest);
    expect((await calls.put('pulled:one', calls.pulled('latest'))).body).toMatchObject({
      tag: { generation: 1 },
    });
    expect((await calls.put('pulled:one', calls.pulled('latest', { generation: 0 }))).body).toMatchObject({
      tag: { generation: 2 },
    });
  });

  it('sets several destinations, one after the other, and posts where it may not put', async () => {
    const from = calls.fromImage();
    for (const name of ['many:a', 'many:b', 'others:a'])
      expect((await calls.put(name, { from })).status).toBe(201);
    const posted = await calls.call({
      method: 'POST',
      path: 'imagestreamtags',
      body: istag('many:c', { from }),
    });
    expect(posted).toMatchObject({
      status: 201,
      body: { image: { metadata: { name: calls.face.pushed.digest } } },
    });
    expect(
      await calls.call({ method: 'POST', path: 'imagestreamtags', body: istag('many:c', { from }) }),
    ).toMatchObject({
      status: 409,
      body: { message: `imagestreamtag.${group} "many:c" already exists` },
    });
    const { body } = await calls.get('imagestreamtags?fieldSelector=metadata.name=many:c');
    expect(body['items']).toHaveLength(1);
  });

  it.each([
    { resource: 'imagestreamtags', stream: 'gone' },
    { resource: 'imagetags', stream: 'gone-too' },
  ])(
    'deletes from $resource, and the tag is gone at once with its history',
    async ({ resource: kind, stream }) => {
      const from = calls.fromImage();
      for (const tag of ['a', 'b']) expect((await calls.put(`${stream}:${tag}`, { from })).status).toBe(201);
      expect(await calls.call({ method: 'DELETE', path: `${kind}/${stream}:a` })).toMatchObject({
        status: 200,
        body: { kind: 'Status', status: 'Success', details: { name: `${stream}:a`, kind } },
      });
      expect(messageOf(await calls.get(`${kind}/${stream}:a`))).toBe(
        `${kind}.${group} "${stream}:a" not found`,
      );
      const { spec, status } = await calls.face.scenario.stream(stream);
      expect(spec?.tags?.map(({ name }) => name)).toEqual(['b']);
      expect(status?.tags?.map(({ tag }) => tag)).toEqual(['b']);
      expect(await calls.call({ method: 'DELETE', path: `${kind}/${stream}:a` })).toMatchObject({
        status: 404,
      });
    },
  );

  it('deletes what only the history has', async () => {
    expect((await calls.put('history:a', { from: calls.fromImage() })).status).toBe(201);
    await calls.face.scenario.setTags('history', []);
    expect((await calls.get('imagestreamtags/history:a')).body).toMatchObject({ tag: null });
    expect((await calls.call({ method: 'DELETE', path: 'imagestreamtags/history:a' })).status).toBe(200);
    expect((await calls.get('imagestreamtags/history:a')).status).toBe(404);
  });
});

describe('a tag from another namespace', () => {
  const alice = { kind: 'User', name: 'alice' } as const;
  const bob = { kind: 'User', name: 'bob' } as const;
  /** Whose streams nobody shares. */
  let other: TestNamespace;

  beforeAll(async () => {
    other = await createNamespace(calls.face.view.kube, 'other');
  });

  it('takes the right of the caller to the layers there, and that of the namespace', async () => {
    const serviceAccounts = `system:serviceaccounts:${calls.face.scenario.namespace}`;
    const source = { kind: 'ImageStreamTag', name: 'shared:one', namespace: other.name };
    const path = `${served}/namespaces/${other.name}/imagestreamtags/shared:one`;
    const body = istag('shared:one', calls.pulled('latest'));
    expect((await calls.call({ method: 'PUT', path, body })).status).toBe(201);
    await eventually(async () => (await calls.face.get(path)).status === 200, { what: 'the source' });
    await calls.allow(alice, ['update', 'create'], { resource: 'imagestreamtags' });
    const refused = await calls.put('taken:one', { from: source }, { user: 'alice' });
    expect(refused).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
    expect(messageOf(refused)).toBe(
      `ImageStream.${group} "taken" is invalid: []: Internal error: imagestreams "taken" is invalid: spec.tags[one].from: Forbidden: ${other.name}/shared: "" ""`,
    );
    // Whether a stream is there is not for her to know.
    const absent = { ...source, name: 'absent:one' };
    expect(messageOf(await calls.put('taken:one', { from: absent }, { user: 'alice' }))).toContain(
      `Forbidden: ${other.name}/absent: "" ""`,
    );
    expect((await calls.get('imagestreams/taken')).status).toBe(404);

    const layers = { resource: 'imagestreams/layers', namespace: other.name };
    await calls.allow(alice, ['get'], layers);
    await calls.allow({ kind: 'Group', name: serviceAccounts }, ['get'], layers);
    await eventually(
      async () => (await calls.put('taken:one', { from: source }, { user: 'alice' })).status < 300,
      {
        what: 'the rights of alice to hold',
      },
    );
    await calls.face.scenario.tagHas('taken', 'one', calls.face.pushed.digest);
    expect(messageOf(await calls.put('taken:one', { from: absent }, { user: 'alice' }))).toContain(
      'spec.tags[one].from.name: Not found: "absent:one"',
    );
  });

  it('is for nobody without the right to write tags', async () => {
    expect(await calls.put('bobs:one', calls.pulled('latest'), { user: 'bob' })).toMatchObject({
      status: 403,
      body: { reason: 'Forbidden' },
    });
    await calls.allow(bob, ['update', 'patch'], { resource: 'imagetags' });
    const itag = { metadata: { name: 'bobs:one' }, spec: { name: 'one', ...calls.pulled('latest') } };
    for (const method of ['PUT', 'PATCH'] as const) {
      const body = method === 'PUT' ? itag : { apiVersion: `${group}/v1`, kind: 'ImageTag', ...itag };
      const type = method === 'PUT' ? {} : { type: patchTypes.apply };
      const path = `imagetags/bobs:one?fieldManager=bob`;
      const refused = await calls.call({ method, path, body, ...type, user: 'bob' });
      expect(refused.status).toBe(403);
      expect(messageOf(refused)).toContain('cannot create resource "imagetags"');
    }
    expect((await calls.get('imagestreams/bobs')).status).toBe(404);
  });
});

describe('a tag that is declared as an object', () => {
  const declare = async (
    stream: string,
    tag: string,
    annotations: Record<string, string> = {},
  ): Promise<void> => {
    const { namespace } = calls.face.scenario;
    await calls.face.view.kube.create(storedTags, {
      metadata: { namespace, name: `${stream}.${tag}`, annotations },
      tag: calls.pulled('latest'),
    });
    await calls.face.scenario.tagHas(stream, tag, calls.face.pushed.digest);
  };
  const stored = (name: string): Promise<ImageStreamTag | undefined> =>
    calls.face.view.kube.find(storedTags, { namespace: calls.face.scenario.namespace, name });

  it('is shown with its tag, one by one and in lists', async () => {
    await declare('declared', 'git', { description: 'from git' });
    const tag = { name: 'git', from: { kind: 'DockerImage', name: calls.face.scenario.pullSpec('latest') } };
    expect((await calls.get('imagestreamtags/declared:git')).body).toMatchObject({
      metadata: { annotations: { description: 'from git' } },
      tag,
      image: { metadata: { annotations: { description: 'from git' } } },
    });
    expect((await calls.get('imagetags/declared:git')).body).toMatchObject({ spec: tag });
    for (const path of ['imagestreamtags', 'imagetags', `${served}/imagetags`]) {
      const { body } = path.startsWith('/') ? await calls.face.get(path) : await calls.get(path);
      const items = body['items'] as readonly { readonly metadata: { readonly name: string } }[];
      const found = items.find(({ metadata }) => metadata.name === 'declared:git');
      expect(found).toMatchObject(path === 'imagestreamtags' ? { tag } : { spec: tag });
    }
    // What is only left in a history is not declared by the object that the operator keeps for it.
    expect((await calls.put('declared:left', { from: calls.fromImage() })).status).toBe(201);
    await calls.face.scenario.setTags('declared', []);
    await eventually(async () => !(await stored('declared.left'))?.tag, { what: 'the operator to see it' });
    expect((await calls.get('imagetags/declared:left')).body).toMatchObject({ spec: null });
  });

  it('exists, and a write of it is one of the stream, whose spec counts from then on', async () => {
    await declare('owned', 'git');
    const posted = await calls.call({
      method: 'POST',
      path: 'imagestreamtags',
      body: istag('owned:git', calls.pulled('latest')),
    });
    expect(posted.status).toBe(409);
    await calls.face.kubectl('annotate', 'istag/owned:git', 'by=a-person');
    const { spec } = await calls.face.scenario.stream('owned');
    expect(spec?.tags).toMatchObject([{ name: 'git', annotations: { by: 'a-person' } }]);
    const overruled = await eventually(
      async () => (await stored('owned.git'))?.conditions?.find(({ type }) => type === 'Effective'),
      { what: 'the object to say that it does not count' },
    );
    expect(overruled).toMatchObject({ status: 'False', reason: 'DefinedInStream' });
  });

  it.each([{ inSpec: false }, { inSpec: true }])(
    'is deleted with declaration and history, in the spec too: $inSpec',
    async ({ inSpec }) => {
      const stream = `doomed-${inSpec}`;
      await declare(stream, 'git');
      if (inSpec) await calls.face.kubectl('annotate', `istag/${stream}:git`, 'by=a-person');
      expect((await calls.call({ method: 'DELETE', path: `imagestreamtags/${stream}:git` })).status).toBe(
        200,
      );
      expect((await calls.get(`imagestreamtags/${stream}:git`)).status).toBe(404);
      expect(await stored(`${stream}.git`)).toBeUndefined();
      const { spec, status } = await calls.face.scenario.stream(stream);
      expect([spec?.tags ?? [], status?.tags ?? []]).toEqual([[], []]);
    },
  );

  it('is taken back by an ImageTag without a spec, which keeps its history', async () => {
    await declare('returned', 'git');
    const { body } = await calls.get('imagetags/returned:git');
    const sent = { ...body, spec: null };
    expect(await calls.call({ method: 'PUT', path: 'imagetags/returned:git', body: sent })).toMatchObject({
      status: 200,
      body: { spec: null, status: { items: [{ image: calls.face.pushed.digest }] } },
    });
    expect((await calls.get('imagetags/returned:git')).body).toMatchObject({
      spec: null,
      status: { items: [{ image: calls.face.pushed.digest }] },
    });
    expect(await stored('returned.git')).not.toMatchObject({ tag: { from: {} } });
  });
});
