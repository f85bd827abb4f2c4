/** Names of streams, as the reference has them (semantics 1.3). What matches is one segment of a path. */

/** The whole name has to match. */
export const streamNamePattern = '[a-z0-9]+(?:[._-][a-z0-9]+)*';
const wholeName = new RegExp(`^${streamNamePattern}$`);
const maxLength = 253;

/** True for a name that a stream may have. */
export function isStreamName(name: string): boolean {
  return name.length <= maxLength && wholeName.test(name);
}
