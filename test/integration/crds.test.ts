import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import {
  createNamespace,
  type SharedCluster,
  sharedCluster,
  type TestNamespace,
} from '../support/fixture.ts';
import { images } from '../support/resources.ts';

const digest = `sha256:${'7'.repeat(64)}`;
const imageName = digest.replace(':', '-');
const pullSpec = `registry.example.test/org/app@${digest}`;

/** A field that the API server complains about, and a part of what it says. */
interface Fault {
  readonly field: string;
  readonly message: string;
}

const wrongForm = 'must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>';
const wrongTagName = "a tag is 1 to 128 letters, digits, '_', '.' or '-', and does not start with '.' or '-'";
const noPullSpec = 'write a pull spec without scheme and spaces, such as quay.io/org/app:1.2';

/** Rules of a tag, wherever it is written: in a stream's spec or in an ImageStreamTag. Fields are those of the tag. */
const badTags: readonly (Fault & { readonly name: string; readonly tag: object })[] = [
  { name: 'a name with spaces', tag: { name: 'a b' }, field: 'name', message: wrongTagName },
  { name: 'a name that starts with a dot', tag: { name: '.a' }, field: 'name', message: wrongTagName },
  { name: 'a name that is too long', tag: { name: 'a'.repeat(129) }, field: 'name', message: 'Too long' },
  { name: 'a number for a name', tag: { name: 3.6 }, field: 'name', message: 'must be of type string' },
  {
    name: 'a source without a name',
    tag: { from: { kind: 'DockerImage' } },
    field: 'from.name',
    message: 'Required',
  },
  {
    name: 'a source with an empty name',
    tag: { from: { kind: 'ImageStreamTag', name: '' } },
    field: 'from.name',
    message: 'Required value: name the image or tag to follow',
  },
  {
    name: 'a source without a kind',
    tag: { from: { name: 'a' } },
    field: 'from.kind',
    message: 'Required value',
  },
  {
    name: 'a source of an unknown kind',
    tag: { from: { kind: 'Foo', name: 'a' } },
    field: 'from.kind',
    message:
      'Unsupported value: "Foo": supported values: "DockerImage", "ImageStreamTag", "ImageStreamImage"',
  },
  ...[' ', 'quay.io/a b', 'https://quay.io/a/b', 'docker://a'].map((name) => ({
    name: `the pull spec "${name}"`,
    tag: { from: { kind: 'DockerImage', name } },
    field: 'from.name',
    message: `invalid reference format: "${name}": ${noPullSpec}`,
  })),
  ...['a:b:c', 'quay.io/a:b', 'a@b', ':a', 'a:', 'a b'].map((name) => ({
    name: `the tag source "${name}"`,
    tag: { from: { kind: 'ImageStreamTag', name } },
    field: 'from.name',
    message: `"${name}" ${wrongForm}`,
  })),
  ...['a@b@c', '@sha256:1', 'a@', 'a/b@sha256:1'].map((name) => ({
    name: `the image source "${name}"`,
    tag: { from: { kind: 'ImageStreamImage', name } },
    field: 'from.name',
    message: `"${name}" ${wrongForm}`,
  })),
  {
    name: 'a scheduled import of what is not in a registry',
    tag: { from: { kind: 'ImageStreamTag', name: 'a' }, importPolicy: { scheduled: true } },
    field: 'importPolicy.scheduled',
    message: 'only tags pointing to Docker repositories may be scheduled for background import',
  },
  {
    name: 'an unknown import mode',
    tag: { importPolicy: { importMode: 'X' } },
    field: 'importPolicy.importMode',
    message: 'Unsupported value: "X": supported values: "", "Legacy", "PreserveOriginal"',
  },
  {
    name: 'an unknown reference policy',
    tag: { referencePolicy: { type: 'Bar' } },
    field: 'referencePolicy.type',
    message: 'Unsupported value: "Bar": supported values: "", "Source", "Local"',
  },
  {
    name: 'a text for a flag',
    tag: { reference: 'yes' },
    field: 'reference',
    message: 'must be of type boolean',
  },
  {
    name: 'a number for an annotation',
    tag: { annotations: { a: 1 } },
    field: 'annotations.a',
    message: 'must be of type string',
  },
];

interface BadObject {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly faults: readonly Fault[];
}

const badStreams: readonly BadObject[] = [
  {
    name: 'a name with two separators in a row',
    body: { metadata: { name: 'foo--bar' } },
    faults: [{ field: 'metadata.name', message: 'must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"' }],
  },
  {
    name: 'two tags of one name',
    body: { spec: { tags: [{ name: 'a' }, { name: 'a' }] } },
    faults: [{ field: 'spec.tags[1]', message: 'Duplicate value: {"name":"a"}' }],
  },
  {
    name: 'a tag without a name',
    body: { spec: { tags: [{ reference: true }] } },
    faults: [{ field: 'spec.tags[0].name', message: 'Required value' }],
  },
  {
    name: 'a tag with an empty name',
    body: { spec: { tags: [{ name: '' }] } },
    faults: [{ field: 'spec.tags[0].name', message: wrongTagName }],
  },
  {
    name: 'too many tags',
    body: { spec: { tags: Array.from({ length: 1001 }, (_, index) => ({ name: `t${index}` })) } },
    faults: [{ field: 'spec.tags', message: 'must have at most 1000 items' }],
  },
  ...[
    { repository: 'quay.io/a/b:c', message: 'the repository name may not contain a tag' },
    { repository: 'b:c', message: 'the repository name may not contain a tag' },
    { repository: 'localhost:5000/b:c', message: 'the repository name may not contain a tag' },
    { repository: `quay.io/a/b@${digest}`, message: 'the repository name may not contain an ID' },
    { repository: 'https://quay.io/a/b', message: 'invalid reference format' },
    { repository: 'quay.io/a b', message: 'invalid reference format' },
  ].map(({ repository, message }) => ({
    name: `the repository "${repository}"`,
    body: { spec: { dockerImageRepository: repository } },
    faults: [{ field: 'spec.dockerImageRepository', message }],
  })),
  {
    name: 'several faults, all of them',
    body: {
      spec: {
        dockerImageRepository: 'a:b',
        tags: [{ name: '-' }, { name: 'ok' }, { name: 'b', from: { kind: 'DockerImage', name: '' } }],
      },
    },
    faults: [
      { field: 'spec.dockerImageRepository', message: 'may not contain a tag' },
      { field: 'spec.tags[0].name', message: wrongTagName },
      { field: 'spec.tags[2].from.name', message: 'Required value' },
    ],
  },
];

const manifest = { digest, mediaType: 'a/b', manifestSize: 1, architecture: 'arm64', os: 'linux' };
const layer = { name: digest, size: 1, mediaType: 'a/b' };

const badImages: readonly BadObject[] = [
  ...['latest', 'sha256-777', `sha256-${'7'.repeat(65)}`, `md5-${'7'.repeat(32)}`].map((name) => ({
    name: `the name ${name}`,
    body: { metadata: { name } },
    faults: [
      { field: 'metadata.name', message: "an Image is named by its digest, with '-' in place of ':'" },
    ],
  })),
  {
    name: 'no reference',
    body: { dockerImageReference: undefined },
    faults: [{ field: 'dockerImageReference', message: 'Required value' }],
  },
  {
    name: 'an empty reference',
    body: { dockerImageReference: '' },
    faults: [{ field: 'dockerImageReference', message: 'Required value' }],
  },
  ...['https://quay.io/org/app', 'quay.io/Org/app', 'quay.io/org/app:', 'a b', 'quay.io/org/app@'].map(
    (dockerImageReference) => ({
      name: `the reference ${dockerImageReference}`,
      body: { dockerImageReference },
      faults: [{ field: 'dockerImageReference', message: 'invalid reference format' }],
    }),
  ),
  {
    name: 'layers and manifests',
    body: { dockerImageLayers: [layer], dockerImageManifests: [manifest] },
    faults: [
      {
        field: 'dockerImageLayers',
        message: 'dockerImageLayers should not be set when dockerImageManifests is set',
      },
    ],
  },
  {
    name: 'a manifest that is described wrongly',
    body: { dockerImageManifests: [{ ...manifest, digest: 'sha256', mediaType: 'json', manifestSize: -1 }] },
    faults: [
      {
        field: 'dockerImageManifests[0].digest',
        message: 'digest does not conform with OCI image specification',
      },
      { field: 'dockerImageManifests[0].manifestSize', message: 'manifest size cannot be negative' },
      { field: 'dockerImageManifests[0].mediaType', message: 'media type does not conform to RFC6838' },
    ],
  },
];

let cluster: SharedCluster;
let namespace: TestNamespace;

beforeAll(async () => {
  cluster = sharedCluster();
  namespace = await createNamespace(cluster.kube, 'crds');
});

afterAll(async () => {
  await namespace[Symbol.asyncDispose]();
  await cluster.close();
});

/** Sends an object as kubectl does, but stores nothing; returns the status and what the API server found wrong. */
async function dryCreate(
  version: string,
  plural: 'imagestreams' | 'imagestreamtags' | 'images',
  body: object,
): Promise<{ status: number; faults: Fault[] }> {
  const kinds = { imagestreams: 'ImageStream', imagestreamtags: 'ImageStreamTag', images: 'Image' };
  const scope = plural === 'images' ? '' : `/namespaces/${namespace.name}`;
  const { status, text } = await cluster.kube.request(
    'POST',
    `/apis/image.openshift.io/${version}${scope}/${plural}?dryRun=All&fieldValidation=Strict`,
    { apiVersion: `image.openshift.io/${version}`, kind: kinds[plural], ...body },
  );
  const answer: { details?: { causes?: Fault[] } } = JSON.parse(text);
  const faults = (answer.details?.causes ?? [])
    .map(({ field, message }) => ({ field, message }))
    // After a wrong type the API server adds that it did not get to the rules; it names no field then.
    .filter(({ field }) => field !== '<nil>')
    .toSorted((a, b) => a.field.localeCompare(b.field));
  return { status, faults };
}

function refusal(faults: readonly Fault[]): object {
  return {
    status: 422,
    faults: faults.map(({ field, message }) => ({ field, message: expect.stringContaining(message) })),
  };
}

describe.each(['v1', 'v1crd'])('%s refuses', (version) => {
  it.each(badTags)('in a stream: $name', async ({ tag, field, message }) => {
    const body = { metadata: { name: 'bad' }, spec: { tags: [{ name: 'latest', ...tag }] } };

    expect(await dryCreate(version, 'imagestreams', body)).toEqual(
      refusal([{ field: `spec.tags[0].${field}`, message }]),
    );
  });

  it.each(badTags)('in an ImageStreamTag: $name', async ({ tag, field, message }) => {
    const body = { metadata: { name: 'bad.latest' }, tag };

    expect(await dryCreate(version, 'imagestreamtags', body)).toEqual(
      refusal([{ field: `tag.${field}`, message }]),
    );
  });

  it.each(badStreams)('a stream with $name', async ({ body, faults }) => {
    const stream = { metadata: { name: 'bad' }, ...body };

    expect(await dryCreate(version, 'imagestreams', stream)).toEqual(refusal(faults));
  });

  it.each(badImages)('an image with $name', async ({ body, faults }) => {
    const image = { metadata: { name: imageName }, dockerImageReference: pullSpec, ...body };

    expect(await dryCreate(version, 'images', image)).toEqual(refusal(faults));
  });
});

describe('accepted are', () => {
  it.each([
    ...['nginx', 'localhost:5000/a/b:c', `Registry.Example.test:443/a/b/c:1@${digest}`].map(
      (name) => ({ kind: 'DockerImage', name }) as const,
    ),
    ...['latest', 'python:3.6', 'a.b-c:V1_x'].map((name) => ({ kind: 'ImageStreamTag', name }) as const),
    ...['777', digest, `python@${digest}`, 'python@777'].map(
      (name) => ({ kind: 'ImageStreamImage', name }) as const,
    ),
  ])('the source $kind $name', async (from) => {
    const body = { metadata: { name: 'good' }, spec: { tags: [{ name: 'latest', from }] } };

    expect(await dryCreate('v1', 'imagestreams', body)).toEqual({ status: 201, faults: [] });
  });

  it.each(['', 'nginx', 'quay.io/a/b', 'localhost:5000/a/b'])('the repository "%s"', async (repository) => {
    const body = { metadata: { name: 'good' }, spec: { dockerImageRepository: repository } };

    expect(await dryCreate('v1', 'imagestreams', body)).toEqual({ status: 201, faults: [] });
  });

  it.each(['3.6', '_x', 'V1-rc.2', 'a'.repeat(128)])('the tag %s', async (name) => {
    const body = { metadata: { name: 'good' }, spec: { tags: [{ name }] } };

    expect(await dryCreate('v1', 'imagestreams', body)).toEqual({ status: 201, faults: [] });
  });

  it.each(['python', '3scale', 'a.b-c', 'a'.repeat(253)])('the stream name %s', async (name) => {
    expect(await dryCreate('v1', 'imagestreams', { metadata: { name } })).toEqual({
      status: 201,
      faults: [],
    });
  });

  it('an ImageStreamTag with an empty tag name, as Go programs send it', async () => {
    const body = { metadata: { name: 'a.b' }, tag: { name: '', from: null }, lookupPolicy: { local: false } };

    expect(await dryCreate('v1', 'imagestreamtags', body)).toEqual({ status: 201, faults: [] });
  });
});

it('keeps the layers of an Image as they are, and the version of their shape', async () => {
  const hex = randomBytes(32).toString('hex');
  const place = { name: `sha256-${hex}` };
  const image = await cluster.kube.create(images, {
    metadata: place,
    dockerImageReference: `quay.io/org/app@sha256:${hex}`,
    dockerImageMetadataVersion: '1.0',
    dockerImageLayers: [layer],
  });
  onTestFinished(() => cluster.kube.delete(images, place));
  for (const change of [{ dockerImageLayers: [layer, layer] }, { dockerImageMetadataVersion: '1.1' }])
    await expect(cluster.kube.patch(images, place, change)).rejects.toThrow('may not change');
  const annotated = await cluster.kube.patch(images, place, { metadata: { annotations: { a: 'b' } } });
  expect(annotated).toMatchObject({ dockerImageLayers: image['dockerImageLayers'] });
});
