/** ImageStreamImports: what one asks for, and what came of it (semantics 2.1 to 2.3). Pure. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { arrayOf, isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { parseImageReference } from './image-reference.ts';
import { imageContentOf } from './reference-views.ts';

/** An image that is to be imported. */
export interface WantedImport {
  /** Pull spec as it was written. */
  readonly from: string;
  /** The tag that it is kept under. */
  readonly tag: string;
  readonly importPolicy: JsonObject;
  readonly referencePolicy: JsonObject | undefined;
}

/** Images of one request. */
const maxImages = 100;

/** What is wrong with a request, with the field that it is about. */
export interface ImportFault {
  readonly field: string;
  readonly message: string;
}

/** Reads `spec.images`. A target that is not named is the tag of the source. */
export function wantedImports(spec: unknown): {
  readonly wanted: readonly WantedImport[];
  readonly faults: readonly ImportFault[];
} {
  const images = arrayOf(valueAt(spec, ['images']));
  if (images.length === 0)
    return {
      wanted: [],
      faults: [
        {
          field: 'spec.images',
          message: 'Invalid value: null: you must specify at least one image or a repository import',
        },
      ],
    };
  if (images.length > maxImages)
    return {
      wanted: [],
      faults: [
        { field: 'spec.images', message: `Too many: ${images.length}: must have at most ${maxImages} items` },
      ],
    };
  const wanted: WantedImport[] = [];
  const faults: ImportFault[] = [];
  for (const [i, image] of images.entries()) {
    const field = `spec.images[${i}]`;
    const read = wantedImport(image, field);
    if ('message' in read) faults.push(read);
    else if (wanted.some(({ tag }) => tag === read.tag))
      faults.push({ field: `${field}.to.name`, message: `Duplicate value: ${JSON.stringify(read.tag)}` });
    else wanted.push(read);
  }
  return { wanted, faults };
}

function wantedImport(image: unknown, field: string): WantedImport | ImportFault {
  const from = textOf(valueAt(image, ['from', 'name'])) ?? '';
  if (valueAt(image, ['from', 'kind']) !== 'DockerImage')
    return { field: `${field}.from.kind`, message: 'Invalid value: only DockerImage is supported' };
  if (from === '') return { field: `${field}.from.name`, message: 'Required value' };
  const parsed = parseImageReference(from);
  if (!parsed.ok)
    return {
      field: `${field}.from.name`,
      message: `Invalid value: ${JSON.stringify(from)}: ${parsed.problem}`,
    };
  const to = valueAt(image, ['to']);
  const tag = isJsonObject(to) ? textOf(to['name']) : parsed.reference.tag;
  if (tag === undefined || tag === '')
    return {
      field: `${field}.to.name`,
      message: 'Required value: the name of the target tag must be specified',
    };
  const importPolicy = valueAt(image, ['importPolicy']);
  const referencePolicy = valueAt(image, ['referencePolicy']);
  return {
    from,
    tag,
    importPolicy: isJsonObject(importPolicy) ? importPolicy : {},
    referencePolicy: isJsonObject(referencePolicy) ? referencePolicy : undefined,
  };
}

/** The tags of the spec with what is to be imported: annotations and the rest of a tag survive, its source does not. */
export function tagsToImport(
  stream: ImageStream | undefined,
  wanted: readonly WantedImport[],
): readonly TagReference[] {
  const tags = new Map((stream?.spec?.tags ?? []).map((tag) => [tag.name, tag]));
  const generation = importGeneration(stream);
  for (const { from, tag: name, importPolicy, referencePolicy } of wanted) {
    const present = tags.get(name);
    const policy = present?.referencePolicy ?? referencePolicy;
    tags.set(name, {
      ...present,
      name,
      from: { kind: 'DockerImage', name: from },
      importPolicy,
      ...(policy === undefined ? {} : { referencePolicy: policy }),
      generation,
    });
  }
  return [...tags.values()];
}

/**
 * The number by which the answer to an import is known: the generation that the stream is about to have, or one above those that
 * its tags have brought along from another cluster.
 */
export function importGeneration(stream: ImageStream | undefined): number {
  const known = [
    stream?.metadata.generation,
    ...(stream?.spec?.tags ?? []).map(({ generation }) => generation),
    ...(stream?.status?.tags ?? []).map(({ lastImport }) => lastImport?.generation),
  ];
  return Math.max(0, ...known.map((generation) => generation ?? 0)) + 1;
}

/** What came of one image. */
export interface ImportOutcomeView {
  readonly status: JsonObject;
  readonly tag: string;
  /** The digest of the image; undefined for a failure. */
  readonly digest?: string;
}

/** Reads the answer for a tag from the status; undefined while there is none. */
export function outcomeOf(
  stream: ImageStream,
  tag: string,
  generation: number,
): ImportOutcomeView | undefined {
  const entry = stream.status?.tags?.find((candidate) => candidate.tag === tag);
  if (entry?.lastImport?.generation !== generation) return undefined;
  const failure = entry.conditions?.find(
    ({ type, status }) => type === 'ImportSuccess' && status === 'False',
  );
  if (failure !== undefined) {
    const { reason = '', message = '' } = failure;
    return { tag, status: { metadata: {}, status: 'Failure', reason, message, code: codeOf(reason) } };
  }
  const digest = entry.items?.[0]?.image ?? '';
  return { tag, digest, status: { metadata: {}, status: 'Success' } };
}

/** What is said of an image whose registry does not answer in time. */
export function lateOutcome(tag: string, waitedMs: number): ImportOutcomeView {
  const message = `no answer within ${waitedMs / 1_000} seconds: the import goes on, and the stream will tell`;
  return { tag, status: { metadata: {}, status: 'Failure', reason: 'Timeout', message, code: 504 } };
}

/** The image of an outcome as it is shown: under its digest, with the pull spec that the stream has. */
export function importedImage(image: Image, digest: string, dockerImageReference: string): JsonObject {
  const content = imageContentOf(image);
  return { ...content, metadata: { ...content.metadata, name: digest }, dockerImageReference };
}

function codeOf(reason: string): number {
  const codes: Readonly<Record<string, number>> = {
    NotFound: 404,
    Unauthorized: 401,
    Forbidden: 403,
    Invalid: 422,
  };
  return codes[reason] ?? 500;
}
