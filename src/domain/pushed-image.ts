/**
 * ImageStreamMappings (semantics 4.4): somebody says that a tag has an image. All namespaces share the Image of a digest, so
 * nothing that is said about it is believed: it is made from the manifest and the configuration, which have to hash to what names them.
 */
import type { Image } from '../api/generated/image.ts';
import { type JsonObject, textOf, valueAt } from '../api/json.ts';
import { type FieldFault, invalidFault, requiredFault } from './field-fault.ts';
import { imageOf } from './image-object.ts';
import { digestProblem, parseImageReference, pinToDigest } from './image-reference.ts';
import { type Manifest, parseImageConfig, parseManifest } from './manifest.ts';
import { tagNameFaults } from './stream-validation.ts';

/** An image that was pushed, and to which tag. */
export interface PushedImage {
  readonly tag: string;
  readonly digest: string;
  /** Pull spec with the digest. */
  readonly dockerImageReference: string;
  /** Its Image; undefined when the bytes that show what it is did not come along. */
  readonly image: Image | undefined;
  /** It was pushed to the cluster's own registry, as the client says. */
  readonly isManaged: boolean;
}

/** A push, or what is wrong with it. */
export type ParsedPush =
  | { readonly ok: true; readonly push: PushedImage }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

/** What a push is read with. */
export interface PushContext {
  /** Hexadecimal digits of a hash of the text's bytes. */
  readonly hash: (algorithm: string, text: string) => string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Where the stream is in the cluster's own registry; undefined without one. */
  readonly ownRepository: string | undefined;
}

/** A push that lacks the bytes of its image, for one that the cluster must have already. */
export const missingBytes = requiredFault(
  'image.dockerImageManifest',
  'the manifest and, but for an index, image.dockerImageConfig, as they are in the registry: the stream has no such image yet, and only these show what it is',
);

const managedAnnotation = 'openshift.io/image.managed';

/** Reads an ImageStreamMapping. Signatures, labels and annotations are not taken. */
export function pushedImage(mapping: JsonObject, context: PushContext): ParsedPush {
  const tag = textOf(mapping['tag']) ?? '';
  const digest = textOf(valueAt(mapping, ['image', 'metadata', 'name'])) ?? '';
  const named = [...tagFaults(tag), ...digestFaults(digest)];
  if (named.length > 0) return { ok: false, faults: named };
  const image = mapping['image'] as JsonObject;
  const place = pinnedReference(image, digest, context);
  const bytes = parsedBytes(image, digest, context);
  if (!place.ok || !bytes.ok)
    return {
      ok: false,
      faults: [...(place.ok ? [] : [place.fault]), ...(bytes.ok ? [] : [bytes.fault])],
    };
  const dockerImageReference = place.value;
  const push = {
    tag,
    digest,
    dockerImageReference,
    image:
      bytes.value === undefined
        ? undefined
        : imageOf({ digest, dockerImageReference, ...bytes.value, fetchedAt: context.now }),
    isManaged: valueAt(image, ['metadata', 'annotations', managedAnnotation]) === 'true',
  };
  return { ok: true, push };
}

type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: FieldFault };

function tagFaults(tag: string): readonly FieldFault[] {
  if (tag === '') return [requiredFault('tag')];
  return tagNameFaults(tag, 'tag');
}

function digestFaults(digest: string): readonly FieldFault[] {
  const field = 'image.metadata.name';
  if (digest === '') return [requiredFault(field, 'the digest of the manifest')];
  const problem = digestProblem(digest);
  return problem === undefined
    ? []
    : [invalidFault(field, digest, `must be the digest of the manifest: ${problem}`)];
}

/** What workloads get names a digest, always. */
function pinnedReference(image: JsonObject, digest: string, { ownRepository }: PushContext): Checked<string> {
  const field = 'image.dockerImageReference';
  const text = textOf(image['dockerImageReference']) ?? '';
  if (text === '') {
    if (ownRepository !== undefined) return { ok: true, value: `${ownRepository}@${digest}` };
    return { ok: false, fault: requiredFault(field, 'where the image can be pulled from') };
  }
  const parsed = parseImageReference(text);
  if (!parsed.ok) return { ok: false, fault: invalidFault(field, text, parsed.problem) };
  const { reference } = parsed;
  if (reference.digest !== undefined && reference.digest !== digest)
    return {
      ok: false,
      fault: invalidFault(field, text, 'names another digest than the image'),
    };
  return { ok: true, value: pinToDigest(reference, digest) };
}

interface Bytes {
  readonly manifest: Manifest;
  readonly config: JsonObject | undefined;
}

/** Undefined when not all that is needed is there. What is there has to be right. */
function parsedBytes(image: JsonObject, digest: string, context: PushContext): Checked<Bytes | undefined> {
  const field = 'image.dockerImageManifest';
  const text = textOf(image['dockerImageManifest']) ?? '';
  if (text === '') return { ok: true, value: undefined };
  if (!hasDigest(text, digest, context))
    return { ok: false, fault: invalidFault(field, '', `does not hash to ${digest}`) };
  const parsed = parseManifest(text, textOf(image['dockerImageManifestMediaType']) ?? '');
  if (!parsed.ok) return { ok: false, fault: invalidFault(field, '', parsed.problem) };
  const manifest = parsed.value;
  if (manifest.kind === 'index') return { ok: true, value: { manifest, config: undefined } };
  return parsedConfig(image, manifest, context);
}

function parsedConfig(
  image: JsonObject,
  manifest: Extract<Manifest, { kind: 'image' }>,
  context: PushContext,
): Checked<Bytes | undefined> {
  const field = 'image.dockerImageConfig';
  const text = textOf(image['dockerImageConfig']) ?? '';
  if (text === '') return { ok: true, value: undefined };
  const { digest } = manifest.config;
  if (!hasDigest(text, digest, context))
    return {
      ok: false,
      fault: invalidFault(field, '', `does not hash to ${digest}, which the manifest names`),
    };
  const config = parseImageConfig(text);
  if (!config.ok) return { ok: false, fault: invalidFault(field, '', config.problem) };
  return { ok: true, value: { manifest, config: config.value } };
}

function hasDigest(text: string, digest: string, { hash }: PushContext): boolean {
  const colon = digest.indexOf(':');
  return hash(digest.slice(0, colon), text) === digest.slice(colon + 1);
}
