import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpListener } from '../../test/support/http-listener.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import { systemClock } from '../runtime/clock.ts';
import { Authenticator } from './authenticator.ts';
import { RegistryClient, type RepositoryAccess } from './client.ts';
import { HostGates } from './host-gate.ts';
import { RegistryTransport } from './transport.ts';

const body = '{"schemaVersion":2}';
const bodyDigest = `sha256:${createHash('sha256').update(body).digest('hex')}`;

function newClient(): RegistryClient {
  const transport = new RegistryTransport({ userAgent: 'test' });
  onTestFinished(() => transport.close());
  const authenticator = new Authenticator({ transport, clock: systemClock });
  return new RegistryClient({ authenticator, gates: new HostGates({ clock: systemClock }) });
}

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpListener> {
  const server = await HttpListener.start(handler);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function accessTo(host: string): RepositoryAccess {
  const parsed = parseImageReference(`${host}/org/app:latest`);
  if (!parsed.ok) throw new Error(parsed.problem);
  const { signal } = new AbortController();
  return { reference: parsed.reference, insecure: true, ca: undefined, credential: undefined, signal };
}

describe('a probe', () => {
  const probe = (host: string, client = newClient()): Promise<string> =>
    client.probe(accessTo(host), 'latest');

  it('is one HEAD', async () => {
    const server = await listen((_request, response) => {
      response.writeHead(200, { 'docker-content-digest': bodyDigest }).end();
    });
    expect(await probe(server.host)).toBe(bodyDigest);
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD']);
  });

  it.each([
    { name: 'refuses it', head: { status: 405, headers: {} } },
    { name: 'does not know it', head: { status: 501, headers: {} } },
    { name: 'names no digest', head: { status: 200, headers: {} } },
    {
      name: 'names nonsense',
      head: { status: 200, headers: { 'docker-content-digest': 'sha256:nonsense' } },
    },
  ])('is a GET where the registry $name, and from then on at once', async ({ head }) => {
    const server = await listen((request, response) => {
      if (request.method === 'HEAD') response.writeHead(head.status, head.headers).end();
      else
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }).end(body);
    });
    const client = newClient();
    expect(await probe(server.host, client)).toBe(bodyDigest);
    expect(await probe(server.host, client)).toBe(bodyDigest);
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'GET']);
  });

  it.each([
    { status: 404, want: 'manifest-unknown' },
    { status: 401, want: 'unauthorized' },
    { status: 500, want: 'registry-error' },
    { status: 429, want: 'too-many-requests' },
  ])('fails with $status as $want', async ({ status, want }) => {
    const server = await listen((_request, response) => response.writeHead(status).end());
    await expect(probe(server.host)).rejects.toMatchObject({ code: want });
  });
});

describe('limits that a registry announces', () => {
  it.each([
    { name: 'Retry-After', headers: { 'retry-after': '60' }, status: 429 },
    { name: 'Retry-After of a 503', headers: { 'retry-after': '60' }, status: 503 },
    {
      name: 'the last request of a window',
      headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': '60' },
      status: 200,
    },
  ])('$name closes its gate', async ({ headers, status }) => {
    const server = await listen((_request, response) => response.writeHead(status, headers).end(body));
    const client = newClient();
    await client.getManifest(accessTo(server.host), 'latest').catch(() => undefined);
    await expect(client.getManifest(accessTo(server.host), 'latest')).rejects.toMatchObject({
      code: 'too-many-requests',
      retryAfterMs: expect.closeTo(60_000, -4),
    });
    expect(server.requests).toHaveLength(1);
  });

  it('not, a refusal says how long the gate stays closed', async () => {
    const server = await listen((_request, response) => response.writeHead(429).end());
    await expect(newClient().getManifest(accessTo(server.host), 'latest')).rejects.toMatchObject({
      code: 'too-many-requests',
      message: 'the registry answered 429',
      retryAfterMs: expect.closeTo(5_600, -4),
    });
  });

  it('leave it open while there is something left', async () => {
    const server = await listen((_request, response) => {
      response
        .writeHead(200, {
          'content-type': 'application/vnd.oci.image.manifest.v1+json',
          'ratelimit-remaining': '99;w=21600',
        })
        .end(body);
    });
    const client = newClient();
    await client.getManifest(accessTo(server.host), 'latest');
    await client.getManifest(accessTo(server.host), 'latest');
    expect(server.requests).toHaveLength(2);
  });
});

describe('a tag list', () => {
  it('is read page by page, and what is no tag is left out', async () => {
    const pages: Readonly<Record<string, { tags: unknown; next?: string }>> = {
      '?n=1000': { tags: ['latest', '1.0', 7, 'no tag', '../x'], next: '?n=1000&last=1.0' },
      '?n=1000&last=1.0': { tags: ['2.0', 'latest'], next: '?n=1000&last=2.0' },
      '?n=1000&last=2.0': { tags: null },
    };
    const server = await listen((request, response) => {
      const page = pages[new URL(request.url ?? '', 'http://x').search];
      const link =
        page?.next === undefined ? {} : { link: `</v2/org/app/tags/list${page.next}>; rel="next"` };
      response
        .writeHead(page === undefined ? 500 : 200, link)
        .end(JSON.stringify({ name: 'org/app', tags: page?.tags }));
    });
    expect(await newClient().listTags(accessTo(server.host))).toEqual(['latest', '1.0', '2.0']);
    expect(server.requests).toHaveLength(3);
  });

  it.each([
    { name: 'another host', link: '<http://elsewhere.example/v2/org/app/tags/list?n=1>; rel="next"' },
    { name: 'another repository', link: '</v2/org/secret/tags/list>; rel="next"' },
    { name: 'another path', link: '</v2/org/app/../secret/tags/list>; rel="next"' },
    { name: 'nowhere', link: '<http://[>; rel="next"' },
  ])('does not lead to $name', async ({ link }) => {
    const server = await listen((_request, response) =>
      response.writeHead(200, { link }).end('{"tags":["a"]}'),
    );
    await expect(newClient().listTags(accessTo(server.host))).rejects.toThrow('not in the same repository');
    expect(server.requests).toHaveLength(1);
  });

  it('that never ends is read for two hundred pages', async () => {
    const server = await listen((_request, response) => {
      const next = `</v2/org/app/tags/list?last=${server.requests.length}>; rel="next"`;
      response.writeHead(200, { link: next }).end(JSON.stringify({ tags: [`t${server.requests.length}`] }));
    });
    expect(await newClient().listTags(accessTo(server.host))).toHaveLength(200);
    expect(server.requests).toHaveLength(200);
  });

  it('of a host that is no registry is refused', async () => {
    const server = await listen((_request, response) => response.end('<html>'));
    await expect(newClient().listTags(accessTo(server.host))).rejects.toMatchObject({
      code: 'not-a-registry',
    });
  });
});
