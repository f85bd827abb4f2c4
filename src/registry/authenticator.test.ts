import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { HttpListener } from '../../test/support/http-listener.ts';
import type { Credential, PullCredential } from '../domain/pull-credentials.ts';
import { systemClock } from '../runtime/clock.ts';
import { Authenticator, type RepositoryRequest } from './authenticator.ts';
import { RegistryTransport } from './transport.ts';

const alice: Credential = { kind: 'password', username: 'alice', password: 'wonder land' };
const basicOfAlice = `Basic ${Buffer.from('alice:wonder land').toString('base64')}`;

function account(credential: Credential): PullCredential {
  return { credential, secret: 'pull', key: 'registry' };
}

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpListener> {
  const server = await HttpListener.start(handler);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function newAuthenticator(trustedRealms: readonly string[] = []): Authenticator {
  const transport = new RegistryTransport({ userAgent: 'test' });
  onTestFinished(() => transport.close());
  return new Authenticator({ transport, clock: systemClock, trustedRealms: new Set(trustedRealms) });
}

function ask(host: string, credential?: Credential, repository = 'org/app'): RepositoryRequest {
  return {
    host,
    repository,
    path: `/v2/${repository}/manifests/latest`,
    insecure: true,
    ca: undefined,
    headers: {},
    maxBytes: 1_000,
    signal: new AbortController().signal,
    credential: credential === undefined ? undefined : account(credential),
  };
}

/** A registry that wants `wanted` in the Authorization header and otherwise answers with a challenge. */
async function registry(wanted: string, challenge: () => string): Promise<HttpListener> {
  return listen((request, response) => {
    if (request.headers.authorization === wanted) response.end('{}');
    else response.writeHead(401, { 'www-authenticate': challenge() }).end();
  });
}

/** Authorization headers that a server was sent, in their order. */
function authorizations(server: HttpListener): readonly (string | undefined)[] {
  return server.requests.map(({ headers }) => headers.authorization);
}

describe('Basic', () => {
  it('is answered once, and sent at once from then on', async () => {
    const server = await registry(basicOfAlice, () => 'Basic realm="x"');
    const authenticator = newAuthenticator();
    expect((await authenticator.send(ask(server.host, alice))).status).toBe(200);
    expect((await authenticator.send(ask(server.host, alice))).status).toBe(200);
    expect(authorizations(server)).toEqual([undefined, basicOfAlice, basicOfAlice]);
  });

  it('of one account is never sent for another, nor for none', async () => {
    const server = await registry(basicOfAlice, () => 'Basic realm="x"');
    const authenticator = newAuthenticator();
    await authenticator.send(ask(server.host, alice));
    expect((await authenticator.send(ask(server.host))).status).toBe(401);
    const bob = { ...alice, username: 'bob' };
    expect((await authenticator.send(ask(server.host, bob))).status).toBe(401);
    expect(authorizations(server).slice(2)).toEqual([
      undefined,
      undefined,
      `Basic ${Buffer.from('bob:wonder land').toString('base64')}`,
    ]);
  });
});

describe('a token', () => {
  it('is got by GET with Basic credentials, service, scope and account', async () => {
    const tokens = await listen((_request, response) => response.end('{"token":"t1","expires_in":300}'));
    const server = await registry(
      'Bearer t1',
      () => `Bearer realm="${tokens.url}/token?own=1",service="the registry"`,
    );
    const response = await newAuthenticator().send(ask(server.host, alice));
    expect(response.status).toBe(200);
    expect(tokens.paths).toEqual([
      '/token?own=1&service=the+registry&scope=repository%3Aorg%2Fapp%3Apull&account=alice',
    ]);
    expect(authorizations(tokens)).toEqual([basicOfAlice]);
    expect(authorizations(server)).toEqual([undefined, 'Bearer t1']);
  });

  it('is got by OAuth2 POST with an identity token', async () => {
    const bodies: string[] = [];
    const tokens = await listen((request, response) => {
      void text(request).then((body) => {
        bodies.push(`${request.method} ${request.url} ${body}`);
        response.end('{"access_token":"t2"}');
      });
    });
    const server = await registry('Bearer t2', () => `Bearer realm="${tokens.url}/oauth",service="s"`);
    const response = await newAuthenticator().send(
      ask(server.host, { kind: 'identity-token', token: 'refresh me' }),
    );
    expect(response.status).toBe(200);
    expect(bodies).toEqual([
      'POST /oauth service=s&scope=repository%3Aorg%2Fapp%3Apull&grant_type=refresh_token&refresh_token=refresh+me&client_id=imagestream-operator',
    ]);
    expect(authorizations(tokens)).toEqual([undefined]);
  });

  it('of the secret is sent as it is', async () => {
    const server = await registry('Bearer mine', () => 'Bearer realm="http://127.0.0.1:1/"');
    const response = await newAuthenticator().send(
      ask(server.host, { kind: 'registry-token', token: 'mine' }),
    );
    expect(response.status).toBe(200);
  });

  it('is fetched to its end for the others when who asked first gives up', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const tokens = await listen((_request, response) => {
      void held.then(() => response.end('{"token":"t"}'));
    });
    const server = await registry('Bearer t', () => `Bearer realm="${tokens.url}/"`);
    const authenticator = newAuthenticator();
    const abort = new AbortController();
    const first = authenticator.send({ ...ask(server.host, alice), signal: abort.signal });
    first.catch(() => undefined);
    await eventually(async () => tokens.requests.length === 1, { what: 'the token to be asked for' });
    const second = authenticator.send(ask(server.host, alice));
    abort.abort(new Error('enough'));
    letGo();
    expect((await second).status).toBe(200);
    expect(tokens.requests).toHaveLength(1);
  });

  it('is fetched once for many who ask together, per repository', async () => {
    const tokens = await listen((_request, response) => response.end('{"token":"t"}'));
    const server = await registry('Bearer t', () => `Bearer realm="${tokens.url}/"`);
    const authenticator = newAuthenticator();
    await Promise.all(Array.from({ length: 10 }, () => authenticator.send(ask(server.host, alice))));
    expect(tokens.requests).toHaveLength(1);
    await authenticator.send(ask(server.host, alice, 'org/other'));
    expect(tokens.requests).toHaveLength(2);
  });

  it('that the registry refuses is fetched anew', async () => {
    let current = 1;
    const tokens = await listen((_request, response) => response.end(`{"token":"t${current}"}`));
    const server: HttpListener = await listen((request, response) => {
      if (request.headers.authorization === `Bearer t${current}`) response.end('{}');
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}/"` }).end();
    });
    const authenticator = newAuthenticator();
    await authenticator.send(ask(server.host, alice));
    current = 2;
    expect((await authenticator.send(ask(server.host, alice))).status).toBe(200);
    expect(tokens.requests).toHaveLength(2);
  });
});

describe('what a registry wanted', () => {
  /** A token server, and a registry that sends people there; `answer` is how they answer from then on. */
  async function world() {
    const answer = { status: 200, wanted: 'Bearer t', realm: '' };
    const tokens = await listen((_request, response) =>
      response.writeHead(answer.status).end('{"token":"t"}'),
    );
    answer.realm = tokens.url;
    const server = await listen(({ headers, url }, response) => {
      const { authorization } = headers;
      if (answer.wanted === '' || authorization === answer.wanted) return response.end('{}');
      const repository = url?.replace(/^\/v2\/|\/manifests.*$/g, '');
      const why = authorization === undefined ? '' : ',error="invalid_token"';
      const wanted = `Bearer realm="${answer.realm}/",service="s",scope="repository:${repository}:pull"${why}`;
      return response.writeHead(401, { 'www-authenticate': wanted }).end();
    });
    return { answer, tokens, server, authenticator: newAuthenticator() };
  }

  it('is answered at once for a neighbour', async () => {
    const { tokens, server, authenticator } = await world();
    await authenticator.send(ask(server.host, alice));
    expect((await authenticator.send(ask(server.host, alice, 'org/other'))).status).toBe(200);
    expect(authorizations(server)).toEqual([undefined, 'Bearer t', 'Bearer t']);
    expect(tokens.paths.map((path) => new URLSearchParams(path.slice(2)).get('scope'))).toEqual([
      'repository:org/app:pull',
      'repository:org/other:pull',
    ]);
  });

  it.each([
    { what: 'another account', credential: { ...alice, username: 'bob' }, repository: 'org/app' },
    { what: 'nobody', credential: undefined, repository: 'org/app' },
    { what: 'another part of it', credential: alice, repository: 'other/app' },
  ])('is not thought to be wanted of $what', async ({ credential, repository }) => {
    const { server, authenticator } = await world();
    await authenticator.send(ask(server.host, alice));
    await authenticator.send(ask(server.host, credential, repository));
    expect(authorizations(server).slice(2)).toEqual([undefined, 'Bearer t']);
  });

  it('may be something else by now', async () => {
    const { answer, server, authenticator } = await world();
    await authenticator.send(ask(server.host, alice));
    const moved = await listen((_request, response) => response.end('{"token":"t"}'));
    answer.status = 404;
    answer.realm = moved.url;
    expect((await authenticator.send(ask(server.host, alice, 'org/other'))).status).toBe(200);
    // And this is what it wants from now on.
    expect((await authenticator.send(ask(server.host, alice, 'org/third'))).status).toBe(200);
    expect(authorizations(server).slice(2)).toEqual([undefined, 'Bearer t', 'Bearer t']);
  });

  it('may be nothing by now', async () => {
    const { answer, server, authenticator } = await world();
    await authenticator.send(ask(server.host, alice));
    answer.status = 500;
    answer.wanted = '';
    expect((await authenticator.send(ask(server.host, alice, 'org/other'))).status).toBe(200);
  });

  it('costs one request to each when it cannot be given', async () => {
    const { answer, tokens, server, authenticator } = await world();
    await authenticator.send(ask(server.host, alice));
    answer.status = 403;
    await expect(authenticator.send(ask(server.host, alice, 'org/other'))).rejects.toMatchObject({
      code: 'unauthorized',
    });
    expect(tokens.requests).toHaveLength(2);
    expect(server.requests).toHaveLength(3);
  });

  it('costs one token when the registry does not take it', async () => {
    const { answer, tokens, server, authenticator } = await world();
    await authenticator.send(ask(server.host, alice));
    answer.wanted = 'Bearer another';
    expect((await authenticator.send(ask(server.host, alice, 'org/other'))).status).toBe(401);
    expect([tokens.requests.length, server.requests.length]).toEqual([2, 3]);
  });

  it('is not needed where the registry wants nothing, also when the token server is busy', async () => {
    const { answer, server, authenticator } = await world();
    await authenticator.send(ask(server.host, alice));
    answer.status = 429;
    const busy = authenticator.send(ask(server.host, alice, 'org/other'));
    await expect(busy).rejects.toMatchObject({ code: 'too-many-requests' });
    answer.wanted = '';
    expect((await authenticator.send(ask(server.host, alice, 'org/third'))).status).toBe(200);
  });
});

describe('credentials', () => {
  it('stay away from a token server that does not belong to the registry', async () => {
    // Both names are loopback; the rule goes by the name.
    const tokens = await listen((_request, response) => response.writeHead(401).end());
    const realm = tokens.url.replace('127.0.0.1', 'localhost');
    const server = await registry('Bearer t', () => `Bearer realm="${realm}/token",service="s"`);
    await expect(newAuthenticator().send(ask(server.host, alice))).rejects.toThrow();
    for (const { url, headers } of tokens.requests) {
      expect(headers.authorization).toBeUndefined();
      expect(url).not.toContain('alice');
    }
  });

  it('that stayed away are named when an anonymous token does not do', async () => {
    const tokens = await listen((_request, response) => response.end('{"token":"anonymous"}'));
    const realm = tokens.url.replace('127.0.0.1', 'localhost');
    const server = await registry('Bearer alices', () => `Bearer realm="${realm}/token"`);
    const asking = newAuthenticator().send(ask(server.host.replace('127.0.0.1', 'localhost'), alice));
    expect((await asking).status).toBe(401);
    const foreign = await registry('Bearer alices', () => `Bearer realm="${tokens.url}/token"`);
    await expect(
      newAuthenticator().send(ask(foreign.host.replace('127.0.0.1', 'localhost'), alice)),
    ).rejects.toThrow();
  });

  it('are refused by the token server: it says so', async () => {
    const tokens = await listen((_request, response) =>
      response.writeHead(401).end('{"details":"alice who?"}'),
    );
    const server = await registry('Bearer t', () => `Bearer realm="${tokens.url}/"`);
    const failing = newAuthenticator().send(ask(server.host, alice));
    await expect(failing).rejects.toMatchObject({
      code: 'unauthorized',
      message: `the token server ${tokens.host} refused the credentials (401)`,
    });
  });
});
