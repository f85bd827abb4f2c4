/** A small file that is read again and again: a mounted Secret changes under the feet of its readers. */
import { readFile } from 'node:fs/promises';
import { type Clock, sleep } from './clock.ts';

const pollMs = 10_000;

/** Calls `changed` with the content whenever it differs from what was there before, until the signal is aborted. */
export async function watchFile(
  path: string,
  before: string,
  { clock, signal, changed }: { clock: Clock; signal: AbortSignal; changed: (content: string) => void },
): Promise<void> {
  let last = before;
  while (!signal.aborted) {
    await sleep(clock, pollMs, signal);
    // A volume that is being swapped has no file for a moment: the next look finds it.
    const content = await readFile(path, 'utf8').catch(() => last);
    if (content === last || signal.aborted) continue;
    last = content;
    changed(content);
  }
}
