/** What a tag asks for, in the form in which the status remembers what was last done for it. */
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { spread } from './backoff.ts';
import { jsonEqual } from './json-difference.ts';

/** What the status remembers of the last attempt for a tag. */
export type LastImport = NonNullable<NamedTagEventList['lastImport']>;

/** What an attempt answers: written to the status with its outcome, and compared with the spec before that. */
export type ImportAttempt = Pick<
  LastImport,
  'from' | 'importMode' | 'insecure' | 'reference' | 'platform' | 'requested' | 'generation'
>;

/** A tag that has a source. */
export type SourcedTag = TagReference & { from: NonNullable<TagReference['from']> };

/** On a stream: "true" lets its whole repository be imported over unverified connections (the reference's key). */
export const insecureRepositoryAnnotation = 'openshift.io/image.insecureRepository';

const preferArchAnnotation = 'importer.image.openshift.io/prefer-arch';
const preferOsAnnotation = 'importer.image.openshift.io/prefer-os';

/** Longest value of an annotation that the status repeats; of a longer one its beginning and a hash. */
const maxRequestLength = 256;

/**
 * All tags of a stream that have a source: those of its spec, and those that were found in the repository behind it.
 * A tag of the spec hides a found one of the same name.
 */
export function sourcedTags(stream: ImageStream): readonly SourcedTag[] {
  const declared = stream.spec?.tags ?? [];
  const names = new Set(declared.map((tag) => tag.name));
  return [...declared.filter(hasSource), ...foundTags(stream).filter((tag) => !names.has(tag.name))];
}

/** The names of the tags that are asked for, with or without a source. */
export function wantedTags(stream: ImageStream): ReadonlySet<string> {
  return new Set([...(stream.spec?.tags ?? []), ...sourcedTags(stream)].map(({ name }) => name));
}

/** The attempt that a tag's present wish would be. */
export function attemptFor(stream: ImageStream, tag: SourcedTag): ImportAttempt {
  const { kind, name, namespace } = tag.from;
  // Its own namespace spelled out is no other source.
  const elsewhere = namespace && namespace !== stream.metadata.namespace ? { namespace } : {};
  const requested = requestedImport(stream);
  return {
    from: { kind, name, ...elsewhere },
    ...(tag.importPolicy?.importMode ? { importMode: tag.importPolicy.importMode } : {}),
    ...(tag.reference ? { reference: true } : {}),
    ...(kind === 'DockerImage' ? registryWishes(tag) : {}),
    ...(requested === undefined ? {} : { requested }),
    ...(tag.generation === undefined || tag.generation === null ? {} : { generation: tag.generation }),
  };
}

/** What matters only where a registry is asked: a change of it makes no copy anew (semantics 1.6). */
function registryWishes(tag: SourcedTag): Pick<ImportAttempt, 'insecure' | 'platform'> {
  const platform = preferredPlatform(tag);
  return {
    ...(tag.importPolicy?.insecure ? { insecure: true } : {}),
    ...(platform === undefined ? {} : { platform }),
  };
}

/** True when two attempts ask for the same image in the same way. */
export function sameSource(a: Partial<ImportAttempt>, b: Partial<ImportAttempt>): boolean {
  return jsonEqual(sourceOf(a), sourceOf(b));
}

/**
 * True when what was last done answers a wish: the same source, and the request for an import if there is one. A request
 * that was taken back asks for nothing.
 */
export function sameRequest(done: Partial<ImportAttempt>, wish: Partial<ImportAttempt>): boolean {
  return sameSource(done, wish) && (wish.requested === undefined || wish.requested === done.requested);
}

/** True when the stream still asks for what an attempt answered; an outcome of another attempt must not be written. */
export function isCurrentAttempt(
  stream: ImageStream,
  tag: SourcedTag | undefined,
  attempt: ImportAttempt,
): boolean {
  return tag !== undefined && sameSource(attemptFor(stream, tag), attempt);
}

/** The value of the annotation that asks for an import, in the length that a status takes. */
export function requestedImport(stream: ImageStream): string | undefined {
  const value = stream.metadata.annotations?.[importRequestedAnnotation];
  if (value === undefined || value.length <= maxRequestLength) return value;
  return `${value.slice(0, maxRequestLength - 24)}… ${spread(value).toString(36).slice(2, 14)}`;
}

/** The generation that a history item of this tag gets: the client's own if it counts them, else the stream's. */
export function tagGeneration(stream: ImageStream, tagName: string): number {
  const tag = stream.spec?.tags?.find((candidate) => candidate.name === tagName);
  return tag?.generation ? tag.generation : (stream.metadata.generation ?? 0);
}

/** `os/architecture` as the tag's annotations prefer it, either half may be empty; undefined without them. */
function preferredPlatform({ annotations }: TagReference): string | undefined {
  const [os = '', architecture = ''] = [
    annotations?.[preferOsAnnotation],
    annotations?.[preferArchAnnotation],
  ];
  return os === '' && architecture === '' ? undefined : `${os.slice(0, 64)}/${architecture.slice(0, 64)}`;
}

function hasSource(tag: TagReference): tag is SourcedTag {
  return tag.from !== undefined && tag.from !== null;
}

function foundTags(stream: ImageStream): readonly SourcedTag[] {
  const repository = stream.spec?.dockerImageRepository;
  const found = stream.status?.repositoryImport;
  if (!repository || found?.from !== repository) return [];
  const insecure = found.insecure === true;
  return (found.tags ?? []).map((name) => ({
    name,
    from: { kind: 'DockerImage', name: `${repository}:${name}` },
    ...(insecure ? { importPolicy: { insecure } } : {}),
  }));
}

function sourceOf({ from, importMode, insecure, reference, platform }: Partial<ImportAttempt>): object {
  return { from, importMode, insecure, reference, platform };
}
