import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';

import { AssetError } from './asset-error.ts';
import {
  type AssetProgram,
  type AssetSource,
  assetPrograms,
  assetSource,
  assetVariable,
} from './asset-programs.ts';
import { BuildProgress, type ProgressOutput } from './build-progress.ts';
import { withFolderLock } from './folder-lock.ts';
import { buildProgram, type Environment, removeAbandonedBuilds, requireGo } from './go-build.ts';
import type { ProcessOwner } from './process-owner.ts';

export interface EnsureAssetsOptions {
  /** Stops a build; nothing half-made and no lock stays. */
  readonly signal?: AbortSignal;
  /** Those of a cluster unless told. */
  readonly programs?: readonly AssetProgram[];
  /** Where a person sees what is being built; standard error unless told. */
  readonly output?: ProgressOutput;
  /** The process's own unless told. */
  readonly environment?: Environment;
}

/** Where one program is, or has to be built to. */
interface AssetLocation {
  readonly program: AssetProgram;
  readonly path: string;
  /** Set for a program of the cache, which we may build. */
  readonly source?: AssetSource;
}

type CachedLocation = AssetLocation & { readonly source: AssetSource };

/** A build that is asked for. */
interface Build {
  readonly locations: readonly AssetLocation[];
  readonly cache: string;
  readonly progress: BuildProgress;
  readonly environment: Environment;
  readonly signal: AbortSignal | undefined;
}

/**
 * Returns a folder that holds all programs that are asked for under their names, building what is missing.
 *
 * Each program is, in this order, the file that `TEST_ASSET_<PROGRAM>` names, a file in the folder
 * `KUBEBUILDER_ASSETS`, or one in the user's cache, which is built from the Go modules below `test/assets`.
 * The cache goes by what is pinned there, not by the version of Go: what was built stays good without Go.
 * @throws AssetError with advice when a named file is absent, Go is missing or too old, or a build fails.
 */
export async function ensureAssets(options: EnsureAssetsOptions = {}): Promise<string> {
  const environment = options.environment ?? process.env;
  const cache = cacheFolder(environment);
  await checkGivenFolder(environment['KUBEBUILDER_ASSETS']);
  const { programs = assetPrograms } = options;
  const locations = await Promise.all(programs.map((program) => locate(program, environment, cache)));
  if ((await missingOf(locations)).length > 0) {
    const progress = new BuildProgress(options.output ?? process.stderr);
    await buildMissing({ locations, cache, progress, environment, signal: options.signal });
  }
  return folderOfAll(locations, cache);
}

/** A folder that does not exist is a slip, and to answer it with a build of ten minutes would be rude. */
async function checkGivenFolder(folder: string | undefined): Promise<void> {
  if (!folder) return;
  const facts = await stat(folder).catch(() => undefined);
  if (facts?.isDirectory()) return;
  throw new AssetError(`KUBEBUILDER_ASSETS names ${folder}, which is not a folder. Correct or unset it.`);
}

async function locate(
  program: AssetProgram,
  environment: Environment,
  cache: string,
): Promise<AssetLocation> {
  const variable = assetVariable(program);
  const named = environment[variable];
  if (named) {
    if (await isProgram(named)) return { program, path: resolve(named) };
    throw new AssetError(`${variable} names ${named}, which is not an executable file. Correct or unset it.`);
  }
  const folder = environment['KUBEBUILDER_ASSETS'];
  if (folder) {
    const path = resolve(folder, program);
    if (await isProgram(path)) return { program, path };
  }
  const source = assetSource(program);
  return { program, path: join(cache, source.cacheKey, program), source };
}

async function missingOf(locations: readonly AssetLocation[]): Promise<CachedLocation[]> {
  const missing: CachedLocation[] = [];
  for (const location of locations) {
    if (isCached(location) && !(await isProgram(location.path))) missing.push(location);
  }
  return missing;
}

function isCached(location: AssetLocation): location is CachedLocation {
  return location.source !== undefined;
}

async function buildMissing(build: Build): Promise<void> {
  const { cache, progress, signal } = build;
  const lock = {
    path: join(cache, 'lock'),
    signal,
    onWait: (holder: ProcessOwner | undefined): void => {
      const who = holder === undefined ? 'Another run' : `Another run (process ${holder.pid})`;
      progress.begin(`${who} is building the test programs; waiting for it`);
    },
  };
  try {
    await withFolderLock(lock, async () => {
      progress.done();
      // Asked again: the run that held the lock may have built them.
      const missing = await missingOf(build.locations);
      if (missing.length > 0) await buildAll(missing, build);
    });
  } finally {
    progress.fail();
  }
}

async function buildAll(missing: readonly CachedLocation[], build: Build): Promise<void> {
  const { cache, progress, environment, signal } = build;
  for (const { source } of missing) await requireGo(source, environment);
  const names = missing.map(({ program }) => program).join(', ');
  progress.note(
    `Building the programs that tests and demo run: ${names}.\n` +
      `First time only; all of them take about 12 minutes on two cores. They are kept in ${cache}`,
  );
  for (const [index, { program, path, source }] of missing.entries()) {
    const folder = dirname(path);
    await mkdir(folder, { recursive: true });
    await removeAbandonedBuilds(folder);
    progress.begin(`[${index + 1} of ${missing.length}] ${program} ${source.version}`);
    await buildProgram({ source, folder, environment, signal });
    progress.done();
  }
}

/** The folder that they share, else one with a symbolic link to each. */
async function folderOfAll(locations: readonly AssetLocation[], cache: string): Promise<string> {
  const folder = dirname(locations[0]?.path ?? '');
  if (locations.every(({ program, path }) => path === join(folder, program))) return folder;

  const paths = locations.map(({ path }) => path).join('\0');
  const set = join(cache, `set-${createHash('sha256').update(paths).digest('hex').slice(0, 12)}`);
  const programs = locations.map(({ program }) => program);
  if (await holdsAll(set, programs)) return set;
  const prepared = join(cache, `.preparing-${randomUUID()}`);
  await mkdir(prepared, { recursive: true });
  for (const { program, path } of locations) await symlink(path, join(prepared, program));
  await rename(prepared, set).catch(() => rm(prepared, { recursive: true, force: true }));
  if (await holdsAll(set, programs)) return set;
  throw new AssetError(`${set} does not hold working links to all programs. Delete it and try again.`);
}

async function holdsAll(folder: string, programs: readonly AssetProgram[]): Promise<boolean> {
  const found = await Promise.all(programs.map((program) => isProgram(join(folder, program))));
  return found.every(Boolean);
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    const facts = await stat(path);
    return facts.isFile() && facts.size > 0;
  } catch {
    return false;
  }
}

function cacheFolder(environment: Environment): string {
  const xdg = environment['XDG_CACHE_HOME'];
  const platformDefault =
    process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache');
  // The XDG specification says to ignore relative paths.
  const user = xdg && isAbsolute(xdg) ? xdg : platformDefault;
  return join(user, 'imagestream-operator', 'test-assets');
}
