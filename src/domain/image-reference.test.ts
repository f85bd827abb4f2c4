import { assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import {
  formatImageReference,
  type ImageReference,
  manifestIdentifier,
  parseImageReference,
  pinToDigest,
  registryHost,
  repositoryPath,
} from './image-reference.ts';

function parsed(text: string): ImageReference {
  const result = parseImageReference(text);
  if (!result.ok) throw new Error(`${text}: ${result.problem}`);
  return result.reference;
}

describe('good pull specs', () => {
  const d = digest('a');
  it.each([
    {
      text: 'nginx',
      registry: undefined,
      repository: 'nginx',
      host: 'registry-1.docker.io',
      path: 'library/nginx',
      id: 'latest',
    },
    {
      text: 'nginx:1.27',
      registry: undefined,
      repository: 'nginx',
      host: 'registry-1.docker.io',
      path: 'library/nginx',
      id: '1.27',
    },
    {
      text: 'org/app:v1',
      registry: undefined,
      repository: 'org/app',
      host: 'registry-1.docker.io',
      path: 'org/app',
      id: 'v1',
    },
    {
      text: 'docker.io/nginx',
      registry: 'docker.io',
      repository: 'nginx',
      host: 'registry-1.docker.io',
      path: 'library/nginx',
      id: 'latest',
    },
    {
      text: 'index.docker.io/org/app',
      registry: 'index.docker.io',
      repository: 'org/app',
      host: 'registry-1.docker.io',
      path: 'org/app',
      id: 'latest',
    },
    {
      text: 'quay.io/org/app:1',
      registry: 'quay.io',
      repository: 'org/app',
      host: 'quay.io',
      path: 'org/app',
      id: '1',
    },
    {
      text: 'localhost/app',
      registry: 'localhost',
      repository: 'app',
      host: 'localhost',
      path: 'app',
      id: 'latest',
    },
    {
      text: 'localhost:5000/a/b/c:t',
      registry: 'localhost:5000',
      repository: 'a/b/c',
      host: 'localhost:5000',
      path: 'a/b/c',
      id: 't',
    },
    {
      text: `127.0.0.1:5000/app@${d}`,
      registry: '127.0.0.1:5000',
      repository: 'app',
      host: '127.0.0.1:5000',
      path: 'app',
      id: d,
    },
    {
      text: `Reg.Example.com/app:t@${d}`,
      registry: 'Reg.Example.com',
      repository: 'app',
      host: 'Reg.Example.com',
      path: 'app',
      id: d,
    },
    {
      text: 'a__b/c-d.e',
      registry: undefined,
      repository: 'a__b/c-d.e',
      host: 'registry-1.docker.io',
      path: 'a__b/c-d.e',
      id: 'latest',
    },
  ])('$text', ({ text, registry, repository, host, path, id }) => {
    const reference = parsed(text);
    expect(reference).toMatchObject({ registry, repository });
    expect(registryHost(reference)).toBe(host);
    expect(repositoryPath(reference)).toBe(path);
    expect(manifestIdentifier(reference)).toBe(id);
    expect(formatImageReference(reference)).toBe(text);
  });
});

describe('ugly pull specs', () => {
  it.each([
    { text: '', problem: 'repository name must have at least one component' },
    { text: 'quay.io', problem: 'repository name must have at least one component' },
    { text: ':tag', problem: 'repository name must have at least one component' },
    { text: 'Nginx', problem: 'repository name must be lowercase' },
    { text: 'quay.io/Org/app', problem: 'repository name must be lowercase' },
    { text: 'quay.io//app', problem: 'invalid reference format' },
    { text: 'quay.io/app/', problem: 'invalid reference format' },
    { text: 'https://quay.io/app', problem: 'invalid reference format' },
    { text: 'app:', problem: 'invalid reference format' },
    { text: `app:${'t'.repeat(129)}`, problem: 'invalid reference format' },
    { text: 'app:-x', problem: 'invalid reference format' },
    { text: 'a b', problem: 'invalid reference format' },
    { text: 'app@sha256:abc', problem: 'invalid reference format' },
    { text: `app@sha256:${'a'.repeat(63)}`, problem: 'invalid checksum digest length' },
    { text: `app@sha256:${'A'.repeat(64)}`, problem: 'invalid reference format' },
    { text: `app@md5:${'a'.repeat(32)}`, problem: 'unsupported digest algorithm' },
    { text: 'a'.repeat(256), problem: 'repository name must not be more than 255 characters' },
    { text: '-host.example/app', problem: 'invalid reference format' },
    { text: 'host:port/app', problem: 'invalid reference format' },
    { text: 'user@host/app', problem: 'invalid reference format' },
    { text: 'localhost:99999/app', problem: 'invalid reference format' },
    { text: '256.1.1.1/app', problem: 'invalid reference format' },
    { text: '10.1/app', problem: 'invalid reference format' },
    { text: '0127.0.0.1/app', problem: 'invalid reference format' },
  ])('$text: $problem', ({ text, problem }) => {
    expect(parseImageReference(text)).toEqual({ ok: false, problem });
  });
});

it('keeps the spelling of the person when it pins to a digest', () => {
  expect(pinToDigest(parsed('nginx:1.27'), digest('b'))).toBe(`nginx@${digest('b')}`);
  expect(pinToDigest(parsed('docker.io/nginx'), digest('b'))).toBe(`docker.io/nginx@${digest('b')}`);
});

it('answers for any text, quickly, and what it accepts it prints unchanged', () => {
  assert(
    property(string({ maxLength: 400, unit: constantFrom(...'ab0.-_/:@Z'.split('')) }), (text) => {
      const result = parseImageReference(text);
      if (result.ok) expect(formatImageReference(result.reference)).toBe(text);
    }),
    { numRuns: 2000 },
  );
});
