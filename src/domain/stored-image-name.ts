/** Names of Images in texts: people name them by digest, and they are stored under names that the API server takes. */
import { imageObjectName } from './image-object.ts';
import { digestProblem } from './image-reference.ts';

/** What may stand before the name. */
const nameTerm = /^(\s*metadata\.name\s*(?:==|=|!=)\s*)(.*?)(\s*)$/;

/**
 * The selector that picks of the stored objects what `selector` picks of the views. A name that is no digest is none of theirs,
 * also when an object is stored under it.
 */
export function storedImageSelector(selector: string): string {
  return selector
    .split(',')
    .map((term) => {
      const [, head, name, tail] = nameTerm.exec(term) ?? [];
      if (head === undefined || name === undefined) return term;
      return `${head}${storedName(name)}${tail ?? ''}`;
    })
    .join(',');
}

/** A colon is in no name of a stored object. */
function storedName(name: string): string {
  return digestProblem(name) === undefined ? imageObjectName(name) : `:${name}`;
}

const storedNames = /\b(sha256-[a-f0-9]{64}|sha384-[a-f0-9]{96}|sha512-[a-f0-9]{128})\b/g;

/** A message of the API server with digests in place of the names of stored objects. */
export function withDigests(message: string): string {
  return message.replace(storedNames, (name) => name.replace('-', ':'));
}
