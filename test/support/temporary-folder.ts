import { rmSync } from 'node:fs';
import { access, constants, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { currentOwner, isGone, parseOwner } from './process-owner.ts';

const PREFIX = 'imagestream-operator-';
const OWNER_FILE = 'owner.json';
const MEMORY_FOLDER = '/dev/shm';
/** etcd alone sets 64 MB aside for its log, which is all that a container's /dev/shm often has. */
const NEEDED_MEMORY_BYTES = 1024 ** 3;

/** A folder that goes with its process, unless it is kept. */
export class TemporaryFolder {
  readonly path: string;
  // Also for an end by `process.exit`; after SIGKILL the next `createTemporaryFolder` does it.
  readonly #removeNow = (): void => {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
  };

  constructor(path: string) {
    this.path = path;
    process.once('exit', this.#removeNow);
  }

  /** Deletes it with what is in it. */
  async remove(): Promise<void> {
    process.off('exit', this.#removeNow);
    await rm(this.path, { recursive: true, force: true });
  }

  /** Leaves it to the person who wants to look into it: nobody removes it any more. */
  async keep(): Promise<void> {
    process.off('exit', this.#removeNow);
    await rm(join(this.path, OWNER_FILE), { force: true });
  }
}

/**
 * Makes a folder for the state of programs, in memory where there is room. It belongs to this process: a later
 * call, in any process, removes folders whose process was killed before it could clean up.
 */
export async function createTemporaryFolder(): Promise<TemporaryFolder> {
  const base = (await hasRoom(MEMORY_FOLDER)) ? MEMORY_FOLDER : tmpdir();
  await removeAbandoned(base);
  const folder = new TemporaryFolder(await mkdtemp(join(base, PREFIX)));
  await writeFile(join(folder.path, OWNER_FILE), JSON.stringify(currentOwner()));
  return folder;
}

async function hasRoom(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= NEEDED_MEMORY_BYTES;
  } catch {
    return false;
  }
}

async function removeAbandoned(base: string): Promise<void> {
  for (const name of await readdir(base)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(base, name);
    const owner = parseOwner(await readFile(join(folder, OWNER_FILE), 'utf8').catch(() => ''));
    if (owner !== undefined && isGone(owner)) await rm(folder, { recursive: true, force: true });
  }
}
