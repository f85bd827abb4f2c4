import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpListener } from '../../test/support/http-listener.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import { systemClock } from '../runtime/clock.ts';
import { Authenticator } from './authenticator.ts';
import { type FetchedManifest, RegistryClient, type RepositoryAccess } from './client.ts';
import { RegistryError } from './errors.ts';
import { HostGates } from './host-gate.ts';
import { RegistryTransport } from './transport.ts';

const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const body = '{"schemaVersion":2}';
const bodyDigest = digestOf(body);

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const serveManifest: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': mediaType }).end(body);
};

async function listen(handler: Handler): Promise<HttpListener> {
  const server = await HttpListener.start(handler);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function newClient(timeouts = { connectMs: 1_000, headersMs: 1_000, totalMs: 1_500 }): RegistryClient {
  const transport = new RegistryTransport({ userAgent: 'test', timeouts });
  onTestFinished(() => transport.close());
  const authenticator = new Authenticator({ transport, clock: systemClock });
  return new RegistryClient({ authenticator, gates: new HostGates({ clock: systemClock }) });
}

async function getManifest(
  host: string,
  {
    identifier = 'latest',
    insecure = true,
    client = newClient(),
    signal = new AbortController().signal,
  } = {},
): Promise<FetchedManifest> {
  return client.getManifest(accessTo(host, { insecure, signal }), identifier);
}

function accessTo(host: string, more: Partial<RepositoryAccess> = {}): RepositoryAccess {
  const parsed = parseImageReference(`${host}/org/app:latest`);
  if (!parsed.ok) throw new Error(parsed.problem);
  const { signal } = new AbortController();
  return {
    reference: parsed.reference,
    insecure: true,
    ca: undefined,
    credential: undefined,
    signal,
    ...more,
  };
}

/** The failure of a manifest request, as code and message. */
async function failure(host: string, options: Parameters<typeof getManifest>[1] = {}): Promise<string> {
  const error: unknown = await getManifest(host, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RegistryError)) throw new Error(`no RegistryError: ${String(error)}`);
  return `${error.code}: ${error.message}`;
}

describe('a manifest', () => {
  it('comes with the digest of its bytes', async () => {
    const server = await listen(serveManifest);
    expect(await getManifest(server.host)).toEqual({
      digest: bodyDigest,
      contentType: mediaType,
      text: body,
    });
    expect(server.paths).toEqual(['/v2/org/app/manifests/latest']);
    expect(server.requests[0]?.headers.accept).toContain('application/vnd.oci.image.index.v1+json');
  });

  it.each([
    { name: 'asked for', identifier: digestOf('other'), header: {} },
    { name: 'announced', identifier: 'latest', header: { 'docker-content-digest': digestOf('other') } },
  ])('must have the digest that was $name', async ({ identifier, header }) => {
    const server = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': mediaType, ...header }).end(body);
    });
    expect(await failure(server.host, { identifier })).toBe(
      `digest-mismatch: content integrity error: the content with digest ${digestOf('other')} does not match the digest calculated from it, ${bodyDigest}`,
    );
  });

  it('may be announced by another algorithm', async () => {
    const sha512 = `sha512:${createHash('sha512').update(body).digest('hex')}`;
    const server = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': mediaType, 'docker-content-digest': sha512 }).end(body);
    });
    expect((await getManifest(server.host)).digest).toBe(sha512);
  });
});

describe('refusals', () => {
  const json = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });
  it.each([
    {
      status: 404,
      text: json('MANIFEST_UNKNOWN', 'manifest unknown'),
      want: 'manifest-unknown: manifest_unknown: manifest unknown',
    },
    {
      status: 404,
      text: json('NAME_UNKNOWN', 'no such repository'),
      want: 'repository-unknown: name_unknown: no such repository',
    },
    { status: 404, text: '', want: 'manifest-unknown: the registry answered 404' },
    {
      status: 404,
      text: '<html>',
      type: 'text/html',
      want: 'not-a-registry: the host answered with a web page, not as a registry',
    },
    { status: 401, text: '', want: 'unauthorized: the registry answered 401' },
    { status: 403, text: json('DENIED', 'no'), want: 'denied: denied: no' },
    { status: 429, text: '<h1>Slow down</h1>', want: 'too-many-requests: the registry answered 429' },
    { status: 500, text: 'x'.repeat(100_000), want: 'registry-error: the registry answered 500' },
    { status: 302, text: '', want: 'registry-error: the registry answered 302' },
    {
      status: 403,
      text: json('DENIED', `a\n\u001b[31m${'b'.repeat(3_000)}`),
      want: /^denied: denied: a \[31mb{400,}…$/,
    },
    { status: 403, text: '{"errors":[{"code":7,"message":{}}]}', want: 'denied: the registry answered 403' },
    { status: 403, text: '{"errors":"none"}', want: 'denied: the registry answered 403' },
  ])('$status $text', async ({ status, text, type, want }) => {
    const server = await listen((_request, response) => {
      response.writeHead(status, { 'content-type': type ?? 'application/json' }).end(text);
    });
    expect(await failure(server.host)).toMatch(want);
  });

  it('carry the wait that the registry asks for, of an hour at most', async () => {
    const waits: unknown[] = [];
    for (const header of ['7', '999999999', new Date(Date.now() + 60_000).toUTCString(), 'soon']) {
      const server = await listen((_request, response) =>
        response.writeHead(429, { 'retry-after': header }).end(),
      );
      await getManifest(server.host).catch((error: RegistryError) => waits.push(error.retryAfterMs));
    }
    // Where it does not say, the gate's own wait counts.
    expect(waits).toEqual([7_000, 3_600_000, expect.closeTo(60_000, -4), expect.closeTo(5_600, -4)]);
  });
});

describe('a registry that means harm', () => {
  it('does not fill the memory: an answer has an end', async () => {
    let sent = 0;
    const server = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': mediaType });
      const chunk = Buffer.alloc(256 * 1024);
      const write = (): void => {
        while (sent < 1024 ** 3) {
          sent += chunk.length;
          if (!response.write(chunk)) return;
        }
      };
      response.on('drain', write);
      write();
    });
    expect(await failure(server.host)).toBe('too-large: the answer is longer than 4194304 bytes');
    expect(sent).toBeLessThan(64 * 1024 ** 2);
  });

  it('does not send compressed answers: they were not asked for', async () => {
    const server = await listen((_request, response) => {
      response
        .writeHead(200, { 'content-type': mediaType, 'content-encoding': 'gzip' })
        .end(gzipSync(Buffer.alloc(10_000_000)));
    });
    expect(await failure(server.host)).toContain(
      'registry-error: the registry sent a compressed answer (gzip)',
    );
  });

  it.each([
    { name: 'never answers', handler: (() => undefined) as Handler },
    {
      name: 'drips its answer',
      handler: ((_request, response) => {
        response.writeHead(200, { 'content-type': mediaType });
        const timer = setInterval(() => response.write('x'), 50);
        response.on('close', () => clearInterval(timer));
      }) as Handler,
    },
  ])('that $name is given up in time', async ({ handler }) => {
    const server = await listen(handler);
    expect(await failure(server.host)).toBe('timeout: the registry did not answer in time');
  });

  it('does not lead in circles', async () => {
    const server = await listen((request, response) =>
      response.writeHead(307, { location: `${request.url}x` }).end(),
    );
    expect(await failure(server.host)).toBe('registry-error: more than 5 redirects');
    expect(server.requests).toHaveLength(6);
  });

  it.each(['ftp://example.test/x', 'file:///etc/passwd', 'http://['])(
    'does not lead to %s',
    async (location) => {
      const server = await listen((_request, response) => response.writeHead(307, { location }).end());
      expect(await failure(server.host)).toMatch(
        /registry-error: the registry (redirects to \w+:.* which is not HTTPS|sent an invalid redirect)/,
      );
    },
  );

  it('gets an answer to its redirect, without the token when it leads elsewhere', async () => {
    const elsewhere = await listen(serveManifest);
    const server: HttpListener = await listen((request, response) => {
      if (request.url?.startsWith('/token')) response.end('{"token":"secret"}');
      else if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${server.url}/token"` }).end();
      } else if (request.url === '/here')
        response.writeHead(307, { location: `${elsewhere.url}/there` }).end();
      else response.writeHead(307, { location: '/here' }).end();
    });
    expect((await getManifest(server.host)).digest).toBe(bodyDigest);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer secret');
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe('a registry that wants a token', () => {
  /** A registry and its token server in one; `answer` is what the token server says. */
  async function protectedRegistry(answer: (response: ServerResponse) => void): Promise<HttpListener> {
    const server: HttpListener = await listen((request, response) => {
      if (request.url?.startsWith('/token')) answer(response);
      else if (request.headers.authorization === 'Bearer good') serveManifest(request, response);
      else {
        const challenge = `Bearer realm="${server.url}/token",service="the registry",scope="ignored"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
    });
    return server;
  }

  it('gets one, which serves for all further requests', async () => {
    const server = await protectedRegistry((response) =>
      response.end('{"access_token":"good","expires_in":300}'),
    );
    const client = newClient();
    await getManifest(server.host, { client });
    await getManifest(server.host, { client });
    expect(server.paths).toEqual([
      '/v2/org/app/manifests/latest',
      '/token?service=the+registry&scope=repository%3Aorg%2Fapp%3Apull',
      '/v2/org/app/manifests/latest',
      '/v2/org/app/manifests/latest',
    ]);
    for (const { url, headers } of server.requests) {
      if (url?.startsWith('/token')) expect(headers.authorization).toBeUndefined();
    }
  });

  it.each([
    {
      name: 'refuses',
      answer: (r: ServerResponse) => r.writeHead(403).end(),
      want: /^unauthorized: the token server \S+ answered 403$/,
    },
    {
      name: 'is broken',
      answer: (r: ServerResponse) => r.writeHead(500).end(),
      want: /^registry-error: the token server \S+ answered 500$/,
    },
    {
      name: 'sends no token',
      answer: (r: ServerResponse) => r.end('{}'),
      want: /^registry-error: the token server \S+ sent no token$/,
    },
    { name: 'sends no JSON', answer: (r: ServerResponse) => r.end('<html>'), want: /sent no token$/ },
    {
      name: 'sends a header in the token',
      answer: (r: ServerResponse) => r.end('{"token":"a\\r\\nx: y"}'),
      want: /sent no token$/,
    },
    {
      name: 'sends too much',
      answer: (r: ServerResponse) => r.end(JSON.stringify({ token: 'x'.repeat(70_000) })),
      want: /^too-large/,
    },
    {
      name: 'sends a useless token',
      answer: (r: ServerResponse) => r.end('{"token":"bad"}'),
      want: /^unauthorized: the registry answered 401$/,
    },
  ])('fails when its token server $name', async ({ answer, want }) => {
    const server = await protectedRegistry(answer);
    expect(await failure(server.host)).toMatch(want);
  });

  it.each([
    { realm: 'not a url', want: 'the registry names no valid token server' },
    { realm: 'file:///etc/passwd', want: 'does not use HTTPS' },
  ])('may not send us to $realm', async ({ realm, want }) => {
    const server = await listen((_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
    });
    expect(await failure(server.host)).toContain(want);
  });
});

describe('connections', () => {
  it('that are refused say so', async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as { port: number };
    await new Promise((resolve) => probe.close(resolve));
    expect(await failure(`127.0.0.1:${port}`)).toBe(`unreachable: connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it('to a name that does not exist say so', async () => {
    expect(await failure('registry.invalid')).toMatch(
      /^unreachable: getaddrinfo (ENOTFOUND|EAI_AGAIN) registry.invalid$/,
    );
  });

  it('are not downgraded to plain HTTP unless the tag is insecure', async () => {
    const server = await listen(serveManifest);
    expect(await failure(server.host, { insecure: false })).toBe(
      'plain-http: the registry gave an HTTP answer to an HTTPS request',
    );
    expect(server.requests).toHaveLength(0);
  });

  it('end at once when the caller gives up', async () => {
    const server = await listen(() => undefined);
    const abort = new AbortController();
    const client = newClient({ connectMs: 60_000, headersMs: 60_000, totalMs: 60_000 });
    const waiting = client.getManifest(accessTo(server.host, { signal: abort.signal }), '1');
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
