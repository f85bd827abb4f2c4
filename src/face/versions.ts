/** The two names of one version: people speak `v1`, the stored objects are `v1crd`. */
import { Transform, type TransformCallback } from 'node:stream';
import { arrayOf, isJsonObject, type JsonObject } from '../api/json.ts';
import { imageGroup, storedVersion } from '../api/resources.ts';

/** As people name it. */
export const served = `${imageGroup}/v1`;
const stored = `${imageGroup}/${storedVersion}`;

/** As the API server writes it: without blanks. Within a text, such as an annotation, the quotes are escaped. */
const storedBytes = Buffer.from(`"apiVersion":"${stored}"`);
const servedBytes = Buffer.from(`"apiVersion":"${served}"`);

/** Renames the version in JSON of the API server as it goes by, also in `managedFields`. */
export class ServedVersion extends Transform {
  #rest: Buffer = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    let from = 0;
    for (let at = bytes.indexOf(storedBytes); at >= 0; at = bytes.indexOf(storedBytes, from)) {
      this.push(bytes.subarray(from, at));
      this.push(servedBytes);
      from = at + storedBytes.length;
    }
    // The beginning of a name may be at the end of what has come. A watch's events end with a line break.
    const end =
      bytes.at(-1) === newline ? bytes.length : Math.max(from, bytes.length - storedBytes.length + 1);
    this.push(bytes.subarray(from, end));
    this.#rest = bytes.subarray(end);
    done();
  }

  override _flush(done: TransformCallback): void {
    this.push(this.#rest);
    done();
  }
}

const newline = 10;

/** The same in a text that has come as a whole. */
export function withServedNames(text: string): string {
  return text.replaceAll(storedBytes.toString(), servedBytes.toString());
}

/** A document of people for the stored version: its own version and those of its `managedFields`. */
export function toStored(document: unknown): unknown {
  return renamed(document, served, stored);
}

/** The same the other way. */
export function toServed(document: unknown): unknown {
  return renamed(document, stored, served);
}

function renamed(document: unknown, from: string, to: string): unknown {
  if (!isJsonObject(document)) return document;
  const { metadata } = document;
  const { managedFields } = isJsonObject(metadata) ? metadata : {};
  const fields = arrayOf(managedFields).map((entry) => withVersion(entry, from, to));
  return {
    ...(withVersion(document, from, to) as JsonObject),
    ...(managedFields === undefined
      ? {}
      : { metadata: { ...(metadata as JsonObject), managedFields: fields } }),
    ...(Array.isArray(document['items'])
      ? { items: document['items'].map((item) => renamed(item, from, to)) }
      : {}),
  };
}

function withVersion(value: unknown, from: string, to: string): unknown {
  return isJsonObject(value) && value['apiVersion'] === from ? { ...value, apiVersion: to } : value;
}
