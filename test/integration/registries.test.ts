// Tests of what other tests use: the real registry with certificates and credentials, and the odd images in it.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { basicAuthorization, htpasswdUsers } from '../support/htpasswd.ts';
import {
  buildAttestation,
  buildImage,
  buildIndex,
  buildSchema1,
  deleteManifest,
  descriptorOf,
  pushBuilt,
  pushImage,
  pushManifest,
} from '../support/images.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { getServedManifest, type ServedManifest } from '../support/served-manifest.ts';
import { readTlsIdentity } from '../support/tls-files.ts';
import { TokenServer } from '../support/token-server.ts';

const { puller, pullerRotated, robot } = htpasswdUsers;

describe('a registry with TLS', () => {
  let registry: RegistryServer;
  beforeAll(async () => {
    registry = await startRegistry({ assets: inject('cluster').assets, tls: inject('cluster') });
  });
  afterAll(async () => {
    await registry.close();
  });

  it('takes and gives images to those who trust its authority', async () => {
    const image = await pushImage(registry.target('app', '1'), { content: 'over TLS' });

    expect(registry.url).toBe(`https://${registry.host}`);
    expect(await getManifest(registry, 'app', '1')).toMatchObject({ status: 200, digest: image.digest });
  });

  it('is refused by all others', async () => {
    await expect(request(`${registry.url}/v2/`)).rejects.toThrow(/certificate/);
  });

  it('lets images be deleted', async () => {
    const { digest } = await pushImage(registry.target('deleted', '1'), { content: 'to be deleted' });

    await deleteManifest(registry.target('deleted'), digest);

    expect(await getManifest(registry, 'deleted', '1')).toMatchObject({ status: 404 });
  });
});

describe('a registry with htpasswd', () => {
  let registry: RegistryServer;
  beforeAll(async () => {
    const auth = { kind: 'htpasswd', users: [puller, robot] } as const;
    registry = await startRegistry({ assets: inject('cluster').assets, auth });
    await pushImage(registry.target('org/app', '1'), { content: 'for members' });
  });
  afterAll(async () => {
    await registry.close();
  });

  it.each([
    { name: 'nobody', authorization: undefined, want: 401 },
    { name: 'a user', authorization: basicAuthorization(puller), want: 200 },
    { name: 'a name and a password of odd characters', authorization: basicAuthorization(robot), want: 200 },
    { name: 'a wrong password', authorization: basicAuthorization(pullerRotated), want: 401 },
    {
      name: 'an unknown user',
      authorization: basicAuthorization({ ...puller, name: 'stranger' }),
      want: 401,
    },
  ])('answers $want to $name', async ({ authorization, want }) => {
    const answer = await getManifest(registry, 'org/app', '1', authorization);

    expect(answer.status).toBe(want);
    expect(answer.challenge).toBe(want === 401 ? 'Basic realm="test registry"' : undefined);
  });

  it('changes passwords while it runs', async () => {
    await registry.changeUsers([pullerRotated]);

    const before = await getManifest(registry, 'org/app', '1', basicAuthorization(puller));
    const after = await getManifest(registry, 'org/app', '1', basicAuthorization(pullerRotated));

    expect([before.status, after.status]).toEqual([401, 200]);
  });
});

describe('a registry with a token server', () => {
  const alice = { name: 'alice', password: 'opensesame', identityToken: 'alice-identity' };
  const scope = 'repository:org/app:pull';
  let tokens: TokenServer;
  let registry: RegistryServer;
  beforeAll(async () => {
    tokens = await TokenServer.start({
      users: [alice, { name: 'bob', password: 'b' }],
      isPublic: (repository) => repository.startsWith('public/'),
      mayUse: (user) => (user === 'alice' ? ['pull'] : []),
      expiresIn: 120,
    });
    const auth = { kind: 'token', server: tokens } as const;
    registry = await startRegistry({ assets: inject('cluster').assets, auth });
    await pushImage(registry.target('org/app', '1'), { content: 'for members' });
    await pushImage(registry.target('public/app', '1'), { content: 'for everybody' });
  });
  afterAll(async () => {
    await registry.close();
    await tokens[Symbol.asyncDispose]();
  });

  async function ask(
    query: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<TokenReply> {
    const parameters = new URLSearchParams({ service: tokens.service, scope, ...query });
    const answer = await request(`${tokens.realm}?${parameters.toString()}`, { headers });
    return { status: answer.statusCode, ...((await answer.body.json()) as object) };
  }

  async function post(form: Record<string, string>): Promise<TokenReply> {
    const answer = await request(tokens.realm, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ service: tokens.service, scope, client_id: 'test', ...form }).toString(),
    });
    return { status: answer.statusCode, ...((await answer.body.json()) as object) };
  }

  async function opens(token: string | undefined, repository = 'org/app'): Promise<number> {
    const { status } = await getManifest(registry, repository, '1', `Bearer ${token}`);
    return status;
  }

  it('sends those without a token there', async () => {
    expect(await getManifest(registry, 'org/app', '1')).toMatchObject({
      status: 401,
      challenge: `Bearer realm="${tokens.realm}",service="test-registry",scope="${scope}"`,
    });
  });

  it('opens to a token that was asked for with Basic credentials, for its repository only', async () => {
    const reply = await ask({ account: 'alice' }, { authorization: basicAuthorization(alice) });

    expect(reply).toMatchObject({ status: 200, expires_in: 120, access_token: reply.token });
    expect(await opens(reply.token)).toBe(200);
    expect(await opens(reply.token, 'public/app')).toBe(401);
  });

  it('opens to a token that nobody in particular asked for where that is allowed', async () => {
    const allowed = await ask({ scope: 'repository:public/app:pull' });
    const refused = await ask({});

    expect([allowed.status, await opens(allowed.token, 'public/app')]).toEqual([200, 200]);
    expect([refused.status, await opens(refused.token)]).toEqual([200, 401]);
  });

  it('stays closed to a user without the right', async () => {
    const reply = await ask({}, { authorization: basicAuthorization({ name: 'bob', password: 'b' }) });

    expect(await opens(reply.token)).toBe(401);
  });

  it('opens to a token for an identity token', async () => {
    const reply = await post({ grant_type: 'refresh_token', refresh_token: 'alice-identity' });

    expect(reply).toMatchObject({ status: 200, scope });
    expect(reply.refresh_token).toBeUndefined();
    expect(await opens(reply.access_token)).toBe(200);
  });

  it('opens to a token for a password, which comes with an identity token when asked', async () => {
    const { name: username, password } = alice;
    const reply = await post({ grant_type: 'password', username, password, access_type: 'offline' });

    expect(reply).toMatchObject({ status: 200, refresh_token: 'alice-identity' });
    expect(await opens(reply.access_token)).toBe(200);
  });

  it('gives nothing to wrong credentials, nor for another service', async () => {
    const wrong = basicAuthorization({ name: 'alice', password: 'x' });
    const replies = [
      await ask({}, { authorization: wrong }),
      await post({ grant_type: 'refresh_token', refresh_token: 'x' }),
      await post({ grant_type: 'password', username: 'alice', password: 'x' }),
      await post({ grant_type: 'other' }),
      await ask({ service: 'another' }),
    ];

    expect(replies.map(({ status }) => status)).toEqual([401, 401, 401, 401, 400]);
  });

  it('stays closed to a token with a strange signature', async () => {
    expect(await opens(tokens.forge('org/app'))).toBe(401);
  });

  it('has a server that tells what it was asked, misbehaves and recovers', async () => {
    tokens.forget();
    tokens.behave(() => ({ status: 503, body: '{}' }));
    const failed = await ask({});
    tokens.recover();
    const recovered = await ask({}, { authorization: basicAuthorization(alice) });

    expect([failed.status, recovered.status]).toEqual([503, 200]);
    expect(tokens.requests).toMatchObject([
      { method: 'GET', grant: 'get', scopes: [scope], authorization: undefined, status: 503 },
      { method: 'GET', grant: 'get', user: 'alice', status: 200 },
    ]);
  });

  it('can speak HTTPS, like its server', async () => {
    const facts = inject('cluster');
    const server = await TokenServer.start({ tls: await readTlsIdentity(facts) });
    onTestFinished(() => server[Symbol.asyncDispose]());
    const secure = await startRegistry({
      assets: facts.assets,
      tls: facts,
      auth: { kind: 'token', server },
    });
    onTestFinished(() => secure.close());
    await pushImage(secure.target('app', '1'), { content: 'both' });

    const closed = await getManifest(secure, 'app', '1');
    const open = await getManifest(secure, 'app', '1', `Bearer ${server.issue('app', ['pull'])}`);

    expect(closed).toMatchObject({ status: 401, challenge: expect.stringContaining(`realm="https://`) });
    expect(open.status).toBe(200);
  });
});

interface TokenReply {
  readonly status: number;
  readonly token?: string;
  readonly access_token?: string;
  readonly refresh_token?: string;
}

describe('odd images', () => {
  let registry: RegistryServer;
  beforeAll(async () => {
    registry = await startRegistry({ assets: inject('cluster').assets });
  });
  afterAll(async () => {
    await registry.close();
  });

  it('are taken by a real registry: attestations, entries without platform, an index in an index', async () => {
    const repository = 'odd';
    const image = await pushImage(registry.target(repository), { content: 'odd' });
    const attestation = buildAttestation(image);
    await pushBuilt(registry.target(repository), attestation.image);
    const inner = buildIndex({ entries: [{ ...descriptorOf(image), platform: image.platform }] });
    await pushManifest(registry.target(repository), inner);
    const entries = [descriptorOf(image), attestation.entry, descriptorOf(inner)];

    const outer = buildIndex({ entries });
    await pushManifest(registry.target(repository, 'all'), outer);

    const served = await getManifest(registry, repository, 'all');
    expect(served).toMatchObject({ status: 200, digest: outer.digest });
    expect(JSON.parse(served.text).manifests).toEqual(entries);
  });

  it('can have a configuration of a size that is asked for', () => {
    const { config } = buildImage({ content: 'big', configBytes: 9 * 1024 ** 2 });

    expect(config.bytes.length).toBeGreaterThan(9 * 1024 ** 2);
  });

  it('of schema 1 are refused by a real registry', async () => {
    const pushed = pushManifest(registry.target('old', '1'), buildSchema1('old', '1'));

    await expect(pushed).rejects.toThrow(/: 400 .*(MANIFEST_INVALID|unsupported|schema)/i);
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
