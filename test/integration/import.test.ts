import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { pushIndex } from '../support/images.ts';
import { imageStream, imageStreams } from '../support/resources.ts';
import { Scenario } from '../support/scenario.ts';
import { importRequested, tagOf } from '../support/stream-waits.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

let cluster: SharedCluster;
let scenario: Scenario;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());
beforeEach(async () => {
  scenario = await startTestScenario(cluster);
});

describe('a new tag', () => {
  it('is imported with two requests, and its whole status says so', async () => {
    const image = await scenario.push('latest', 'first');
    const created = await scenario.createStream('web', ['latest']);
    await scenario.tagHas('web', 'latest', image.digest);

    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const stream = await scenario.stream('web');
    expect(stream.status).toEqual({
      dockerImageRepository: '',
      observedGeneration: 1,
      tagSummary: 'latest',
      lastUpdated: time,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'TagsImported',
          message: '1 tag is up to date',
          observedGeneration: 1,
          lastTransitionTime: time,
        },
      ],
      tags: [
        {
          tag: 'latest',
          items: [
            {
              created: time,
              dockerImageReference: scenario.pinned(image.digest),
              image: image.digest,
              generation: 1,
            },
          ],
          lastImport: {
            from: { kind: 'DockerImage', name: scenario.pullSpec('latest') },
            insecure: true,
            attemptedAt: time,
            digest: image.digest,
          },
        },
      ],
    });
    expect(scenario.proxy.conversation).toEqual([
      `GET /v2/${scenario.repository}/manifests/latest`,
      `GET /v2/${scenario.repository}/blobs/${image.config.digest}`,
    ]);
    expect({
      ...stream,
      status: undefined,
      metadata: { ...stream.metadata, resourceVersion: '', managedFields: [] },
    }).toEqual({
      ...created,
      status: undefined,
      metadata: { ...created.metadata, resourceVersion: '', managedFields: [] },
    });
  });

  it('can be waited for with kubectl, and is no difference to its manifest', async () => {
    await scenario.push('latest', 'first');
    const name = 'waited';
    const tags = { latest: scenario.pullSpec('latest') };
    const manifest = JSON.stringify(imageStream({ namespace: scenario.namespace, name, tags }));
    await cluster.kubectl(['apply', '-f', '-'], { input: manifest });
    const waited = await cluster.kubectl([
      'wait',
      `--namespace=${scenario.namespace}`,
      '--for=condition=Ready',
      'is/waited',
      '--timeout=20s',
    ]);
    expect(waited).toMatchObject({ stderr: '', exitCode: 0 });
    expect(await cluster.kubectl(['diff', '-f', '-'], { input: manifest })).toMatchObject({
      stdout: '',
      exitCode: 0,
    });
  });

  it('of an index keeps linux/amd64, or the index when it is to be preserved', async () => {
    const platforms = [
      { os: 'linux', architecture: 'arm64' },
      { os: 'linux', architecture: 'amd64' },
    ];
    const target = { host: cluster.registryHost, repository: scenario.repository, tag: 'multi' };
    const index = await pushIndex(target, { content: 'several', platforms });
    const base = imageStream({
      namespace: scenario.namespace,
      name: 'multi',
      tags: { legacy: scenario.pullSpec('multi'), whole: scenario.pullSpec('multi') },
    });
    const tags = (base.spec?.tags ?? []).map((tag) =>
      tag['name'] === 'whole'
        ? { ...tag, importPolicy: { insecure: true, importMode: 'PreserveOriginal' } }
        : tag,
    );
    await cluster.kube.create(imageStreams, { ...base, spec: { tags } });
    const amd64 = index.images.find((image) => image.platform.architecture === 'amd64');
    await scenario.tagHas('multi', 'legacy', amd64?.digest ?? '');
    await scenario.tagHas('multi', 'whole', index.digest);
  });
});

describe('another import', () => {
  it('is asked for by an annotation and finds a moved tag', async () => {
    const first = await scenario.push('latest', 'first');
    await scenario.createStream('web', ['latest']);
    await scenario.tagHas('web', 'latest', first.digest);
    const second = await scenario.push('latest', 'second');
    await scenario.requestImport('web', 'monday');
    const items = await scenario.tagHas('web', 'latest', second.digest);
    expect(items.map(({ image }) => image)).toEqual([second.digest, first.digest]);

    const { metadata, spec } = await scenario.stream('web');
    expect(metadata.annotations).toEqual({ [importRequested]: 'monday' });
    expect(metadata.generation).toBe(1);
    expect(spec?.tags).toHaveLength(1);
    const { managedFields = [] } = metadata;
    expect(managedFields.filter(({ manager }) => manager === 'imagestream-operator')).toMatchObject([
      { subresource: 'status' },
    ]);
  });

  it('of an unmoved tag leaves the history alone and answers the request once', async () => {
    const image = await scenario.push('latest', 'first');
    await scenario.createStream('web', ['latest']);
    const before = await scenario.tagHas('web', 'latest', image.digest);
    scenario.proxy.forget();
    await scenario.requestImport('web', 'monday');
    await eventually(
      async () => {
        const tag = tagOf(await scenario.stream('web'), 'latest');
        return JSON.stringify(tag).includes('monday');
      },
      { what: 'the answer to the request' },
    );
    expect(tagOf(await scenario.stream('web'), 'latest')?.items).toEqual(before);
    // Its configuration was read when it came.
    expect(scenario.proxy.conversation).toEqual([`GET /v2/${scenario.repository}/manifests/latest`]);
  });

  it('follows a tag that points elsewhere, and back to an old digest', async () => {
    const [one, two] = [await scenario.push('1', 'one'), await scenario.push('2', 'two')];
    await scenario.createStream('web', ['1']);
    await scenario.tagHas('web', '1', one.digest);
    const pointAt = (name: string): Promise<unknown> =>
      cluster.kube.patch(imageStreams, { namespace: scenario.namespace, name: 'web', patchType: 'json' }, [
        { op: 'replace', path: '/spec/tags/0/from/name', value: name },
      ]);
    await pointAt(scenario.pullSpec('2'));
    await scenario.tagHas('web', '1', two.digest);
    await pointAt(scenario.pinned(one.digest));
    await scenario.tagHas('web', '1', one.digest);
    const items = tagOf(await scenario.stream('web'), '1')?.items ?? [];
    expect(items.map(({ image, generation }) => [image, generation])).toEqual([
      [one.digest, 3],
      [two.digest, 2],
      [one.digest, 1],
    ]);
  });
});

describe('a failed import', () => {
  it.each([
    {
      name: 'of a registry that is down',
      behave: () => scenario.proxy.behave(() => ({ kind: 'disconnect' })),
      reason: 'InternalError',
      message: /^Internal error occurred: \S+: (other side closed|read ECONNRESET|socket hang up)/,
    },
    {
      name: 'of a registry that is broken',
      behave: () =>
        scenario.proxy.behave(() => ({ kind: 'answer', status: 503, body: '<h1>Maintenance</h1>' })),
      reason: 'InternalError',
      message:
        /^Internal error occurred: \S+: the registry answered 503; it is tried again; look at the registry if it stays$/,
    },
    {
      name: 'of a missing tag',
      behave: () =>
        scenario.proxy.behave(() => ({
          kind: 'answer',
          status: 404,
          body: '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
        })),
      reason: 'NotFound',
      message: /^dockerimage.image.openshift.io "\S+" not found; push it, or correct the name$/,
    },
    {
      name: 'without access',
      behave: () => scenario.proxy.behave(() => ({ kind: 'answer', status: 401 })),
      reason: 'Unauthorized',
      message:
        /^you may not have access to the container image "\S+"; no pull secret of the namespace is for 127.0.0.1:\d+$/,
    },
    {
      name: 'of a manifest that is none',
      behave: () =>
        scenario.proxy.behave(() => ({
          kind: 'answer',
          status: 200,
          headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
          body: '{}',
        })),
      reason: 'InternalError',
      message:
        /^Internal error occurred: \S+: the manifest has no valid config; push it again with a current tool$/,
    },
    {
      name: 'of a configuration that is not what its digest says',
      behave: () =>
        scenario.proxy.behave(({ path }) =>
          path.includes('/blobs/')
            ? { kind: 'answer', status: 200, body: '{"os":"linux"}' }
            : { kind: 'forward' },
        ),
      reason: 'InternalError',
      message: /content integrity error: the content with digest sha256:\w{64} does not match/,
    },
  ])(
    '$name leaves the history alone, says why, and mends itself when asked again',
    async ({ behave, reason, message }) => {
      const first = await scenario.push('latest', 'first');
      await scenario.createStream('web', ['latest']);
      const before = await scenario.tagHas('web', 'latest', first.digest);
      const second = await scenario.push('latest', 'second');
      behave();
      await scenario.requestImport('web');
      const condition = await scenario.tagFails('web', 'latest');
      expect(condition).toMatchObject({ type: 'ImportSuccess', status: 'False', reason });
      expect(condition.message).toMatch(message);
      const failed = await scenario.stream('web');
      expect(tagOf(failed, 'latest')?.items).toEqual(before);
      expect(failed.status?.conditions).toMatchObject([
        { type: 'Ready', status: 'False', reason: 'ImportFailed' },
        { type: 'Reconciling', status: 'True', reason: 'Retrying' },
      ]);
      expect(await scenario.event('web', 'ImportFailed')).toBe(`tag latest: ${condition.message}`);

      scenario.proxy.recover();
      await scenario.requestImport('web');
      await scenario.tagHas('web', 'latest', second.digest);
      expect(tagOf(await scenario.stream('web'), 'latest')).not.toHaveProperty('conditions');
    },
  );

  it('of a pinned digest whose bytes are others does not count as that image', async () => {
    const real = await scenario.push('latest', 'real');
    const other = await scenario.push('other', 'other');
    scenario.proxy.behave(({ path }) =>
      path.includes('/manifests/')
        ? { kind: 'answer', status: 200, headers: { 'content-type': other.mediaType }, body: other.manifest }
        : { kind: 'forward' },
    );
    const { namespace } = scenario;
    const tags = { latest: scenario.pinned(real.digest) };
    await cluster.kube.create(imageStreams, imageStream({ namespace, name: 'pinned', tags }));
    const { message } = await scenario.tagFails('pinned', 'latest');
    expect(message).toContain(
      `the content with digest ${real.digest} does not match the digest calculated from it, ${other.digest}`,
    );
    expect(tagOf(await scenario.stream('pinned'), 'latest')).not.toHaveProperty('items');
  });

  it('is tried again by itself', async () => {
    scenario.proxy.behave(() => ({ kind: 'answer', status: 500 }));
    const image = await scenario.push('latest', 'first');
    await scenario.createStream('web', ['latest']);
    await scenario.tagFails('web', 'latest');
    scenario.proxy.recover();
    await scenario.tagHas('web', 'latest', image.digest);
  });

  it('of one tag leaves the others of its stream alone', async () => {
    const image = await scenario.push('good', 'good');
    await scenario.createStream('web', ['good', 'missing']);
    await scenario.tagFails('web', 'missing');
    await scenario.tagHas('web', 'good', image.digest);
    const { status } = await scenario.stream('web');
    expect(status?.conditions?.[0]?.message).toMatch(
      /^tag missing: dockerimage.image.openshift.io "\S+" not found; push it/,
    );
  });

  it('is none for a name that is no pull spec: the API server refuses it, with the field', async () => {
    const { namespace } = scenario;
    const tags = { latest: 'quay.io/Upper/Case:1' };
    const refused = cluster.kube.create(imageStreams, imageStream({ namespace, name: 'bad', tags }));
    await expect(refused).rejects.toThrow(
      /spec.tags\[0\].from.name: Invalid value: repository name must be lowercase/,
    );
  });
});

describe('a registry without a trusted certificate', () => {
  it('is refused, with advice, unless the tag is insecure', async () => {
    await using tls = await Scenario.start(cluster, { tls: true });
    const image = await tls.push('latest', 'first');
    await tls.createStream('strict', ['latest'], { insecure: false });
    await tls.createStream('lax', ['latest'], { insecure: true });
    await tls.tagHas('lax', 'latest', image.digest);
    const { message } = await tls.tagFails('strict', 'latest');
    expect(message).toMatch(
      /certificate.*; set importPolicy.insecure on the tag if this registry is meant to be used/,
    );
    expect(tls.proxy.requests).toHaveLength(2);
  });

  it('that speaks plain HTTP is refused, with advice, unless the tag is insecure', async () => {
    await scenario.push('latest', 'first');
    await scenario.createStream('strict', ['latest'], { insecure: false });
    const { message } = await scenario.tagFails('strict', 'latest');
    expect(message).toContain('HTTP answer to an HTTPS request; set importPolicy.insecure');
    expect(scenario.proxy.requests).toHaveLength(0);
  });
});
