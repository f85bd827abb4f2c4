// The API face: ImageTags, and patches of both kinds by which a tag is written.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FaceCalls, group, istag, itag, messageOf, patchTypes } from '../../support/face-calls.ts';

let calls: FaceCalls;

beforeAll(async () => {
  calls = await FaceCalls.start();
}, 120_000);
afterAll(() => calls?.stop());

describe('an ImageTag', () => {
  it('is created, replaced, taken out of the spec with its history left, and deleted', async () => {
    const from = calls.fromImage();
    const made = await calls.call({ method: 'POST', path: 'imagetags', body: itag('itags:one', { from }) });
    expect(made).toMatchObject({
      status: 201,
      body: {
        kind: 'ImageTag',
        apiVersion: `${group}/v1`,
        metadata: { name: 'itags:one' },
        spec: { name: 'one', from },
        status: { tag: 'one', items: [{ image: calls.face.pushed.digest }] },
        image: { metadata: { name: calls.face.pushed.digest } },
      },
    });
    const again = await calls.call({ method: 'POST', path: 'imagetags', body: itag('itags:one', { from }) });
    expect(messageOf(again)).toBe(`imagetags.${group} "itags:one" already exists`);

    const read = (await calls.get('imagetags/itags:one')).body;
    const spec = {
      name: 'one',
      from: { kind: 'ImageStreamTag', name: 'web:latest' },
      annotations: { a: 'b' },
    };
    const replaced = await calls.call({
      method: 'PUT',
      path: 'imagetags/itags:one',
      body: { ...read, spec },
    });
    expect(replaced).toMatchObject({ status: 200, body: { spec: { ...spec, generation: 2 } } });

    const seen = (await calls.get('imagetags/itags:one')).body;
    const out = await calls.call({
      method: 'PUT',
      path: 'imagetags/itags:one',
      body: { ...seen, spec: null },
    });
    expect(out).toMatchObject({ status: 200, body: { spec: null, status: { tag: 'one' } } });
    expect((await calls.get('imagetags/itags:one')).body).toMatchObject({
      spec: null,
      status: { tag: 'one' },
    });
    expect((await calls.call({ method: 'DELETE', path: 'imagetags/itags:one' })).status).toBe(200);
    expect((await calls.get('imagetags/itags:one')).status).toBe(404);
  });

  it('is made by a PUT, with its stream', async () => {
    const body = itag('putted:one', { name: 'one', from: calls.fromImage() });
    expect(await calls.call({ method: 'PUT', path: 'imagetags/putted:one', body })).toMatchObject({
      status: 201,
      body: { spec: { name: 'one' }, image: { metadata: { name: calls.face.pushed.digest } } },
    });
  });

  it.each([
    { name: 'x', sent: {}, code: 400, message: 'ImageTags must be retrieved with <name>:<tag>' },
    {
      name: 'new:x',
      sent: { spec: null },
      code: 422,
      message: `ImageTag.${group} "new:x" is invalid: spec: Required value: spec is a required field during creation`,
    },
    {
      name: 'new:x',
      sent: { spec: { name: 'y' } },
      code: 422,
      message: `ImageTag.${group} "new:x" is invalid: spec.name: Invalid value: "y": must match image tag name`,
    },
    {
      name: 'web:latest',
      sent: { spec: { name: 'latest', from: { kind: 'X', name: 'a' } } },
      code: 422,
      message: `ImageTag.${group} "web:latest" is invalid: [spec.from.kind: Required value: valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag', `,
    },
    {
      name: 'web:latest',
      sent: { status: null, spec: { name: 'latest' } },
      code: 422,
      message: 'status: Invalid value: "": may not update fields other than spec',
    },
    {
      name: 'web:latest',
      sent: { metadata: { annotations: { some: 'thing' } }, spec: { name: 'latest' } },
      code: 422,
      message: 'metadata: Invalid value: "": may not update fields other than spec',
    },
    {
      name: 'web:nothing',
      sent: { spec: null },
      code: 404,
      message: 'imagetags.image.openshift.io "web:nothing"',
    },
    {
      name: 'web:latest',
      sent: { metadata: { resourceVersion: '1' }, spec: { name: 'latest' } },
      code: 409,
      message: 'another caller has updated the resource version to',
    },
  ])('is refused: $code $message', async ({ name, sent, code, message }) => {
    const metadata = 'metadata' in sent ? sent.metadata : {};
    const stream = (await calls.get('imagestreams/web')).body['metadata'] as Record<string, unknown>;
    const { labels, annotations } = stream;
    const unchanged = name === 'web:nothing' ? { labels, annotations } : {};
    const body = { ...itag(name, {}), ...sent, metadata: { name, ...unchanged, ...metadata } };
    const answer = await calls.call({ method: 'PUT', path: `imagetags/${name}`, body });
    expect(answer.status).toBe(code);
    expect(messageOf(answer)).toContain(message);
  });
});

describe('a patch', () => {
  const annotation = { metadata: { annotations: { by: 'patch' } } };
  const operations = [
    { op: 'test', path: '/metadata/name', value: 'patched:one' },
    { op: 'add', path: '/metadata/annotations/by', value: 'patch' },
  ];
  const typed = { apiVersion: `${group}/v1`, kind: 'ImageStreamTag' };

  it.each([
    { form: 'json', body: operations },
    { form: 'merge', body: annotation },
    { form: 'strategic', body: annotation },
    { form: 'apply', body: { ...typed, metadata: { name: 'patched:one', annotations: { by: 'patch' } } } },
  ] as const)('in the form $form changes annotations and nothing else', async ({ form, body }) => {
    const from = calls.fromImage();
    expect(
      (await calls.put('patched:one', { from }, { metadata: { annotations: { old: 'one' } } })).status,
    ).toBeLessThan(300);
    const path = 'imagestreamtags/patched:one?fieldManager=test';
    const answer = await calls.call({ method: 'PATCH', path, body, type: patchTypes[form] });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        metadata: { annotations: { old: 'one', by: 'patch' } },
        tag: { from, annotations: { old: 'one', by: 'patch' } },
        image: { metadata: { name: calls.face.pushed.digest } },
      },
    });
  });

  it.each([
    { form: 'json', body: [{ op: 'replace', path: '/spec/referencePolicy', value: { type: 'Local' } }] },
    { form: 'merge', body: { spec: { referencePolicy: { type: 'Local' } } } },
    { form: 'strategic', body: { spec: { referencePolicy: { type: 'Local' } } } },
    {
      form: 'apply',
      body: { ...typed, kind: 'ImageTag', spec: { name: 'one', referencePolicy: { type: 'Local' } } },
    },
  ] as const)('in the form $form changes an ImageTag', async ({ form, body }) => {
    const tag = { from: calls.fromImage(), referencePolicy: { type: 'Source' } };
    expect((await calls.put(`patched:${form}`, tag)).status).toBeLessThan(300);
    const sent = form === 'apply' ? { ...body, spec: { ...body.spec, name: form } } : body;
    const path = `imagetags/patched:${form}?fieldManager=test`;
    expect(await calls.call({ method: 'PATCH', path, body: sent, type: patchTypes[form] })).toMatchObject({
      status: 200,
      body: {
        kind: 'ImageTag',
        spec: { name: form, referencePolicy: { type: 'Local' } },
        status: { tag: form },
      },
    });
  });

  it.each([
    { type: 'application/json', body: {}, code: 415, message: 'application/apply-patch+yaml' },
    { type: patchTypes.json, body: {}, code: 400, message: 'error decoding patch' },
    { type: patchTypes.json, body: '[', code: 400, message: 'error decoding patch' },
    {
      type: patchTypes.json,
      body: [{ op: 'test', path: '/metadata/name', value: 'x' }],
      code: 422,
      message:
        'the server rejected our request due to an error in our request: testing path "/metadata/name" failed',
    },
    {
      type: patchTypes.json,
      body: [{ op: 'replace', path: '/metadata/name', value: 'x' }],
      code: 400,
      message: 'the name of the object (x) does not match the name on the URL (web:latest)',
    },
    {
      type: patchTypes.json,
      body: [{ op: 'add', path: '', value: [] }],
      code: 422,
      message: 'patch: Invalid value',
    },
    { type: patchTypes.merge, body: [], code: 400, message: 'error decoding patch' },
    { type: patchTypes.merge, body: { tag: 7 }, code: 422, message: 'patch: Invalid value' },
    { type: patchTypes.strategic, body: [], code: 400, message: 'error decoding patch' },
    {
      type: patchTypes.apply,
      query: '',
      body: typed,
      code: 422,
      message:
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    },
    { type: patchTypes.apply, body: { kind: 'ImageStreamTag' }, code: 400, message: 'apiVersion and kind' },
    {
      type: patchTypes.apply,
      body: { ...typed, metadata: { name: 'x' } },
      code: 400,
      message: 'does not match the name on the URL',
    },
  ])('is refused: $code $message', async ({ type, body, code, message, query = '?fieldManager=test' }) => {
    const answer = await calls.call({
      method: 'PATCH',
      path: `imagestreamtags/web:latest${query}`,
      body,
      type,
    });
    expect(answer).toMatchObject({ status: code, body: { kind: 'Status', code } });
    expect(messageOf(answer)).toContain(message);
  });

  it('of what is not there is a 404, but an apply makes it', async () => {
    const body = {
      ...typed,
      metadata: { name: 'applied:one' },
      tag: { from: calls.fromImage() },
    };
    const path = 'imagestreamtags/applied:one?fieldManager=test';
    for (const type of [patchTypes.merge, patchTypes.strategic])
      expect((await calls.call({ method: 'PATCH', path, body, type })).status).toBe(404);
    const applied = () => calls.call({ method: 'PATCH', path, body, type: patchTypes.apply });
    expect(await applied()).toMatchObject({
      status: 201,
      body: { image: { metadata: { name: calls.face.pushed.digest } } },
    });
    const before = (await calls.get('imagestreams/applied')).body['metadata'];
    expect((await applied()).status).toBe(200);
    expect((await calls.get('imagestreams/applied')).body['metadata']).toEqual(before);
  });

  it('by kubectl is taken in each of its forms', async () => {
    expect((await calls.put('kubectl:one', { from: calls.fromImage() })).status).toBe(201);
    const annotations = async (): Promise<unknown> =>
      (await calls.get('imagestreamtags/kubectl:one')).body['metadata'];
    await calls.face.kubectl('annotate', 'istag/kubectl:one', 'a=1');
    await calls.face.kubectl('annotate', 'istag/kubectl:one', 'b=1');
    const operation = [{ op: 'replace', path: '/metadata/annotations/a', value: '2' }];
    await calls.face.kubectl('patch', 'istag', 'kubectl:one', '--type=json', '-p', JSON.stringify(operation));
    await calls.face.kubectl(
      'patch',
      'istag',
      'kubectl:one',
      '--type=merge',
      '-p',
      '{"metadata":{"annotations":{"c":"3"}}}',
    );
    await calls.face.kubectl('annotate', 'istag/kubectl:one', 'b-');
    expect(await annotations()).toMatchObject({ annotations: { a: '2', c: '3' } });
    expect(await annotations()).not.toMatchObject({ annotations: { b: '1' } });
    const tag = { from: { kind: 'ImageStreamTag', name: 'web:latest' } };
    for (const flags of [[], ['--server-side']]) {
      const { stderr, exitCode } = await calls.face.view.kubectl(
        ['apply', ...flags, '--namespace', calls.face.scenario.namespace, '-f', '-'],
        { input: JSON.stringify(istag(`kubectl:applied${flags.length}`, tag)) },
      );
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      expect((await calls.get(`imagestreamtags/kubectl:applied${flags.length}`)).body).toMatchObject({
        image: { metadata: { name: calls.face.pushed.digest } },
      });
    }
    const missing = '[{"op":"remove","path":"/metadata/annotations/none"}]';
    const where = ['--namespace', calls.face.scenario.namespace];
    const patching = ['patch', 'istag', 'kubectl:one', '--type=json', '-p', missing, ...where];
    const refused = await calls.face.view.kubectl(patching);
    expect(refused.stderr).toContain('missing path: "/metadata/annotations/none"');
  });
});
