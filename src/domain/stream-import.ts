/** ImageStreamImports: what becomes of what is asked for, and what came of it (semantics 2.1 to 2.3). Pure. */
import type { Image } from '../api/generated/image.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import type { JsonObject } from '../api/json.ts';
import { attemptFor } from './import-attempt.ts';
import { describeFailure, type ImportFailure } from './import-failure.ts';
import { type PlannedLookup, platformOf } from './import-plan.ts';
import type { Platform } from './manifest.ts';
import { imageContentOf, type ViewedImageContent } from './reference-views.ts';
import type { ImportRequest, WantedImage } from './stream-import-request.ts';

/** An image of a request, or one that was found in its repository. */
export interface ImportItem {
  readonly image: WantedImage;
  /** What it is called in the answer: the tag in the registry, empty for a digest. */
  readonly tag: string;
  /** The tag that is written for it; undefined: it is only looked up. */
  readonly keptAs: string | undefined;
}

/** What is to be done: the images of a request, and those of its repository. */
export interface ImportItems {
  readonly images: readonly ImportItem[];
  readonly repository: readonly ImportItem[];
}

/**
 * What is to be done for a request whose repository has these tags. A tag gets what is asked for last: images come after the
 * repository, as in the reference.
 */
export function importItems(request: ImportRequest, tags: readonly string[]): ImportItems {
  const { images, repository } = request;
  const found: readonly WantedImage[] =
    repository === undefined
      ? []
      : tags.map((tag) => ({
          ...repository,
          from: `${repository.from}:${tag}`,
          reference: { ...repository.reference, tag },
          to: tag,
        }));
  const all = [...found, ...images];
  const last = new Map(all.flatMap(({ to, reference }, i) => (reference === undefined ? [] : [[to, i]])));
  const items = all.map((image, i): ImportItem => {
    const { to, reference } = image;
    const isKept = request.persist && last.get(to) === i;
    const tag = reference?.digest === undefined ? (reference?.tag ?? 'latest') : '';
    return { image, tag, keptAs: isKept ? to : undefined };
  });
  return { repository: items.slice(0, found.length), images: items.slice(found.length) };
}

/** An image that is to be imported, with the tag that it is kept under. */
export interface ImportWish extends Pick<WantedImage, 'from' | 'importPolicy' | 'referencePolicy'> {
  readonly tag: string;
}

/** The tags of the spec with what is to be imported: annotations and the rest of a tag survive, its source does not. */
export function tagsToImport(
  stream: ImageStream | undefined,
  wishes: readonly ImportWish[],
): readonly TagReference[] {
  const tags = new Map((stream?.spec?.tags ?? []).map((tag) => [tag.name, tag]));
  const generation = importGeneration(stream);
  for (const { from, tag: name, importPolicy, referencePolicy } of wishes) {
    const present = tags.get(name);
    tags.set(name, {
      ...present,
      name,
      from: { kind: 'DockerImage', name: from },
      importPolicy,
      referencePolicy: present?.referencePolicy ?? referencePolicy,
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

/** What to ask a registry for an image that is only looked up; undefined for a name that nothing has. */
export function lookupOf(
  stream: ImageStream | undefined,
  { from, reference, to, importPolicy }: WantedImage,
  platform: Platform,
): PlannedLookup | undefined {
  if (reference === undefined) return undefined;
  const present = stream?.spec?.tags?.find(({ name }) => name === (to ?? reference.tag ?? 'latest'));
  // The annotations of the tag that it is for say which platform is preferred.
  const preferred =
    stream === undefined || present === undefined
      ? undefined
      : attemptFor(stream, { ...present, from: { kind: 'DockerImage', name: from } }).platform;
  return {
    reference,
    insecure: importPolicy.insecure === true,
    importMode: importPolicy.importMode,
    platform: platformOf(preferred, platform),
  };
}

/** What came of a wish. */
export interface ImportOutcomeView {
  readonly status: JsonObject;
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
    return { status: failureStatus(reason, message) };
  }
  return { digest: entry.items?.[0]?.image ?? '', status: successStatus };
}

/** The Status of an image that is there. */
export const successStatus: JsonObject = { metadata: {}, status: 'Success' };

/** The Status of a name that nothing has (semantics 2.3). */
export function badNameStatus({ from }: WantedImage): JsonObject {
  const problem = `from.name: Invalid value: ${JSON.stringify(from)}: invalid name: invalid reference format`;
  return failureStatus('Invalid', ` "" is invalid: ${problem}`);
}

/** The Status of a look that failed, at a pull spec or a repository. */
export function lookStatus(failure: ImportFailure, pullSpec: string): JsonObject {
  const { reason, message } = describeFailure(failure, pullSpec, 'look');
  return failureStatus(reason, message);
}

/** The Status of an image whose registry does not answer in time; an import goes on without the request. */
export function lateStatus(waitedMs: number, askedFor: 'import' | 'look'): JsonObject {
  const rest = askedFor === 'import' ? ': the import goes on, and the stream will tell' : '';
  return failureStatus('Timeout', `no answer within ${waitedMs / 1_000} seconds${rest}`);
}

/** The Status of an image for which the answer has no room. */
export function tooLongStatus(): JsonObject {
  const message =
    'the images of this request are too long for one answer: ask for fewer, or without includeManifest';
  return failureStatus('RequestEntityTooLarge', message);
}

/** The Status of a repository of which so many images failed. */
export function repositoryStatus(failures: number): JsonObject {
  if (failures === 0) return successStatus;
  const what = failures === 1 ? 'one' : String(failures);
  return failureStatus('ImportFailed', `${what} of the images from this repository failed to import`);
}

/** An image as an answer shows it: under its digest, with the pull spec that its consumers get. */
export function importedImage(image: Image, dockerImageReference: string): ViewedImageContent {
  return { ...imageContentOf(image), dockerImageReference };
}

const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Invalid: 422,
  NotFound: 404,
  RequestEntityTooLarge: 413,
  Timeout: 504,
  Unauthorized: 401,
};
const internalErrorStart = 'Internal error occurred: ';

function failureStatus(reason: string, message: string): JsonObject {
  const cause = message.startsWith(internalErrorStart) ? message.slice(internalErrorStart.length) : undefined;
  return {
    metadata: {},
    status: 'Failure',
    reason,
    message,
    ...(cause === undefined ? {} : { details: { causes: [{ message: cause }] } }),
    code: codes[reason] ?? 500,
  };
}
