import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenge.ts';

describe('challenges', () => {
  it.each([
    {
      name: 'Docker Hub',
      header:
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"',
      want: [
        {
          scheme: 'bearer',
          parameters: {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:library/nginx:pull',
          },
        },
      ],
    },
    {
      name: 'Basic',
      header: 'Basic realm="Registry Realm"',
      want: [{ scheme: 'basic', parameters: { realm: 'Registry Realm' } }],
    },
    {
      name: 'several in one header',
      header: 'Basic realm="a", Bearer realm="https://t", service=s',
      want: [
        { scheme: 'basic', parameters: { realm: 'a' } },
        { scheme: 'bearer', parameters: { realm: 'https://t', service: 's' } },
      ],
    },
    { name: 'a scheme alone', header: 'Negotiate', want: [{ scheme: 'negotiate', parameters: {} }] },
    {
      name: 'commas and quotes inside',
      header: String.raw`Bearer realm="a,\"b\""`,
      want: [{ scheme: 'bearer', parameters: { realm: 'a,"b"' } }],
    },
    {
      name: 'names in capitals',
      header: 'BEARER Realm="x"',
      want: [{ scheme: 'bearer', parameters: { realm: 'x' } }],
    },
    { name: 'nothing', header: '', want: [] },
    { name: 'nonsense', header: '=,"', want: [] },
  ])('$name', ({ header, want }) => {
    expect(parseChallenges(header)).toEqual(want);
  });

  it('are read in linear time', () => {
    const startedAt = performance.now();
    parseChallenges(`Bearer ${'a="'.repeat(100_000)}`);
    parseChallenges('a'.repeat(1_000_000));
    parseChallenges(`Bearer realm="${'\\'.repeat(1_000_000)}`);
    // A quadratic reader needs minutes for these.
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
