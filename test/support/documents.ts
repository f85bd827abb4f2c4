// The files of the repository as texts, and the tables in its documents.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The text of a file by its path in the repository. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Paths of the sources that a pattern finds; without tests. */
export function sourceFiles(pattern: string): string[] {
  return globSync(pattern, { cwd: root }).filter((path) => !path.endsWith('.test.ts'));
}

/** The first group of every match. */
export function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group]) => group ?? '');
}

/** The rows of the table of a document that has this header; cells without the blanks around them. */
export function table(path: string, header: readonly string[]): string[][] {
  const lines = read(path).split('\n');
  const start = lines.findIndex((line) => cellsOf(line).join('|') === header.join('|'));
  if (start < 0) throw new Error(`${path} has no table with the columns ${header.join(', ')}.`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end < 0 ? undefined : end).map(cellsOf);
}

/** What stands between backticks. */
export function quotedIn(cell: string | undefined): string[] {
  return matches(cell ?? '', /`([^`]+)`/g);
}

function cellsOf(line: string): string[] {
  if (!line.startsWith('|')) return [];
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim());
}
