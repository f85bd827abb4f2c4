/**
 * Manifests and image configurations: parsed from the bytes that a registry sent, asking only for what is used.
 * Specifications: OCI image-spec v1.1 (manifest, image index, config), Docker image manifest v2 schema 2.
 */
import { arrayOf, isJsonObject, type JsonObject, parseJsonObject, textOf, valueAt } from '../api/json.ts';

/** Media types that are asked for and understood. */
export const manifestMediaTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

/** A blob or manifest that another one points at. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Operating system and processor as Go names them. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** An entry of an index; attestations and other things that do not run have no platform, or `unknown`. */
export interface IndexEntry extends Descriptor {
  readonly platform: Platform | undefined;
}

/** A parsed manifest: of one image, or the index of several. */
export type Manifest =
  | {
      readonly kind: 'image';
      readonly mediaType: string;
      readonly config: Descriptor;
      readonly layers: readonly Descriptor[];
    }
  | { readonly kind: 'index'; readonly mediaType: string; readonly entries: readonly IndexEntry[] };

/** A parsed value, or what is wrong with the document. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly unsupported: boolean; readonly problem: string };

/** Most layers of an image, and most entries of an index, that are taken. */
export const maxDescriptors = 500;

/** The platform that is chosen from an index when nothing else is asked for. */
export const defaultPlatform: Platform = { os: 'linux', architecture: 'amd64' };

const digestPattern = /^sha(?:256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$/;

/** Parses a manifest. `contentType` is the answer's header; the document's own `mediaType` must not contradict it. */
export function parseManifest(text: string, contentType: string): Parsed<Manifest> {
  const document = parseJsonObject(text);
  if (document === undefined) return invalid('the manifest is not a JSON object');
  const declared = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const mediaType = manifestType(document, declared);
  if (isManifestType(declared) && mediaType !== declared) {
    return invalid(`the registry calls the manifest ${declared}, the manifest itself ${cutType(mediaType)}`);
  }
  switch (mediaType) {
    case 'application/vnd.oci.image.index.v1+json':
    case 'application/vnd.docker.distribution.manifest.list.v2+json':
      return parseIndex(document, mediaType);
    case 'application/vnd.oci.image.manifest.v1+json':
    case 'application/vnd.docker.distribution.manifest.v2+json':
      return parseImage(document, mediaType);
    default:
      return unsupported(mediaType);
  }
}

/** Parses an image configuration blob: any JSON object. */
export function parseImageConfig(text: string): Parsed<JsonObject> {
  const document = parseJsonObject(text);
  return document === undefined
    ? invalid('the image configuration is not a JSON object')
    : { ok: true, value: document };
}

/**
 * The entry of an index that a Legacy import keeps: exact os and architecture of the preference, then
 * linux/amd64, then the first that is an image at all (semantics 2.4). Undefined for an index without entries.
 */
export function chooseEntry(
  entries: readonly IndexEntry[],
  preferred: Platform = defaultPlatform,
): IndexEntry | undefined {
  const matches = (platform: Platform) => (entry: IndexEntry) =>
    entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture;
  return (
    entries.find(matches(preferred)) ??
    entries.find(matches(defaultPlatform)) ??
    entries.find((entry) => entry.platform !== undefined && entry.platform.os !== 'unknown') ??
    entries[0]
  );
}

function manifestType(document: JsonObject, declared: string): string {
  const own = textOf(document['mediaType']);
  if (own !== undefined) return own;
  // Old registries answer OCI documents without a mediaType as application/json; their shape tells them apart.
  if (isManifestType(declared)) return declared;
  if (document['schemaVersion'] === 1) return 'application/vnd.docker.distribution.manifest.v1+json';
  if (Array.isArray(document['manifests'])) return 'application/vnd.oci.image.index.v1+json';
  if (document['config'] !== undefined) return 'application/vnd.oci.image.manifest.v1+json';
  return declared === '' ? 'unknown' : declared;
}

function isManifestType(text: string): boolean {
  return (manifestMediaTypes as readonly string[]).includes(text);
}

function cutType(mediaType: string): string {
  return JSON.stringify(mediaType.slice(0, 128));
}

function parseImage(document: JsonObject, mediaType: string): Parsed<Manifest> {
  // A document that is both could mean different things to different readers of the same digest (CVE-2021-41190).
  if (document['manifests'] !== undefined)
    return invalid('the manifest has both a config and a list of manifests');
  const config = parseDescriptor(document['config']);
  if (config === undefined) return invalid('the manifest has no valid config');
  const layers: Descriptor[] = [];
  if (arrayOf(document['layers']).length > maxDescriptors)
    return invalid(`the manifest has more than ${maxDescriptors} layers`);
  for (const entry of arrayOf(document['layers'])) {
    const layer = parseDescriptor(entry);
    if (layer === undefined) return invalid('the manifest has an invalid layer');
    layers.push(layer);
  }
  return { ok: true, value: { kind: 'image', mediaType, config, layers } };
}

function parseIndex(document: JsonObject, mediaType: string): Parsed<Manifest> {
  if (document['config'] !== undefined || document['layers'] !== undefined) {
    return invalid('the index has a config or layers of its own');
  }
  const entries: IndexEntry[] = [];
  if (arrayOf(document['manifests']).length > maxDescriptors)
    return invalid(`the index has more than ${maxDescriptors} entries`);
  for (const entry of arrayOf(document['manifests'])) {
    const descriptor = parseDescriptor(entry);
    if (descriptor === undefined) return invalid('the index has an invalid entry');
    entries.push({ ...descriptor, platform: parsePlatform(valueAt(entry, ['platform'])) });
  }
  return { ok: true, value: { kind: 'index', mediaType, entries } };
}

function parsePlatform(value: unknown): Platform | undefined {
  if (!isJsonObject(value)) return undefined;
  const os = textOf(value['os']);
  const architecture = textOf(value['architecture']);
  if (os === undefined || architecture === undefined) return undefined;
  return { os, architecture, variant: textOf(value['variant']) };
}

function parseDescriptor(value: unknown): Descriptor | undefined {
  if (!isJsonObject(value)) return undefined;
  const digest = textOf(value['digest']);
  const size = value['size'];
  if (digest === undefined || !digestPattern.test(digest)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  return { mediaType: textOf(value['mediaType']) ?? '', digest, size };
}

function unsupported(mediaType: string): Parsed<never> {
  const schema1 = mediaType.startsWith('application/vnd.docker.distribution.manifest.v1');
  const problem = schema1
    ? 'the manifest is of the obsolete Docker schema 1, which is not imported'
    : `manifests of the type ${cutType(mediaType)} are not imported`;
  return { ok: false, unsupported: true, problem };
}

function invalid(problem: string): Parsed<never> {
  return { ok: false, unsupported: false, problem };
}
