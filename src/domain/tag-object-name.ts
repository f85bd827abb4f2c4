/**
 * The names of ImageStreamTag objects: `<stream>.<tag>`, since a custom resource's name cannot hold the `:` of OpenShift's.
 * This file owns the mapping in both directions.
 */
import { spread } from './backoff.ts';
import { isTagName } from './image-reference.ts';

/** A tag of a stream, by name. */
export interface StreamTagName {
  readonly stream: string;
  readonly tag: string;
}

/** Longest name of an object (DNS-1123 subdomain). */
const maxNameLength = 253;
const dnsLabel = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** How a name ends that was made from another text; nothing else may end so, or two tags could share a name. */
const hashedEnd = /--[0-9a-f]{16}$/;

/**
 * The name of the object for a tag. It is `<stream>.<tag>` where that is a DNS name that can be read back; for upper case,
 * `_`, a dot in the stream's name or a name that is too long, the text made fit, `--`, and a hash of `<stream>:<tag>`.
 */
export function tagObjectName(stream: string, tag: string): string {
  const plain = `${stream}.${tag}`;
  if (plain.length <= maxNameLength && dnsLabel.test(stream) && tag.split('.').every(isLabel)) {
    if (!hashedEnd.test(plain)) return plain;
  }
  const hash = `--${hashOf(`${stream}:${tag}`)}`;
  const fitting = `${stream}.${asDnsName(tag) || 'tag'}`;
  return fitting.slice(0, maxNameLength - hash.length).replace(/[.-]+$/, '') + hash;
}

/**
 * The tag that an object's name stands for, as far as the name and what else is known of the object tell it: `tag` is the
 * field `tag.name`, `full` the annotation with `<stream>:<tag>` that the operator puts on objects with a hash in their
 * name. Undefined when the name is the right one for no tag that is known.
 */
export function parseTagObjectName(
  name: string,
  known: { readonly tag?: string | undefined; readonly full?: string | undefined } = {},
): StreamTagName | undefined {
  for (const candidate of candidates(name, known)) {
    const { stream, tag } = candidate;
    if (isTagName(tag) && tagObjectName(stream, tag) === name) return candidate;
  }
  return undefined;
}

function* candidates(
  name: string,
  { tag, full }: { tag?: string | undefined; full?: string | undefined },
): Generator<StreamTagName, void> {
  const colon = full?.indexOf(':') ?? -1;
  if (full !== undefined && colon > 0) yield { stream: full.slice(0, colon), tag: full.slice(colon + 1) };
  const firstDot = name.indexOf('.');
  if (firstDot < 0) return;
  if (!tag) {
    yield { stream: name.slice(0, firstDot), tag: name.slice(firstDot + 1) };
    return;
  }
  // With the tag known, the stream may have dots: the right split is the one that gives this very name.
  for (let dot = firstDot; dot >= 0; dot = name.indexOf('.', dot + 1))
    yield { stream: name.slice(0, dot), tag };
}

function isLabel(text: string): boolean {
  return dnsLabel.test(text);
}

/** The text as a DNS name: lower case, no other characters, no label that starts or ends with `-`, no empty one. */
function asDnsName(text: string): string {
  const labels = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .split('.')
    .map((label) => label.replace(/^-+|-+$/g, ''))
    .filter((label) => label !== '');
  return labels.join('.');
}

/** 64 bits in hexadecimal digits. Whoever wants two tags with one name can find some: see `tag-object-writer.ts`. */
function hashOf(text: string): string {
  return hash32(text) + hash32(`:${text}`);
}

function hash32(text: string): string {
  return Math.floor(spread(text) * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}
