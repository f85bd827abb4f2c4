import { describe, expect, it } from 'vitest';
import { parseImageReference } from './image-reference.ts';
import { buildKeychain, type Credential, findCredentials, type PullSecret } from './pull-credentials.ts';

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString();
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function secret(name: string, auths: unknown, type = 'kubernetes.io/dockerconfigjson'): PullSecret {
  const document = type === 'kubernetes.io/dockercfg' ? auths : { auths };
  return { name, type, data: encode(JSON.stringify(document)) };
}

/** A secret with one entry whose user is named after the key. */
function forKey(key: string): PullSecret {
  return secret('s', { [key]: { username: key, password: 'p' } });
}

function found(secrets: readonly PullSecret[], image: string): readonly string[] {
  const parsed = parseImageReference(image);
  if (!parsed.ok) throw new Error(parsed.problem);
  return findCredentials(buildKeychain(secrets, decode), parsed.reference).map(({ credential }) =>
    credential.kind === 'password' ? credential.username : credential.token,
  );
}

describe('keys', () => {
  it.each([
    { key: 'reg.example.com', image: 'reg.example.com/a/b', match: true },
    { key: 'https://reg.example.com', image: 'reg.example.com/a/b', match: true },
    { key: 'http://reg.example.com/v1/', image: 'reg.example.com/a/b', match: true },
    { key: 'https://reg.example.com/v2', image: 'reg.example.com/a/b', match: true },
    { key: 'REG.example.com', image: 'Reg.Example.com/a', match: true },
    { key: 'reg.example.com:443', image: 'reg.example.com/a', match: true },
    { key: 'reg.example.com:80', image: 'reg.example.com/a', match: true },
    { key: 'reg.example.com:5000', image: 'reg.example.com/a', match: false },
    { key: 'reg.example.com:5000', image: 'reg.example.com:5000/a', match: true },
    { key: 'reg.example.com', image: 'reg.example.com:5000/a', match: false },
    { key: 'reg.example.com', image: 'reg.example.com.evil.test/a', match: false },
    { key: 'example.com', image: 'reg.example.com/a', match: false },
    { key: '*.example.com', image: 'reg.example.com/a', match: true },
    { key: '*.example.com', image: 'a.reg.example.com/a', match: false },
    { key: '*.example.com', image: 'example.com/a', match: false },
    { key: 'reg?.example.com', image: 'reg1.example.com/a', match: true },
    { key: '*', image: 'localhost/a', match: true },
    { key: 'quay.io/org', image: 'quay.io/org/x', match: true },
    { key: 'quay.io/org/', image: 'quay.io/org/x', match: true },
    { key: 'quay.io/org', image: 'quay.io/organization/x', match: false },
    { key: 'quay.io/org/x', image: 'quay.io/org/x:1', match: true },
    { key: 'quay.io/org/x/y', image: 'quay.io/org/x', match: false },
    { key: 'quay.io/Org', image: 'quay.io/org/x', match: false },
    { key: 'https://index.docker.io/v1/', image: 'nginx', match: true },
    { key: 'docker.io', image: 'index.docker.io/library/nginx', match: true },
    { key: 'registry-1.docker.io', image: 'docker.io/org/app', match: true },
    { key: 'docker.io/library', image: 'nginx', match: true },
    { key: 'docker.io/org', image: 'nginx', match: false },
  ])('$key for $image: $match', ({ key, image, match }) => {
    expect(found([forKey(key)], image)).toEqual(match ? [key] : []);
  });

  it('are tried from the most specific on', () => {
    const keys = [
      '*.example.com',
      'reg.example.com',
      'reg.example.com/a',
      'reg.example.com/a/b',
      '*.example.com/a',
    ];
    expect(found(keys.map(forKey), 'reg.example.com/a/b')).toEqual([
      'reg.example.com/a/b',
      'reg.example.com/a',
      '*.example.com/a',
      'reg.example.com',
      '*.example.com',
    ]);
  });

  it('of several secrets are tried in the order of their names', () => {
    const entry = (username: string) => ({ 'quay.io': { username, password: 'p' } });
    expect(found([secret('b', entry('second')), secret('a', entry('first'))], 'quay.io/x')).toEqual([
      'first',
      'second',
    ]);
  });
});

describe('entries', () => {
  it.each<{ name: string; entry: unknown; want: Credential }>([
    {
      name: 'user and password',
      entry: { username: 'u', password: 'p' },
      want: { kind: 'password', username: 'u', password: 'p' },
    },
    {
      name: 'auth, which wins',
      entry: { username: 'x', password: 'y', auth: encode('u:p:q') },
      want: { kind: 'password', username: 'u', password: 'p:q' },
    },
    {
      name: 'auth without padding',
      entry: { auth: encode('user:pw').replace(/=+$/, '') },
      want: { kind: 'password', username: 'user', password: 'pw' },
    },
    {
      name: 'an identity token',
      entry: { auth: encode('<token>:'), identitytoken: 'refresh' },
      want: { kind: 'identity-token', token: 'refresh' },
    },
    {
      name: 'a registry token',
      entry: { registrytoken: 'bearer' },
      want: { kind: 'registry-token', token: 'bearer' },
    },
  ])('$name', ({ entry, want }) => {
    const { entries, problems } = buildKeychain([secret('s', { 'quay.io': entry })], decode);
    expect(problems).toEqual([]);
    expect(entries).toMatchObject([{ credential: want, secret: 's', key: 'quay.io' }]);
  });

  it('of a dockercfg secret stand at its top', () => {
    const old = secret('old', { 'quay.io': { auth: encode('u:p') } }, 'kubernetes.io/dockercfg');
    expect(found([old], 'quay.io/x')).toEqual(['u']);
  });
});

describe('broken secrets', () => {
  const good = secret('good', { 'quay.io': { auth: encode('u:p') } });
  const type = 'kubernetes.io/dockerconfigjson';
  it.each([
    { bad: { name: 'bad', type, data: undefined }, problem: 'it has no .dockerconfigjson' },
    {
      bad: { name: 'bad', type, data: encode('{"auths": "hunter2') },
      problem: 'its .dockerconfigjson is not a JSON object',
    },
    {
      bad: { name: 'bad', type, data: encode('{"auths":[]}') },
      problem: 'its .dockerconfigjson has no object auths',
    },
    { bad: { name: 'bad', type: 'Opaque', data: encode('{}') }, problem: 'its type is Opaque' },
    { bad: { name: 'bad', type, data: 'A'.repeat(3_000_000) }, problem: 'its .dockerconfigjson is too long' },
    {
      bad: secret('bad', { 'quay.io': { auth: encode('hunter2') }, 'x y': { auth: encode('u:p') }, z: 7 }),
      problem: '3 of its entries have no usable credential or host',
    },
    { bad: secret('bad', { 'quay.io': {} }), problem: '1 of its entries has no usable credential or host' },
  ])('$problem', ({ bad, problem }) => {
    const keychain = buildKeychain([bad, good], decode);
    expect(keychain.problems).toEqual([`secret "bad" is not used: ${problem}`]);
    expect(keychain.problems.join()).not.toContain('hunter2');
    expect(keychain.entries.map((entry) => entry.secret)).toEqual(['good']);
  });
});
