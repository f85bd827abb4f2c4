import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';

import { createNamespace, type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { htpasswdUsers } from '../support/htpasswd.ts';
import { pushImage } from '../support/images.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { configMaps, imageStream, imageStreams, secrets } from '../support/resources.ts';
import { requestImport, streamTagFails, streamTagHas } from '../support/stream-waits.ts';
import { TokenServer } from '../support/token-server.ts';

const { puller, pullerRotated } = htpasswdUsers;

let cluster: SharedCluster;
let namespace: string;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());
beforeEach(async () => {
  const fresh = await createNamespace(cluster.kube, 'credentials');
  namespace = fresh.name;
  onTestFinished(() => fresh[Symbol.asyncDispose]());
});

/** Creates a pull secret with these entries. */
async function createSecret(
  name: string,
  auths: unknown,
  annotations: Record<string, string> = {},
): Promise<void> {
  const text = typeof auths === 'string' ? auths : JSON.stringify({ auths });
  await cluster.kube.create(secrets, {
    metadata: { namespace, name, annotations },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(text).toString('base64') },
  });
}

async function createStream(name: string, image: string, insecure = true): Promise<void> {
  await cluster.kube.create(
    imageStreams,
    imageStream({ namespace, name, tags: { latest: image }, insecure }),
  );
}

const stream = (name: string) => ({ kube: cluster.kube, namespace, name });

describe('a registry with Basic authentication', () => {
  let registry: RegistryServer;
  let digest: string;
  beforeAll(async () => {
    const auth = { kind: 'htpasswd', users: [puller] } as const;
    registry = await startRegistry({ assets: inject('cluster').assets, auth });
    ({ digest } = await pushImage(registry.target('org/app', '1'), { content: 'for members' }));
  });
  afterAll(() => registry.close());

  const entry = ({ name, password }: { name: string; password: string }) => ({ username: name, password });

  it('opens to the secret of the namespace, and broken secrets beside it do not matter', async () => {
    await createSecret('a-broken', '{"auths": ["nonsense"]}');
    await createSecret('b-good', { [registry.host]: entry(puller) });
    await createStream('app', `${registry.host}/org/app:1`);
    await streamTagHas(stream('app'), 'latest', digest);
  });

  it('stays closed without one: the condition says so, and a secret that is created later is found', async () => {
    await createStream('app', `${registry.host}/org/app:1`);
    const { reason, message } = await streamTagFails(stream('app'), 'latest');
    expect(reason).toBe('Unauthorized');
    expect(message).toBe(
      `you may not have access to the container image "${registry.host}/org/app:1"; no pull secret of the namespace is for ${registry.host}`,
    );
    await createSecret('pull', { [registry.host]: entry(puller) });
    await requestImport(stream('app'));
    await streamTagHas(stream('app'), 'latest', digest);
  });

  it('names the secret that was tried and the ones that are broken, never their content', async () => {
    await createSecret('broken', '{"auths": ["hunter2"]}');
    await createSecret('wrong', { [`${registry.host}/org`]: { username: 'puller', password: 'hunter3' } });
    await createStream('app', `${registry.host}/org/app:1`);
    const { message } = await streamTagFails(stream('app'), 'latest');
    expect(message).toContain(`; tried secret "wrong", entry "${registry.host}/org": `);
    expect(message).toContain('; secret "broken" is not used: its .dockerconfigjson has no object auths');
    expect(message).not.toMatch(/hunter/);
  });

  it('is asked with the secret of the path that fits best, not with an excluded one', async () => {
    const exclude = { 'openshift.io/image.excludeSecret': 'true' };
    await createSecret(
      'a-excluded',
      { [`${registry.host}/org/app`]: { username: 'x', password: 'y' } },
      exclude,
    );
    await createSecret('b-host', { [registry.host]: { username: 'x', password: 'y' } });
    await createSecret('c-path', { [`${registry.host}/org`]: entry(puller) });
    await createStream('app', `${registry.host}/org/app:1`);
    await streamTagHas(stream('app'), 'latest', digest);
  });

  it('sees a rotated password without a restart', async () => {
    await createSecret('pull', { [registry.host]: entry(puller) });
    await createStream('app', `${registry.host}/org/app:1`);
    await streamTagHas(stream('app'), 'latest', digest);
    await registry.changeUsers([pullerRotated]);
    onTestFinished(() => registry.changeUsers([puller]));
    const data = Buffer.from(JSON.stringify({ auths: { [registry.host]: entry(pullerRotated) } })).toString(
      'base64',
    );
    await cluster.kube.patch(secrets, { namespace, name: 'pull' }, { data: { '.dockerconfigjson': data } });
    await createStream('again', `${registry.host}/org/app:1`);
    await streamTagHas(stream('again'), 'latest', digest);
  });
});

describe('a registry with a token server', () => {
  const alice = { name: 'alice', password: 'opensesame', identityToken: 'alice-identity' };
  let tokens: TokenServer;
  let registry: RegistryServer;
  let member: string;
  let everybody: string;
  beforeAll(async () => {
    tokens = await TokenServer.start({
      users: [alice],
      isPublic: (repository) => repository.startsWith('public/'),
      mayUse: () => ['pull'],
    });
    registry = await startRegistry({
      assets: inject('cluster').assets,
      auth: { kind: 'token', server: tokens },
    });
    ({ digest: member } = await pushImage(registry.target('org/app', '1'), { content: 'for members' }));
    ({ digest: everybody } = await pushImage(registry.target('public/app', '1'), {
      content: 'for everybody',
    }));
  });
  afterAll(async () => {
    await registry.close();
    await tokens[Symbol.asyncDispose]();
  });

  it('opens to nobody in particular for a public image', async () => {
    await createStream('app', `${registry.host}/public/app:1`);
    await streamTagHas(stream('app'), 'latest', everybody);
  });

  it('opens to a password', async () => {
    await createSecret('pull', { [registry.host]: { username: 'alice', password: 'opensesame' } });
    await createStream('app', `${registry.host}/org/app:1`);
    await streamTagHas(stream('app'), 'latest', member);
  });

  it('opens to an identity token', async () => {
    await createSecret('pull', { [registry.host]: { identitytoken: 'alice-identity' } });
    await createStream('app', `${registry.host}/org/app:1`);
    await streamTagHas(stream('app'), 'latest', member);
  });

  it('opens a public image also to those whose password is wrong', async () => {
    await createSecret('pull', { [registry.host]: { username: 'alice', password: 'forgotten' } });
    await createStream('public', `${registry.host}/public/app:1`);
    await createStream('member', `${registry.host}/org/app:1`);
    await streamTagHas(stream('public'), 'latest', everybody);
    const { message } = await streamTagFails(stream('member'), 'latest');
    expect(message).toMatch(
      /tried secret "pull", entry "\S+": the token server \S+ refused the credentials \(401\)/,
    );
  });
});

describe('a registry with a certificate of a private authority', () => {
  it('is trusted as soon as the namespace brings the authority along', async () => {
    const facts = inject('cluster');
    const registry = await startRegistry({ assets: facts.assets, tls: facts });
    onTestFinished(() => registry.close());
    const image = await pushImage(registry.target('app', '1'), { content: 'over TLS' });
    await createStream('app', `${registry.host}/app:1`, false);
    const { message } = await streamTagFails(stream('app'), 'latest');
    expect(message).toContain('certificate');
    const metadata = { namespace, name: 'imagestream-operator-ca' };
    await cluster.kube.create(configMaps, { metadata, data: { 'ca.crt': facts.ca } });
    await requestImport(stream('app'));
    await streamTagHas(stream('app'), 'latest', image.digest);
  });
});
