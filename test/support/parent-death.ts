import { spawnSync } from 'node:child_process';

/** A program and its arguments, ready for `spawn`. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** Wraps a command so that it does not outlive this process. */
export type BindToParent = (command: Command) => Command;

/**
 * Finds out how this machine ends children whose parent was killed with SIGKILL: on Linux the kernel does it
 * (`setpriv --pdeathsig`, part of util-linux). Elsewhere the command stays as it is, and only handlers of this
 * process end its children.
 */
export function parentDeathBinding(signal: 'KILL' | 'INT'): BindToParent {
  const probe = spawnSync('setpriv', ['--pdeathsig', signal, 'true'], { stdio: 'ignore' });
  if (probe.status !== 0) return (command) => command;
  return ({ program, args }) => ({ program: 'setpriv', args: ['--pdeathsig', signal, program, ...args] });
}
