// Tests of the hostile registry that other tests use: it does what it is told to.
import { once } from 'node:events';
import { gunzipSync } from 'node:zlib';
import { Agent, type Dispatcher, request } from 'undici';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import type { Behaviour } from '../support/hostile-behaviour.ts';
import {
  type HostileRegistry,
  type HostileRegistryOptions,
  startHostileRegistry,
} from '../support/hostile-registry.ts';
import { buildImage, buildSchema1 } from '../support/images.ts';
import { getServedManifest, type ServedManifest } from '../support/served-manifest.ts';
import { readTlsIdentity } from '../support/tls-files.ts';

describe('a hostile registry', () => {
  const image = buildImage({ content: 'honest' });
  const manifestPath = '/v2/app/manifests/1';

  async function start(options: HostileRegistryOptions = {}): Promise<HostileRegistry> {
    const registry = await startHostileRegistry(options);
    onTestFinished(() => registry[Symbol.asyncDispose]());
    registry.serve({ repository: 'app', tags: ['1'] }, image);
    return registry;
  }

  /** A hostile registry that does this with manifests. */
  async function thatDoes(behaviour: Behaviour): Promise<HostileRegistry> {
    return start({ overrides: { manifests: behaviour } });
  }

  it('serves honestly what it was given', async () => {
    const registry = await start();
    const old = buildSchema1('old', '1');
    registry.serve({ repository: 'old', tags: ['1'] }, old);

    expect(await getManifest(registry, 'app', '1')).toEqual({
      status: 200,
      digest: image.digest,
      challenge: undefined,
      contentType: image.mediaType,
      text: image.manifest.toString(),
    });
    expect(await getManifest(registry, 'app', image.digest)).toMatchObject({ digest: image.digest });
    expect(await getManifest(registry, 'old', '1')).toMatchObject({ contentType: old.mediaType });
    expect(await getManifest(registry, 'app', '2')).toMatchObject({ status: 404 });
    const config = await request(`${registry.url}/v2/app/blobs/${image.config.digest}`);
    expect(Buffer.from(await config.body.arrayBuffer())).toEqual(image.config.bytes);
  });

  it('tells what it was asked', async () => {
    const registry = await start();
    await getManifest(registry, 'app', '1', 'Basic eDp5');

    expect(registry.conversation).toEqual([`GET ${manifestPath}`]);
    const [seen] = registry.requests;
    expect(seen).toMatchObject({ endpoint: 'manifests', repository: 'app', reference: '1' });
    expect([seen?.headers.authorization, seen?.status()]).toEqual(['Basic eDp5', 200]);
    registry.forget();
    expect(registry.requests).toEqual([]);
  });

  it('does with each request what is most special to it, in order, until it recovers', async () => {
    const answer = (status: number): Behaviour => ({ kind: 'answer', status });
    const registry = await start({
      behaviour: answer(418),
      overrides: {
        manifests: answer(500),
        'HEAD manifests': answer(405),
        [manifestPath]: [{ kind: 'too-many-requests', retryAfter: '7' }, { kind: 'honest' }],
      },
    });
    const status = async (method: 'GET' | 'HEAD', path: string): Promise<number> => {
      const { statusCode, body } = await request(registry.url + path, { method });
      await body.dump();
      return statusCode;
    };

    expect(await status('GET', '/v2/')).toBe(418);
    expect(await status('GET', '/v2/app/manifests/other')).toBe(500);
    expect(await status('HEAD', '/v2/app/manifests/other')).toBe(405);
    expect([
      await status('GET', manifestPath),
      await status('GET', manifestPath),
      await status('HEAD', manifestPath),
    ]).toEqual([429, 200, 200]);
    registry.recover('HEAD manifests');
    expect(await status('HEAD', '/v2/app/manifests/other')).toBe(500);
  });

  it.each([
    {
      behaviour: { kind: 'headers', headers: { 'docker-content-digest': undefined } },
      want: { status: 200, digest: undefined, text: image.manifest.toString() },
    },
    {
      behaviour: { kind: 'other-bytes' },
      want: { status: 200, digest: image.digest, text: `${image.manifest.toString()} ` },
    },
    {
      behaviour: { kind: 'html', status: 404 },
      want: { status: 404, text: expect.stringMatching(/^<!DOC/) },
    },
    {
      behaviour: { kind: 'challenge', challenge: 'Bearer realm="https://elsewhere.test/token"' },
      want: { status: 401, challenge: 'Bearer realm="https://elsewhere.test/token"' },
    },
    {
      behaviour: { kind: 'tags', tags: ['b', 'a'] },
      want: { status: 200, text: '{"name":"","tags":["a","b"]}' },
    },
  ] satisfies { behaviour: Behaviour; want: object }[])(
    'can do: $behaviour.kind',
    async ({ behaviour, want }) => {
      expect(await getManifest(await thatDoes(behaviour), 'app', '1')).toMatchObject(want);
    },
  );

  it('can refuse with quotas', async () => {
    const rateLimit = { limit: '100;w=21600', remaining: '0;w=21600' };
    const registry = await thatDoes({ kind: 'too-many-requests', retryAfter: '3', rateLimit });

    const { statusCode, headers } = await request(registry.url + manifestPath);

    expect(statusCode).toBe(429);
    expect(headers).toMatchObject({
      'retry-after': '3',
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '0;w=21600',
    });
  });

  it('can lead in circles and elsewhere', async () => {
    const registry = await thatDoes({ kind: 'redirect-loop' });
    const first = await request(registry.url + manifestPath);
    const second = await request(`${registry.url}${String(first.headers['location'])}`);
    registry.behave('manifests', { kind: 'redirect', to: 'http://169.254.169.254/', status: 302 });
    const elsewhere = await request(registry.url + manifestPath);

    expect([first.headers['location'], second.headers['location']]).toEqual([
      `${manifestPath}?hop=1`,
      `${manifestPath}?hop=2`,
    ]);
    expect([elsewhere.statusCode, elsewhere.headers['location']]).toEqual([302, 'http://169.254.169.254/']);
  });

  it('can send without an end, for as long as somebody reads, and no body to a HEAD', async () => {
    const registry = await thatDoes({ kind: 'endless' });
    const head = await request(registry.url + manifestPath, { method: 'HEAD' });
    await head.body.dump();
    const { body } = await request(registry.url + manifestPath);
    let read = 0;
    for await (const chunk of body) {
      read += (chunk as Buffer).length;
      if (read > 8 * 1024 ** 2) break;
    }

    expect(read).toBeGreaterThan(8 * 1024 ** 2);
    expect(registry.requests[1]?.sentBytes()).toBeGreaterThan(8 * 1024 ** 2);
  });

  it('can send little that unpacks to much, also packed twice', async () => {
    const registry = await thatDoes({ kind: 'bomb', encodings: ['gzip', 'gzip'], unpackedBytes: 10_000_000 });

    const { headers, body } = await request(registry.url + manifestPath);
    const packed = Buffer.from(await body.arrayBuffer());

    expect(headers['content-encoding']).toBe('gzip, gzip');
    expect(packed.length).toBeLessThan(1_000);
    expect(gunzipSync(gunzipSync(packed))).toHaveLength(10_000_000);
  });

  it('can be silent, slow, or break off', async () => {
    const registry = await thatDoes({ kind: 'silent' });
    const url = registry.url + manifestPath;
    const timeouts = { headersTimeout: 100, bodyTimeout: 100 };
    await expect(request(url, timeouts)).rejects.toThrow('Headers Timeout');
    registry.behave('manifests', { kind: 'disconnect' });
    await expect(request(url)).rejects.toThrow(/other side closed|ECONNRESET/);
    registry.behave('manifests', { kind: 'half' });
    const cut = await request(url);
    await expect(cut.body.text()).rejects.toThrow(/other side closed|terminated|aborted/);
    registry.behave('manifests', { kind: 'half', stalls: true });
    const stalled = await request(url, timeouts);
    await expect(stalled.body.text()).rejects.toThrow('Body Timeout');
    registry.behave('manifests', { kind: 'drip', periodMs: 10 });
    const dripping = await request(url);
    const [first] = (await once(dripping.body, 'data')) as [Buffer];
    dripping.body.on('error', () => undefined).destroy();
    expect(first).toHaveLength(1);
  });

  it('can hold an answer back until it is told', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const registry = await thatDoes({ kind: 'held', until: promise });
    const waiting = getManifest(registry, 'app', '1');
    await expect.poll(() => registry.requests.length).toBe(1);
    expect(registry.requests[0]?.status()).toBeUndefined();

    resolve();

    expect(await waiting).toMatchObject({ status: 200, digest: image.digest });
  });

  describe('with a list of tags', () => {
    const tags = ['c', 'a', 'b'];
    it.each([
      { name: 'pages it', next: 'honest', want: ['a,b -> /v2/app/tags/list?last=b&n=2', 'c -> undefined'] },
      {
        name: 'never gets further',
        next: 'itself',
        want: ['a,b -> /v2/app/tags/list?n=2', 'a,b -> /v2/app/tags/list?n=2'],
      },
      {
        name: 'never ends',
        next: 'endless',
        want: ['t0,t1 -> /v2/app/tags/list?last=t1', /^t2,t3,.* -> \/v2\/app\/tags\/list\?last=t1001$/],
      },
      {
        name: 'leads elsewhere',
        next: new URL('http://127.0.0.2/v2/'),
        want: ['a,b -> http://127.0.0.2/v2/'],
      },
    ] as const)('$name', async ({ next, want }) => {
      const registry = await start({ overrides: { tags: { kind: 'tags', tags, next } } });
      const pages: string[] = [];
      let path: string | undefined = '/v2/app/tags/list?n=2';
      while (path?.startsWith('/') && pages.length < 2) {
        const { headers, body }: Dispatcher.ResponseData = await request(registry.url + path);
        const page = (await body.json()) as { tags: string[] };
        path = /^<(.*)>; rel="next"$/.exec(String(headers['link']))?.[1];
        pages.push(`${page.tags.join(',')} -> ${path}`);
      }

      expect(pages).toEqual(
        want.map((page) => (page instanceof RegExp ? expect.stringMatching(page) : page)),
      );
    });

    it('that shrinks from one request to the next', async () => {
      const registry = await start({
        overrides: {
          tags: [
            { kind: 'tags', tags },
            { kind: 'tags', tags: ['a'] },
          ],
        },
      });
      const read = async (): Promise<unknown> =>
        (await request(`${registry.url}/v2/app/tags/list`)).body.json();

      expect([await read(), await read(), await read()]).toEqual([
        { name: 'app', tags: ['a', 'b', 'c'] },
        { name: 'app', tags: ['a'] },
        { name: 'app', tags: ['a'] },
      ]);
    });
  });

  it('can speak HTTPS', async () => {
    const registry = await start({ tls: await readTlsIdentity(inject('cluster')) });
    expect(registry.url).toMatch(/^https:/);
    expect(await getManifest(registry, 'app', '1')).toMatchObject({ status: 200, digest: image.digest });
  });
});

/** Trusts the certificates that the cluster's authority vouches for. */
let trusting: Agent | undefined;
afterAll(async () => {
  await trusting?.close();
});

async function getManifest(
  { url }: { readonly url: string },
  repository: string,
  reference: string,
  authorization?: string,
): Promise<ServedManifest> {
  trusting ??= new Agent({ connect: { ca: inject('cluster').ca } });
  return getServedManifest({ url, repository, reference, authorization, dispatcher: trusting });
}
