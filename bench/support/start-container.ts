/** Starts the operator, or the API face, as in its container. */
import { OperatorProcess } from '../../test/support/operator-process.ts';
import type { ContainerCommand } from './container-command.ts';

const readyMs = 180_000;
const shownLines = 10;

/** How the operator is started. */
export interface StartOptions {
  readonly container: ContainerCommand;
  /** With the program's own rights. */
  readonly kubeconfigPath: string;
  readonly signal: AbortSignal;
  /** Whether it waits for a Lease, as in a cluster; it does not unless told. */
  readonly elects?: boolean;
  /** Flags of the operator. */
  readonly args?: readonly string[];
  /** Of the face: the flags that say where it listens, and the log line that it is ready with. */
  readonly face?: { readonly listenFlags: readonly string[]; readonly readyLine: string };
}

/** Does some work that needs the operator. Throws, with the end of its log, when it ends meanwhile. */
export async function whileRunning<T>(operator: OperatorProcess, work: Promise<T>): Promise<T> {
  const ended = operator.exited.then(({ code, signal, stderr }) => {
    const log = operator.logs.slice(-shownLines).map((line) => JSON.stringify(line));
    throw new Error([`the operator ended with ${code ?? signal}`, ...log, stderr].join('\n'));
  });
  // One of the two may fail when nobody listens any more.
  ended.catch(() => undefined);
  work.catch(() => undefined);
  return Promise.race([work, ended]);
}

/** Resolves when it is ready. Throws, with what it printed, when it ends before that or the signal is aborted. */
export async function startContainer(options: StartOptions): Promise<OperatorProcess> {
  const { container, kubeconfigPath, signal, elects = false, args = [], face } = options;
  const { command, environment } = container;
  const { listenFlags, readyLine = 'operator ready' } = face ?? {};
  const operator = OperatorProcess.spawn({
    kubeconfigPath,
    command,
    environment,
    elects,
    args,
    ...(listenFlags === undefined ? {} : { listenFlags }),
  });
  const interrupted = Promise.withResolvers<never>();
  const interrupt = (): void => interrupted.reject(signal.reason);
  signal.addEventListener('abort', interrupt);
  const ended = operator.exited.then(({ code, stderr }) => {
    throw new Error(
      `${face === undefined ? 'the operator' : 'the API face'} ended with code ${code}: ${stderr}`,
    );
  });
  try {
    await Promise.race([operator.logged(readyLine, readyMs), ended, interrupted.promise]);
    // It is no surprise any more when it ends.
    ended.catch(() => undefined);
    return operator;
  } catch (error) {
    await operator.stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    interrupted.promise.catch(() => undefined);
  }
}
