/**
 * Image objects: what the cluster keeps of an image, once for each digest, in the reference's shape (semantics 4.6). Built
 * from the manifest and the configuration as a registry sent them; whatever these hold, the result can be stored.
 */
import type { Image } from '../api/generated/image.ts';
import { arrayOf, isJsonObject, type JsonObject, textOf } from '../api/json.ts';
import { imageGroup, storedVersion } from '../api/resources.ts';
import { formatTime, parseTime } from '../api/time.ts';
import type { Descriptor, IndexEntry, Manifest } from './manifest.ts';

/** On an Image of an index, so that the sweeper finds these without reading all images. */
export const indexLabel = 'imagestream-operator/index';
/** On an Image: parts of the configuration that were too long to keep, by name. */
export const omittedAnnotation = 'imagestream-operator/omitted';
/** The reference's marker: layers are listed base first. */
export const layersOrderAnnotation = 'image.openshift.io/dockerLayersOrder';

/** An image or index as it was fetched. */
export interface FetchedImage {
  readonly digest: string;
  /** Pull spec with the digest, as the person wrote registry and repository. */
  readonly dockerImageReference: string;
  readonly manifest: Manifest;
  /** The configuration document of an image; undefined for an index. */
  readonly config: JsonObject | undefined;
  /** When it was fetched (epoch milliseconds). */
  readonly fetchedAt: number;
}

/** Longest configuration that is kept, in bytes of JSON. Some images have megabytes of labels; all streams pay for an Image. */
const maxConfigBytes = 64 * 1024;
const maxTextLength = 1_024;
/** Longer ones than any that is in use. */
const maxMediaTypeLength = 128;
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
/** What a media type may be (RFC 6838 section 4.2). */
const mediaTypePattern = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** The name of the Image object of a digest. */
export function imageObjectName(digest: string): string {
  return digest.replace(':', '-');
}

/** The object for an image. */
export function imageOf(fetched: FetchedImage): Image {
  const { digest, dockerImageReference, manifest } = fetched;
  const { metadata, omitted } = metadataOf(fetched);
  const annotations = {
    ...(manifest.kind === 'image' ? { [layersOrderAnnotation]: 'ascending' } : {}),
    ...(omitted.length === 0 ? {} : { [omittedAnnotation]: omitted.join(',') }),
  };
  return {
    apiVersion: `${imageGroup}/${storedVersion}`,
    kind: 'Image',
    metadata: {
      name: imageObjectName(digest),
      ...(manifest.kind === 'index' ? { labels: { [indexLabel]: 'true' } } : {}),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    dockerImageReference,
    dockerImageMetadata: metadata,
    dockerImageMetadataVersion: '1.0',
    dockerImageManifestMediaType: manifest.mediaType,
    ...(manifest.kind === 'image'
      ? { dockerImageLayers: manifest.layers.map(layerOf) }
      : { dockerImageManifests: manifest.entries.map(manifestOf) }),
  };
}

function layerOf({ digest, size, mediaType }: Descriptor): { name: string; size: number; mediaType: string } {
  return { name: digest, size, mediaType: cut(mediaType, maxMediaTypeLength) };
}

function manifestOf({ digest, size, mediaType, platform }: IndexEntry): ManifestEntry {
  return {
    digest,
    mediaType:
      mediaType.length <= maxMediaTypeLength && mediaTypePattern.test(mediaType)
        ? mediaType
        : 'application/octet-stream',
    manifestSize: size,
    architecture: cut(platform?.architecture ?? '', 255),
    os: cut(platform?.os ?? '', 255),
    ...(platform?.variant === undefined ? {} : { variant: cut(platform.variant, 255) }),
  };
}

type ManifestEntry = NonNullable<Image['dockerImageManifests']>[number];

/** The members that the reference has (Docker's own names), empty ones left out; and os and variant, which it lacks. */
function metadataOf({ digest, manifest, config = {}, fetchedAt }: FetchedImage): {
  metadata: Record<string, unknown>;
  omitted: readonly string[];
} {
  const head = { kind: 'DockerImage', apiVersion: 'image.openshift.io/1.0' };
  if (manifest.kind === 'index') {
    return {
      metadata: { ...head, Id: digest, Created: formatTime(fetchedAt), ContainerConfig: {} },
      omitted: [],
    };
  }
  const created = textOf(config['created']);
  const texts = {
    Parent: config['parent'],
    Comment: config['comment'],
    Created: isTime(created) ? created : undefined,
    Container: config['container'],
    DockerVersion: config['docker_version'],
    Author: config['author'],
    Architecture: config['architecture'],
    OS: config['os'],
    Variant: config['variant'],
  };
  const kept = keptConfig(config['config']);
  return {
    metadata: {
      ...head,
      Id: manifest.config.digest,
      ...nonEmptyTexts(texts),
      ContainerConfig: {},
      ...(Object.keys(kept.config).length === 0 ? {} : { Config: kept.config }),
      Size: sizeOf(manifest),
    },
    omitted: kept.omitted,
  };
}

/** True for a time that the clients of the API can read (RFC 3339); JavaScript reads more than they do. */
function isTime(text: string | undefined): boolean {
  return parseTime(text) !== undefined && timePattern.test(text ?? '');
}

/** Bytes of the distinct layers and the configuration. */
function sizeOf({ config, layers }: Extract<Manifest, { kind: 'image' }>): number {
  const distinct = new Map([config, ...layers].map(({ digest, size }) => [digest, size]));
  const sum = [...distinct.values()].reduce((total, size) => total + size, 0);
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}

type ValueCheck = (value: unknown) => boolean;

const isText: ValueCheck = (value) => typeof value === 'string' && value !== '';
const isNumber: ValueCheck = (value) => Number.isSafeInteger(value) && value !== 0;
const isTrue: ValueCheck = (value) => value === true;
const isTexts: ValueCheck = (value) =>
  arrayOf(value).length > 0 && arrayOf(value).every((item) => typeof item === 'string');
const isSet: ValueCheck = (value) =>
  isJsonObject(value) && Object.keys(value).length > 0 && Object.values(value).every(isJsonObject);
const isTextMap: ValueCheck = (value) =>
  isJsonObject(value) &&
  Object.keys(value).length > 0 &&
  Object.values(value).every((item) => typeof item === 'string');

/** The members of an image's configuration in the reference, with what its clients can read under each. */
const configMembers: Readonly<Record<string, ValueCheck>> = {
  Hostname: isText,
  Domainname: isText,
  User: isText,
  Memory: isNumber,
  MemorySwap: isNumber,
  CpuShares: isNumber,
  Cpuset: isText,
  AttachStdin: isTrue,
  AttachStdout: isTrue,
  AttachStderr: isTrue,
  PortSpecs: isTexts,
  ExposedPorts: isSet,
  Tty: isTrue,
  OpenStdin: isTrue,
  StdinOnce: isTrue,
  Env: isTexts,
  Cmd: isTexts,
  Dns: isTexts,
  Image: isText,
  Volumes: isSet,
  VolumesFrom: isText,
  WorkingDir: isText,
  Entrypoint: isTexts,
  NetworkDisabled: isTrue,
  SecurityOpts: isTexts,
  OnBuild: isTexts,
  Labels: isTextMap,
};

/** What is kept of the configuration: the longest members go until the rest has room. */
function keptConfig(value: unknown): { config: JsonObject; omitted: readonly string[] } {
  if (!isJsonObject(value)) return { config: {}, omitted: [] };
  const members = Object.entries(configMembers)
    .filter(([name, check]) => Object.hasOwn(value, name) && check(value[name]))
    .map(([name, check]) => ({ name, kept: check === isSet ? emptied(value[name]) : value[name] }))
    .map(({ name, kept }) => ({ name, kept, length: bytesOf(kept) }));
  let total = members.reduce((sum, { length }) => sum + length, 0);
  const omitted = new Set<string>();
  for (const { name, length } of members.toSorted((a, b) => b.length - a.length)) {
    if (total <= maxConfigBytes) break;
    omitted.add(name);
    total -= length;
  }
  const rest = members.filter(({ name }) => !omitted.has(name)).map(({ name, kept }) => [name, kept]);
  return { config: Object.fromEntries(rest) as JsonObject, omitted: [...omitted] };
}

/** A set without what is in its members: nobody reads that, and it may be deeper than any program can follow. */
function emptied(value: unknown): JsonObject {
  return Object.fromEntries(Object.keys(value ?? {}).map((key) => [key, {}]));
}

function nonEmptyTexts(texts: Readonly<Record<string, unknown>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(texts)) {
    const text = textOf(value) ?? '';
    if (text !== '') kept[name] = cut(text, maxTextLength);
  }
  return kept;
}

/** At most so many UTF-16 units, never half a pair. */
function cut(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, '');
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
