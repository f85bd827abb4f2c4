const TTY_PERIOD_MS = 1_000;
const LOG_PERIOD_MS = 15_000;

/** Where progress is shown; `process.stderr` is one. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Shows a person that something long is going on: on a terminal one line that is rewritten every second, else a
 * line at the start, one every 15 seconds and one at the end.
 */
export class BuildProgress {
  readonly #output: ProgressOutput;
  #step: { text: string; startedAt: number; timer: NodeJS.Timeout } | undefined;

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  /** A line that stays. */
  note(text: string): void {
    this.#output.write(`${text}\n`);
  }

  /** Starts a step; the seconds since then tick beside its text. */
  begin(text: string): void {
    this.fail();
    const period = this.#output.isTTY ? TTY_PERIOD_MS : LOG_PERIOD_MS;
    const timer = setInterval(() => this.#tick(), period);
    timer.unref();
    this.#step = { text, startedAt: Date.now(), timer };
    this.#output.write(this.#output.isTTY ? this.#fitted(text) : `${text}\n`);
  }

  /** Ends the step with success. */
  done(): void {
    this.#end((text, elapsed) => `${text}: done in ${elapsed}`);
  }

  /** Ends the step, if there is one, without success. */
  fail(): void {
    this.#end((text, elapsed) => `${text}: stopped after ${elapsed}`);
  }

  #tick(): void {
    if (this.#step === undefined) return;
    const line = `${this.#step.text} … ${elapsedText(this.#step.startedAt)}`;
    this.#output.write(this.#output.isTTY ? `\r\x1b[2K${this.#fitted(line)}` : `${line}\n`);
  }

  #end(describe: (text: string, elapsed: string) => string): void {
    if (this.#step === undefined) return;
    const { text, startedAt, timer } = this.#step;
    clearInterval(timer);
    this.#step = undefined;
    this.#output.write(`${this.#output.isTTY ? '\r\x1b[2K' : ''}${describe(text, elapsedText(startedAt))}\n`);
  }

  /** A line that wraps cannot be rewritten. Some terminals say that they have no columns. */
  #fitted(line: string): string {
    return line.slice(0, (this.#output.columns || 80) - 1);
  }
}

function elapsedText(startedAt: number): string {
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
