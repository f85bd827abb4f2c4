/** Tells the demo: numbered chapters, what was typed, what came out, how long it took. */

const terminal = process.stdout.isTTY;

function paint(code: number, text: string): string {
  return terminal ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** Milliseconds as a person reads them. */
export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** Prints to standard output; ends all of it when its signal is aborted. */
export class Story {
  readonly #signal: AbortSignal;
  #chapter = 0;
  /** The line before is empty: paragraphs are one empty line apart. */
  #atGap = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** A line as it is. */
  line(text = ''): void {
    if (text === '' && this.#atGap) return;
    console.log(text);
    this.#atGap = text === '';
  }

  /** Starts a chapter. */
  chapter(title: string): void {
    this.#signal.throwIfAborted();
    this.#chapter++;
    this.line();
    this.line(paint(1, `${this.#chapter}. ${title}`));
    this.line();
  }

  /** Does something and says how long it took. */
  async step<T>(text: string, work: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    const startedAt = performance.now();
    if (terminal) process.stdout.write(`   … ${text}`);
    try {
      const result = await work();
      this.#signal.throwIfAborted();
      this.#done(`   ${paint(32, '✓')} ${text} ${paint(2, `(${seconds(performance.now() - startedAt)})`)}`);
      return result;
    } catch (error) {
      this.#done(`   ${paint(31, '✗')} ${text}`);
      throw error;
    }
  }

  /** A sentence to the reader. */
  say(text: string): void {
    this.line(`   ${text}`);
  }

  /** A command as a person would type it, and what it printed. */
  command(command: string, output: string): void {
    this.line();
    this.line(`     ${paint(36, `$ ${command}`)}`);
    for (const line of output.trimEnd().split('\n')) this.line(line === '' ? '' : `     ${line}`);
    this.line();
  }

  /** The last step: done even after an interruption. */
  async cleanUp(work: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await work();
    this.line();
    this.line(
      `   ${paint(32, '✓')} everything is stopped and removed ${paint(2, `(${seconds(performance.now() - startedAt)})`)}`,
    );
  }

  #done(text: string): void {
    if (terminal) process.stdout.write('\r\u001b[2K');
    this.line(text);
  }
}
