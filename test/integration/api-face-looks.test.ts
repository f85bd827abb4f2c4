// The API face: ImageStreamImports that only look, at real registries, private and hostile ones too.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request as httpsRequest } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { FaceFixture } from '../support/face-fixture.ts';
import { startHostileRegistry } from '../support/hostile-registry.ts';
import { htpasswdUsers } from '../support/htpasswd.ts';
import { buildImage, pushImage, pushIndex } from '../support/images.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { type KubeObject, resource, roleBindings, secrets } from '../support/resources.ts';
import { from, StreamImports, success } from '../support/stream-imports.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const { puller } = htpasswdUsers;

let face: FaceFixture;
let imports: StreamImports;
let privateRegistry: RegistryServer;
let privateDigest: string;
let cleanUp: () => Promise<void>;

beforeAll(async () => {
  const folder = await createTemporaryFolder();
  cleanUp = () => folder.remove();
  const policyPath = join(folder.path, 'policy.yaml');
  await writeFile(
    policyPath,
    'blocked: [blocked.test]\nallowed: ["127.0.0.1:*", "*.invalid:*", "blocked.test:*"]\n',
  );
  face = await FaceFixture.start([`--registry-policy=${policyPath}`]);
  imports = new StreamImports(face);
  const auth = { kind: 'htpasswd', users: [puller] } as const;
  privateRegistry = await startRegistry({ assets: inject('cluster').assets, auth });
  ({ digest: privateDigest } = await pushImage(privateRegistry.target('org/app', '1'), {
    content: 'members',
  }));
  await face.view.kube.create(secrets, {
    metadata: { namespace: face.scenario.namespace, name: 'pull' },
    type: 'kubernetes.io/dockerconfigjson',
    data: {
      '.dockerconfigjson': Buffer.from(
        JSON.stringify({
          auths: { [privateRegistry.host]: { username: puller.name, password: puller.password } },
        }),
      ).toString('base64'),
    },
  });
}, 120_000);
afterAll(async () => {
  await privateRegistry?.close();
  await face?.stop();
  await cleanUp();
});

describe('an import that only looks', () => {
  it('shows what it finds, in order, and changes nothing', async () => {
    const pushed = await face.scenario.push('looked', 'only looked at');
    const before = await imports.stored();
    const answer = await imports.send('web', {
      images: [
        imports.own('looked'),
        imports.own('nowhere'),
        from(`${privateRegistry.host}/org/app:1`, { to: { name: 'x' } }),
        from('*'),
        from('blocked.test/a:1'),
        from('registry.invalid/a:1'),
      ],
    });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        kind: 'ImageStreamImport',
        metadata: { name: 'web', namespace: face.scenario.namespace },
        spec: {
          import: false,
          images: [
            {
              to: { name: 'looked' },
              importPolicy: { insecure: true, importMode: 'Legacy' },
              referencePolicy: { type: 'Source' },
            },
            {},
            { to: { name: 'x' } },
            {},
            {},
            {},
          ],
        },
        status: {
          images: [
            {
              tag: 'looked',
              status: success,
              image: {
                metadata: { name: pushed.digest, creationTimestamp: null },
                dockerImageReference: face.scenario.pinned(pushed.digest),
                dockerImageMetadata: { kind: 'DockerImage', Architecture: 'amd64' },
                dockerImageLayers: [{ mediaType: expect.any(String) }],
              },
            },
            { tag: 'nowhere', status: { status: 'Failure', reason: 'NotFound', code: 404 } },
            { tag: '1', status: success, image: { metadata: { name: privateDigest } } },
            { tag: 'latest', status: { reason: 'Invalid', code: 422 } },
            {
              status: {
                reason: 'Forbidden',
                code: 403,
                message: expect.stringMatching(/^forbidden: registry blocked.test blocked/),
              },
            },
            { status: { reason: 'InternalError', code: 500 } },
          ],
        },
      },
    });
    expect(answer.body['status']).not.toHaveProperty('import');
    expect(JSON.stringify(answer.body)).not.toContain('dockerImageManifest"');
    expect(await imports.stored()).toEqual(before);
  });

  it('needs no stream and makes none, also when it is the rehearsal of an import', async () => {
    const before = await imports.stored();
    const spec = { import: true, images: [imports.own('latest')] };
    const rehearsed = await imports.send('rehearsed', spec, { query: '?dryRun=All' });
    expect(rehearsed).toMatchObject({
      status: 201,
      body: { spec: { import: true }, status: { images: [{ tag: 'latest', status: success }] } },
    });
    expect(rehearsed.body['status']).not.toHaveProperty('import');
    expect(await imports.stored()).toEqual(before);
  });

  it('brings manifest and configuration along for who wants them', async () => {
    const { body } = await imports.send('web', {
      images: [imports.own('latest', { includeManifest: true })],
    });
    const { images } = body['status'] as { images: { image: Record<string, string> }[] };
    expect(images[0]?.image['dockerImageManifest']).toBe(face.pushed.manifest.toString());
    expect(images[0]?.image['dockerImageConfig']).toBe(face.pushed.config.bytes.toString());
  });

  it('of an index shows the image of the platform, or with PreserveOriginal all of it', async () => {
    const repository = `${face.scenario.repository}/index`;
    const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
    const index = await pushIndex(
      { host: face.view.registryHost, repository, tag: '1' },
      { content: 'of two', platforms },
    );
    const pullSpec = `${face.scenario.proxy.host}/${repository}:1`;
    const policy = { insecure: true, importMode: 'PreserveOriginal' };
    const digests = index.images.map(({ digest }) => digest);
    const sent = [from(pullSpec), from(pullSpec, { importPolicy: policy })];
    expect((await imports.send('web', { images: sent })).body).toMatchObject({
      status: {
        images: [
          { status: success, image: { metadata: { name: digests[0] } } },
          {
            status: success,
            image: { metadata: { name: index.digest }, dockerImageManifests: [{}, {}] },
            manifests: digests.map((name) => ({ metadata: { name }, dockerImageLayers: [{}] })),
          },
        ],
      },
    });
    const kept = await imports.send('indexed', { import: true, images: sent.slice(1) });
    expect(kept.body).toMatchObject({
      status: {
        images: [
          {
            status: success,
            image: { metadata: { name: index.digest } },
            manifests: digests.map((name) => ({ metadata: { name } })),
          },
        ],
      },
    });
  });

  it('needs no right to read secrets, and shows none of them', async () => {
    const { kube } = face.view;
    const { namespace } = face.scenario;
    const roles = resource<KubeObject & { readonly rules: readonly object[] }>(
      'rbac.authorization.k8s.io/v1',
      'Role',
      'roles',
    );
    const rule = { apiGroups: ['image.openshift.io'], resources: ['imagestreamimports'], verbs: ['create'] };
    await kube.create(roles, { metadata: { namespace, name: 'importers' }, rules: [rule] });
    await kube.create(roleBindings, {
      metadata: { namespace, name: 'importers' },
      subjects: [{ kind: 'User', name: 'bob', apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { kind: 'Role', name: 'importers', apiGroup: 'rbac.authorization.k8s.io' },
    });
    await using bob = face.view.clientOf('bob');
    const sent = (tag: string) =>
      bob.request('POST', face.path('imagestreamimports'), {
        metadata: { name: 'looked' },
        spec: { images: [from(`${privateRegistry.host}/org/app:${tag}`)] },
      });
    await eventually(async () => (await sent('1')).status === 201, { what: 'the rights of bob' });
    const found = await sent('1');
    expect(JSON.parse(found.text)).toMatchObject({
      status: { images: [{ status: success, image: { metadata: { name: privateDigest } } }] },
    });
    const missing = await sent('2');
    for (const { text } of [found, missing]) expect(text).not.toContain(puller.password);
    const secretsOfBob = await bob.request('GET', `/api/v1/namespaces/${namespace}/secrets`);
    expect(secretsOfBob.status).toBe(403);
  });

  it('has no account of another namespace', async () => {
    const body = {
      metadata: { name: 'looked' },
      spec: { images: [from(`${privateRegistry.host}/org/app:1`)] },
    };
    const path = face.path('imagestreamimports').replace(face.scenario.namespace, 'default');
    expect((await face.send('POST', path, body)).body).toMatchObject({
      status: {
        images: [
          {
            status: {
              reason: 'Unauthorized',
              code: 401,
              message: `you may not have access to the container image "${privateRegistry.host}/org/app:1"; no pull secret of the namespace is for ${privateRegistry.host}`,
            },
          },
        ],
      },
    });
  });

  it('hears of each hostile registry as a failure of its image', async () => {
    const image = buildImage({ content: 'wanted' });
    const kinds = ['endless', 'other-bytes', 'disconnect', 'html'] as const;
    const sent: object[] = [imports.own('latest')];
    for (const kind of kinds) {
      const registry = await startHostileRegistry({ overrides: { manifests: { kind } } });
      onTestFinished(() => registry[Symbol.asyncDispose]());
      registry.serve({ repository: 'app', tags: ['1'] }, image);
      sent.push(from(`${registry.host}/app:1`));
    }
    const { body } = await imports.send('hostile', { images: sent });
    const { images } = body['status'] as { images: { status: { status: string; message: string } }[] };
    expect(images.map(({ status }) => status.status)).toEqual(['Success', ...kinds.map(() => 'Failure')]);
    expect(images[1]?.status.message).toContain('the answer is longer than 4194304 bytes');
    expect(images[2]?.status.message).toContain('content integrity error');
  });

  it('ends when the client goes away, and others are served from the same host', async () => {
    const image = buildImage({ content: 'slow' });
    const registry = await startHostileRegistry({
      overrides: { '/v2/slow/manifests/1': { kind: 'silent' } },
    });
    onTestFinished(() => registry[Symbol.asyncDispose]());
    registry.serve({ repository: 'app', tags: ['1'] }, image);
    const { ca, tokens, url } = face.cluster.facts;
    const slow = async (): Promise<void> => {
      const before = registry.requests.length;
      const dispatcher = new Agent({ connect: { ca } });
      const abort = new AbortController();
      const gone = httpsRequest(`${url}${face.path('imagestreamimports')}`, {
        method: 'POST',
        dispatcher,
        signal: abort.signal,
        headers: { authorization: `Bearer ${tokens['admin'] ?? ''}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          metadata: { name: 'slow' },
          spec: { images: [from(`${registry.host}/slow:1`)] },
        }),
      }).catch(() => undefined);
      await eventually(async () => registry.requests.length > before, { what: 'the look to begin' });
      abort.abort();
      await gone;
      await dispatcher.destroy();
    };
    // As many as it takes for a host to be taken for dead.
    for (let i = 0; i < 4; i++) await slow();
    await eventually(
      async () => {
        const { body } = await imports.send('quick', { images: [from(`${registry.host}/app:1`)] });
        const { images } = body['status'] as { images: { image?: object }[] };
        return images[0]?.image !== undefined;
      },
      { what: 'the host to be asked for others' },
    );
  });
});
