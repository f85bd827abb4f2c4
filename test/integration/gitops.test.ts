// Streams that are kept by a tool from files: no difference at any time, and OpenShift's own manifests as they are.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { type BuiltImage, pushImage } from '../support/images.ts';
import type { KubectlResult } from '../support/kubectl.ts';
import {
  deployment,
  deployments,
  type ImageStream,
  imageStream,
  imageStreamTags,
} from '../support/resources.ts';
import { type Scenario, trigger, triggers } from '../support/scenario.ts';
import { tagOf } from '../support/stream-waits.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

const manifests = fileURLToPath(new URL('../fixtures/openshift/', import.meta.url));
const files = readdirSync(manifests).filter((name) => name.endsWith('.yaml'));

let cluster: SharedCluster;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());

/**
 * Waits until `kubectl diff` shows nothing: it reads twice, and shows what controllers write into the status in between. A
 * difference between the file and the object would stay.
 */
function showsNoDifference(diff: () => Promise<KubectlResult>, when: string): Promise<unknown> {
  const nothing = { stdout: '', stderr: '', exitCode: 0 };
  return eventually(async () => expect(await diff()).toMatchObject(nothing) ?? true, {
    what: `no difference ${when}`,
  });
}

const ways = [
  { way: 'kubectl apply', flags: [] },
  { way: 'kubectl apply --server-side', flags: ['--server-side'] },
] as const;

describe.each(ways)('a stream that is kept by $way', ({ flags }) => {
  let scenario: Scenario;
  const kubectl = async (verb: string, input: string): Promise<KubectlResult> =>
    cluster.kubectl([verb, ...flags, `--namespace=${scenario.namespace}`, '-f', '-'], { input });

  const expectNoDifference = (manifest: string, when: string): Promise<unknown> =>
    showsNoDifference(() => kubectl('diff', manifest), when);

  it('shows no difference after imports, moves and failures, and stays as it is when applied again', async () => {
    scenario = await startTestScenario(cluster);
    const first = await scenario.push('1', 'first');
    const tags = [
      scenario.dockerTag('1', '1', { annotations: { description: 'one' } }),
      { name: 'latest', from: { kind: 'ImageStreamTag', name: '1' } },
      { name: 'waiting', from: { kind: 'ImageStreamTag', name: 'other:1' } },
    ];
    const manifest = JSON.stringify({
      ...imageStream({ namespace: scenario.namespace, name: 'web' }),
      spec: { tags },
    });
    expect(await kubectl('apply', manifest)).toMatchObject({ exitCode: 0 });
    await scenario.tagHas('web', 'latest', first.digest);
    await expectNoDifference(manifest, 'after the import');
    const second = await scenario.push('1', 'second');
    await scenario.requestImport('web');
    await scenario.tagHas('web', 'latest', second.digest);
    await expectNoDifference(manifest, 'after the move');
    scenario.proxy.behave(() => ({ kind: 'answer', status: 500 }));
    await scenario.requestImport('web');
    await scenario.tagFails('web', '1');
    await expectNoDifference(manifest, 'after the failure');
    const before = await scenario.stream('web');
    expect(await kubectl('apply', manifest)).toMatchObject({ exitCode: 0 });
    const after = await scenario.stream('web');
    expect(after.metadata.generation).toBe(before.metadata.generation);
    expect(after.metadata.annotations).toEqual(before.metadata.annotations);
  });

  it('may be an ImageStreamTag as well', async () => {
    scenario = await startTestScenario(cluster);
    const image = await scenario.push('1', 'first');
    const manifest = JSON.stringify({
      apiVersion: imageStreamTags.apiVersion,
      kind: imageStreamTags.kind,
      metadata: { namespace: scenario.namespace, name: 'web.stable' },
      tag: scenario.dockerTag('stable', '1'),
    });
    expect(await kubectl('apply', manifest)).toMatchObject({ exitCode: 0 });
    await scenario.tagObjectIs('web.stable', ({ image: shown }) => shown?.metadata?.name === image.digest);
    await expectNoDifference(manifest, 'after the import');
  });
});

describe('the streams of OpenShift', () => {
  it('are the five that people have most', () => {
    expect(files).toEqual(['mysql.yaml', 'nginx.yaml', 'nodejs.yaml', 'python.yaml', 'ruby.yaml']);
  });

  it.each(files)('%s applies as it is, is imported, and shows no difference', async (file) => {
    const scenario = await startTestScenario(cluster);
    const manifest = readFileSync(join(manifests, file), 'utf8');
    const stream = load(manifest) as ImageStream;
    const sources = dockerSources(stream);
    const pushed = new Map<string, BuiltImage>();
    for (const [name, source] of sources) pushed.set(name, await pushMirrored(source));
    const kubectl = (verb: string): Promise<KubectlResult> =>
      cluster.kubectl([verb, `--namespace=${scenario.namespace}`, '-f', '-'], { input: manifest });

    expect(await kubectl('apply')).toMatchObject({ stderr: '', exitCode: 0 });
    const { name } = stream.metadata;
    const waited = ['wait', `--namespace=${scenario.namespace}`, '--for=condition=Ready', `is/${name}`];
    expect(await cluster.kubectl([...waited, '--timeout=20s'])).toMatchObject({ exitCode: 0 });
    const imported = await scenario.stream(name);
    for (const tag of stream.spec?.tags ?? []) {
      const [item] = tagOf(imported, String(tag['name']))?.items ?? [];
      expect(item?.image, String(tag['name'])).toBe(
        pushed.get(sourceTag(stream, String(tag['name'])))?.digest,
      );
    }
    await showsNoDifference(() => kubectl('diff'), 'after the import');
    const objects = await eventually(
      async () => {
        const found = await cluster.kube.list(imageStreamTags, { namespace: scenario.namespace });
        return found.length === stream.spec?.tags?.length && found;
      },
      { what: 'an ImageStreamTag for each tag' },
    );
    expect(objects.every(({ image }) => image?.dockerImageMetadata !== undefined)).toBe(true);
    expect((await scenario.stream(name)).spec).toEqual(withoutNulls(stream.spec));
  });
});

type Tag = Readonly<{ name: string; from: { kind: string; name: string } }>;

function tagsOf(stream: ImageStream): readonly Tag[] {
  return (stream.spec?.tags ?? []) as unknown as readonly Tag[];
}

/** Pull specs of the tags that are imported, by tag. */
function dockerSources(stream: ImageStream): ReadonlyMap<string, string> {
  const docker = tagsOf(stream).filter(({ from }) => from.kind === 'DockerImage');
  return new Map(docker.map(({ name, from }) => [name, from.name]));
}

/** The imported tag that a tag leads to. */
function sourceTag(stream: ImageStream, name: string): string {
  const tag = tagsOf(stream).find((candidate) => candidate.name === name);
  if (tag === undefined || tag.from.kind === 'DockerImage') return name;
  return sourceTag(stream, tag.from.name.split(':').at(-1) ?? '');
}

/** Pushes what a mirror of the source's registry would have; global-setup.ts tells the operator of it. */
async function pushMirrored(source: string): Promise<BuiltImage> {
  const [host = '', ...path] = source.split('/');
  const [repository = '', tag = ''] = path.join('/').split(':');
  const target = { host: cluster.registryHost, repository: `${host}/${repository}`, tag };
  return pushImage(target, { content: source });
}

/** What kubectl makes of a null in a file: nothing. */
function withoutNulls(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, member: unknown) => member ?? undefined));
}

describe.each(ways)('a Deployment that is kept by $way', ({ flags }) => {
  const image = 'registry.example/shop:stable';
  const manifestOf = ({ namespace }: Scenario, more: Readonly<Record<string, string>> = {}): string => {
    const { kind, apiVersion } = deployments;
    const annotations = { ...triggers(trigger('web:latest', 'web')), ...more };
    const object = deployment({ namespace, name: 'web', containers: { web: image }, annotations });
    return JSON.stringify({ apiVersion, kind, ...object });
  };

  it('rolls out by the mode annotate, shows no difference, and nothing moves when it is applied again and again', async () => {
    const scenario = await startTestScenario(cluster);
    const first = await scenario.push('latest', 'first');
    await scenario.createStream('web', ['latest']);
    const manifest = manifestOf(scenario, { 'imagestream-operator/mode': 'annotate' });
    const kubectl = (verb: string) =>
      cluster.kubectl([verb, ...flags, `--namespace=${scenario.namespace}`, '-f', '-'], { input: manifest });
    expect(await kubectl('apply')).toMatchObject({ exitCode: 0 });
    await scenario.templateShows('web', 'web', scenario.pinned(first.digest));
    // As Argo CD and Flux do it, before, while and after a tag moves.
    const over = new AbortController();
    const loop = (async () => {
      while (!over.signal.aborted) expect(await kubectl('apply')).toMatchObject({ exitCode: 0 });
    })();
    let newest = first;
    for (const content of ['second', 'third']) {
      newest = await scenario.push('latest', content);
      await scenario.requestImport('web', content);
      await scenario.templateShows('web', 'web', scenario.pinned(newest.digest));
    }
    over.abort();
    await loop;
    const rolled = await scenario.templateShows('web', 'web', scenario.pinned(newest.digest));
    for (let round = 0; round < 3; round++) {
      await showsNoDifference(() => kubectl('diff'), 'while nothing moves');
      expect(await kubectl('apply')).toMatchObject({ exitCode: 0 });
    }
    const after = await scenario.deployment('web');
    expect(after.spec).toEqual(rolled.spec);
    expect(after.metadata.generation).toBe(rolled.metadata.generation);
  });

  it('has its image for itself in the end when the file has one, and the operator says so', async () => {
    const scenario = await startTestScenario(cluster);
    const pushed = await scenario.push('latest', 'first');
    await scenario.createStream('web', ['latest']);
    await scenario.tagHas('web', 'latest', pushed.digest);
    const input = manifestOf(scenario);
    const force = flags.length === 0 ? [] : ['--force-conflicts'];
    const command = ['apply', ...flags, ...force, `--namespace=${scenario.namespace}`, '-f', '-'];
    // As Argo CD and Flux do it when they see a difference.
    for (let round = 1; round <= 4; round++) {
      expect(await cluster.kubectl(command, { input })).toMatchObject({ exitCode: 0 });
      await scenario.containerHas('web', 'web', scenario.pinned(pushed.digest));
    }
    expect(await cluster.kubectl(command, { input })).toMatchObject({ exitCode: 0 });
    expect(await scenario.event('web', 'ImageContested')).toContain('kubectl');
    const { spec } = await scenario.deployment('web');
    expect(spec.template.spec.containers.map((container) => container.image)).toEqual([image]);
  });
});

it('leaves the image to the operator when what is applied from Git does not name it', async () => {
  const scenario = await startTestScenario(cluster);
  const first = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  const annotations = triggers(trigger('web:latest', 'web'));
  await scenario.createDeployment('web', { web: ' ' }, annotations);
  await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
  const { kind, apiVersion } = deployments;
  const { spec, ...object } = deployment({
    namespace: scenario.namespace,
    name: 'web',
    containers: { web: '' },
    annotations,
  });
  const containers = [{ name: 'web', args: ['from', 'Git'] }];
  const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
  const input = JSON.stringify({ apiVersion, kind, ...object, spec: { ...spec, template } });
  const apply = [
    'apply',
    '--server-side',
    '--force-conflicts',
    `--namespace=${scenario.namespace}`,
    '-f',
    '-',
  ];
  const over = new AbortController();
  const loop = (async () => {
    while (!over.signal.aborted)
      expect(await cluster.kubectl(apply, { input })).toMatchObject({ exitCode: 0 });
  })();
  let newest = first;
  for (const content of ['second', 'third']) {
    newest = await scenario.push('latest', content);
    await scenario.requestImport('web', content);
    await scenario.containerHas('web', 'web', scenario.pinned(newest.digest));
  }
  over.abort();
  await loop;
  const after = await scenario.containerHas('web', 'web', scenario.pinned(newest.digest));
  expect(after.spec.template.spec.containers[0]).toMatchObject({ args: ['from', 'Git'] });
});
