// The API face: tags and images under the names that OpenShift gives them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../../support/eventually.ts';
import { FaceView, served } from '../../support/face-view.ts';

let face: FaceView;

beforeAll(async () => {
  face = await FaceView.join();
}, 120_000);
afterAll(() => face?.stop());

describe('an ImageStreamTag', () => {
  it('has the image of its tag, under a name with a colon', async () => {
    const { body, status } = await face.get(face.path('imagestreamtags/web:latest'));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'ImageStreamTag',
      apiVersion: 'image.openshift.io/v1',
      metadata: { name: 'web:latest', namespace: face.scenario.namespace },
      tag: { name: 'latest' },
      image: {
        metadata: { name: face.pushed.digest },
        dockerImageReference: face.scenario.pinned(face.pushed.digest),
        dockerImageMetadata: { kind: 'DockerImage' },
      },
    });
  });

  it('is in lists, of a namespace and of all', async () => {
    const [head, row] = (await face.kubectl('get', 'istag')).trim().split('\n');
    expect(head?.trim().split(/\s{2,}/)).toEqual(['NAME', 'IMAGE REFERENCE', 'UPDATED']);
    expect(row).toContain(`web:latest`);
    expect(row).toContain(face.scenario.pinned(face.pushed.digest));
    expect(JSON.stringify(await face.get(`${served}/imagestreamtags`))).toContain('"web:latest"');
  });

  it.each([
    { name: 'web:none', code: 404, message: 'imagestreamtags.image.openshift.io "web:none" not found' },
    { name: 'none:latest', code: 404, message: 'imagestreams.image.openshift.io "none" not found' },
    { name: 'web', code: 400, message: 'ImageStreamTags must be retrieved with <name>:<tag>' },
    { name: 'a:b:c', code: 400, message: 'ImageStreamTags must be retrieved with <name>:<tag>' },
  ])('$name is a $code', async ({ name, code, message }) => {
    expect((await face.get(face.path(`imagestreamtags/${name}`))).body).toMatchObject({
      kind: 'Status',
      code,
      message,
    });
  });
});

it('an ImageTag has all that there is to say of a tag, also without an image', async () => {
  await face.scenario.createTags('waiting', [
    { name: 'latest', from: { kind: 'ImageStreamTag', name: 'web:nowhere' } },
  ]);
  const { body } = await face.get(face.path('imagetags/web:latest'));
  expect(body).toMatchObject({
    kind: 'ImageTag',
    metadata: { name: 'web:latest' },
    spec: { name: 'latest' },
    status: { tag: 'latest', items: [{ image: face.pushed.digest }] },
    image: { metadata: { name: face.pushed.digest } },
  });
  expect((await face.get(face.path('imagetags/waiting:latest'))).body).toMatchObject({ image: null });
  const [head] = (await face.kubectl('get', 'itag')).split('\n');
  expect(head?.trim().split(/\s+/)).toEqual(['NAME', 'SPEC', 'STATUS', 'HISTORY', 'UPDATED']);
  expect((await face.get(face.path('imagetags/web:none'))).body).toMatchObject({
    message: 'imagetags.image.openshift.io "web:none" not found',
  });
});

describe('a written ImageStreamTag', () => {
  const kube = async (method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => {
    const { status, text } = await face.view.kube.request(method, face.path(path), body);
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };
  const tagOf = (tag: string): object => ({
    from: { kind: 'DockerImage', name: face.scenario.pullSpec(tag) },
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
    await face.scenario.tagHas('made', 'one', face.pushed.digest);
    const second = await face.scenario.push('other', 'second');
    const replaced = await kube(
      'PUT',
      'imagestreamtags/made:one',
      istag('made:one', { tag: tagOf('other') }),
    );
    expect(replaced.status).toBe(200);
    await face.scenario.tagHas('made', 'one', second.digest);
    await face.kubectl('annotate', 'istag', 'made:one', 'description=kept');
    const { body } = await face.get(face.path('imagestreamtags/made:one'));
    expect(body).toMatchObject({
      metadata: { annotations: { description: 'kept' } },
      image: { metadata: { name: second.digest } },
    });
    expect(await face.kubectl('delete', 'istag', 'made:one')).toContain(
      'imagestreamtag.image.openshift.io "made:one" deleted',
    );
    await eventually(
      async () => {
        const { spec, status } = await face.scenario.stream('made');
        return (spec?.tags ?? []).length === 0 && (status?.tags ?? []).length === 0;
      },
      { what: 'the tag to go with its history' },
    );
    expect((await kube('DELETE', 'imagestreamtags/made:one')).status).toBe(404);
  });

  it('is not deleted by a rehearsal, nor under another uid', async () => {
    const path = face.path('imagestreamtags/web:latest');
    const rehearsed = { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] };
    expect((await face.send('DELETE', path, rehearsed)).status).toBe(200);
    const other = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } };
    expect(await face.send('DELETE', path, other)).toMatchObject({
      status: 409,
      body: { reason: 'Conflict' },
    });
    expect((await face.get(path)).status).toBe(200);
  });

  it('keeps both of two annotations that are written at once', async () => {
    const written = ['a', 'b'].map((key) => face.kubectl('annotate', 'istag', 'web:latest', `${key}=1`));
    await Promise.all(written);
    expect((await face.get(face.path('imagestreamtags/web:latest'))).body).toMatchObject({
      metadata: { annotations: { a: '1', b: '1' } },
    });
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
    expect((await face.get(face.path('imagestreams/dry'))).status).toBe(404);
  });

  it.each([
    { name: 'web', sent: () => istag('web'), code: 400, message: 'must be retrieved with <name>:<tag>' },
    {
      name: 'web:x',
      sent: () => istag('web:x', { tag: { from: { kind: 'Thing', name: 'a' } } }),
      code: 422,
      message: 'tag.from.kind',
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

it('an ImageStreamImage is found by the beginning of its digest', async () => {
  const name = `web@${face.pushed.digest.slice(0, 20)}`;
  const { body } = await face.get(face.path(`imagestreamimages/${name}`));
  expect(body).toMatchObject({
    kind: 'ImageStreamImage',
    metadata: { name },
    image: { metadata: { name: face.pushed.digest } },
  });
  expect((await face.get(face.path('imagestreamimages/web@sha256:00'))).body).toMatchObject({
    code: 404,
    message: 'imagestreamimage.image.openshift.io "web@sha256:00" not found',
  });
  const { body: image } = await face.get(`${served}/images/${face.pushed.digest}`);
  expect(image).toMatchObject({ kind: 'Image', metadata: { name: face.pushed.digest } });
});

it('what somebody has written into a status leads nowhere else', async () => {
  const { namespace } = face.scenario;
  await face.scenario.createStream('forged', ['latest']);
  const item = { created: '2026-01-01T00:00:00Z', dockerImageReference: 'a', image: '.', generation: 1 };
  await face.view.kube.patch(
    { apiVersion: 'image.openshift.io/v1crd', kind: 'ImageStream', plural: 'imagestreams' },
    { namespace, name: 'forged', subresource: 'status' },
    { status: { tags: [{ tag: 'evil', items: [item] }] } },
  );
  const { status, body } = await face.get(face.path('imagestreamtags/forged:evil'));
  expect(status).toBe(404);
  expect(JSON.stringify(body)).not.toContain(face.pushed.digest);
});
