/** Settings from a file: YAML with the names of flags as its keys. */
import { closeSync, openSync, readSync } from 'node:fs';
import { isJsonObject } from './api/json.ts';
import type { Program } from './config.ts';
import { nearest, show } from './domain/document-node.ts';
import { parseYamlDocument } from './runtime/yaml-document.ts';
import { type Setting, settings, settingsOf } from './settings.ts';

/** What a file gives a program. */
export interface FileSettings {
  /** Values by the names in the configuration; keys of the other program are not among them. */
  readonly values: ReadonlyMap<string, unknown>;
  /** What is wrong with it, a sentence each, with the file and the key. */
  readonly faults: readonly string[];
}

/** All settings at their longest are a few kilobytes. */
const maxBytes = 64 * 1024;
/** A list in a mapping, and one more, so that what is nested is told by its key. */
const maxDepth = 4;
/** Faults that are listed; the others are counted. */
const maxListedFaults = 50;
/** Keys that look like one; of others only that is said. */
const looksLikeKey = /^[\w.-]{1,64}$/;

/**
 * Reads the settings of a program. Never throws: what is wrong, also that there is no such file, is among the faults. They
 * show values of settings, of which none is a secret, and nothing else of the file.
 */
export function readSettingsFile(path: string, program: Program): FileSettings {
  const values = new Map<string, unknown>();
  const faults: string[] = [];
  const document = readDocument(path, faults);
  const flags = Object.values(settings).map(({ flag }) => flag);
  for (const key of Object.keys(document)) {
    if (!flags.includes(key)) faults.push(describeUnknown(key, flags));
  }
  for (const [name, setting] of settingsOf(program)) {
    const value = Object.hasOwn(document, setting.flag) ? document[setting.flag] : undefined;
    if (isNothing(value)) continue;
    if (setting === settings.configFile) {
      faults.push(`${setting.flag}: a file cannot name another one`);
      continue;
    }
    try {
      values.set(name, setting.parse(textOfValue(setting, value)));
    } catch (error) {
      faults.push(`${setting.flag}: ${(error as Error).message}, not ${show(value)}`);
    }
  }
  const more = faults.length - maxListedFaults;
  const listed = more <= 0 ? faults : [...faults.slice(0, maxListedFaults), `and ${more} more faults`];
  return { values, faults: listed.map((fault) => `${path}: ${fault}`) };
}

/** The mapping in the file, empty when there is none. */
function readDocument(path: string, faults: string[]): Readonly<Record<string, unknown>> {
  const text = readText(path, faults);
  if (text === undefined) return {};
  const parsed = parseYamlDocument(text, { maxDepth, asTexts: true });
  if (!parsed.ok) faults.push(parsed.fault);
  else if (isJsonObject(parsed.document)) return parsed.document;
  // Not shown: it may be a file with something secret.
  else if (!isNothing(parsed.document)) faults.push('must be a mapping of settings to their values');
  return {};
}

function readText(path: string, faults: string[]): string | undefined {
  try {
    const bytes = readUpTo(path, maxBytes + 1);
    if (bytes.length <= maxBytes) return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    faults.push(`is larger than ${maxBytes} bytes`);
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is not UTF-8' : (error as Error).message;
    faults.push(`cannot be read: ${reason}`);
  }
  return undefined;
}

/** The first bytes of a file. What it says of its size is not asked: a pipe has none. */
function readUpTo(path: string, limit: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(limit);
    let length = 0;
    for (let read = -1; read !== 0 && length < limit; length += read)
      read = readSync(file, bytes, length, limit - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** What a key without a value comes to, in whichever form. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === '' || value === '~' || value === 'null';
}

/** A value as a flag would have it. Throws a sentence when it is of another sort. */
function textOfValue({ isList }: Setting<unknown>, value: unknown): string {
  if (typeof value === 'string') return value;
  if (isList !== true) throw new Error('must be a single value');
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string' && !item.includes(',')))
    throw new Error('must be a list of single values without commas');
  return value.join(',');
}

function describeUnknown(key: string, known: readonly string[]): string {
  if (!looksLikeKey.test(key)) return 'a key looks like no setting at all';
  const meant = nearest(key, known);
  return `${key}: there is no such setting${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}
