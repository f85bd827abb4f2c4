/** What a person sees while a benchmark runs: what is being done and how long it took. */

/** Milliseconds as a person reads them. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** Bytes as a person reads them: 1 MB is 1024² bytes. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`;
}

/** Prints tables to standard output and all else to standard error; every step ends early when the signal is aborted. */
export class Progress {
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  line(text = ''): void {
    process.stderr.write(`${text}\n`);
  }

  /** Does something and says how long it took. */
  async step<T>(text: string, work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const startedAt = performance.now();
    process.stderr.write(`  ${text} … `);
    const result = await work();
    this.signal.throwIfAborted();
    this.line(seconds(performance.now() - startedAt));
    return result;
  }

  /** A step of many parts, each of which calls `done`: shows every tenth of them. */
  async counted<T>(text: string, total: number, work: (done: () => void) => Promise<T>): Promise<T> {
    let count = 0;
    const done = (): void => {
      const tenths = Math.floor((10 * ++count) / total);
      if (tenths < 10 && tenths > Math.floor((10 * (count - 1)) / total))
        process.stderr.write(`${tenths * 10}% `);
    };
    return this.step(text, () => work(done));
  }

  /** Columns of equal width; numbers are the caller's to format. */
  table(rows: readonly Readonly<Record<string, string>>[]): void {
    const [first] = rows;
    if (first === undefined) return;
    const names = Object.keys(first);
    const cells = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))];
    const widths = names.map((_, i) => Math.max(...cells.map((line) => (line[i] ?? '').length)));
    const text = (line: readonly string[]): string =>
      `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
    const [head = [], ...body] = cells;
    const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
    const lines = [head, rule, ...body].map((line) => `${text(line)}\n`);
    process.stdout.write(`\n${lines.join('')}\n`);
  }
}
