/** Names of streams, as the reference has them (semantics 1.3). What matches is one segment of a path. */
import type { FieldFault } from './field-fault.ts';

/** The whole name has to match. */
const streamNamePattern = '[a-z0-9]+(?:[._-][a-z0-9]+)*';
const wholeName = new RegExp(`^${streamNamePattern}$`);
const maxLength = 253;

/** True for a name that a stream may have. */
export function isStreamName(name: string): boolean {
  return streamNameFaults(name).length === 0;
}

/** What is wrong with the name of a stream, in the words of the reference. */
export function streamNameFaults(name: string): readonly FieldFault[] {
  const field = 'metadata.name';
  if (name === '') return [{ field, message: 'Required value: name or generateName is required' }];
  return problemsOf(name).map((problem) => ({
    field,
    message: `Invalid value: ${JSON.stringify(name)}: ${problem}`,
  }));
}

function problemsOf(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  const forbidden = ['/', '%'].filter((character) => name.includes(character));
  if (forbidden.length > 0) return forbidden.map((character) => `may not contain '${character}'`);
  if (!wholeName.test(name)) return [`must match ${JSON.stringify(streamNamePattern)}`];
  return name.length <= maxLength ? [] : [`must be no more than ${maxLength} characters`];
}
