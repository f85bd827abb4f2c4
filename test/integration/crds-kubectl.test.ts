import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { imageStreams, imageStreamTags, images, namespaces } from '../support/resources.ts';

const crdFolder = fileURLToPath(new URL('../../crds/', import.meta.url));
const digest = `sha256:${'7'.repeat(64)}`;
const imageName = digest.replace(':', '-');
const pullSpec = `registry.example.test/org/app@${digest}`;

// A cluster of its own: these tests write status themselves, and change the definitions.
let cluster: Cluster;
let kube: KubeClient;

beforeAll(async () => {
  const { assets } = inject('cluster');
  cluster = await startCluster({ assets, controllerManager: false, registry: false });
  kube = cluster.client();
  await kubectl(['apply', '-f', crdFolder]);
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
});

afterAll(async () => {
  await kube?.close();
  await cluster?.stop();
});

/** Runs kubectl and returns what it printed. */
async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const result = await cluster.kubectl(args, input === undefined ? {} : { input });
  if (result.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** Runs a kubectl that has to fail and returns its complaint. */
async function kubectlComplaint(args: readonly string[], input: string): Promise<string> {
  const result = await cluster.kubectl(args, { input });
  expect(result.exitCode, result.stdout).toBe(1);
  return result.stderr;
}

async function inNewNamespace(name: string): Promise<string> {
  await kube.create(namespaces, { metadata: { name } });
  return name;
}

/** The cells of a table; columns are at least three spaces apart. */
function cells(table: string): string[][] {
  return table
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd().split(/ {3,}/));
}

describe('the definitions', () => {
  it('serve lists as soon as kubectl has waited for them', async () => {
    // kubectl pages its lists. Without a page size, and for a watch, the API server may answer 429 at first.
    expect(await kubectl(['get', 'is,istag,images', '--all-namespaces'])).toBe('');
  });

  it('can be applied client-side and server-side', async () => {
    await kubectl(['apply', '-f', crdFolder, '--dry-run=server']);
    await kubectl(['apply', '-f', crdFolder, '--dry-run=server', '--server-side', '--force-conflicts']);
  });
});

// As `oc` and the OpenShift console write them: nulls, empty objects and a status included.
const openShiftManifests = [
  {
    name: 'exported',
    body: {
      metadata: {
        creationTimestamp: null,
        generation: 2,
        annotations: { 'openshift.io/display-name': 'Python' },
      },
      spec: {
        lookupPolicy: { local: false },
        tags: [
          {
            name: '3.6',
            annotations: null,
            from: { kind: 'DockerImage', name: 'registry.example.test/ubi8/python-36:latest' },
            generation: null,
            importPolicy: { importMode: 'Legacy' },
            referencePolicy: { type: 'Source' },
          },
          {
            name: 'latest',
            annotations: { description: 'A long text. '.repeat(2000), tags: 'builder,python' },
            from: { kind: 'ImageStreamTag', name: '3.6', namespace: 'openshift', apiVersion: 'v1', uid: 'u' },
            generation: 2,
            importPolicy: {},
            referencePolicy: { type: 'Local' },
          },
          { name: 'pushed', annotations: null, from: null, generation: 0, importPolicy: {} },
        ],
      },
      status: {
        dockerImageRepository: '',
        tags: [
          { tag: 'pushed', items: null },
          {
            tag: '3.6',
            items: [
              {
                created: '2024-05-06T07:08:09Z',
                dockerImageReference: pullSpec,
                image: digest,
                generation: 2,
              },
            ],
          },
        ],
      },
    },
  },
  { name: 'without-spec', body: {} },
  { name: 'with-null-tags', body: { spec: { lookupPolicy: { local: true }, tags: null } } },
  { name: 'with-repository', body: { spec: { dockerImageRepository: 'registry.example.test/org/app' } } },
];

describe.each(['v1', 'v1crd'])('an OpenShift manifest as %s', (version) => {
  it.each(openShiftManifests)(
    '$name is applied, and applied again without a change',
    async ({ name, body }) => {
      const namespace = await inNewNamespace(`apply-${version}-${name}`);
      const manifest = JSON.stringify({
        apiVersion: `image.openshift.io/${version}`,
        kind: 'ImageStream',
        ...body,
        metadata: { ...body.metadata, name, namespace },
      });

      await kubectl(['apply', '-f', '-'], manifest);
      const applied = await kube.get(imageStreams, { namespace, name });
      await kubectl(['apply', '-f', '-'], manifest);

      expect(await kube.get(imageStreams, { namespace, name })).toEqual(applied);
      expect(applied.metadata.generation).toBe(1);
      expect(applied.status).toBeUndefined();
    },
  );

  it.each(openShiftManifests)(
    '$name is applied server-side and stored as it was written',
    async ({ name, body }) => {
      const namespace = await inNewNamespace(`server-side-${version}-${name}`);
      const manifest = JSON.stringify({
        apiVersion: `image.openshift.io/${version}`,
        kind: 'ImageStream',
        ...body,
        metadata: { ...body.metadata, name, namespace },
      });

      await kubectl(['apply', '--server-side', '-f', '-'], manifest);
      const applied = await kube.get(imageStreams, { namespace, name });
      await kubectl(['apply', '--server-side', '-f', '-'], manifest);

      expect(await kube.get(imageStreams, { namespace, name })).toEqual(applied);
      expect(applied.spec).toEqual(body.spec);
    },
  );
});

describe('kubectl', () => {
  it('shows the fault and the field of a bad stream', async () => {
    const manifest = `
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: bad, namespace: default}
spec:
  tags:
  - name: latest
    from: {kind: ImageStreamTag, name: 'a:b:c'}
`;

    expect(await kubectlComplaint(['apply', '-f', '-'], manifest)).toMatch(
      /"bad" is invalid: spec\.tags\[0]\.from\.name: Invalid value: .*"a:b:c" must be of the form <tag>/,
    );
  });

  it('names a field that does not exist', async () => {
    const manifest = `
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: bad, namespace: default}
spec: {tags: [{name: latest, importPolicy: {schedule: true}}]}
`;

    expect(await kubectlComplaint(['apply', '-f', '-'], manifest)).toContain(
      'unknown field "spec.tags[0].importPolicy.schedule"',
    );
  });

  it('explains the fields of a tag', async () => {
    const text = await kubectl(['explain', 'is.spec.tags']);

    expect(text).toContain('The tags of the stream and where each comes from.');
    expect(text).toMatch(/^ {2}importPolicy\s<Object>\n {4}How the tag is imported from its registry\.$/m);
    expect(text).toMatch(/^ {2}name\s<string> -required-$/m);
  });

  it('shows a stream with OpenShift’s columns, and waits for it', async () => {
    const namespace = await inNewNamespace('columns-is');
    const lastTransitionTime = new Date().toISOString();
    await kube.create(imageStreams, { metadata: { namespace, name: 'fresh' } });
    await kube.create(imageStreams, { metadata: { namespace, name: 'python' } });
    await kube.patch(
      imageStreams,
      { namespace, name: 'python', subresource: 'status' },
      {
        status: {
          dockerImageRepository: 'registry.example.test/org/python',
          tagSummary: '3.6,latest + 2 more...',
          lastUpdated: new Date(Date.now() - 3 * 3_600_000).toISOString(),
          conditions: [
            { type: 'Other', status: 'False', reason: 'R', message: 'm', lastTransitionTime },
            { type: 'Ready', status: 'True', reason: 'Imported', message: 'all is well', lastTransitionTime },
          ],
        },
      },
    );

    expect(cells(await kubectl(['get', 'is', '-n', namespace]))).toEqual([
      ['NAME', 'IMAGE REPOSITORY', 'TAGS', 'UPDATED', 'READY'],
      ['fresh'],
      ['python', 'registry.example.test/org/python', '3.6,latest + 2 more...', '3h', 'True'],
    ]);
    const wide = cells(await kubectl(['get', 'is', 'python', '-n', namespace, '-o', 'wide']));
    expect(wide[0]?.slice(-3)).toEqual(['READY', 'REASON', 'MESSAGE']);
    expect(wide[1]?.slice(-3)).toEqual(['True', 'Imported', 'all is well']);
    await kubectl(['wait', '--for=condition=Ready', 'is/python', '-n', namespace]);
    expect(await kubectl(['get', 'all', '-n', namespace])).toContain('imagestream.image.openshift.io/python');
  });

  it('shows a tag and its platforms', async () => {
    const namespace = await inNewNamespace('columns-istag');
    const manifest = { digest, mediaType: 'a/b', manifestSize: 1, os: 'linux' };
    const facts = { type: 'ImportSuccess', status: 'False', generation: 1 };
    const problem = { ...facts, reason: 'NotFound', message: 'no such image' };
    await kube.create(imageStreamTags, {
      metadata: { namespace, name: 'python.3.6' },
      updated: new Date(Date.now() - 3 * 3_600_000).toISOString(),
      conditions: [problem],
      image: {
        metadata: { name: digest },
        dockerImageReference: pullSpec,
        dockerImageManifests: [
          { ...manifest, architecture: 'amd64' },
          { ...manifest, architecture: 'arm64', variant: 'v8' },
        ],
      },
    });

    expect(cells(await kubectl(['get', 'istag', '-n', namespace, '-o', 'wide']))).toEqual([
      ['NAME', 'IMAGE REFERENCE', 'UPDATED', 'PROBLEM', 'IMAGE NAME', 'MESSAGE'],
      ['python.3.6', pullSpec, '3h', 'NotFound', digest, 'no such image'],
    ]);
    const template = '{range .image.dockerImageManifests[*]}{.os}/{.architecture}{"\\n"}{end}';
    const platforms = await kubectl([
      'get',
      'istag',
      'python.3.6',
      '-n',
      namespace,
      '-o',
      `jsonpath=${template}`,
    ]);
    expect(platforms).toBe('linux/amd64\nlinux/arm64\n');
  });

  it('shows an image, and keeps its metadata whole', async () => {
    const dockerImageMetadata = {
      kind: 'DockerImage',
      apiVersion: 'image.openshift.io/1.0',
      Config: { Env: ['A=b'] },
    };
    const dockerImageLayers = [{ name: digest, size: 5_000_000_000, mediaType: 'a/b' }];
    await kube.create(images, {
      metadata: { name: imageName },
      dockerImageReference: pullSpec,
      dockerImageMetadata,
      dockerImageLayers,
    });

    expect(cells(await kubectl(['get', 'images']))).toEqual([
      ['NAME', 'IMAGE REFERENCE'],
      [imageName, pullSpec],
    ]);
    expect(await kube.get(images, { name: imageName })).toMatchObject({
      dockerImageMetadata,
      dockerImageLayers,
    });
  });
});

describe('a stream that was stored before a rule existed', () => {
  const tag = { name: 'b d', from: { kind: 'DockerImage', name: 'quay.io/Org/app' } } as const;
  const spec = { dockerImageRepository: 'quay.io/Org/app:1', tags: [tag] };
  let address: { namespace: string; name: string };

  beforeAll(async () => {
    const namespace = await inNewNamespace('ratcheting');
    address = { namespace, name: 'foo--bar' };
    const crd = await readFile(join(crdFolder, 'imagestreams.yaml'), 'utf8');
    await kubectl(['replace', '-f', '-'], JSON.stringify(withoutRules(load(crd))));
    await eventually(async () => kube.create(imageStreams, { metadata: address, spec }), {
      what: 'the rules to be gone',
    });
    await kubectl(['replace', '-f', '-'], crd);
    await eventually(async () => refuses({ metadata: { namespace, name: 'bar--foo' }, spec }), {
      what: 'the rules to be back',
    });
  });

  it('still gets its status', async () => {
    const status = { observedGeneration: 1, tags: [{ tag: 'b d', items: [] }] };
    await kube.patch(imageStreams, { ...address, subresource: 'status' }, { status });

    expect(await kube.get(imageStreams, address)).toMatchObject({ spec, status });
  });

  it('can be edited, but for what is wrong', async () => {
    const good = { name: 'good', from: { kind: 'DockerImage', name: 'quay.io/org/app' } };
    const edited = { ...spec, tags: [{ ...tag, reference: true }, good] };
    const worse = { ...spec, tags: [{ ...tag, from: { ...tag.from, name: 'quay.io/Org/other' } }] };

    await kube.patch(imageStreams, address, { spec: edited });

    expect(await kube.get(imageStreams, address)).toMatchObject({ spec: edited });
    await expect(kube.patch(imageStreams, address, { spec: worse })).rejects.toThrow(
      'repository name must be lowercase',
    );
  });
});

async function refuses(stream: {
  metadata: { namespace: string; name: string };
  spec: object;
}): Promise<boolean> {
  const { status } = await kube.request(
    'POST',
    `/apis/image.openshift.io/v1/namespaces/${stream.metadata.namespace}/imagestreams?dryRun=All`,
    { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', ...stream },
  );
  return status === 422;
}

/** The schema without its CEL rules. */
function withoutRules(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutRules);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'x-kubernetes-validations')
      .map(([key, child]) => [key, withoutRules(child)]),
  );
}
