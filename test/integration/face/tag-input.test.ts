// The API face: what is refused of a tag that is written or deleted, and how.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { FaceCalls, group, istag, messageOf } from '../../support/face-calls.ts';

let calls: FaceCalls;

beforeAll(async () => {
  calls = await FaceCalls.start();
}, 120_000);
afterAll(() => calls?.stop());

describe('a source that is not there', () => {
  const nested = (problem: string): string =>
    `ImageStream.${group} "nowhere" is invalid: []: Internal error: imagestreams "nowhere" is invalid: ${problem}`;
  const id = 'sha256:123';
  const wrongForm = 'must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>';

  it.each([
    {
      name: 'another stream',
      from: { kind: 'ImageStreamTag', name: 'none:latest' },
      message: nested('spec.tags[x].from.name: Not found: "none:latest"'),
    },
    {
      name: 'what is the name of no stream',
      from: { kind: 'ImageStreamTag', name: '..:latest' },
      message: nested('spec.tags[x].from.name: Not found: "..:latest"'),
    },
    {
      name: 'an image',
      from: { kind: 'ImageStreamImage', name: `web@${id}` },
      message: nested(
        `spec.tags[x].from.name: Invalid value: "web@${id}": error generating tag event: imagestreamimage.${group} "${id}" not found`,
      ),
    },
    {
      name: 'an image of the stream itself',
      from: { kind: 'ImageStreamImage', name: id },
      message: nested(
        `spec.tags[x].from.name: Invalid value: "${id}": error generating tag event: imagestreamimage.${group} "${id}" not found`,
      ),
    },
    {
      name: 'a name of another form',
      from: { kind: 'ImageStreamTag', name: 'a:b:c' },
      message: nested(`spec.tags[x].from.name: Invalid value: "a:b:c": ${wrongForm}`),
    },
  ])('is a 422 on the stream: $name', async ({ from, message }) => {
    const answer = await calls.put('nowhere:x', { from });
    expect(answer).toMatchObject({
      status: 422,
      body: {
        reason: 'Invalid',
        details: { kind: 'ImageStream', name: 'nowhere', causes: [{ field: '[]' }] },
      },
    });
    expect(messageOf(answer)).toBe(message);
    expect((await calls.get('imagestreams/nowhere')).status).toBe(404);
  });

  it('is fine when it is a tag that a stream does not have yet', async () => {
    const made = await calls.put('hopeful:x', { from: { kind: 'ImageStreamTag', name: 'web:nothing' } });
    expect(made).toMatchObject({ status: 201, body: { image: { metadata: { name: '' } } } });
  });
});

describe('a tag that is invalid', () => {
  it.each([
    { tag: { from: { kind: 'DockerImage' } }, field: 'tag.from.name', reason: 'FieldValueRequired' },
    { tag: { from: { kind: 'Thing', name: 'a' } }, field: 'tag.from.kind', reason: 'FieldValueRequired' },
    {
      tag: { from: { kind: 'DockerImage', name: 'A b' } },
      field: 'tag.from.name',
      reason: 'FieldValueInvalid',
    },
    {
      tag: { referencePolicy: { type: 'Bar' } },
      field: 'tag.referencePolicy.type',
      reason: 'FieldValueInvalid',
    },
    {
      tag: { importPolicy: { importMode: 'Bar' } },
      field: 'tag.importPolicy.importMode',
      reason: 'FieldValueInvalid',
    },
    {
      tag: { from: { kind: 'ImageStreamTag', name: 'latest' }, importPolicy: { scheduled: true } },
      field: 'tag.importPolicy.scheduled',
      reason: 'FieldValueInvalid',
    },
  ])('is a 422 with $field', async ({ tag, field, reason }) => {
    const answer = await calls.put('web:invalid', tag);
    expect(answer).toMatchObject({
      status: 422,
      body: {
        reason: 'Invalid',
        details: { group, kind: 'ImageStreamTag', name: 'web:invalid', causes: [{ field, reason }] },
      },
    });
    expect(messageOf(answer)).toContain(`ImageStreamTag.${group} "web:invalid" is invalid: ${field}: `);
  });

  it('hears all that is wrong, and kubectl says it', async () => {
    const body = istag('web:invalid', { from: { kind: 'X', name: '' } });
    const { stderr } = await calls.face.view.kubectl(
      ['create', '--namespace', calls.face.scenario.namespace, '-f', '-'],
      { input: JSON.stringify(body) },
    );
    expect(stderr).toContain('The ImageStreamTag "web:invalid" is invalid:');
    expect(stderr).toContain('* tag.from.name: Required value');
    expect(stderr).toContain("* tag.from.kind: Required value: valid values are 'DockerImage'");
  });

  it.each([
    { name: 'BAD TAG', code: 422, message: 'metadata.name: Invalid value: "web:BAD TAG"' },
    { name: 'x'.repeat(129), code: 422, message: 'a tag is 1 to 128 letters' },
  ])('is a $code under a name that no tag has', async ({ name, code, message }) => {
    const path = `imagestreamtags/${encodeURIComponent(`web:${name}`)}`;
    const answer = await calls.call({
      method: 'PUT',
      path,
      body: istag(`web:${name}`, calls.pulled('latest')),
    });
    expect(answer.status).toBe(code);
    expect(messageOf(answer)).toContain(message);
  });

  it('is a 422 in a stream whose name is none', async () => {
    const answer = await calls.put('Web:one', calls.pulled('latest'));
    expect(answer.status).toBe(422);
    expect(messageOf(answer)).toBe(
      `ImageStream.${group} "Web" is invalid: metadata.name: Invalid value: "Web": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"`,
    );
    expect((await calls.call({ method: 'DELETE', path: 'imagestreamtags/Web:one' })).status).toBe(404);
  });

  it.each([
    { body: '{', code: 400, message: 'the object provided is unrecognized (must be of type ImageStreamTag)' },
    { body: '[]', code: 400, message: 'it is no object' },
    { body: '['.repeat(5_000), code: 400, message: 'exceeded max depth' },
    {
      body: { kind: 'Pod' },
      code: 400,
      message: 'Pod in version "v1" cannot be handled as a ImageStreamTag',
    },
    { body: { apiVersion: 'v1' }, code: 400, message: 'does not match the expected API version' },
    {
      body: { tag: 'x' },
      code: 400,
      message: 'cannot unmarshal string into Go struct field ImageStreamTag.tag',
    },
    {
      body: { tag: { reference: 'yes' } },
      code: 400,
      message: 'cannot unmarshal string into Go struct field ImageStreamTag.tag.reference of type bool',
    },
    { body: { metadata: { name: 'web:other' } }, code: 400, message: 'does not match the name on the URL' },
    { body: { metadata: { namespace: 'other' } }, code: 400, message: 'does not match the namespace' },
    { body: 'tag: {}', type: 'application/vnd.kubernetes.protobuf', code: 415, message: 'unknown format' },
    { body: 'a: &a [x]\nb: *a', type: 'application/yaml', code: 400, message: 'unrecognized' },
  ])('is no object: $code $message', async ({ body, type, code, message }) => {
    const answer = await calls.call({
      method: 'PUT',
      path: 'imagestreamtags/web:x',
      body,
      ...(type === undefined ? {} : { type }),
    });
    expect(answer).toMatchObject({ status: code, body: { kind: 'Status', code } });
    expect(messageOf(answer)).toContain(message);
  });

  it('has no fields that tags do not have, when the client wants to hear of them', async () => {
    const tag = { ...calls.pulled('latest'), frm: 1 };
    expect(
      messageOf(await calls.put('web:typo', tag, { query: '?fieldValidation=Strict&dryRun=All' })),
    ).toContain('strict decoding error: unknown field "tag.frm"');
    const warned = await calls.put('web:typo', tag, { query: '?dryRun=All' });
    expect(warned.status).toBe(201);
    expect(warned.headers['warning']).toContain(String.raw`unknown field \"tag.frm\"`);
  });

  it('may change neither labels nor uid, and need not send them', async () => {
    await calls.face.kubectl('label', 'is', 'web', 'team=red');
    const tag = calls.pulled('latest');
    const sent = { metadata: { labels: { team: 'blue' } }, query: '?dryRun=All' };
    expect(messageOf(await calls.put('web:latest', tag, sent))).toBe(
      `ImageStreamTag.${group} "web:latest" is invalid: metadata: Invalid value: "": may not update fields other than metadata.annotations`,
    );
    expect(
      messageOf(await calls.put('web:latest', tag, { metadata: { uid: 'x' }, query: '?dryRun=All' })),
    ).toContain('metadata.uid: Invalid value: "x": field is immutable');
    expect((await calls.put('web:latest', tag, { query: '?dryRun=All' })).status).toBe(200);
  });
});

describe('the options of a deletion', () => {
  it.each([
    { body: '{', code: 400, message: "couldn't get version/kind; json parse error" },
    { body: '[]', code: 400, message: "couldn't get version/kind; json parse error" },
    { body: { kind: 'Pod' }, code: 400, message: 'no kind "Pod" is registered' },
    { body: { dryRun: 'All' }, code: 400, message: 'DeleteOptions.dryRun of type []string' },
    {
      body: { preconditions: 'x' },
      code: 400,
      message: 'DeleteOptions.preconditions of type v1.Preconditions',
    },
    {
      body: { dryRun: ['x'] },
      code: 422,
      message:
        'DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["x"]: supported values: "All"',
    },
    {
      body: { propagationPolicy: 'x' },
      code: 422,
      message:
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "x": supported values: "Foreground", "Background", "Orphan", "nil"',
    },
    {
      body: { preconditions: { uid: 'x' } },
      code: 409,
      message: `Operation cannot be fulfilled on imagestreamtags.${group} "web:latest": the UID precondition was not met`,
    },
    {
      body: { preconditions: { resourceVersion: '1' } },
      code: 409,
      message: `Operation cannot be fulfilled on imagestreamtags.${group} "web:latest": the ResourceVersion in the precondition (1) does not match`,
    },
  ])('are refused: $code $message', async ({ body, code, message }) => {
    const answer = await calls.call({ method: 'DELETE', path: 'imagestreamtags/web:latest', body });
    expect(answer).toMatchObject({ status: code, body: { kind: 'Status', code } });
    expect(messageOf(answer)).toContain(message);
    expect((await calls.get('imagestreamtags/web:latest')).status).toBe(200);
  });

  it('may name the very version, and rehearse', async () => {
    expect((await calls.put('exact:one', { from: calls.fromImage() })).status).toBe(201);
    const path = 'imagestreamtags/exact:one';
    const deleted = async (more: object) => {
      const { uid, resourceVersion } = (await calls.get(path)).body['metadata'] as Record<string, string>;
      const body = {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        preconditions: { uid, resourceVersion },
        ...more,
      };
      return (await calls.call({ method: 'DELETE', path, body })).status;
    };
    expect(await deleted({ dryRun: ['All'] })).toBe(200);
    expect((await calls.get(path)).status).toBe(200);
    expect(
      await eventually(async () => (await deleted({})) === 200, { what: 'the version to be still' }),
    ).toBe(true);
    expect((await calls.get(path)).status).toBe(404);
  });
});
