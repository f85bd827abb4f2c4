import { describe, expect, it } from 'vitest';
import { parseInvocation } from './invocation.ts';
import { settingsOf } from './settings.ts';

describe('the API face', () => {
  it('has its own settings and those about registries, all explained', () => {
    const help = parseInvocation('face', ['--help'], {});
    if (help.kind !== 'help') throw new Error('no help');
    for (const [, { flag, env }] of settingsOf('face')) {
      expect(help.text).toContain(`--${flag} `);
      expect(help.text).toContain(env);
    }
    const flags = settingsOf('face').map(([, { flag }]) => flag);
    expect(flags).toEqual(expect.arrayContaining(['port', 'registry-policy', 'import-mode', 'log-level']));
    expect(flags).not.toContain('health-port');
    expect(help.text).not.toContain('health-port');
  });

  it('takes flags before variables before defaults', () => {
    const env = { POD_NAMESPACE: 'here', IMAGESTREAM_API_PORT: '1', IMAGESTREAM_PLATFORM: 'linux/arm64' };
    expect(parseInvocation('face', ['--port', '0'], env)).toMatchObject({
      kind: 'run',
      config: {
        port: 0,
        host: '0.0.0.0',
        namespace: 'here',
        certificateFile: undefined,
        platform: { os: 'linux', architecture: 'arm64' },
        repositoryTagLimit: 50,
      },
    });
  });

  it('tells all that is wrong at once', () => {
    const args = ['--port=x', '--tls-cert-file=a.pem', '--health-port=1', '--platform=arm'];
    expect(parseInvocation('face', args, { IMAGESTREAM_NONSENSE: '1' })).toEqual({
      kind: 'invalid',
      faults: [
        '--health-port: there is no such flag; see --help',
        '--platform: must be os/architecture, such as linux/arm64, not "arm"',
        '--port: must be a whole number from 0 to 65535, not "x"',
        'IMAGESTREAM_NONSENSE: there is no such setting',
        '--tls-cert-file and --tls-private-key-file go together: one of them is missing',
      ],
    });
  });
});

it('each program passes over variables of the other one, and refuses its flags', () => {
  const env = { IMAGESTREAM_API_PORT: 'x', IMAGESTREAM_HISTORY_LIMIT: 'x' };
  expect(parseInvocation('operator', ['--port=1'], env)).toEqual({
    kind: 'invalid',
    faults: [
      '--port: there is no such flag; see --help',
      'IMAGESTREAM_HISTORY_LIMIT: must be a whole number from 1 to 1000, not "x"',
    ],
  });
});

const run = (...args: readonly string[]): readonly string[] => {
  const invocation = parseInvocation('operator', args, {});
  return invocation.kind === 'invalid' ? invocation.faults : [];
};

it.each([
  { name: 'as they are', args: [], want: [] },
  {
    name: 'all short',
    args: ['--lease-duration=3s', '--lease-renew-deadline=2s', '--lease-retry-period=1s'],
    want: [],
  },
  {
    name: 'with a deadline that is no shorter than the duration',
    args: ['--lease-duration=10s'],
    want: ['--lease-renew-deadline: must be shorter than --lease-duration'],
  },
  {
    name: 'with a period that leaves no second attempt before the deadline',
    args: ['--lease-renew-deadline=3s'],
    want: ['--lease-retry-period: must be at most half of --lease-renew-deadline'],
  },
])('the times of the Lease are checked together: $name', ({ args, want }) => {
  expect(run(...args)).toEqual(want);
});

it('serves all namespaces, or one that is named', () => {
  const served = (...args: readonly string[]): string | undefined => {
    const invocation = parseInvocation('operator', args, {});
    return invocation.kind === 'run' ? invocation.config.watchNamespace : 'invalid';
  };
  expect(served()).toBeUndefined();
  expect(served('--watch-namespace=team-a')).toBe('team-a');
  expect(served('--watch-namespace=team-a,team-b')).toBe('invalid');
  expect(served('--watch-namespace=')).toBe('invalid');
});

it.each(['', 'Upper', 'a.b', 'a/b', '-a', 'a'.repeat(64)])('%j is no name of a Lease', (name) => {
  expect(run(`--lease-name=${name}`)).toEqual([expect.stringContaining('--lease-name: must be a name of')]);
});
