import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HttpListener } from './support/http-listener.ts';

// No container engine is needed: the test does by itself what the Dockerfile says.

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** A COPY of the Dockerfile. */
interface Copy {
  /** Paths in the checkout, or in the stage `from`. */
  readonly sources: readonly string[];
  readonly target: string;
  readonly from: string | undefined;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let instructions: readonly string[];
let copies: readonly Copy[];
/** What `npm run build` makes of the checkout. */
let built: string;
/** The folder /app of the image: a bundle made only from what the Dockerfile copies. */
let app: string;
/** An empty one to run in. */
let emptyFolder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'build-test-'));
  [built, app, emptyFolder] = [join(folder, 'built'), join(folder, 'app'), join(folder, 'empty')];
  await mkdir(emptyFolder);
  instructions = instructionsOf(await readFile(join(checkout, 'Dockerfile'), 'utf8'));
  copies = instructions.flatMap((instruction) => copyOf(instruction) ?? []);
  const stage = join(folder, 'stage');
  const result = copies.find(({ from }) => from === 'build');
  await Promise.all([node([join(checkout, 'scripts/build.ts'), '--outdir', built]), buildStage(stage)]);
  await cp(join(stage, result?.sources[0]?.replace(/^\/build\//, '') ?? ''), app, { recursive: true });
}, 60_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The build stage: its COPYs, `npm ci` (for which our own packages stand in), and `npm run build`. */
async function buildStage(stage: string): Promise<void> {
  await mkdir(stage);
  for (const { sources, target } of copies.filter(({ from }) => from === undefined)) {
    for (const source of sources) {
      const isFolder = (await stat(join(checkout, source))).isDirectory();
      const to = join(stage, target, isFolder ? '' : basename(source));
      await cp(join(checkout, source), to, { recursive: true });
    }
  }
  await symlink(join(checkout, 'node_modules'), join(stage, 'node_modules'));
  await node([join(stage, 'scripts/build.ts')]);
}

/** Runs a program of Node.js to its end; throws when that is not what is expected. */
async function node(args: readonly string[], expectedCode = 0): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: emptyFolder,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== expectedCode)
    throw new Error(`node ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return { code, stdout, stderr };
}

/** The ENTRYPOINT, in a folder that stands for /app. */
async function entrypoint(args: readonly string[], expectedCode = 0): Promise<Ended> {
  const [program, ...given] = JSON.parse(argumentOf('ENTRYPOINT')) as string[];
  expect(program).toBe('/nodejs/bin/node');
  return node([...given.map((each) => each.replace(/^\/app\//, `${app}/`)), ...args], expectedCode);
}

/** What follows the last instruction of this name. */
function argumentOf(name: string): string {
  return instructions.findLast((each) => each.startsWith(`${name} `))?.slice(name.length + 1) ?? '';
}

describe('the bundle', () => {
  it('has the same bytes when only what the Dockerfile copies is there, in another place', async () => {
    const files = await readdir(built);

    expect(files.toSorted()).toEqual((await readdir(app)).toSorted());
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'THIRD_PARTY_NOTICES.txt', 'main.mjs']));
    for (const file of files) {
      const same = (await readFile(join(built, file))).equals(await readFile(join(app, file)));
      expect(same, file).toBe(true);
    }
  });

  it('names no path of this machine', async () => {
    const map = JSON.parse(await readFile(join(built, 'main.mjs.map'), 'utf8')) as { sources: string[] };

    expect(map.sources.filter((path) => !/^\.\.\/(src|node_modules|package\.json)\b/.test(path))).toEqual([]);
    for (const file of await readdir(built)) {
      expect(await readFile(join(built, file), 'utf8')).not.toContain(join(checkout, 'node_modules'));
    }
  });

  it('comes with the licence of each package in it', async () => {
    const notices = await readFile(join(built, 'THIRD_PARTY_NOTICES.txt'), 'utf8');
    const { dependencies } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };

    for (const [name, version] of Object.entries(dependencies)) {
      expect(notices).toMatch(new RegExp(`^${name} ${version.replaceAll('.', '\\.')} \\(.+\\)$`, 'm'));
    }
    expect(notices).toContain('Copyright (c) Matteo Collina and Undici contributors');
  });
});

describe('the image', () => {
  it('prints its help', async () => {
    expect((await entrypoint(['--help'])).stdout).toMatch(
      /^imagestream-operator: .*\n[\s\S]*--health-port VALUE/,
    );
  });

  it('refuses a flag that does not exist', async () => {
    expect(await entrypoint(['--no-such-flag'], 2)).toEqual({
      code: 2,
      stdout: '',
      stderr: '--no-such-flag: there is no such flag; see --help\nSee --help for the settings.\n',
    });
  });

  it('talks to an API server under its name and version', async () => {
    await using server = await HttpListener.start((_request, response) => response.writeHead(404).end());
    const kubeconfigPath = join(folder, 'kubeconfig');
    await writeFile(
      kubeconfigPath,
      `{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}],
        clusters: [{name: c, cluster: {server: '${server.url}', insecure-skip-tls-verify: true}}]}`,
    );

    const { stderr } = await entrypoint(['--kubeconfig', kubeconfigPath], 1);

    expect(stderr).toContain('does not know image.openshift.io. Install the custom resource definitions');
    expect(server.requests[0]?.headers['user-agent']).toBe(`imagestream-operator/${await packageVersion()}`);
  });

  it('runs as a user with a number, as runAsNonRoot demands', () => {
    expect(argumentOf('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('has the version of the package, in its label and in config/', async () => {
    const kustomization = load(await readFile(join(checkout, 'config/operator/kustomization.yaml'), 'utf8'));

    expect(argumentOf('ARG')).toBe(`VERSION=${await packageVersion()}`);
    expect(kustomization).toMatchObject({
      images: [{ name: 'imagestream-operator', newTag: await packageVersion() }],
    });
  });

  it('is built from nothing that .dockerignore keeps away, and from all that it lets through', async () => {
    const lines = (await readFile(join(checkout, '.dockerignore'), 'utf8')).split('\n');
    const sources = copies.filter(({ from }) => from === undefined).flatMap((copy) => copy.sources);

    expect(lines).toContain('*');
    expect(lines.flatMap((line) => /^!(.+)/.exec(line)?.[1] ?? []).toSorted()).toEqual(
      sources.map((source) => source.replace(/\/$/, '')).toSorted(),
    );
  });
});

/** The instructions of a Dockerfile, a line each, without comments. */
function instructionsOf(dockerfile: string): string[] {
  const lines = dockerfile.split('\n').filter((line) => !line.startsWith('#'));
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
}

function copyOf(instruction: string): Copy | undefined {
  const [name, ...words] = instruction.split(/\s+/);
  if (name !== 'COPY') return undefined;
  const paths = words.filter((word) => !word.startsWith('--'));
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  return { sources: paths.slice(0, -1), target: paths.at(-1) ?? '', from };
}

async function packageVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
