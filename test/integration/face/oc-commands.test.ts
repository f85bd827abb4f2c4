// The API face: `oc tag`, `oc import-image`, `oc create` and `oc describe`, call by call.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { FaceCalls, group, messageOf } from '../../support/face-calls.ts';
import { createNamespace } from '../../support/fixture.ts';
import { startHostileRegistry } from '../../support/hostile-registry.ts';
import { type BuiltImage, buildImage, pushImage, pushIndex } from '../../support/images.ts';
import {
  describedTag,
  Oc,
  type WireStream,
  wireImageStream,
  wireImageStreamTag,
  wireSource,
} from '../../support/oc.ts';
import { success } from '../../support/stream-imports.ts';

let calls: FaceCalls;
let oc: Oc;

beforeAll(async () => {
  calls = await FaceCalls.start();
  oc = new Oc(calls);
}, 120_000);
afterAll(() => calls?.stop());

const pullSpec = (tag: string): string => calls.face.scenario.pullSpec(tag);
const digest = (): string => calls.face.pushed.digest;
const pinned = (): string => calls.face.scenario.pinned(digest());
const docker = (name: string) => ({ kind: 'DockerImage', name });
const insecure = { insecure: true };
const insecureLine = 'will use insecure HTTPS or HTTP connections';
const importingLine = '~ importing latest image ...';

/** What `oc describe is` says of a tag once it says that nothing is importing. */
const settled = (stream: string, tag: string): Promise<readonly string[]> =>
  eventually(
    async () => {
      const lines = describedTag(await oc.stream(stream), tag);
      return !lines.includes(importingLine) && lines;
    },
    { what: `${stream}:${tag} to be imported` },
  );

describe('oc tag', () => {
  it('copies the image that a tag has now, to several destinations and into another namespace', async () => {
    await using other = await createNamespace(calls.face.view.kube, 'other');
    const copy = await oc.copyOf('web', 'latest');
    expect(copy.from?.name).toBe(`web@${digest()}`);
    for (const destination of ['web:copied', 'copies:one'])
      expect(await oc.tag(destination, copy)).toMatchObject({ status: 201, ways: ['PUT istag'] });
    expect((await oc.tag('web:copied', copy)).status).toBe(200);
    for (const [stream, tag] of [
      ['web', 'copied'],
      ['copies', 'one'],
    ] as const)
      expect(describedTag(await oc.stream(stream), tag)).toEqual([
        `tagged from web@${digest()}`,
        `* ${pinned()}`,
      ]);
    const { namespace } = calls.face.scenario;
    const from = { kind: 'ImageStreamImage', name: `web@${digest()}`, namespace };
    expect((await oc.tag('far:one', { from }, other.name)).body).toMatchObject({
      metadata: { namespace: other.name },
      tag: { from },
    });
  });

  it('imports an image with each of its flags, and shows that it does for as long as it does', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const registry = await startHostileRegistry({ behaviour: { kind: 'held', until: released } });
    onTestFinished(async () => {
      release();
      await registry[Symbol.asyncDispose]();
    });
    const image = buildImage({ content: 'held' });
    registry.serve({ repository: 'app', tags: ['1'] }, image);
    const source = `${registry.host}/app:1`;
    const importPolicy = { insecure: true, scheduled: true, importMode: 'PreserveOriginal' };
    const referencePolicy = { type: 'Local' };
    const tag = { from: docker(source), generation: 0, importPolicy, referencePolicy };
    expect(await oc.tag('flags:one', tag)).toMatchObject({
      status: 201,
      body: { tag: { from: docker(source), generation: 1, importPolicy, referencePolicy } },
    });
    const head = [
      `updates automatically from registry ${source}`,
      insecureLine,
      'prefer registry pullthrough when referencing this tag',
    ];
    expect(describedTag(await oc.stream('flags'), 'one')).toEqual([...head, importingLine]);
    release();
    registry.behave('manifests', { kind: 'honest' });
    expect(await settled('flags', 'one')).toEqual([...head, `* ${registry.host}/app@${image.digest}`]);
  });

  it('repeated without a flag switches it off, and drops the annotations of the tag', async () => {
    const from = docker(pullSpec('latest'));
    const importPolicy = { ...insecure, scheduled: true };
    expect((await oc.tag('again:one', { from, generation: 0, importPolicy })).status).toBe(201);
    await calls.face.scenario.tagHas('again', 'one', digest());
    await calls.face.kubectl('annotate', 'istag/again:one', 'description=of the tag');
    const repeated = await oc.tag('again:one', { from, generation: 0, importPolicy: insecure });
    expect(repeated).toMatchObject({ status: 200, body: { metadata: { annotations: {} } } });
    expect(repeated.body['tag']).not.toHaveProperty('importPolicy.scheduled');
    expect(await settled('again', 'one')).toEqual([
      `tagged from ${pullSpec('latest')}`,
      insecureLine,
      `* ${pinned()}`,
    ]);
  });

  it('sets an alias up, which follows', async () => {
    const target = { host: calls.face.view.registryHost, repository: calls.face.scenario.repository };
    await pushImage({ ...target, tag: 'moving' }, { content: 'before' });
    await oc.tag('aliases:one', { from: docker(pullSpec('moving')), generation: 0, importPolicy: insecure });
    await settled('aliases', 'one');
    const alias = { from: { kind: 'ImageStreamTag', name: 'aliases:one' } };
    expect(await oc.tag('aliases:stable', alias)).toMatchObject({ status: 201, body: { tag: alias } });
    const { digest: moved } = await pushImage({ ...target, tag: 'moving' }, { content: 'after' });
    await oc.tag('aliases:one', { from: docker(pullSpec('moving')), generation: 0, importPolicy: insecure });
    await calls.face.scenario.tagHas('aliases', 'stable', moved);
  });

  it('records a reference, of which a copy is a source in a registry', async () => {
    const tag = { from: docker('quay.io/a/b:1'), generation: 0, reference: true };
    expect((await oc.tag('references:one', tag)).status).toBe(201);
    expect(describedTag(await oc.stream('references'), 'one')).toEqual([
      'reference to registry quay.io/a/b:1',
      '* quay.io/a/b:1',
    ]);
    expect((await oc.copyOf('references', 'one')).from).toEqual(docker('quay.io/a/b:1'));
  });

  it('-d deletes the tag, and says when there is none', async () => {
    await oc.tag('gone:one', await oc.copyOf('web', 'latest'));
    expect(await oc.untag('gone:one')).toMatchObject({ status: 200, ways: ['DELETE istag'] });
    const again = await oc.untag('gone:one');
    expect(again.status).toBe(404);
    expect(messageOf(again)).toBe(`imagestreamtags.${group} "gone:one" not found`);
  });

  it.each([
    { resource: 'imagestreamtags', verbs: ['create'], ways: ['PUT istag', 'POST istag'] },
    {
      resource: 'imagestreams',
      verbs: ['get', 'create', 'update'],
      ways: ['PUT istag', 'POST istag', 'PUT is'],
    },
  ])('falls back for who may only $verbs $resource', async ({ resource, verbs, ways }) => {
    const user = resource === 'imagestreams' ? 'alice' : 'bob';
    await calls.allow({ kind: 'User', name: user }, verbs, { resource });
    const other = new Oc(calls, user);
    const tag = { from: { kind: 'ImageStreamImage', name: `web@${digest()}` } };
    expect(await other.tag(`by-${user}:one`, tag)).toMatchObject({ status: 201, ways });
    await calls.face.scenario.tagHas(`by-${user}`, 'one', digest());
    if (user !== 'alice') return;
    expect(await other.untag('by-alice:one')).toMatchObject({
      status: 200,
      ways: ['DELETE istag', 'PUT is'],
    });
    expect((await oc.stream('by-alice')).spec.tags ?? []).toEqual([]);
  });
});

describe('oc import-image', () => {
  /** The stream in an answer, which oc describes. */
  const streamOf = ({ body }: { readonly body: Record<string, unknown> }): WireStream =>
    (body['status'] as { import: WireStream }).import;
  const legacy = { importMode: 'Legacy' };
  const policy = { ...insecure, ...legacy };

  it('--confirm makes a stream, and nothing is importing when it answers', async () => {
    expect(await oc.get('imagestreams/imported')).toMatchObject({
      status: 404,
      body: { reason: 'NotFound' },
    });
    const images = [wireSource(pullSpec('latest'), policy, 'latest')];
    const answer = await oc.import('imported', { import: true, images });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        status: {
          images: [
            {
              tag: 'latest',
              status: success,
              image: {
                metadata: { name: digest() },
                dockerImageReference: pinned(),
                dockerImageMetadata: { Architecture: 'amd64', Created: expect.stringMatching(/Z$/) },
              },
            },
          ],
        },
      },
    });
    expect(describedTag(streamOf(answer), 'latest')).toEqual([
      `tagged from ${pullSpec('latest')}`,
      insecureLine,
      `* ${pinned()}`,
    ]);
  });

  it('imports a tag again with its own policy, but for the mode of the command', async () => {
    const target = { host: calls.face.view.registryHost, repository: calls.face.scenario.repository };
    const platforms = [{ os: 'linux', architecture: 'amd64' }];
    const index = await pushIndex({ ...target, tag: 'index' }, { content: 'index', platforms });
    const importPolicy = { ...insecure, scheduled: true, importMode: 'PreserveOriginal' };
    await oc.tag('modes:one', { from: docker(pullSpec('index')), generation: 0, importPolicy });
    await calls.face.scenario.tagHas('modes', 'one', index.digest);
    const { metadata } = await oc.stream('modes');
    const images = [wireSource(pullSpec('index'), { ...policy, scheduled: true }, 'one')];
    const answer = await oc.import('modes', { import: true, images }, metadata.resourceVersion);
    const [member] = index.images as readonly [BuiltImage];
    const { spec, status } = streamOf(answer);
    expect(spec.tags).toMatchObject([{ importPolicy: { ...policy, scheduled: true } }]);
    expect(status.tags).toMatchObject([{ items: [{ image: member.digest }, { image: index.digest }] }]);
    expect(describedTag(streamOf(answer), 'one')).not.toContain(importingLine);
  });

  it('--all imports every tag that is in a registry, and says which failed', async () => {
    await calls.face.scenario.createTags('several', [
      calls.face.scenario.dockerTag('good', 'latest'),
      calls.face.scenario.dockerTag('bad', 'nowhere'),
    ]);
    await settled('several', 'bad');
    const images = [
      wireSource(pullSpec('latest'), policy, 'good'),
      wireSource(pullSpec('nowhere'), policy, 'bad'),
    ];
    const { metadata } = await oc.stream('several');
    const answer = await oc.import('several', { import: true, images }, metadata.resourceVersion);
    const message = `dockerimage.${group} "${pullSpec('nowhere')}" not found`;
    expect(answer.body['status']).toMatchObject({
      images: [
        { tag: 'latest', status: success, image: {} },
        { status: { status: 'Failure', reason: 'NotFound', message: expect.stringContaining(message) } },
      ],
    });
    const [, failed] = (answer.body['status'] as { images: readonly object[] }).images;
    expect(failed).not.toHaveProperty('image');
    expect(describedTag(streamOf(answer), 'bad')).toEqual([
      `tagged from ${pullSpec('nowhere')}`,
      insecureLine,
      expect.stringContaining(`! error: Import failed (NotFound): ${message}`),
    ]);
  });

  it('--all --from imports a repository', async () => {
    const { scenario, view } = calls.face;
    const repository = `${scenario.repository}/whole`;
    for (const tag of ['1.0', 'latest'])
      await pushImage({ host: view.registryHost, repository, tag }, { content: tag });
    const source = wireSource(`${scenario.proxy.host}/${repository}`, policy);
    const answer = await oc.import('whole', { import: true, repository: source });
    expect(answer.body['status']).toMatchObject({
      repository: {
        status: success,
        images: [
          { tag: 'latest', image: {} },
          { tag: '1.0', image: {} },
        ],
      },
    });
    for (const tag of ['latest', '1.0'])
      expect(describedTag(streamOf(answer), tag)).not.toContain(importingLine);
  });

  it('--dry-run shows the image and no stream, and there is none', async () => {
    const images = [wireSource(pullSpec('latest'), policy, 'latest')];
    const { status, body } = await oc.import('rehearsed', { import: false, images });
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { status: { images: [{ status: success, image: { metadata: { name: digest() } } }] } },
    });
    expect(body['status']).not.toHaveProperty('import');
    expect((await oc.get('imagestreams/rehearsed')).status).toBe(404);
  });
});

describe('oc create', () => {
  const post = (path: string, body: object) => oc.send('POST', path, body);

  it.each([false, true])('imagestream, with --lookup-local=%s', async (local) => {
    const name = `created-${local}`;
    expect(await post('imagestreams', wireImageStream({ name }, { local }))).toMatchObject({
      status: 201,
      body: { kind: 'ImageStream', metadata: { name, generation: 1 }, spec: { lookupPolicy: { local } } },
    });
  });

  it('imagestreamtag, with annotations in both places, once', async () => {
    const annotations = { description: 'made' };
    const body = wireImageStreamTag(
      { name: 'made:one', annotations },
      { annotations, from: docker(pullSpec('latest')), importPolicy: insecure },
    );
    expect(await post('imagestreamtags', body)).toMatchObject({
      status: 201,
      body: { kind: 'ImageStreamTag', metadata: { name: 'made:one', annotations } },
    });
    await calls.face.scenario.tagHas('made', 'one', digest());
    expect((await oc.get('imagestreamtags/made:one')).body).toMatchObject({ metadata: { annotations } });
    expect(await post('imagestreamtags', body)).toMatchObject({
      status: 409,
      body: { message: `imagestreamtag.${group} "made:one" already exists` },
    });
  });

  it.each([
    { flag: '--from=web:latest', kind: 'ImageStreamTag', source: () => 'web:latest' },
    { flag: '--from=web@<digest>', kind: 'ImageStreamImage', source: () => `web@${digest()}` },
  ])('imagestreamtag $flag', async ({ kind, source }) => {
    const name = `from-${kind.toLowerCase()}:one`;
    const body = wireImageStreamTag({ name }, { from: { kind, name: source() } });
    expect(await post('imagestreamtags', body)).toMatchObject({
      status: 201,
      body: { image: { metadata: { name: digest() } } },
    });
  });
});

describe('oc describe', () => {
  it('is says of a source that is not there that it is not, and not that it imports', async () => {
    const from = { kind: 'ImageStreamTag', name: 'web:nowhere' };
    expect((await oc.tag('waiting:one', { from })).status).toBe(201);
    expect(await settled('waiting', 'one')).toEqual([
      'tagged from web:nowhere',
      expect.stringContaining('! error: Import failed (NotFound): '),
    ]);
  });

  it.each([
    { resource: 'imagestreamtags', name: () => 'described:latest' },
    { resource: 'imagetags', name: () => 'described:latest' },
    { resource: 'imagestreamimages', name: (id: string) => `described@${id}` },
  ])('shows how the image of one of the $resource runs', async ({ resource, name }) => {
    const { scenario, view } = calls.face;
    const target = { host: view.registryHost, repository: scenario.repository, tag: 'described' };
    const run = {
      User: '1001',
      WorkingDir: '/w',
      Cmd: ['-c'],
      ExposedPorts: { '8080/tcp': {} },
      Volumes: { '/data': {} },
    };
    const image = await pushImage(target, { content: 'described', environment: { A: 'b' }, run });
    await oc.tag('described:latest', {
      from: docker(scenario.pullSpec('described')),
      generation: 0,
      importPolicy: insecure,
    });
    await scenario.tagHas('described', 'latest', image.digest);
    const size = image.layer.bytes.length;
    expect(await oc.get(`${resource}/${name(image.digest)}`)).toMatchObject({
      status: 200,
      body: {
        image: {
          metadata: { name: image.digest, creationTimestamp: expect.stringMatching(/Z$/) },
          dockerImageReference: scenario.pinned(image.digest),
          dockerImageLayers: [{ name: image.layer.digest, size }],
          dockerImageMetadataVersion: '1.0',
          dockerImageMetadata: {
            Architecture: 'amd64',
            Created: '2026-01-01T00:00:00Z',
            Size: size + image.config.bytes.length,
            Config: { ...run, Env: ['A=b'], Entrypoint: ['/bin/sh'] },
          },
        },
      },
    });
  });
});
