import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { errorCode } from './error-code.ts';
import { currentOwner, isGone, type ProcessOwner, parseOwner } from './process-owner.ts';

const HEARTBEAT_MS = 5_000;
/** Without a heartbeat for this long the holder is taken for dead, wherever it ran (a killed container, say). */
const STALE_MS = 60_000;
const RETRY_MS = 200;

export interface FolderLockOptions {
  /** The lock itself: a folder that exists while somebody holds it. */
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
  /** Called once when somebody else holds the lock, with the holder if it is known. */
  readonly onWait?: (holder: ProcessOwner | undefined) => void;
}

/**
 * Runs `work` while holding a lock between processes.
 *
 * The lock of a process that died is taken over: at once when it ran here, else after a minute without its
 * heartbeat. Such a takeover can go wrong only by two holders at once (a machine that slept), so `work` must
 * stay correct then, for example by renaming finished files into place.
 */
export async function withFolderLock<T>(options: FolderLockOptions, work: () => Promise<T>): Promise<T> {
  const { path, signal } = options;
  let waiting = false;
  while (!(await tryTake(path))) {
    if (await removeIfStale(path)) continue;
    if (!waiting) options.onWait?.(await readHolder(path));
    waiting = true;
    await delay(RETRY_MS, undefined, { signal });
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  const removeNow = (): void => rmSync(path, { recursive: true, force: true });
  process.once('exit', removeNow);
  try {
    return await work();
  } finally {
    process.off('exit', removeNow);
    clearInterval(heartbeat);
    await release(path);
  }
}

/** A folder renamed over one that is not empty fails: so the lock appears in one step, with its owner inside. */
async function tryTake(path: string): Promise<boolean> {
  const prepared = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  await mkdir(prepared);
  await writeFile(join(prepared, 'owner.json'), JSON.stringify(currentOwner()));
  try {
    await rename(prepared, path);
    return true;
  } catch (error) {
    await rm(prepared, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

async function removeIfStale(path: string): Promise<boolean> {
  const holder = await readHolder(path);
  const heartbeatAt = await stat(path).then(
    (facts) => facts.mtimeMs,
    () => undefined,
  );
  if (heartbeatAt === undefined) return true;
  const stale = Date.now() - heartbeatAt > STALE_MS || (holder !== undefined && isGone(holder));
  if (stale) await release(path);
  return stale;
}

/** Moves the lock away before deleting it: nobody sees a half-deleted lock. */
async function release(path: string): Promise<void> {
  const released = `${path}.${randomUUID()}`;
  await rename(path, released).catch(() => undefined);
  await rm(released, { recursive: true, force: true });
}

async function readHolder(path: string): Promise<ProcessOwner | undefined> {
  const text = await readFile(join(path, 'owner.json'), 'utf8').catch(() => '');
  return parseOwner(text);
}
