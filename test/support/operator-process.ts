import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { parentDeathBinding } from './parent-death.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** What Node has made of the sources is kept: an operator starts in a third of a second less. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/node-compile/', import.meta.url));
const HEALTH_ON_LOOPBACK = ['--health-host', '127.0.0.1', '--health-port', '0'];
const READY_TIMEOUT_MS = 30_000;
/** Longer than the operator's own deadline: only one that hangs is killed. */
const KILL_AFTER_MS = 15_000;

/** A line of the operator's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string };

export interface OperatorOptions {
  readonly kubeconfigPath: string;
  /** Node's own flags and the program; the sources unless told. */
  readonly command?: readonly string[];
  /** Whether it waits for a Lease before it works. By default it does not: then it is to be the only one in its cluster. */
  readonly elects?: boolean;
  /** Where another program than the operator listens; the operator's health endpoints get a free port of loopback. */
  readonly listenFlags?: readonly string[];
  /** Further flags. */
  readonly args?: readonly string[];
  /** Beside the variables of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Hears of each log line. */
  readonly onLog?: (line: LogLine) => void;
}

/** How the operator's process ended. */
export interface OperatorExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What was printed that is no log line. */
  readonly stdout: string;
  readonly stderr: string;
}

/** The operator as a process of its own, as `npm start` runs it. */
export class OperatorProcess {
  readonly #child: ChildProcess;
  readonly #lines: LogLine[] = [];
  readonly #exited: Promise<OperatorExit>;
  #stdout = '';
  #stderr = '';

  private constructor(options: OperatorOptions) {
    const ofOperator = [...HEALTH_ON_LOOPBACK, '--leader-elect', String(options.elects ?? false)];
    const { command = [MAIN], args = [], listenFlags = ofOperator } = options;
    const flags = ['--kubeconfig', options.kubeconfigPath, ...listenFlags];
    // Without its cluster an operator whose starter was killed would try for ever.
    const bound = parentDeathBinding('KILL')({
      program: process.execPath,
      args: [...command, ...flags, ...args],
    });
    const compiled = options.command === undefined ? { NODE_COMPILE_CACHE: COMPILED } : {};
    const env = { ...process.env, ...compiled, ...options.environment };
    this.#child = spawn(bound.program, bound.args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (text) => {
        if (!text.startsWith('{')) {
          this.#stdout += `${text}\n`;
          return;
        }
        const line = JSON.parse(text) as LogLine;
        this.#lines.push(line);
        options.onLog?.(line);
      });
    }
    this.#exited = once(this.#child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
    process.once('exit', this.#killNow);
  }

  /** Starts the process without waiting for anything. */
  static spawn(options: OperatorOptions): OperatorProcess {
    return new OperatorProcess(options);
  }

  /** Starts the operator and waits until it is ready. Throws with what it printed when it ends before that. */
  static async start(options: OperatorOptions): Promise<OperatorProcess> {
    const operator = new OperatorProcess(options);
    const ready = operator.logged('operator ready', READY_TIMEOUT_MS);
    const ended = operator.#exited.then(({ code, stderr }) => {
      throw new Error(`the operator ended with code ${code}: ${stderr}`);
    });
    try {
      await Promise.race([ready, ended]);
    } catch (error) {
      await operator.stop();
      throw error;
    }
    // It is no surprise any more when it ends.
    ended.catch(() => undefined);
    return operator;
  }

  /** All log lines until now. */
  get logs(): readonly LogLine[] {
    return this.#lines;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How it ended, once it has. */
  get exited(): Promise<OperatorExit> {
    return this.#exited;
  }

  /** `http://host:port` of the health endpoints. */
  get healthUrl(): string {
    const ready = this.#lines.find(({ msg }) => msg === 'operator ready');
    return `http://127.0.0.1:${String(ready?.['healthPort'])}`;
  }

  /** Waits for a log line with this message. */
  async logged(message: string, timeoutMs: number): Promise<LogLine> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = this.#lines.find(({ msg }) => msg === message);
      if (line !== undefined) return line;
      if (Date.now() > deadline)
        throw new Error(`no log line "${message}" within ${timeoutMs / 1000} s: ${this.#stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it as Kubernetes would: SIGTERM, and SIGKILL much later. */
  async stop(): Promise<OperatorExit> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
    const exit = await this.#exited;
    clearTimeout(timer);
    process.off('exit', this.#killNow);
    return exit;
  }

  readonly #killNow = (): void => {
    this.#child.kill('SIGKILL');
  };
}
