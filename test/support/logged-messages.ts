// What the sources write to the log, read from their texts.
import { read, sourceFiles } from './documents.ts';

/** A message with the levels that it is written with. */
export interface LoggedMessage {
  readonly message: string;
  readonly levels: ReadonlySet<string>;
}

const call = /(?:\blog|#log)(?:\.(debug|info|warn|error)|\[([^\]]+)\])\(/g;

/** All messages of src/. Throws for a call whose last argument is no plain text: nobody could look it up. */
export function loggedMessages(): readonly LoggedMessage[] {
  const found = new Map<string, Set<string>>();
  for (const path of sourceFiles('src/**/*.ts')) {
    const text = read(path);
    for (const match of text.matchAll(call)) {
      const argument = lastArgument(text, match.index + match[0].length);
      const [, message] = /^'([^']+)'$/.exec(argument) ?? [];
      if (message === undefined) throw new Error(`${path}: the log has no plain message in ${argument}`);
      const levels = found.get(message) ?? new Set();
      for (const [, level = ''] of (match[1] ?? match[2] ?? '').matchAll(/'?(debug|info|warn|error)'?/g))
        levels.add(level);
      found.set(message, levels);
    }
  }
  return [...found].map(([message, levels]) => ({ message, levels }));
}

/** The text of the last argument of a call whose arguments begin at `start`. */
function lastArgument(text: string, start: number): string {
  let depth = 0;
  let from = start;
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? '';
    if (`'"\``.includes(character)) at = endOfText(text, at);
    else if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character) && depth-- === 0)
      return text.slice(from, at).replace(/,\s*$/, '').trim();
    else if (character === ',' && depth === 0 && text.slice(at + 1).trimStart()[0] !== ')') from = at + 1;
  }
  throw new Error('a call without an end');
}

/** Where a literal ends that begins at `start`. */
function endOfText(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== text[start]) at += text[at] === '\\' ? 2 : 1;
  return at;
}
