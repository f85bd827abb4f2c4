import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { assetPrograms, assetSource } from './support/asset-programs.ts';
import { ensureAssets } from './support/assets.ts';
import { eventually } from './support/eventually.ts';
import type { Environment } from './support/go-build.ts';
import { currentOwner, isAlive } from './support/process-owner.ts';

/** A `go` that notes how it was called and builds a program that is one line long. */
const goThatBuilds = `
case "$1" in
  env) echo go1.999.0 ;;
  build)
    echo "GOFLAGS=$GOFLAGS GOWORK=$GOWORK CGO_ENABLED=$CGO_ENABLED $*" >> "$GO_CALLS"
    while [ "$1" != -o ]; do shift; done
    echo built > "$2" && chmod +x "$2" ;;
esac`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assets-test-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('where the programs come from', () => {
  it('takes a whole KUBEBUILDER_ASSETS as it is', async () => {
    const given = await folderOfPrograms('given', assetPrograms);

    expect(await ensureAssets({ environment: { ...withoutGo(), KUBEBUILDER_ASSETS: given } })).toBe(given);
  });

  it('prefers TEST_ASSET_… to KUBEBUILDER_ASSETS to the cache, and gathers them in one folder', async () => {
    const given = await folderOfPrograms('given', ['etcd', 'kubectl']);
    const etcd = await executable(join(folder, 'etcd-of-mine'));
    const environment = {
      ...(await withGo(goThatBuilds)),
      KUBEBUILDER_ASSETS: given,
      TEST_ASSET_ETCD: etcd,
    };

    const gathered = await ensureAssets({ environment, output: silent });

    const origins = await Promise.all(assetPrograms.map((program) => realpath(join(gathered, program))));
    const cache = join(await realpath(folder), 'cache', 'imagestream-operator', 'test-assets');
    expect(origins).toEqual([
      await realpath(etcd),
      join(cache, assetSource('kube-apiserver').cacheKey, 'kube-apiserver'),
      join(cache, assetSource('kube-controller-manager').cacheKey, 'kube-controller-manager'),
      await realpath(join(given, 'kubectl')),
      join(cache, assetSource('registry').cacheKey, 'registry'),
    ]);
  });

  it('refuses a KUBEBUILDER_ASSETS that does not exist', async () => {
    const environment = { ...withoutGo(), KUBEBUILDER_ASSETS: join(folder, 'absent') };

    await expect(ensureAssets({ environment })).rejects.toThrow(/^KUBEBUILDER_ASSETS names .*absent/);
  });

  it('refuses a TEST_ASSET_… that is no program, and names it', async () => {
    const environment = { ...withoutGo(), TEST_ASSET_KUBE_APISERVER: join(folder, 'absent') };

    await expect(ensureAssets({ environment })).rejects.toThrow(/^TEST_ASSET_KUBE_APISERVER names .*absent/);
  });
});

describe('building', () => {
  it('builds what is missing once, and later works without Go', async () => {
    const environment = await withGo(goThatBuilds);

    const first = await ensureAssets({ environment, output: silent });
    const again = await ensureAssets({ environment: { ...environment, ...withoutGo() } });

    expect(again).toBe(first);
    const calls = await goCalls();
    expect(calls).toHaveLength(assetPrograms.length);
    expect(calls.every((call) => call.startsWith('GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0'))).toBe(
      true,
    );
  });

  it('gives Kubernetes its version from go.mod', () => {
    const { version, linkerFlags } = assetSource('kubectl');
    const [major, minor] = version.slice(1).split('.');

    for (const goPackage of ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']) {
      expect(linkerFlags).toContain(
        `-X ${goPackage}.gitVersion=${version} -X ${goPackage}.gitMajor=${major} -X ${goPackage}.gitMinor=${minor}`,
      );
    }
  });

  it('builds each program once when two runs start together', async () => {
    const environment = await withGo(`sleep 0.05\n${goThatBuilds}`);

    const [one, other] = await Promise.all([
      ensureAssets({ environment, output: silent }),
      ensureAssets({ environment, output: silent }),
    ]);

    expect(one).toBe(other);
    expect(await goCalls()).toHaveLength(assetPrograms.length);
  });

  it('takes over the lock of a run that was killed', async () => {
    const environment = await withGo(goThatBuilds);
    const lock = join(cacheOf(environment), 'lock');
    await mkdir(lock, { recursive: true });
    await writeFile(join(lock, 'owner.json'), JSON.stringify({ ...currentOwner(), pid: deadPid }));

    await ensureAssets({ environment, output: silent });

    expect(await goCalls()).toHaveLength(assetPrograms.length);
  });

  it('waits for the lock of a run on another machine, and says so', async () => {
    const environment = await withGo(goThatBuilds);
    const lock = join(cacheOf(environment), 'lock');
    await mkdir(lock, { recursive: true });
    await writeFile(join(lock, 'owner.json'), JSON.stringify({ pid: deadPid, host: `not ${hostname()}` }));
    const shown: string[] = [];

    const run = ensureAssets({ environment, output: { write: (text) => shown.push(text) } });
    await eventually(() => shown.join('').includes(`(process ${deadPid}) is building`), {
      what: 'the message',
    });
    expect(await readdir(cacheOf(environment))).toEqual(['lock']);
    await rm(lock, { recursive: true });

    await run;
  });

  it('shows what it does and how far it is', async () => {
    const shown: string[] = [];

    await ensureAssets({
      environment: await withGo(goThatBuilds),
      output: { write: (text) => shown.push(text) },
    });

    expect(shown[0]).toContain('First time only');
    expect(shown.slice(1, 3)).toEqual([
      `[1 of 5] etcd ${assetSource('etcd').version}\n`,
      `[1 of 5] etcd ${assetSource('etcd').version}: done in 0 s\n`,
    ]);
  });
});

describe('a build that cannot be done', () => {
  it('says which Go to install when there is none', async () => {
    const build = ensureAssets({ environment: withoutGo(), output: silent });

    await expect(build).rejects.toThrow(
      /^Cannot build etcd: there is no `go` on PATH\.\nInstall Go 1\.\d+\S* or newer .* KUBEBUILDER_ASSETS/,
    );
  });

  it('says which Go it found when that is too old', async () => {
    const build = ensureAssets({ environment: await withGo('echo go1.9.7'), output: silent });

    await expect(build).rejects.toThrow(/it needs Go 1\.\d+\S*, but `go` on PATH is 1\.9\.7/);
  });

  it('shows the end of what go said, and leaves neither lock nor half a program', async () => {
    const environment = await withGo(`
case "$1" in
  env) echo go1.999.0 ;;
  build) echo "compiling" ; echo "undefined: frobnicate" >&2 ; exit 1 ;;
esac`);

    const build = ensureAssets({ environment, output: silent });

    await expect(build).rejects.toThrow(/^Building etcd failed.*undefined: frobnicate/s);
    expect(await filesBelow(cacheOf(environment))).toEqual([]);
  });

  it('ends the compiler when it is aborted, and leaves neither lock nor half a program', async () => {
    const environment = await withGo(`
case "$1" in
  env) echo go1.999.0 ;;
  build) sh -c 'echo $$ > "$GO_CALLS"; exec sleep 60' ;;
esac`);
    const interrupt = new AbortController();

    const build = ensureAssets({ environment, signal: interrupt.signal, output: silent });
    const compiler = await eventually(async () => Number((await goCalls())[0]), { what: 'the compiler' });
    interrupt.abort(new Error('enough'));

    await expect(build).rejects.toThrow('enough');
    expect(isAlive(compiler)).toBe(false);
    expect(await filesBelow(cacheOf(environment))).toEqual([]);
  });
});

/** Above the highest process id that Linux gives out. */
const deadPid = 2 ** 22 + 1;

const silent = { write: (): void => undefined };

function withoutGo(): Environment {
  return { PATH: join(folder, 'nothing'), XDG_CACHE_HOME: join(folder, 'cache') };
}

async function withGo(script: string): Promise<Environment> {
  const programs = join(folder, 'go-bin');
  await mkdir(programs);
  await executable(join(programs, 'go'), script);
  return {
    PATH: `${programs}:${process.env['PATH']}`,
    XDG_CACHE_HOME: join(folder, 'cache'),
    GO_CALLS: join(folder, 'go-calls'),
  };
}

async function goCalls(): Promise<string[]> {
  return (await readFile(join(folder, 'go-calls'), 'utf8')).trimEnd().split('\n');
}

function cacheOf(environment: Environment): string {
  return join(environment['XDG_CACHE_HOME'] ?? '', 'imagestream-operator', 'test-assets');
}

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

async function folderOfPrograms(name: string, programs: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const program of programs) await executable(join(path, program));
  return path;
}

async function executable(path: string, script = ''): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}
