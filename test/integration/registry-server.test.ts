import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { freePorts } from '../support/free-ports.ts';
import { buildImage, deleteManifest, pushImage, pushIndex } from '../support/images.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';

let registry: RegistryServer;
beforeAll(async () => {
  registry = await startRegistry({ assets: inject('cluster').assets });
});
afterAll(async () => {
  await registry.close();
});

describe('images for tests', () => {
  it('are served by tag under the digest of their bytes, with the config that was asked for', async () => {
    const image = await pushImage(
      { host: registry.host, repository: 'single', tag: '1' },
      { content: 'one', labels: { a: 'b' }, environment: { PORT: '80' }, entrypoint: ['/serve'] },
    );

    const manifest = await getManifest(registry.url, 'single', '1');
    const config = await request(`${registry.url}/v2/single/blobs/${image.config.digest}`);
    const layer = await request(`${registry.url}/v2/single/blobs/${image.layer.digest}`);

    expect(manifest).toMatchObject({ status: 200, digest: image.digest, mediaType: image.mediaType });
    expect(await config.body.json()).toMatchObject({
      os: 'linux',
      architecture: 'amd64',
      config: { Env: ['PORT=80'], Labels: { a: 'b' }, Entrypoint: ['/serve'] },
    });
    expect(Buffer.from(await layer.body.arrayBuffer())).toEqual(image.layer.bytes);
  });

  it('have a digest that depends on the content alone', () => {
    const [first, again, other] = ['one', 'one', 'other'].map((content) => buildImage({ content }).digest);

    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it.each(['oci', 'docker'] as const)('come as an index over platforms, in the %s format', async (format) => {
    const platforms = [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ];

    const target = { host: registry.host, repository: `multi-${format}`, tag: 'latest' };
    const index = await pushIndex(target, { content: 'many', platforms, format });

    const served = await getManifest(registry.url, target.repository, 'latest');
    expect(served).toMatchObject({ status: 200, digest: index.digest, mediaType: index.mediaType });
    expect(JSON.parse(served.text).manifests).toMatchObject(
      platforms.map((platform, at) => ({ platform, digest: index.images[at]?.digest })),
    );
  });

  it('can be deleted', async () => {
    const target = { host: registry.host, repository: 'deleted' };
    const { digest } = await pushImage({ ...target, tag: 'gone' }, { content: 'deleted' });

    await deleteManifest(target, digest);

    expect(await getManifest(registry.url, 'deleted', 'gone')).toMatchObject({ status: 404 });
  });
});

describe('the start of a registry', () => {
  it('picks another port when the first one is taken, even by another registry', async () => {
    const taken = Number(registry.host.split(':')[1]);
    const offered: number[] = [];

    const other = await startRegistry({
      assets: inject('cluster').assets,
      pickPorts: async () => {
        offered.push(offered.length === 0 ? taken : ((await freePorts(1))[0] ?? 0));
        return offered.slice(-1);
      },
    });

    expect(offered).toHaveLength(2);
    expect(other.host).toBe(`127.0.0.1:${offered[1]}`);
    await other.close();
  });
});

describe('an outage of the registry', () => {
  it('refuses connections; afterwards the images are there, at the same address', async () => {
    const own = await startRegistry({ assets: inject('cluster').assets });
    const { host } = own;
    const image = await pushImage({ host, repository: 'app', tag: '1' }, { content: 'kept' });

    await own.stop();
    await expect(request(`http://${host}/v2/`)).rejects.toThrow('ECONNREFUSED');
    await own.start();

    expect(own.host).toBe(host);
    expect(await getManifest(own.url, 'app', '1')).toMatchObject({ status: 200, digest: image.digest });
    await own.close();
  });
});

describe('the counting proxy', () => {
  let proxy: CountingProxy;
  beforeAll(async () => {
    proxy = await startCountingProxy({ target: registry.host });
    await pushImage({ host: registry.host, repository: 'proxied', tag: '1' }, { content: 'proxied' });
  });
  afterAll(async () => {
    await proxy.close();
  });

  it('forwards and counts', async () => {
    proxy.forget();

    const found = await getManifest(proxy.url, 'proxied', '1');
    const missing = await getManifest(proxy.url, 'proxied', '2');

    expect([found.status, missing.status]).toEqual([200, 404]);
    expect(proxy.requests).toEqual([
      { method: 'GET', path: '/v2/proxied/manifests/1', authorization: undefined, status: 200 },
      { method: 'GET', path: '/v2/proxied/manifests/2', authorization: undefined, status: 404 },
    ]);
  });

  it('takes pushes: upload links lead back to it', async () => {
    proxy.forget();

    await pushImage({ host: proxy.host, repository: 'pushed', tag: '1' }, { content: 'pushed' });

    const methods = proxy.requests.map(({ method }) => method);
    expect(methods).toEqual(['POST', 'PUT', 'POST', 'PUT', 'PUT']);
  });

  it('answers as told, for the requests that are meant, until it recovers', async () => {
    proxy.behave(({ path }) =>
      path.endsWith('/1')
        ? { kind: 'answer', status: 429, headers: { 'retry-after': '7' }, body: 'slow down' }
        : { kind: 'forward' },
    );
    const refused = await request(`${proxy.url}/v2/proxied/manifests/1`);
    const passed = await getManifest(proxy.url, 'proxied', 'absent');
    proxy.recover();
    const recovered = await getManifest(proxy.url, 'proxied', '1');

    expect([refused.statusCode, refused.headers['retry-after'], await refused.body.text()]).toEqual([
      429,
      '7',
      'slow down',
    ]);
    expect([passed.status, recovered.status]).toEqual([404, 200]);
  });

  it('goes silent, or cuts connections', async () => {
    proxy.behave(() => ({ kind: 'silent' }));
    await expect(request(proxy.url, { headersTimeout: 100 })).rejects.toThrow('Headers Timeout');
    proxy.behave(() => ({ kind: 'disconnect' }));
    await expect(request(proxy.url)).rejects.toThrow(/other side closed|ECONNRESET|socket hang up/);
    proxy.recover();
  });

  it('speaks HTTPS with the certificate of the cluster', async () => {
    const { ca, certificatePath, certificateKeyPath } = inject('cluster');
    const secure = await startCountingProxy({
      target: registry.host,
      tls: {
        certificate: await readFile(certificatePath, 'utf8'),
        key: await readFile(certificateKeyPath, 'utf8'),
      },
    });
    const agent = new Agent({ connect: { ca } });

    const { statusCode, body } = await request(`${secure.url}/v2/`, { dispatcher: agent });
    await body.dump();

    expect(statusCode).toBe(200);
    await expect(request(`${secure.url}/v2/`)).rejects.toThrow(/certificate/);
    await agent.close();
    await secure.close();
  });
});

interface ServedManifest {
  readonly status: number;
  readonly digest: unknown;
  readonly mediaType: unknown;
  readonly text: string;
}

async function getManifest(url: string, repository: string, reference: string): Promise<ServedManifest> {
  const accept = [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.docker.distribution.manifest.v2+json',
  ].join(', ');
  const answer = await request(`${url}/v2/${repository}/manifests/${reference}`, { headers: { accept } });
  return {
    status: answer.statusCode,
    digest: answer.headers['docker-content-digest'],
    mediaType: answer.headers['content-type'],
    text: await answer.body.text(),
  };
}
