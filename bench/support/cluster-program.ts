/** Finds a program of the cluster among its processes. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Cluster } from '../../test/support/cluster.ts';

/** A program of the cluster that runs now. */
export interface Program {
  readonly pid: number;
  readonly args: readonly string[];
}

/** Throws when no such program runs. */
export async function programOf(cluster: Cluster, name: string): Promise<Program> {
  for (const pid of cluster.pids) {
    const [path = '', ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    if (basename(path) === name) return { pid, args };
  }
  throw new Error(`${name} does not run`);
}
