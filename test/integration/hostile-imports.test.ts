// What a registry that means harm, or is merely broken, does to the streams that name it: a condition, and nothing else.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { createNamespace, type SharedCluster, sharedCluster } from '../support/fixture.ts';
import type { Behaviour } from '../support/hostile-behaviour.ts';
import { startHostileRegistry } from '../support/hostile-registry.ts';
import { buildAttestation, buildImage, buildIndex, descriptorOf } from '../support/images.ts';
import { type ImageStream, imageStream, imageStreams } from '../support/resources.ts';
import { streamTagFails, streamTagHas, tagOf } from '../support/stream-waits.ts';

let cluster: SharedCluster;
let namespace: string;
let cleanUp: () => Promise<void>;

beforeAll(async () => {
  cluster = sharedCluster();
  const fresh = await createNamespace(cluster.kube, 'hostile');
  namespace = fresh.name;
  cleanUp = async () => fresh[Symbol.asyncDispose]();
});
afterAll(async () => {
  await cleanUp();
  await cluster.close();
});

const image = buildImage({ content: 'wanted' });
let streams = 0;

/** A registry with one image `app:1` and these behaviours, and a stream that follows it. */
async function follow(overrides: Readonly<Record<string, Behaviour | readonly Behaviour[]>>) {
  const registry = await startHostileRegistry({ overrides });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  registry.serve({ repository: 'app', tags: ['1'] }, image);
  streams++;
  const name = `stream-${streams}`;
  const place = { kube: cluster.kube, namespace, name };
  await cluster.kube.create(
    imageStreams,
    imageStream({ namespace, name, tags: { '1': `${registry.host}/app:1` } }),
  );
  return { registry, place };
}

async function stream(name: string): Promise<ImageStream> {
  return cluster.kube.get(imageStreams, { namespace, name });
}

describe('a registry', () => {
  it.each<{ name: string; overrides: Record<string, Behaviour>; reason?: string; message: string | RegExp }>([
    {
      name: 'whose manifest never ends',
      overrides: { manifests: { kind: 'endless' } },
      message: 'the answer is longer than 4194304 bytes',
    },
    {
      name: 'whose configuration never ends',
      overrides: { blobs: { kind: 'endless' } },
      message: 'the answer is longer than 8388608 bytes',
    },
    {
      name: 'that sends other bytes than the digest says',
      overrides: { blobs: { kind: 'other-bytes' } },
      message: 'content integrity error',
    },
    {
      name: 'that unpacks to more than it sends',
      overrides: { manifests: { kind: 'bomb' } },
      message: 'a compressed answer (gzip) that was not asked for',
    },
    {
      name: 'that redirects for ever',
      overrides: { manifests: { kind: 'redirect-loop' } },
      message: 'more than 5 redirects',
    },
    {
      name: 'that redirects to the metadata of the cloud',
      overrides: { manifests: { kind: 'redirect', to: 'http://169.254.169.254/latest/meta-data' } },
      message: /169\.254\.169\.254/,
    },
    {
      name: 'that redirects to a private address',
      overrides: { manifests: { kind: 'redirect', to: 'http://10.0.0.1/' } },
      message: /10\.0\.0\.1/,
    },
    {
      name: 'that sends us to a foreign token server',
      overrides: { manifests: { kind: 'challenge', challenge: 'Bearer realm="http://192.168.1.1/token"' } },
      message: /192\.168\.1\.1/,
    },
    {
      name: 'that is a web page',
      overrides: { manifests: { kind: 'html', status: 404 } },
      message: 'answered with a web page',
    },
    {
      name: 'that breaks off',
      overrides: { manifests: { kind: 'half' } },
      message: /Internal error occurred/,
    },
    {
      name: 'that hangs up',
      overrides: { manifests: { kind: 'disconnect' } },
      message: /Internal error occurred/,
    },
    {
      name: 'that is asked too often',
      overrides: { manifests: { kind: 'too-many-requests' } },
      message: /the registry answered 429|toomanyrequests/,
    },
  ])('$name leaves a condition', async ({ overrides, reason = 'InternalError', message }) => {
    const { place } = await follow(overrides);
    const condition = await streamTagFails(place, '1');
    expect(condition).toMatchObject({ reason });
    expect(condition.message).toMatch(message);
    expect(condition.message?.length).toBeLessThan(2_048);
    expect(tagOf(await stream(place.name), '1')).not.toHaveProperty('items');
  });

  it('cannot keep the operator from the next one', async () => {
    const { place } = await follow({});
    await streamTagHas(place, '1', image.digest);
  });
});

describe('an index', () => {
  it.each([
    { mode: 'Legacy', want: image.digest },
    { mode: 'PreserveOriginal', want: undefined },
  ])('with attestations and entries without a platform is imported as $mode', async ({ mode, want }) => {
    const registry = await startHostileRegistry();
    onTestFinished(() => registry[Symbol.asyncDispose]());
    const attestation = buildAttestation(image);
    const bare = descriptorOf(buildImage({ content: 'no platform' }));
    const wanted = { ...descriptorOf(image), platform: image.platform };
    const index = buildIndex({ entries: [attestation.entry, bare, wanted] });
    for (const part of [image, attestation.image]) registry.serve({ repository: 'app' }, part);
    registry.serve({ repository: 'app', tags: ['multi'] }, index);
    streams++;
    const name = `stream-${streams}`;
    const importPolicy = { insecure: true, importMode: mode };
    const from = { kind: 'DockerImage', name: `${registry.host}/app:multi` };
    await cluster.kube.create(imageStreams, {
      metadata: { namespace, name },
      spec: { tags: [{ name: '1', from, importPolicy }] },
    });
    await streamTagHas({ kube: cluster.kube, namespace, name }, '1', want ?? index.digest);
  });

  it('in an index is reduced to an image too', async () => {
    const registry = await startHostileRegistry();
    onTestFinished(() => registry[Symbol.asyncDispose]());
    const inner = buildIndex({ entries: [{ ...descriptorOf(image), platform: image.platform }] });
    const outer = buildIndex({ entries: [descriptorOf(inner)] });
    registry.serve({ repository: 'app' }, image);
    registry.serve({ repository: 'app' }, inner);
    registry.serve({ repository: 'app', tags: ['nested'] }, outer);
    const [name, tags] = ['nested', { '1': `${registry.host}/app:nested` }];
    await cluster.kube.create(imageStreams, imageStream({ namespace, name, tags }));
    await streamTagHas({ kube: cluster.kube, namespace, name }, '1', image.digest);
  });
});
