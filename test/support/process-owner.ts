import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

import { errorCode } from './error-code.ts';

/** The process that a lock or a temporary folder belongs to, as it is written into that folder. */
export interface ProcessOwner {
  readonly pid: number;
  /** Machine and, on Linux, pid namespace: the pid of another container says nothing here. */
  readonly host: string;
}

/** Describes this process. */
export function currentOwner(): ProcessOwner {
  return { pid: process.pid, host: hostIdentity() };
}

/**
 * True only when the owner certainly lives no more: same machine and no such process. The owner of another
 * machine or container, or a pid that was given out again, counts as alive.
 */
export function isGone(owner: ProcessOwner): boolean {
  return owner.host === hostIdentity() && !isAlive(owner.pid);
}

/** Reads back what was written of a ProcessOwner; undefined when the text is something else. */
export function parseOwner(text: string): ProcessOwner | undefined {
  try {
    const written: Partial<ProcessOwner> | null = JSON.parse(text);
    const { pid, host } = written ?? {};
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    return undefined;
  }
}

/** True while a process with this id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function hostIdentity(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
