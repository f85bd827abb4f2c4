// The API face: ImageStreamImports that are kept, whole repositories, and what is refused.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { FaceFixture } from '../support/face-fixture.ts';
import { storedStreams } from '../support/face-view.ts';
import { startHostileRegistry } from '../support/hostile-registry.ts';
import { buildImage, pushImage } from '../support/images.ts';
import { from, StreamImports, success } from '../support/stream-imports.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

let face: FaceFixture;
let imports: StreamImports;
let cleanUp: () => Promise<void>;

beforeAll(async () => {
  const folder = await createTemporaryFolder();
  cleanUp = () => folder.remove();
  const policyPath = join(folder.path, 'policy.yaml');
  await writeFile(policyPath, 'allowed: ["127.0.0.1:*"]\n');
  face = await FaceFixture.start([`--registry-policy=${policyPath}`, '--repository-tag-limit=3']);
  imports = new StreamImports(face);
}, 120_000);
afterAll(async () => {
  await face?.stop();
  await cleanUp();
});

const stored = (name: string) =>
  face.view.kube.get(storedStreams, { namespace: face.scenario.namespace, name });

describe('an import that is kept', () => {
  it('makes its stream, and answers when the images are there or not to be had', async () => {
    const images = [
      imports.own('latest', { to: { name: 'good' } }),
      imports.own('nowhere', { to: { name: 'bad' } }),
      from(`${face.scenario.proxy.host}/${face.scenario.repository}`),
    ];
    const { status, body } = await imports.send('imported', { import: true, images });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: {
        import: {
          apiVersion: 'image.openshift.io/v1',
          kind: 'ImageStream',
          metadata: {
            name: 'imported',
            annotations: {
              'openshift.io/image.dockerRepositoryCheck': expect.stringMatching(/^\d{4}-.*T.*:\d\dZ$/),
            },
          },
        },
        images: [
          {
            tag: 'latest',
            status: success,
            image: {
              metadata: { name: face.pushed.digest },
              dockerImageReference: face.scenario.pinned(face.pushed.digest),
            },
          },
          { tag: 'nowhere', status: { status: 'Failure', reason: 'NotFound', code: 404 } },
          { tag: 'latest', status: success, image: { metadata: { name: face.pushed.digest } } },
        ],
      },
    });
    const { spec, metadata } = await stored('imported');
    expect(spec?.tags?.map(({ name }) => name)).toEqual(['good', 'bad']);
    expect(metadata.annotations).toBeUndefined();
    // Again, with nothing new.
    expect(await imports.send('imported', { import: true, images: images.slice(0, 1) })).toMatchObject({
      status: 201,
      body: { status: { images: [{ status: success }] } },
    });
  });

  it('makes its stream also when nothing can be had, or nothing is kept', async () => {
    const nowhere = imports.own('nowhere', { to: { name: 'bad' } });
    expect(await imports.send('failed', { import: true, images: [nowhere] })).toMatchObject({
      status: 201,
      body: {
        status: {
          import: { spec: { tags: [{ name: 'bad' }] } },
          images: [{ status: { status: 'Failure' } }],
        },
      },
    });
    const looked = from(`${face.scenario.proxy.host}/${face.scenario.repository}`);
    expect(await imports.send('empty', { import: true, images: [looked] })).toMatchObject({
      status: 201,
      body: { status: { import: { metadata: { name: 'empty' } }, images: [{ status: success }] } },
    });
    expect((await face.scenario.stream('empty')).spec?.tags ?? []).toEqual([]);
  });
});

describe('a whole repository', () => {
  let repository: string;
  beforeAll(async () => {
    repository = `${face.scenario.repository}/whole`;
    for (const tag of ['abc', '1.0', '2.0', 'latest', 'zzz'])
      await pushImage({ host: face.view.registryHost, repository, tag }, { content: tag });
  });
  const pullSpec = (): string => `${face.scenario.proxy.host}/${repository}`;

  it('is looked at by priority, and what is left is named', async () => {
    const before = await imports.stored();
    const { status, body } = await imports.send('whole', { repository: from(pullSpec()) });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: {
        repository: {
          status: success,
          images: ['latest', '2.0', '1.0'].map((tag) => ({ tag, status: success, image: {} })),
          additionalTags: ['abc', 'zzz'],
        },
      },
    });
    expect(await imports.stored()).toEqual(before);
  });

  it('becomes tags, of which explicit images win', async () => {
    const { body } = await imports.send('whole', {
      import: true,
      repository: from(pullSpec()),
      images: [from(`${pullSpec()}:abc`, { to: { name: '1.0' } })],
    });
    expect(body).toMatchObject({
      status: {
        repository: {
          status: success,
          images: [{ tag: 'latest' }, { tag: '2.0' }, { tag: '1.0', status: success }],
        },
        images: [{ tag: 'abc', status: success }],
      },
    });
    const { spec } = await stored('whole');
    expect(spec?.tags?.map(({ name, from: source }) => [name, (source as { name: string }).name])).toEqual([
      ['latest', `${pullSpec()}:latest`],
      ['2.0', `${pullSpec()}:2.0`],
      ['1.0', `${pullSpec()}:abc`],
    ]);
  });

  it('that is not there is a failure of the repository alone', async () => {
    const gone = `${face.scenario.proxy.host}/${face.scenario.repository}/none`;
    const spec = { import: true, repository: from(gone), images: [imports.own('latest')] };
    expect((await imports.send('half', spec)).body).toMatchObject({
      status: {
        import: { metadata: { name: 'half' } },
        repository: {
          status: {
            reason: 'NotFound',
            code: 404,
            message: expect.stringContaining(`dockerimage.image.openshift.io "${gone}" not found`),
          },
        },
        images: [{ status: success }],
      },
    });
  });

  it('counts the images that fail', async () => {
    const registry = await startHostileRegistry({
      overrides: { '/v2/app/manifests/2': { kind: 'other-bytes' } },
    });
    onTestFinished(() => registry[Symbol.asyncDispose]());
    registry.serve({ repository: 'app', tags: ['1', '2'] }, buildImage({ content: 'some' }));
    expect((await imports.send('counted', { repository: from(`${registry.host}/app`) })).body).toMatchObject({
      status: {
        repository: {
          status: {
            reason: 'ImportFailed',
            message: 'one of the images from this repository failed to import',
          },
          images: [
            { tag: '1', status: success },
            { tag: '2', status: { reason: 'InternalError' } },
          ],
        },
      },
    });
  });
});

describe('is refused', () => {
  it('for a stream that is not the one that was seen', async () => {
    const { metadata } = await face.scenario.stream('web');
    const spec = { images: [imports.own('latest')] };
    expect(await imports.send('web', spec, { metadata: { resourceVersion: '1' } })).toMatchObject({
      status: 409,
      body: {
        reason: 'Conflict',
        message: `Operation cannot be fulfilled on imagestream.image.openshift.io "web": the image stream was updated from "1" to "${metadata.resourceVersion}"`,
      },
    });
    expect(await imports.send('web', spec, { metadata: { uid: 'other' } })).toMatchObject({
      status: 404,
      body: { message: 'imagestream.image.openshift.io "web" not found' },
    });
    expect(
      await imports.send('none', { import: true, ...spec }, { metadata: { resourceVersion: '1' } }),
    ).toMatchObject({
      status: 404,
      body: { message: 'imagestreams.image.openshift.io "none" not found' },
    });
    const { uid, resourceVersion } = metadata;
    expect((await imports.send('web', spec, { metadata: { uid, resourceVersion } })).status).toBe(201);
  });

  it.each([
    {
      spec: { import: true },
      code: 422,
      message: 'you must specify at least one image or a repository import',
    },
    { name: 'a/status', spec: { images: [from('a')] }, code: 422, message: `may not contain '/'` },
    { name: '.', spec: { images: [from('a')] }, code: 422, message: `may not be '.'` },
    { spec: { images: 7 }, code: 400, message: 'spec.images must be a list' },
    {
      spec: { images: [from('quay.io/a:1')] },
      code: 422,
      message:
        'spec.images[0].from.name: Forbidden: importing images from registry "quay.io:80" is forbidden: registry "quay.io:80" not allowed by whitelist',
    },
  ])('$code $message', async ({ name = 'refused', spec, code, message }) => {
    const { status, body } = await imports.send(name, spec);
    expect(status).toBe(code);
    expect(body['message']).toContain(message);
  });

  it('for another namespace than that of the request', async () => {
    const answer = await imports.send(
      'web',
      { images: [imports.own('latest')] },
      { metadata: { namespace: 'default' } },
    );
    expect(answer).toMatchObject({ status: 400, body: { reason: 'BadRequest' } });
  });

  it('with all faults at once', async () => {
    const spec = { images: [from('A'), { from: { kind: 'ImageStreamTag', name: 'a:b' } }] };
    const { body } = await imports.send('Foo', spec);
    expect(body['message']).toBe(
      'ImageStreamImport.image.openshift.io "Foo" is invalid: [spec.images[0].from.name: Invalid value: "A": repository name must be lowercase, spec.images[1].from.kind: Invalid value: "ImageStreamTag": only DockerImage is supported, metadata.name: Invalid value: "Foo": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"]',
    );
    expect(body['details']).toMatchObject({
      kind: 'ImageStreamImport',
      causes: [
        { field: 'spec.images[0].from.name' },
        { field: 'spec.images[1].from.kind' },
        { field: 'metadata.name' },
      ],
    });
  });
});
