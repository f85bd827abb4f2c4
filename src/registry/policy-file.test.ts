import { mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { emptyPolicy, type RegistryPolicy } from '../domain/registry-policy.ts';
import { PolicyFile } from './policy-file.ts';

const pollMs = 10_000;

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'policy-file-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** A file with a text, and a PolicyFile on it. */
async function setUp(text: string | Uint8Array) {
  const folder = await temporaryFolder();
  const path = join(folder, 'policy.yaml');
  await writeFile(path, text);
  return { path, ...watch(path) };
}

function watch(path: string | undefined) {
  const clock = new FakeClock();
  const logged: { level: string; msg: string; faults?: readonly string[] }[] = [];
  const log = pino(
    { formatters: { level: (level) => ({ level }) } },
    { write: (line) => logged.push(JSON.parse(line) as (typeof logged)[number]) },
  );
  const heard: RegistryPolicy[] = [];
  let follow = (policy: RegistryPolicy): void => void heard.push(policy);
  const file = new PolicyFile({ path, clock, log, onChange: (policy) => follow(policy) });
  const abort = new AbortController();
  const start = (): void => {
    file.start(abort.signal);
    onTestFinished(() => abort.abort());
  };
  const setFollow = (next: typeof follow): void => {
    follow = next;
  };
  /** Lets the next look at the file happen and end: the wait for the one after it has begun. */
  const look = async (): Promise<void> => {
    await clock.advance(pollMs);
    await eventually(() => clock.pending[0] === pollMs, { what: 'the end of the look at the file' });
  };
  return { file, clock, logged, heard, abort, start, look, setFollow };
}

/** Replaces a file at once, as `rename` does it. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/** The hosts that are blocked, by which the policies of these tests differ. */
function blockedHosts(policy: RegistryPolicy): readonly string[] {
  return policy.blocked.map(({ host }) => host);
}

describe('the first load', () => {
  it('gives the empty policy without a file, and has nothing to watch', async () => {
    const { file, clock, abort, logged } = watch(undefined);
    await file.load();
    file.start(abort.signal);
    expect(file.current).toEqual(emptyPolicy);
    expect(clock.pending).toEqual([]);
    expect(logged).toEqual([]);
  });

  it('reads the sample that the project ships', async () => {
    const { file } = watch(
      fileURLToPath(new URL('../../config/samples/registry-policy.yaml', import.meta.url)),
    );
    await file.load();
    const { mirrors, blocked, allowed, insecure, rates } = file.current;
    expect([mirrors, blocked, allowed, insecure, rates].map((list) => list.length)).toEqual([2, 3, 4, 1, 1]);
  });

  it('reads every example of the documentation', async () => {
    const page = await readFile(new URL('../../docs/reference/registry-policy.md', import.meta.url), 'utf8');
    const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);
    const policies = examples.filter((text) => !text.includes('kind:'));
    expect(policies.map((text) => text.split(':')[0])).toEqual(Object.keys(emptyPolicy));
    for (const text of policies) {
      const { file } = await setUp(text);
      await file.load();
      expect(file.current).not.toEqual(emptyPolicy);
    }
  });

  it.each([
    { name: 'an empty file', text: '' },
    { name: 'comments only', text: '# blocked: [quay.io]\n' },
    { name: 'an empty document', text: '---\n' },
    { name: 'a byte order mark', text: '\uFEFF# nothing\n' },
  ])('takes $name for the empty policy', async ({ text }) => {
    const { file } = await setUp(text);
    await file.load();
    expect(file.current).toEqual(emptyPolicy);
  });

  it('fails with the path and all faults', async () => {
    const { file, path } = await setUp('blocked: [1, "a b"]\nalowed: []\n');
    await expect(file.load()).rejects.toThrow(
      new Error(
        [
          `The registry policy ${path} has faults:`,
          '  alowed: unknown key; did you mean allowed?',
          '  blocked[0]: must be a text, not 1',
          '  blocked[1]: "a b" must not have blanks',
        ].join('\n'),
      ),
    );
    expect(file.current).toEqual(emptyPolicy);
  });

  it.each([
    {
      name: 'a star without quotes',
      text: 'blocked:\n  - *.example.com\n',
      want: 'line 2, column 6: a "*" outside of quotes is a YAML alias, and there are none here: write "*.example.com" with the quotes',
    },
    { name: 'a lone star', text: 'allowed: [*]', want: /^line 1, column 12: a "\*" outside of quotes/ },
    {
      name: 'aliases that multiply',
      text: 'a: &a [x, x, x]\nb: &b [*a, *a, *a]\nblocked: [*b, *b, *b]\n',
      want: /^line 2, column 9: a "\*" outside of quotes/,
    },
    {
      name: 'a key twice',
      text: 'blocked: []\nblocked: []\n',
      want: 'line 2, column 1: duplicated mapping key',
    },
    { name: 'no YAML', text: 'blocked: [', want: /^line 1, column 11: unexpected end of the stream/ },
    {
      name: 'a type that YAML could make an object of',
      text: 'blocked: !!js/function x',
      want: /^line 1, column 10: unknown scalar tag/,
    },
    { name: 'deep nesting', text: `a: ${'['.repeat(100_000)}`, want: /nesting exceeded/ },
    {
      name: 'two documents',
      text: 'blocked: []\n---\nallowed: []\n',
      want: 'must be one YAML document, not 2',
    },
    {
      name: 'too many bytes',
      text: `#${' '.repeat(1024 * 1024)}`,
      want: 'cannot be read: it is larger than 1048576 bytes',
    },
    { name: 'no text', text: Uint8Array.of(0x23, 0xff, 0xfe), want: /^cannot be read: .*not valid.*utf-8/ },
  ])('tells of $name', async ({ text, want }) => {
    const { file, path } = await setUp(text);
    const error: unknown = await file.load().catch((reason: unknown) => reason);
    const [head, ...faults] = String(error).split('\n');
    expect(head).toBe(`Error: The registry policy ${path} has faults:`);
    expect(faults.map((fault) => fault.trim())).toEqual([
      typeof want === 'string' ? want : expect.stringMatching(want),
    ]);
  });

  it('lists fifty faults and counts the others', async () => {
    const { file } = await setUp(`blocked: [${'1,'.repeat(60)}]`);
    const error: unknown = await file.load().catch((reason: unknown) => reason);
    const lines = String(error).split('\n');
    expect(lines).toHaveLength(52);
    expect(lines.at(-1)).toBe('  and 10 more');
  });

  it('takes a file of the largest size', async () => {
    const { file } = await setUp(`#${' '.repeat(1024 * 1024 - 1)}`);
    await file.load();
    expect(file.current).toEqual(emptyPolicy);
  });

  it.each([
    { name: 'a file that is not there', path: 'none.yaml', want: /cannot be read: ENOENT/ },
    { name: 'a folder', path: '.', want: /cannot be read: EISDIR/ },
  ])('fails for $name', async ({ path, want }) => {
    const { file } = watch(join(await temporaryFolder(), path));
    await expect(file.load()).rejects.toThrow(want);
  });
});

describe('a file that changes', () => {
  it('is taken at the next look', async () => {
    const { file, path, start, look, heard, logged } = await setUp('blocked: [a.test]');
    await file.load();
    expect(blockedHosts(file.current)).toEqual(['a.test']);
    start();
    await replace(path, 'blocked: [b.test]');
    expect(blockedHosts(file.current)).toEqual(['a.test']);
    await look();
    expect(blockedHosts(file.current)).toEqual(['b.test']);
    expect(heard).toEqual([file.current]);
    expect(logged.map(({ msg }) => msg)).toEqual(['registry policy loaded', 'registry policy changed']);
  });

  it('is seen by its content, not by its time', async () => {
    const { file, path, start, look, heard } = await setUp('blocked: [a.test]');
    const time = new Date('2026-01-01T00:00:00Z');
    await utimes(path, time, time);
    await file.load();
    start();
    await replace(path, 'blocked: [b.test]');
    await utimes(path, time, time);
    await look();
    expect(blockedHosts(file.current)).toEqual(['b.test']);
    await utimes(path, new Date(), new Date());
    await look();
    expect(heard).toHaveLength(1);
  });

  it('is seen behind the links of a ConfigMap volume', async () => {
    const folder = await temporaryFolder();
    const project = async (version: string, text: string): Promise<void> => {
      // What the kubelet does (its AtomicWriter): a new folder, a new link to it, and the link moved over the old one.
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'policy.yaml'), text);
      await symlink(version, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await project('..2026_01_01', 'blocked: [a.test]');
    await symlink(join('..data', 'policy.yaml'), join(folder, 'policy.yaml'));
    const { file, start, look } = watch(join(folder, 'policy.yaml'));
    await file.load();
    start();
    await project('..2026_01_02', 'blocked: [b.test]');
    await rm(join(folder, '..2026_01_01'), { recursive: true });
    await look();
    expect(blockedHosts(file.current)).toEqual(['b.test']);
  });

  it('stays as it was while the file is broken, which is said once for each content', async () => {
    const { file, path, start, look, heard, logged } = await setUp('blocked: [a.test]');
    await file.load();
    const good = file.current;
    start();
    await replace(path, 'blocked: [1]\nallow: []\n');
    await look();
    await look();
    await look();
    expect(logged.slice(1)).toMatchObject([
      {
        level: 'error',
        msg: 'registry policy has faults: the last good one stays in force',
        faults: ['allow: unknown key; did you mean allowed?', 'blocked[0]: must be a text, not 1'],
      },
    ]);
    await replace(path, 'blocked: [2]\n');
    await look();
    await look();
    expect(logged.slice(2)).toMatchObject([{ faults: ['blocked[0]: must be a text, not 2'] }]);
    expect(file.current).toBe(good);
    expect(heard).toEqual([]);
  });

  it('stays as it was while the file is gone, and goes on when it is back', async () => {
    const { file, path, start, look, heard, logged } = await setUp('blocked: [a.test]');
    await file.load();
    const good = file.current;
    start();
    await rm(path);
    await look();
    await look();
    expect(file.current).toBe(good);
    expect(logged.slice(1)).toMatchObject([
      { level: 'error', faults: [expect.stringMatching(/^cannot be read: ENOENT/)] },
    ]);
    await replace(path, 'blocked: [a.test]');
    await look();
    expect(logged.at(-1)?.msg).toBe('registry policy is the one in force again');
    expect(heard).toEqual([]);
    await replace(path, 'blocked: [b.test]');
    await look();
    expect(heard.map(blockedHosts)).toEqual([['b.test']]);
  });

  it('is in force also when a listener throws, and the next one is seen', async () => {
    const { file, path, start, look, logged, heard, setFollow } = await setUp('blocked: [a.test]');
    await file.load();
    start();
    setFollow(() => {
      throw new Error('no');
    });
    await replace(path, 'blocked: [b.test]');
    await look();
    expect(blockedHosts(file.current)).toEqual(['b.test']);
    expect(logged.at(-1)).toMatchObject({ level: 'error', err: { message: 'no' } });
    setFollow((policy) => heard.push(policy));
    await replace(path, 'blocked: [c.test]');
    await look();
    expect(heard.map(blockedHosts)).toEqual([['c.test']]);
  });

  it('is watched until the signal is aborted', async () => {
    const { file, clock, abort } = await setUp('');
    await file.load();
    file.start(abort.signal);
    expect(clock.pending).toEqual([pollMs]);
    abort.abort();
    await clock.advance(10 * pollMs);
    expect(clock.pending).toEqual([]);
  });
});
