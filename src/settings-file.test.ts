import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Program } from './config.ts';
import { parseInvocation } from './invocation.ts';
import { settings } from './settings.ts';
import { readSettingsFile } from './settings-file.ts';

async function fileWith(text: string | Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'settings-file-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'settings.yaml');
  await writeFile(path, text);
  return path;
}

/** The faults of a file, without its path. */
async function faultsOf(text: string | Uint8Array, program: Program = 'operator') {
  const path = await fileWith(text);
  const { faults } = readSettingsFile(path, program);
  for (const fault of faults) expect(fault.startsWith(`${path}: `)).toBe(true);
  return faults.map((fault) => fault.slice(path.length + 2));
}

it('no two settings have the same flag, so that one file serves both programs', () => {
  const flags = Object.values(settings).map(({ flag }) => flag);
  expect(flags.toSorted()).toEqual([...new Set(flags)].toSorted());
});

describe('a file of settings', () => {
  it('gives values as flags do, to each program its own', async () => {
    const path = await fileWith(`
history-limit: 7
schedule-period: 5m
leader-elect: false
platform: linux/arm64
trusted-realms: [auth.example.com, Login.example.com]
lease-name: 1e3
port: 1
`);
    expect(parseInvocation('operator', [`--config=${path}`], {})).toMatchObject({
      kind: 'run',
      config: {
        configFile: path,
        historyLimit: 7,
        schedulePeriod: 300_000,
        leaderElect: false,
        platform: { os: 'linux', architecture: 'arm64' },
        trustedRealms: ['auth.example.com', 'login.example.com'],
        leaseName: '1e3',
        retryMin: 30_000,
      },
    });
    const face = parseInvocation('face', [], { IMAGESTREAM_CONFIG: path });
    expect(face).toMatchObject({ kind: 'run', config: { historyLimit: 7, port: 1 } });
    expect(face).not.toHaveProperty('config.schedulePeriod');
  });

  it('loses against variables, and these against flags', async () => {
    const path = await fileWith('history-limit: 1\nlog-level: warn\nretry-min: 1s\n');
    const env = { IMAGESTREAM_CONFIG: path, IMAGESTREAM_LOG_LEVEL: 'debug', IMAGESTREAM_HISTORY_LIMIT: '2' };
    expect(parseInvocation('operator', ['--history-limit=3'], env)).toMatchObject({
      config: { historyLimit: 3, logLevel: 'debug', retryMin: 1_000 },
    });
  });

  it.each([
    { name: 'nothing', text: '' },
    { name: 'nothing but comments', text: '# history-limit: 5\n---\n# more\n' },
    {
      name: 'keys without values',
      text: 'registry-policy:\nregistry-ca: ~\nlocal-registry: null\nport: ""\n',
    },
  ])('may have $name', async ({ text }) => {
    const path = await fileWith(text);
    expect(readSettingsFile(path, 'operator')).toEqual({ values: new Map(), faults: [] });
    expect(parseInvocation('operator', [`--config=${path}`], {})).toMatchObject({
      config: { historyLimit: 50, registryPolicy: undefined },
    });
  });
});

describe('what is wrong with a file', () => {
  it('is told all at once, beside what is wrong elsewhere, also where a flag wins', async () => {
    const path = await fileWith(`
config: other.yaml
history-limit: many
leader-elect: 1
log-levle: debug
importConcurrency: 5
schedule-period: [5m]
retry-min: { seconds: 5 }
workload-kinds: { a: b }
trusted-realms: ["a.example.com,b.example.com"]
port: x
`);
    const invocation = parseInvocation('operator', [`--config=${path}`, '--history-limit=5', '--x=1'], {
      IMAGESTREAM_RETRY_MAX: '5',
    });
    expect(invocation).toEqual({
      kind: 'invalid',
      faults: [
        '--x: there is no such flag; see --help',
        `${path}: log-levle: there is no such setting; did you mean log-level?`,
        `${path}: importConcurrency: there is no such setting; did you mean import-concurrency?`,
        `${path}: config: a file cannot name another one`,
        `${path}: schedule-period: must be a single value, not ["5m"]`,
        `${path}: trusted-realms: must be a list of single values without commas, not ["a.example.com,b.example.com"]`,
        `${path}: workload-kinds: must be a list of single values without commas, not {"a":"b"}`,
        `${path}: history-limit: must be a whole number from 1 to 1000, not "many"`,
        `${path}: retry-min: must be a single value, not {"seconds":"5"}`,
        `${path}: leader-elect: must be one of true, false, not "1"`,
        'IMAGESTREAM_RETRY_MAX: must be a duration such as 500ms, 30s, 15m or 1h, not "5"',
      ],
    });
  });

  it('is that there is none', () => {
    expect(readSettingsFile('/nowhere/settings.yaml', 'face').faults).toEqual([
      expect.stringMatching(/^\/nowhere\/settings\.yaml: cannot be read: ENOENT/),
    ]);
  });

  it.each([
    { name: 'a key twice', text: 'port: 1\nport: 2\n', want: 'line 2, column 1: duplicated mapping key' },
    {
      name: 'an alias',
      text: 'a: &a [1]\nb: *a\n',
      want: /^line 2, column 5: .* is a YAML alias/,
    },
    { name: 'another type', text: 'port: !!int 1\n', want: /unknown scalar tag/ },
    { name: 'two documents', text: 'port: 1\n---\nport: 2\n', want: 'must be one YAML document, not 2' },
    { name: 'a list', text: '- port: 1\n', want: 'must be a mapping of settings to their values' },
    { name: 'depth', text: `port: ${'['.repeat(500)}`, want: /maxDepth/ },
    { name: 'its size', text: `# ${'x'.repeat(70_000)}`, want: 'is larger than 65536 bytes' },
    {
      name: 'its encoding',
      text: new Uint8Array([0x61, 0xff, 0xfe]),
      want: 'cannot be read: it is not UTF-8',
    },
    { name: 'a key of another time', text: '__proto__: 1\n', want: '__proto__: there is no such setting' },
  ])('is $name', async ({ text, want }) => {
    expect(await faultsOf(text)).toEqual([typeof want === 'string' ? want : expect.stringMatching(want)]);
  });

  it('is listed up to a bound', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `nothing-like-it-${i}: 1\n`).join('');
    const faults = await faultsOf(keys);
    expect(faults).toHaveLength(51);
    expect(faults.at(-1)).toBe('and 150 more faults');
  });

  it.each([
    { name: 'a file with a secret that is taken for one of settings', text: 'hunter2-hunter2-hunter2\n' },
    { name: 'an unknown key', text: 'password: hunter2\n' },
    { name: 'a key that is a secret', text: '"hunter2: $2y$05$…": 1\n' },
    { name: 'text that is no YAML', text: 'password: "hunter2\n' },
    { name: 'a wrong tag', text: 'a: !!int hunter2\n' },
  ])('shows no secret: $name', async ({ text }) => {
    const faults = await faultsOf(text);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join('\n')).not.toContain('hunter2');
  });
});
