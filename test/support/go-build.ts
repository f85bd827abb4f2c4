import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { AssetError } from './asset-error.ts';
import { type AssetSource, assetVariable } from './asset-programs.ts';
import { parentDeathBinding } from './parent-death.ts';

const WORK_PREFIX = '.building-';
const KEPT_OUTPUT_LINES = 25;
/** After an interrupt `go build` waits for its compilers; it gets this long before it is killed. */
const INTERRUPT_GRACE_MS = 5_000;

export interface GoBuildOptions {
  readonly source: AssetSource;
  /** Folder that gets the program, under the program's name. */
  readonly folder: string;
  readonly environment: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** Environment variables, as of `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Throws an AssetError that says what to do when there is no `go` on PATH or when it is too old for the module.
 * With GOTOOLCHAIN=auto (Go's default) an older `go` fetches a newer one here, by itself.
 */
export async function requireGo(source: AssetSource, environment: Environment): Promise<void> {
  const advice =
    `Install Go ${source.minimumGo} or newer (https://go.dev/dl/), or point KUBEBUILDER_ASSETS at a folder or ` +
    `${assetVariable(source.program)} at a file that holds ${source.program}.`;
  const options = { cwd: source.moduleFolder, env: environment };
  const version = await promisify(execFile)('go', ['env', 'GOVERSION'], options).then(
    ({ stdout }) => stdout.trim(),
    (error: NodeJS.ErrnoException & { stderr?: string }) => {
      const reason =
        error.code === 'ENOENT' ? 'there is no `go` on PATH' : (error.stderr ?? error.message).trim();
      throw new AssetError(`Cannot build ${source.program}: ${reason}.\n${advice}`, { cause: error });
    },
  );
  const release = /^go(\d+(?:\.\d+)*)/.exec(version)?.[1];
  if (release !== undefined && isOlder(release, source.minimumGo)) {
    throw new AssetError(
      `Cannot build ${source.program}: it needs Go ${source.minimumGo}, but \`go\` on PATH is ${release}.\n` +
        `${advice} With GOTOOLCHAIN=auto an older Go also fetches the one it needs.`,
    );
  }
}

/**
 * Builds one program; it appears under its name in one step, complete. Aborting ends the compiler and rejects.
 * @throws AssetError with the last lines of go's output when the build fails.
 */
export async function buildProgram(options: GoBuildOptions): Promise<void> {
  const { source, folder } = options;
  const workFolder = join(folder, `${WORK_PREFIX}${source.program}-${randomUUID()}`);
  await mkdir(workFolder, { recursive: true });
  try {
    const built = join(workFolder, source.program);
    await runGo(options, workFolder, ['-o', built, source.goPackage]);
    await rename(built, join(folder, source.program));
  } finally {
    // A compiler that is just ending may still write into it.
    await rm(workFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Removes what killed builds left behind. Call it only while nobody else builds into this folder. */
export async function removeAbandonedBuilds(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(WORK_PREFIX)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function runGo(options: GoBuildOptions, workFolder: string, args: readonly string[]): Promise<void> {
  const { source, environment, signal } = options;
  signal?.throwIfAborted();
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', source.linkerFlags];
  const bind = parentDeathBinding('INT');
  const { program, args: boundArgs } = bind({ program: 'go', args: ['build', ...flags, ...args] });
  // Its own process group: an interrupt must reach the compilers too, and a person's Ctrl-C only us.
  const go = spawn(program, boundArgs, {
    cwd: source.moduleFolder,
    env: buildEnvironment(environment, workFolder),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = collectLastLines(go);
  const interrupt = (): void => interruptGroup(go);
  signal?.addEventListener('abort', interrupt, { once: true });
  process.once('exit', interrupt);
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      go.once('error', reject).once('close', resolve);
    });
    signal?.throwIfAborted();
    if (exitCode !== 0) {
      throw new AssetError(
        `Building ${source.program} failed; the end of go's output:\n${output.join('\n')}`,
      );
    }
  } finally {
    signal?.removeEventListener('abort', interrupt);
    process.off('exit', interrupt);
  }
}

/** Go's settings of the host, less those that could change what is built. */
function buildEnvironment(environment: Environment, workFolder: string): NodeJS.ProcessEnv {
  return {
    ...environment,
    // An interrupted `go build` leaves hundreds of megabytes there.
    GOTMPDIR: workFolder,
    CGO_ENABLED: '0',
    GOWORK: 'off',
    // An empty value would let `go env -w` settings through.
    GOFLAGS: '-mod=readonly',
    GOOS: process.platform,
    GOARCH: process.arch === 'x64' ? 'amd64' : process.arch,
  };
}

function collectLastLines(child: ChildProcess): string[] {
  const lines: string[] = [];
  let rest = '';
  const collect = (chunk: Buffer): void => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    lines.splice(0, lines.length - KEPT_OUTPUT_LINES);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return lines;
}

function interruptGroup(child: ChildProcess): void {
  signalGroup(child, 'SIGINT');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), INTERRUPT_GRACE_MS);
  child.once('close', () => clearTimeout(timer));
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

function isOlder(version: string, minimum: string): boolean {
  const have = version.split('.').map(Number);
  for (const [index, wanted] of minimum.split('.').map(Number).entries()) {
    const difference = (have[index] ?? 0) - wanted;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
