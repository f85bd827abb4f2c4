/** Names of Images: people name them by digest, and they are stored under names that the API server takes. */
import { imageObjectName } from './image-object.ts';
import { digestProblem } from './image-reference.ts';

const storedName = '(?:sha256-[a-f0-9]{64}|sha384-[a-f0-9]{96}|sha512-[a-f0-9]{128})';
const wholeName = new RegExp(`^${storedName}$`);
const namesInText = new RegExp(`\\b${storedName}\\b`, 'g');
/** A term of a field selector that is about the name. */
const nameTerm = /^(\s*metadata\.name\s*(?:==|=|!=)\s*)(.*?)(\s*)$/;

/**
 * The name of the stored object that a request names; undefined for what is no name of an Image. Its own name is taken too:
 * the garbage collector may have learnt it from the custom resource, before the face had the version that it watches.
 */
export function storedImageName(name: string): string | undefined {
  if (digestProblem(name) === undefined) return imageObjectName(name);
  return wholeName.test(name) ? name : undefined;
}

/** The field selector that picks of the stored objects what `selector` picks of the views. */
export function storedImageSelector(selector: string): string {
  return selector
    .split(',')
    .map((term) => {
      const [, head = '', name = '', tail = ''] = nameTerm.exec(term) ?? [];
      return head === '' ? term : `${head}${storedImageName(name) ?? name}${tail}`;
    })
    .join(',');
}

/** A message of the API server with digests in place of the names of stored objects. */
export function withDigests(message: string): string {
  return message.replace(namesInText, (name) => name.replace('-', ':'));
}
