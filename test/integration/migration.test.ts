// What OpenShift's `oc get -o yaml` prints, taken over by the steps of docs/how-to/migrate-from-openshift.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { read } from '../support/documents.ts';
import { createNamespace, type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { type BuiltImage, pushImage } from '../support/images.ts';
import type { KubectlResult } from '../support/kubectl.ts';
import { type ImageStream, type KubeObject, namespaces } from '../support/resources.ts';
import { Scenario } from '../support/scenario.ts';
import { shareImages, tagOf } from '../support/stream-waits.ts';

/** The streams as the guide's command leaves them, as text and as objects. */
interface CleanedStreams {
  readonly items: readonly Pick<ImageStream, 'metadata' | 'spec'>[];
  readonly input: string;
}

const folder = fileURLToPath(new URL('../fixtures/openshift/exported/', import.meta.url));
const guide = read('docs/how-to/migrate-from-openshift.md');

/** What the guide takes off a stream: its place, and the name that the guide's command has for it. */
const takenOff = [
  '.status',
  '.metadata.uid',
  '.metadata.resourceVersion',
  '.metadata.generation',
  '.metadata.creationTimestamp',
  '.metadata.managedFields',
  '.metadata.annotations["openshift.io/image.dockerRepositoryCheck"]',
  '.spec.tags[]?.generation',
  '(.spec.tags[]?.annotations | nulls)',
] as const;

let cluster: SharedCluster;
let scenario: Scenario;
/** Of `web:1.4` in the registry: what it has now, and what it had when `web:production` was tagged. */
let now: BuiltImage;
let before: BuiltImage;
/** The namespace `openshift` of the exported streams. */
let shared: string;

beforeAll(async () => {
  cluster = sharedCluster();
  scenario = await Scenario.start(cluster);
  shared = (await createNamespace(cluster.kube, 'openshift')).name;
  // global-setup.ts has told the operator that this is the mirror of registry.redhat.io.
  const target = { host: cluster.registryHost, repository: 'registry.redhat.io/acme/shop', tag: '1.4' };
  before = await pushImage(target, { content: 'before' });
  now = await pushImage(target, { content: 'now' });
  await scenario.push('1', 'tools 1');
  await scenario.push('2', 'tools 2');
});
afterAll(async () => {
  await scenario?.[Symbol.asyncDispose]();
  if (shared !== undefined) await cluster.kube.delete(namespaces, { name: shared });
  await cluster?.close();
});

/** An exported file, with the names of this test for those that only the run knows. */
function exported(file: string): string {
  return readFileSync(join(folder, file), 'utf8')
    .replaceAll(/namespace: shop$/gm, `namespace: ${scenario.namespace}`)
    .replaceAll('"namespace":"shop"', `"namespace":"${scenario.namespace}"`)
    .replaceAll(/namespace: openshift$/gm, `namespace: ${shared}`)
    .replaceAll('quay.io/sclorg/tools', `${cluster.registryHost}/${scenario.repository}`)
    .replaceAll(/sha256:1f1e[0-9a-f]{60}/g, before.digest)
    .replaceAll(/sha256:2f2e[0-9a-f]{60}/g, now.digest);
}

function cleaned(): CleanedStreams {
  const { items } = load(exported('streams.yaml')) as { readonly items: readonly ImageStream[] };
  const streams = items.map(({ status: _status, metadata, spec, ...stream }) => {
    const { name, namespace, labels, annotations: kept } = metadata;
    const { 'openshift.io/image.dockerRepositoryCheck': _check, ...annotations } = kept ?? {};
    const tags = spec?.tags?.map(({ generation: _generation, ...tag }) => withoutNulls(tag));
    return {
      ...stream,
      metadata: {
        name,
        ...(namespace !== undefined && { namespace }),
        ...(labels && { labels }),
        ...(kept && { annotations }),
      },
      spec: { ...spec, ...(tags && { tags }) },
    };
  });
  return { items: streams, input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: streams }) };
}

function withoutNulls<T extends object>(tag: T): T {
  return JSON.parse(JSON.stringify(tag, (_key, value: unknown) => value ?? undefined)) as T;
}

function kubectl(args: readonly string[], input?: string): Promise<KubectlResult> {
  return cluster.kubectl(
    [...args, `--namespace=${scenario.namespace}`],
    input === undefined ? {} : { input },
  );
}

async function done(args: readonly string[], input?: string): Promise<string> {
  const { stdout, stderr, exitCode } = await kubectl(args, input);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return stdout;
}

function readyMessage({ status }: ImageStream): string | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.message;
}

describe('the streams of a namespace', () => {
  it('are cleaned as the guide says', () => {
    expect(takenOff.filter((place) => !guide.includes(place))).toEqual([]);
  });

  it('apply, keep what people wrote, and are imported where their images can be had', async () => {
    const { items, input } = cleaned();
    await done(['apply', '-f', '-'], input);
    await scenario.tagHas('web', 'latest', now.digest);
    await done(['wait', '--for=condition=Ready', 'is/tools', '--timeout=20s']);
    expect(tagOf(await scenario.stream('tools'), '1')?.items).toHaveLength(1);
    const web = await scenario.stream('web');
    expect(web).toMatchObject(items[0] as object);
    // The old cluster's history and addresses are not taken over.
    expect(web.status).toMatchObject({ dockerImageRepository: '' });
    expect(tagOf(web, '1.4')?.items).toHaveLength(1);
    await scenario.tagObjectIs(
      'web.1.4',
      ({ metadata }) => metadata.annotations?.['description'] === 'What customers see',
    );
  });

  it('can be applied again, and show no difference', async () => {
    const { input } = cleaned();
    expect(await done(['apply', '-f', '-'], input)).not.toContain('configured');
    expect(await kubectl(['diff', '-f', '-'], input)).toMatchObject({ stdout: '', exitCode: 0 });
  });

  it('say what is missing, and are ready with it', async () => {
    expect(readyMessage(await scenario.stream('web'))).toContain(
      `imagestreamimage.image.openshift.io "${scenario.namespace}/web@${before.digest}" not found`,
    );
    expect(readyMessage(await scenario.stream('runtime'))).toContain('ClusterRole system:image-puller');
    expect((await scenario.stream('orders')).status?.tags).toBeUndefined();

    const name = `registry.redhat.io/acme/shop@${before.digest}`;
    const from = JSON.stringify([
      { op: 'replace', path: '/spec/tags/2/from', value: { kind: 'DockerImage', name } },
    ]);
    await done(['patch', 'imagestream', 'web', '--type=json', '-p', from]);
    const tags = [
      { name: 'latest', from: { kind: 'DockerImage', name: 'registry.redhat.io/acme/shop:1.4' } },
    ];
    await done(['patch', 'imagestream', 'orders', '--type=merge', '-p', JSON.stringify({ spec: { tags } })]);
    const python = { kind: 'ImageStream', apiVersion: 'image.openshift.io/v1' };
    await cluster.kubectl(['apply', `--namespace=${shared}`, '-f', '-'], {
      input: JSON.stringify({
        ...python,
        metadata: { name: 'python' },
        spec: { tags: tags.map((tag) => ({ ...tag, name: '3.9-ubi9' })) },
      }),
    });
    await shareImages(cluster.kube, { of: shared, with: scenario.namespace });
    await done(['wait', '--for=condition=Ready', 'is', '--all', '--timeout=30s']);
    await scenario.tagHas('web', 'production', before.digest);
    await scenario.tagHas('runtime', '3.9', now.digest);
  });

  it('cannot be applied server-side as they were exported', async () => {
    const input = exported('streams.yaml');
    const { exitCode, stderr } = await kubectl(['apply', '--server-side', '-f', '-'], input);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('metadata.managedFields must be nil');
  });
});

describe('an exported Deployment', () => {
  it('reports what it would run, and runs it when it is let', async () => {
    await scenario.tagHas('web', 'latest', now.digest);
    const file = load(exported('deployment.yaml')) as KubeObject;
    const annotations = { ...file.metadata.annotations, 'imagestream-operator/mode': 'report' };
    const input = JSON.stringify({ ...file, metadata: { ...file.metadata, annotations } });
    await done(['apply', '-f', '-'], input);
    await scenario.tagObjectIs('web.latest', ({ conditions }) =>
      conditions?.some(
        ({ type, message }) => type === 'UpdateReported' && message?.includes('container web'),
      ),
    );
    const image = 'jsonpath={.spec.template.spec.containers[0].image}';
    expect(await done(['get', 'deployment', 'web', '-o', image])).toContain('image-registry.openshift-');

    await done(['annotate', 'deployment', 'web', 'imagestream-operator/mode-']);
    await scenario.containerHas('web', 'web', `registry.redhat.io/acme/shop@${now.digest}`);
  });
});
