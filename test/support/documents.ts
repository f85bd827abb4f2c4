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

/** The code blocks of a text that are of this language, without the indentation of a list that they stand in. */
export function codeBlocks(text: string, language: string): string[] {
  const blocks = text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'));
  return [...blocks].map(([, indent = '', code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

/** The commands of console blocks: what stands behind a dollar sign, with indented lines and a here-document that belong to it. */
export function shellCommands(text: string): string[] {
  const commands: string[] = [];
  let end: string | undefined;
  for (const block of codeBlocks(text, 'console')) {
    let isCommand = false;
    for (const line of block.split('\n')) {
      const begins = end === undefined && line.startsWith('$ ');
      isCommand = begins || end !== undefined || (isCommand && line.startsWith('    '));
      if (begins) commands.push(line.slice(2));
      else if (isCommand) commands.push(`${commands.pop() ?? ''}\n${line}`);
      if (line === end) [isCommand, end] = [false, undefined];
      else if (begins) end = /<<(\w+)$/.exec(line)?.[1];
    }
  }
  return commands;
}

/** The anchors that GitHub gives to headings. */
export function anchorsOf(text: string): string[] {
  return matches(withoutCode(text), /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /g, '-'),
  );
}

/** A document without its blocks of code. */
export function withoutCode(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```$/gm, '');
}
