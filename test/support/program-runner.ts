import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { type BindToParent, parentDeathBinding } from './parent-death.ts';

const PROBE_PERIOD_MS = 25;
const LOG_LINES_IN_ERRORS = 15;

/** How a program is started. */
export interface ProgramOptions {
  readonly path: string;
  readonly args: readonly string[];
  /** Its working folder; its output is appended to `<name>.log` there. */
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ReadyOptions {
  readonly timeoutMs: number;
  /** Ends the waiting; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A program that did not come up, with the end of its log. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
  /** True when it failed because its port was taken: another port may help. */
  readonly portTaken: boolean;

  constructor(message: string, log: string) {
    super(
      `${message}; the end of its log:\n${log.trimEnd().split('\n').slice(-LOG_LINES_IN_ERRORS).join('\n')}`,
    );
    this.portTaken = /address already in use/i.test(log);
  }
}

/** One running program. */
export class RunningProgram {
  readonly name: string;
  readonly logPath: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #end: string | undefined;

  constructor(options: ProgramOptions, bindToParent: BindToParent) {
    this.name = basename(options.path);
    this.logPath = join(options.folder, `${this.name}.log`);
    const log = openSync(this.logPath, 'a');
    const command = bindToParent({ program: options.path, args: options.args });
    this.#child = spawn(command.program, command.args, {
      cwd: options.folder,
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', log, log],
      // A session of its own: a person's Ctrl-C reaches only us, and we stop the programs in order.
      detached: true,
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      const end = (description: string): void => {
        this.#end ??= description;
        resolve();
      };
      this.#child.once('error', (error) => end(`could not be started (${error.message})`));
      this.#child.once('exit', (code, signal) => end(`exited (${signal ?? `code ${code}`})`));
    });
  }

  /** Undefined when it could not be started at all. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended, for example `exited (code 1)`; undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** Sends a signal, if it still runs, without waiting. */
  signal(signal: NodeJS.Signals): void {
    if (this.#end === undefined) this.#child.kill(signal);
  }

  /** Ends it at once, as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /**
   * Waits until `probe` returns true; one that throws or hangs counts as not ready.
   * @throws ProgramError when the program ends first or is not ready in time.
   */
  async ready(probe: () => Promise<boolean>, { timeoutMs, signal }: ReadyOptions): Promise<void> {
    signal?.throwIfAborted();
    const timeout = AbortSignal.timeout(timeoutMs);
    const over = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    const interrupted = new Promise<false>((resolve) => {
      over.addEventListener('abort', () => resolve(false), { once: true });
    });
    const ended = this.#ended.then(() => false);
    while (!(await Promise.race([probe().catch(() => false), ended, interrupted]))) {
      signal?.throwIfAborted();
      await this.expectRunning();
      if (timeout.aborted) throw await this.#error(`was not ready after ${timeoutMs / 1000} s`);
      await delay(PROBE_PERIOD_MS);
    }
  }

  /** @throws ProgramError when it runs no more. */
  async expectRunning(): Promise<void> {
    if (this.#end !== undefined) throw await this.#error(this.#end);
  }

  async #error(what: string): Promise<ProgramError> {
    const log = await readFile(this.logPath, 'utf8').catch(() => '');
    return new ProgramError(`${this.name} ${what}`, log);
  }
}

/** Starts programs that must not outlive this process, however it ends. */
export class ProgramRunner {
  readonly #bindToParent = parentDeathBinding('KILL');
  readonly #running = new Set<RunningProgram>();
  // Where the kernel does not do it: this covers every end of this process but SIGKILL.
  readonly #killNow = (): void => {
    for (const program of this.#running) program.signal('SIGKILL');
  };

  constructor() {
    // Before the handlers that remove the programs' folders.
    process.prependOnceListener('exit', this.#killNow);
  }

  start(options: ProgramOptions): RunningProgram {
    for (const program of this.#running) if (program.end !== undefined) this.#running.delete(program);
    const program = new RunningProgram(options, this.#bindToParent);
    this.#running.add(program);
    return program;
  }

  /** Process ids of what runs now. */
  pids(): number[] {
    const running = [...this.#running].filter(({ end }) => end === undefined);
    return running.flatMap(({ pid }) => pid ?? []);
  }

  /** Kills everything that was started here and waits until it is gone. */
  async killAll(): Promise<void> {
    await Promise.all([...this.#running].map((program) => program.kill()));
    this.#running.clear();
    process.off('exit', this.#killNow);
  }
}
